/*
 * User photos: the photo of a user of the directory, a JPEG. Its media type is checked by content,
 * because the directory stores any bytes.
 */
#include "auth/digest.h"
#include "base/arena.h"
#include "directory/photo.h"
#include "files/types.h"
#include "http/media.h"
#include "resources/resources.h"
#include "rest/entries.h"

#include <string.h>

enum { STATUS_OK = 200 };

static const char jpeg[] = "image/jpeg";

/* --- content --------------------------------------------------------------------------------- */

/* The media types that browsers show as images. Other tools than Kontora may have stored them. */
static const char *const shown_types[] = {jpeg, "image/png", "image/gif", "image/bmp",
                                          "image/webp"};

/* True if the bytes begin and end with the markers of a JPEG (ITU-T T.81 B.1.1.3: SOI, EOI). */
static bool has_jpeg_markers(const char *bytes, size_t length)
{
    static const char start[] = "\xFF\xD8\xFF", end[] = "\xFF\xD9";
    size_t start_length = strlen(start), end_length = strlen(end);
    return length >= start_length + end_length && !memcmp(bytes, start, start_length) &&
           !memcmp(bytes + length - end_length, end, end_length);
}

/* ERR_UNSUPPORTED_MEDIA_TYPE if the bytes are not a complete JPEG. */
static struct error *check_jpeg(struct arena *arena, const char *bytes, size_t length)
{
    const char *found;
    struct error *error = file_type_detect(arena, bytes, length, &found);
    if (!error && (strcmp(found, jpeg) != 0 || !has_jpeg_markers(bytes, length))) {
        error = error_new(arena, ERR_UNSUPPORTED_MEDIA_TYPE, "the photo is %s", found);
    }
    return error;
}

/* Finds the media type of a stored photo. ERR_NOT_FOUND if it is not an image. */
static struct error *find_image_type(struct arena *arena, const struct directory_photo *photo,
                                     const char **type_r)
{
    const char *found;
    struct error *error = file_type_detect(arena, photo->bytes, photo->length, &found);
    for (size_t i = 0; !error && i < sizeof shown_types / sizeof *shown_types; i++) {
        if (!strcmp(found, shown_types[i])) {
            *type_r = shown_types[i];
            return NULL;
        }
    }
    return error ? error : error_new(arena, ERR_NOT_FOUND, "the photo is %s", found);
}

/* --- requests -------------------------------------------------------------------------------- */

/* Returns the version of a photo, for its entity tag: 63 bits of its digest. 0: no photo. */
static int64_t photo_version(struct arena *arena, const struct directory_photo *photo)
{
    uint64_t version;
    if (!photo->bytes) {
        return 0;
    }
    memcpy(&version, digest_sha256(arena, photo->bytes, photo->length), sizeof version);
    return (int64_t)(version >> 1 | 1);
}

/* Reads the photo of the user that the path names. */
static struct error *read_photo(struct request *request, struct directory_photo *photo)
{
    struct error *error = directory_photo_read(app_of(request)->directory, request->arena,
                                               request_path_value(request, "username"),
                                               request_query_string(request, "parent_dn"), photo);
    if (!error) {
        request->subject = photo->name;
        request->object_dn = photo->dn;
    }
    return error;
}

/* Evaluates the conditions of a change. They fail if there is no photo, except for
 * If-None-Match. */
static struct error *check_photo_conditions(const struct request *request,
                                            const struct directory_photo *photo)
{
    if (photo->bytes) {
        return reply_check_conditions(request, photo_version(request->arena, photo));
    }
    return *request->headers.if_match ? error_new(request->arena, ERR_PRECONDITION_FAILED, NULL)
                                      : NULL;
}

/* Writes the photo, or removes it if `bytes` is NULL. */
static struct error *write_photo(struct request *request, struct reply *reply, const char *bytes,
                                 size_t length)
{
    struct directory_photo photo;
    const struct request_headers *headers = &request->headers;
    bool exact = *headers->if_match || *headers->if_none_match;
    struct error *error = read_photo(request, &photo);
    if (!error) {
        error = check_photo_conditions(request, &photo);
    }
    if (!error) {
        error = directory_photo_write(app_of(request)->directory, request->arena, &photo, bytes,
                                      length, exact);
    }
    if (!error) {
        reply_no_content(reply);
    }
    return error;
}

static struct error *get_photo(struct request *request, struct reply *reply)
{
    struct directory_photo photo;
    const char *type = NULL;
    struct error *error = read_photo(request, &photo);
    if (!error) {
        error = photo.bytes ? find_image_type(request->arena, &photo, &type)
                            : error_new(request->arena, ERR_NOT_FOUND, NULL);
    }
    if (!error) {
        error = reply_conditional(request, reply, NULL, photo_version(request->arena, &photo));
    }
    if (error) {
        return error;
    }
    if (reply->status == STATUS_OK) {
        const struct buffer body = {.bytes = arena_copy(request->arena, photo.bytes, photo.length),
                                    .length = photo.length};
        reply_text(reply, type, &body);
    }
    return NULL;
}

static struct error *put_photo(struct request *request, struct reply *reply)
{
    struct buffer body;
    if (!media_is_body_type(request)) {
        return error_new(request->arena, ERR_UNSUPPORTED_MEDIA_TYPE, NULL);
    }
    struct error *error = request_read_body(request, DIRECTORY_PHOTO_MAX, &body);
    if (!error) {
        error = check_jpeg(request->arena, body.bytes, body.length);
    }
    return error ? error : write_photo(request, reply, body.bytes, body.length);
}

static struct error *delete_photo(struct request *request, struct reply *reply)
{
    return write_photo(request, reply, NULL, 0);
}

/* --- routes ---------------------------------------------------------------------------------- */

#define PATH "/api/v1/users/{username}/photo"

#define PHOTO_ROW(method_, handler_, permission_, right_)                                          \
    .method = (method_), .pattern = PATH, .path = entries_path, .handler = (handler_),             \
    .permission = (permission_), .rights = RIGHT_BIT(right_), .pool = POOL_DIRECTORY,              \
    .query = entries_place_query, .versioned = true

#define PHOTO_WRITE_ROW(method_, handler_, action_)                                                \
    PHOTO_ROW(method_, handler_, PERMIT_DIRECTORY_WRITE, RIGHT_UPDATE),                            \
        .shape = REPLY_NOTHING, .action = (action_), .resource_type = "user",                      \
        .resource = "username", .errors = write_errors

static const enum error_id write_errors[] = {ENTRIES_FIND_ERRORS,
                                             ERR_CONFLICT,
                                             ERR_DIRECTORY_INVALID,
                                             ERR_DIRECTORY_FORBIDDEN,
                                             ERR_PROTECTED_OBJECT,
                                             ERR_OUTCOME_UNKNOWN,
                                             ERR_COUNT};

const struct route user_photos_routes[] = {
    {PHOTO_ROW(METHOD_GET, get_photo, PERMIT_DIRECTORY_READ, RIGHT_READ), .shape = REPLY_TEXT,
     .media_type = "image/*", .example = "(JPEG)", .errors = entries_read_errors,
     .summary = {"Получить фотографию пользователя", "Get the photo of a user"},
     .about = {"Атрибут `thumbnailPhoto`. Если фотографии нет, ответ 404.",
               "The attribute `thumbnailPhoto`. Without a photo the response is 404."}},
    {PHOTO_WRITE_ROW(METHOD_PUT, put_photo, "set_user_photo"), .body_type = jpeg,
     .summary = {"Задать фотографию пользователя", "Set the photo of a user"},
     .about = {"JPEG размером не больше 100 КиБ; тип проверяется по содержимому.",
               "A JPEG of at most 100 KiB; its type is checked by content."}},
    {PHOTO_WRITE_ROW(METHOD_DELETE, delete_photo, "delete_user_photo"),
     .summary = {"Удалить фотографию пользователя", "Delete the photo of a user"}},
    {.pattern = NULL},
};
