/* See fields.h. */
#include "files/fields.h"

#include "base/arena.h"
#include "base/clock.h"
#include "base/config.h"
#include "base/origin.h"
#include "base/random.h"
#include "http/parameters.h"
#include "rest/app.h"

#include <inttypes.h>
#include <string.h>

const struct field file_fields_metadata[] = {
    FILE_ORIGINAL,
    {.name = "upload_time",
     .type = FIELD_TIME,
     .about = {"Время загрузки", "The time of the upload"},
     .example = "\"2026-09-06T12:34:56.789Z\""},
    FILE_STRING("file_size", "Размер в байтах, строкой", "The size in bytes, as a string",
                "\"1024\""),
    FILE_TYPE_OF,
    {.name = NULL},
};

/* --- records ---------------------------------------------------------------------------------- */

void file_fields_set(const struct field *map, struct value *record, const char *name,
                     struct value value)
{
    for (size_t i = 0; map[i].name; i++) {
        if (!strcmp(map[i].name, name)) {
            record[i] = value;
        }
    }
}

static struct value string_value(const char *text)
{
    struct value value;
    field_set_string(&value, text);
    return value;
}

static struct value bytes_value(const char *bytes, size_t length)
{
    return (struct value){.state = VALUE_SET, .string = {bytes, length}};
}

static struct value integer_value(int64_t integer)
{
    struct value value;
    field_set_integer(&value, integer);
    return value;
}

static struct value hex_string_value(struct arena *arena, const unsigned char *bytes, size_t count)
{
    char *text = arena_alloc(arena, 2 * count + 1);
    random_format_hex(bytes, count, text);
    return string_value(text);
}

static struct value tags_value(struct arena *arena, const char *lines)
{
    struct value value;
    char *rest = arena_string(arena, lines);
    const char **tags = arena_array(arena, FILE_TAGS_MAX, sizeof *tags);
    size_t count = 0;
    for (char *tag; count < FILE_TAGS_MAX && (tag = strsep(&rest, "\n"));) {
        if (*tag) {
            tags[count++] = tag;
        }
    }
    field_set_strings(&value, tags, count);
    return value;
}

static struct value *new_metadata(struct arena *arena, const struct catalog_file *file)
{
    const struct field *map = file_fields_metadata;
    struct value *record = arena_array(arena, fields_count(map), sizeof *record);
    file_fields_set(map, record, "original_name",
                    bytes_value(file->original_name, file->original_length));
    file_fields_set(map, record, "upload_time", integer_value(file->created_at));
    file_fields_set(map, record, "file_size",
                    string_value(arena_format(arena, "%" PRId64, file->size)));
    file_fields_set(map, record, "content_type", string_value(file->content_type));
    return record;
}

struct value *file_fields_describe(struct arena *arena, const struct field *map,
                                   const struct catalog_file *file)
{
    enum { SECONDS_LENGTH = sizeof "2026-11-20T12:34:56" - 1 };
    struct value *record = arena_array(arena, fields_count(map), sizeof *record);
    char created_at[CLOCK_TEXT_SIZE];
    /* Omits the milliseconds, because object stores also return whole seconds. */
    clock_format(file->created_at, created_at);
    const char *modified = arena_format(arena, "%.*sZ", SECONDS_LENGTH, created_at);
    file_fields_set(map, record, "name", string_value(file->name));
    file_fields_set(map, record, "filename", string_value(file->name));
    file_fields_set(map, record, "original_name",
                    bytes_value(file->original_name, file->original_length));
    file_fields_set(map, record, "size", integer_value(file->size));
    file_fields_set(map, record, "last_modified", string_value(modified));
    file_fields_set(map, record, "content_type", string_value(file->content_type));
    file_fields_set(map, record, "etag", hex_string_value(arena, file->md5, MD5_SIZE));
    file_fields_set(map, record, "sha256", hex_string_value(arena, file->sha256, SHA256_SIZE));
    struct value metadata;
    field_set_record(&metadata, new_metadata(arena, file));
    file_fields_set(map, record, "metadata", metadata);
    file_fields_set(map, record, "tags", tags_value(arena, file->tags));
    return record;
}

/* Returns PUBLIC_URL, or else the origin of the request. Returns "", so that the URL becomes a
 * path, if the request's Host is invalid in a URL: the client could inject text into the URL. */
static const char *download_base(const struct request *request)
{
    const char *public_url = app_of(request)->config->public_url;
    const char *asked = origin_valid(request->headers.base) ? request->headers.base : "";
    return *public_url ? public_url : asked;
}

struct error *file_fields_set_url(const struct request *request, const struct field *map,
                                  struct value *record, const struct catalog_file *file)
{
    const struct object_download download = {
        .key = file->object_key,
        .name = file->name,
        .disposition = parameters_format_attachment(request->arena, file->original_name,
                                                    file->original_length),
        .content_type = file->content_type,
        .base = download_base(request),
        .expires = clock_wall_ms() / MS_PER_S + FILE_URL_LIFETIME_S,
    };
    const char *url = NULL;
    struct error *error =
        objects_sign_url(app_of(request)->objects, request->arena, &download, &url);
    file_fields_set(map, record, "download_url", string_value(url));
    return error;
}
