/* See upload.h. */
#include "files/upload.h"

#include "base/arena.h"
#include "base/config.h"
#include "base/utf8.h"
#include "files/digests.h"
#include "files/scan.h"
#include "files/text.h"
#include "files/types.h"
#include "http/multipart.h"
#include "rest/app.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const char field[] = "file";

/* --- what is refused ------------------------------------------------------------------------- */

static struct error *refuse_type(struct arena *arena)
{
    return error_member_strings(error_new(arena, ERR_FILE_TYPE, NULL), "allowed_extensions",
                                file_type_extensions);
}

static struct error *refuse_size(struct arena *arena)
{
    return error_member_integer(error_new(arena, ERR_FILE_TOO_LARGE, NULL), "max_size_mb",
                                UPLOAD_MAX_MIB);
}

/* Takes the name and the type of the file, before any byte of it is read. */
static struct error *take_name(struct arena *arena, const struct multipart_part *part,
                               struct upload *upload, const struct file_type **type_r)
{
    const struct parameter *name = &part->file_name;
    if (!part->is_file || !name->length) {
        return error_new(arena, ERR_FILE_MISSING, NULL);
    }
    if (!utf8_valid(name->bytes, name->length)) {
        return error_field(arena, field, FAULT_INVALID_UTF8, NULL);
    }
    if (utf8_utf16_units(name->bytes, name->length) > UPLOAD_NAME_MAX) {
        return error_field(arena, field, FAULT_TOO_LONG,
                           arena_format(arena, "%d", UPLOAD_NAME_MAX));
    }
    *type_r = file_type_of(name->bytes, name->length);
    if (!*type_r) {
        return refuse_type(arena);
    }
    upload->original_name = name->bytes;
    upload->original_length = name->length;
    upload->extension = (*type_r)->extension;
    upload->content_type = (*type_r)->content_type;
    upload->is_text = (*type_r)->content == CONTENT_TEXT;
    return NULL;
}

/* --- bytes ----------------------------------------------------------------------------------- */

/* Refuses a file at the first byte beyond a limit, before more of it is read. */
static struct error *check_bytes(struct arena *arena, const struct upload *upload,
                                 struct file_text *text, const char *bytes, size_t length)
{
    if (upload->size > UPLOAD_MAX) {
        return refuse_size(arena);
    }
    if (upload->size > upload->room) {
        return error_new(arena, ERR_QUOTA_EXCEEDED, NULL);
    }
    return !text || file_text_add(text, bytes, length) ? NULL : refuse_type(arena);
}

/* Copies the bytes of the part into the staged file as they arrive. `text` is NULL unless the file
 * must be text. */
static struct error *copy_bytes(struct arena *arena, struct multipart *form,
                                struct digests *digests, struct file_text *text,
                                struct upload *upload)
{
    const char *bytes;
    size_t length;
    struct error *error;
    while (!(error = multipart_read(form, &bytes, &length)) && length) {
        upload->size += (int64_t)length;
        if ((error = check_bytes(arena, upload, text, bytes, length))) {
            return error;
        }
        if ((error = objects_write(arena, &upload->staged, bytes, length))) {
            return error;
        }
        digests_add(digests, bytes, length);
    }
    return error || !text || file_text_is_complete(text) ? error : refuse_type(arena);
}

static struct error *stage(struct request *request, struct multipart *form, struct upload *upload)
{
    struct file_text text = {0};
    struct error *error = objects_stage(request->app->objects, request->arena, &upload->staged);
    if (error) {
        return error;
    }
    struct digests *digests = digests_new(upload->staged.fd);
    error = copy_bytes(request->arena, form, digests, upload->is_text ? &text : NULL, upload);
    bool whole = digests_finish(&digests, upload->md5, upload->sha256);
    return error || whole ? error
                          : error_new(request->arena, ERR_STORAGE_UNAVAILABLE, "%s: %s",
                                      upload->staged.path, strerror(errno));
}

/* --- the form -------------------------------------------------------------------------------- */

static bool is_ours(const struct multipart_part *part)
{
    return part->name.length == strlen(field) && !memcmp(part->name.bytes, field, strlen(field));
}

/* Reads the whole form: one that is cut off after the file is invalid, too. */
static struct error *read_form(struct request *request, struct upload *upload,
                               const struct file_type **type_r)
{
    struct multipart *form;
    struct multipart_part part;
    bool found = true;
    struct error *error = multipart_open(request, &form);
    *type_r = NULL;
    while (!error && !(error = multipart_next(form, &part, &found)) && found) {
        if (!is_ours(&part)) {
            continue;
        }
        if (*type_r) {
            return error_field(request->arena, field, FAULT_REPEATED, NULL);
        }
        error = take_name(request->arena, &part, upload, type_r);
        if (!error) {
            error = stage(request, form, upload);
        }
    }
    if (!error && !*type_r) {
        error = error_new(request->arena, ERR_FILE_MISSING, NULL);
    }
    if (!error && request->withdrawn) { /* the body was cut off after the end of the form */
        error = error_new(request->arena, ERR_INVALID_MULTIPART, "the spool withdrew the request");
    }
    return error;
}

static struct error *check_type(struct arena *arena, const struct file_type *type,
                                const struct upload *upload)
{
    bool fits = false;
    struct error *error = file_type_check(arena, type, upload->staged.fd, upload->size, &fits);
    return error || fits ? error : refuse_type(arena);
}

static struct error *check_macros(const struct config *config, struct arena *arena,
                                  const struct file_type *type, const struct upload *upload)
{
    bool found = false;
    struct error *error = NULL;
    if (config->upload_macros == UPLOAD_MACROS_REFUSE) {
        error = file_type_has_macros(arena, type, upload->staged.fd, upload->size, &found);
    }
    return found && !error ? error_new(arena, ERR_FILE_MACROS, NULL) : error;
}

/* Refuses a body that the spool has cut off (KONTORA_SPOOL). */
static struct error *check_spool(const struct request *request)
{
    if (!strcmp(request->headers.spool, "slow")) {
        return error_new(request->arena, ERR_TOO_SLOW, NULL);
    }
    return strcmp(request->headers.spool, "full") != 0
               ? NULL
               : error_new(request->arena, ERR_STORAGE_FULL, "the spool has no room for the body");
}

struct error *upload_receive(struct request *request, int64_t room, struct upload *upload_r)
{
    const struct file_type *type = NULL;
    *upload_r = (struct upload){.staged = {.fd = -1}, .room = room};
    struct error *error = check_spool(request);
    if (!error) {
        error = read_form(request, upload_r, &type);
    }
    request->body_abandoned = error;
    if (!error) {
        error = check_type(request->arena, type, upload_r);
    }
    if (!error) {
        error = check_macros(request->app->config, request->arena, type, upload_r);
    }
    return error ? error : scan_file(request->app->config, request->arena, upload_r->staged.path);
}
