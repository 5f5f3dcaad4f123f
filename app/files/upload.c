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

static const char file_field[] = "file";

/* --- rejections ------------------------------------------------------------------------------- */

static struct error *reject_type(struct arena *arena)
{
    return error_member_strings(error_new(arena, ERR_FILE_TYPE, NULL), "allowed_extensions",
                                file_type_extensions);
}

/* Reads the name of the file and finds its type, before the content is read. */
static struct error *read_file_name(struct arena *arena, const struct multipart_part *part,
                                    struct upload *upload, const struct file_type **type_r)
{
    const struct parameter *name = &part->file_name;
    if (!part->is_file || !name->length) {
        return error_new(arena, ERR_FILE_MISSING, NULL);
    }
    if (!utf8_valid(name->bytes, name->length)) {
        return error_field(arena, file_field, FAULT_INVALID_UTF8, NULL);
    }
    if (utf8_utf16_units(name->bytes, name->length) > UPLOAD_NAME_MAX) {
        return error_field(arena, file_field, FAULT_TOO_LONG,
                           arena_format(arena, "%d", UPLOAD_NAME_MAX));
    }
    *type_r = file_type_of(name->bytes, name->length);
    if (!*type_r) {
        return reject_type(arena);
    }
    upload->original_name = name->bytes;
    upload->original_length = name->length;
    upload->extension = (*type_r)->extension;
    upload->content_type = (*type_r)->content_type;
    upload->is_text = (*type_r)->content == CONTENT_TEXT;
    return NULL;
}

/* --- content ---------------------------------------------------------------------------------- */

/* Rejects a file that exceeds a limit, before more is read. */
static struct error *check_upload_size(struct arena *arena, const struct upload *upload)
{
    if (upload->size > UPLOAD_MAX) {
        return error_member_integer(error_new(arena, ERR_FILE_TOO_LARGE, NULL), "max_size_mb",
                                    UPLOAD_MAX_MIB);
    }
    if (upload->size > upload->remaining) {
        return error_new(arena, ERR_QUOTA_EXCEEDED, NULL);
    }
    return NULL;
}

/* Copies the content into the staged file as it arrives. `text` is NULL unless the file must be
 * text. */
static struct error *copy_bytes(struct arena *arena, struct multipart *form,
                                struct digests *digests, struct file_text *text,
                                struct upload *upload)
{
    const char *bytes;
    size_t length;
    bool is_text = true;
    struct error *error;
    while (is_text && !(error = multipart_read(form, &bytes, &length)) && length) {
        upload->size += (int64_t)length;
        if ((error = check_upload_size(arena, upload)) ||
            (error = objects_write(arena, &upload->staged, bytes, length))) {
            return error;
        }
        digests_add(digests, bytes, length);
        is_text = !text || file_text_add(text, bytes, length);
    }
    is_text = is_text && (!text || file_text_is_complete(text));
    return error || is_text
               ? error
               : file_type_reject(arena, file_field, "txt", upload->staged.fd, upload->size);
}

static struct error *stage_file(struct request *request, struct multipart *form,
                                struct upload *upload)
{
    struct file_text text = {0};
    struct error *error = objects_stage(app_of(request)->objects, request->arena, &upload->staged);
    if (error) {
        return error;
    }
    struct digests *digests = digests_new(upload->staged.fd);
    error = copy_bytes(request->arena, form, digests, upload->is_text ? &text : NULL, upload);
    bool digested = digests_finish(&digests, upload->md5, upload->sha256);
    return error || digested
               ? error
               : error_new(request->arena, ERR_STORAGE_UNAVAILABLE,
                           "staged file: cannot read %s: %s", upload->staged.path, strerror(errno));
}

/* --- the form --------------------------------------------------------------------------------- */

/* Reads the form to its end: a form that is cut off after the file is invalid. */
static struct error *read_upload_form(struct request *request, struct upload *upload,
                                      const struct file_type **type_r)
{
    struct multipart *form;
    struct multipart_part part;
    bool found = true;
    struct error *error = multipart_open(request, &form);
    *type_r = NULL;
    while (!error && !(error = multipart_next(form, &part, &found)) && found) {
        if (part.name.length != strlen(file_field) ||
            memcmp(part.name.bytes, file_field, strlen(file_field)) != 0) {
            continue;
        }
        if (*type_r) {
            return error_field(request->arena, file_field, FAULT_REPEATED, NULL);
        }
        error = read_file_name(request->arena, &part, upload, type_r);
        if (!error) {
            error = stage_file(request, form, upload);
        }
    }
    if (!error && !*type_r) {
        error = error_new(request->arena, ERR_FILE_MISSING, NULL);
    }
    /* The body may have been cut off after the end of the form. */
    return request->body_error ? request->body_error : error;
}

/* Rejects files with macros, if the settings say so. */
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

/* Rejects a body that the spool has cut off (KONTORA_SPOOL). */
static struct error *check_cut_off(const struct request *request)
{
    if (!strcmp(request->headers.spool, "slow")) {
        return error_new(request->arena, ERR_TOO_SLOW, NULL);
    }
    return strcmp(request->headers.spool, "full") != 0
               ? NULL
               : error_new(request->arena, ERR_STORAGE_FULL, "the spool has no space for the body");
}

struct error *upload_receive(struct request *request, int64_t remaining, struct upload *upload_r)
{
    const struct file_type *type = NULL;
    *upload_r = (struct upload){.staged = {.fd = -1}, .remaining = remaining};
    struct error *error = check_cut_off(request);
    if (!error) {
        error = read_upload_form(request, upload_r, &type);
    }
    request->body_abandoned = error;
    if (!error) {
        error =
            file_type_check(request->arena, type, file_field, upload_r->staged.fd, upload_r->size);
    }
    if (!error) {
        error = check_macros(app_of(request)->config, request->arena, type, upload_r);
    }
    return error ? error
                 : scan_file(app_of(request)->config, request->arena, upload_r->staged.path);
}
