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
     .about = {"Время загрузки", "When it was uploaded"},
     .example = "\"2026-09-06T12:34:56.789Z\""},
    FILE_STRING("file_size", "Размер в байтах, строкой", "The size in bytes, as a string",
                "\"1024\""),
    FILE_TYPE_OF,
    {.name = NULL},
};

/* --- what is answered ------------------------------------------------------------------------ */

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
    value_set_string(&value, text);
    return value;
}

static struct value bytes_value(const char *bytes, size_t length)
{
    return (struct value){.state = VALUE_SET, .string = {bytes, length}};
}

static struct value integer_value(int64_t integer)
{
    struct value value;
    value_set_integer(&value, integer);
    return value;
}

static struct value record_value_of(struct value *record)
{
    struct value value;
    value_set_record(&value, record);
    return value;
}

static struct value hex_value(struct arena *arena, const unsigned char *bytes, size_t count)
{
    char *text = arena_alloc(arena, 2 * count + 1);
    random_format(bytes, count, text);
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
    value_set_strings(&value, tags, count);
    return value;
}

/* 2026-11-20T12:34:56Z, as object stores tell of it */
static struct value seconds_value(struct arena *arena, int64_t wall_ms)
{
    enum { SECONDS_LENGTH = 19 };
    char text[CLOCK_TEXT_SIZE];
    clock_format(wall_ms, text);
    return string_value(arena_format(arena, "%.*sZ", SECONDS_LENGTH, text));
}

static struct value *metadata_of(struct arena *arena, const struct catalog_file *file)
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
    struct value *record = arena_array(arena, fields_count(map), sizeof *record);
    file_fields_set(map, record, "name", string_value(file->name));
    file_fields_set(map, record, "filename", string_value(file->name));
    file_fields_set(map, record, "original_name",
                    bytes_value(file->original_name, file->original_length));
    file_fields_set(map, record, "size", integer_value(file->size));
    file_fields_set(map, record, "last_modified", seconds_value(arena, file->created_at));
    file_fields_set(map, record, "content_type", string_value(file->content_type));
    file_fields_set(map, record, "etag", hex_value(arena, file->md5, MD5_SIZE));
    file_fields_set(map, record, "sha256", hex_value(arena, file->sha256, SHA256_SIZE));
    file_fields_set(map, record, "metadata", record_value_of(metadata_of(arena, file)));
    file_fields_set(map, record, "tags", tags_value(arena, file->tags));
    return record;
}

/* PUBLIC_URL, or else the origin by which the client asked. A Host that cannot be a part of a URL
 * gets a path instead: it would be a URL that the client wrote itself. */
static const char *url_base(const struct request *request)
{
    const char *public_url = request->app->config->public_url;
    const char *asked = origin_valid(request->headers.base) ? request->headers.base : "";
    return *public_url ? public_url : asked;
}

struct error *file_fields_set_url(const struct request *request, const struct field *map,
                                  struct value *record, const struct catalog_file *file)
{
    const struct object_download download = {
        .key = file->object_key,
        .name = file->name,
        .disposition =
            parameters_attachment(request->arena, file->original_name, file->original_length),
        .content_type = file->content_type,
        .base = url_base(request),
        .expires = clock_wall_ms() / MS_PER_S + FILE_URL_LIFETIME_S,
    };
    const char *url = NULL;
    struct error *error = objects_url(request->app->objects, request->arena, &download, &url);
    file_fields_set(map, record, "download_url", string_value(url));
    return error;
}
