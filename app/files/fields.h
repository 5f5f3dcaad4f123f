/*
 * Field maps of files: rows that the maps of several routes share, and functions that fill records
 * of such maps from a file of the catalog.
 */
#ifndef FILES_FIELDS_H
#define FILES_FIELDS_H

#include "base/field.h"
#include "files/catalog.h"
#include "http/request.h"

enum {
    FILE_URL_LIFETIME_S = 300, /* lifetime of a download URL */
    FILE_NAME_LENGTH_MAX = 100,
    FILE_TAG_MAX = 64, /* maximum length of a tag in UTF-16 units */
    FILE_TAGS_MAX = 32,
};

/* Sets the field `name`. No-op if the map does not have it. */
void file_fields_set(const struct field *map, struct value *record, const char *name,
                     struct value value);

/* Returns a record of the map that describes the file, without its download URL. */
struct value *file_fields_describe(struct arena *arena, const struct field *map,
                                   const struct catalog_file *file)
    __attribute__((returns_nonnull));

/* Sets the field download_url: a signed URL, valid for FILE_URL_LIFETIME_S, that needs no token. */
struct error *file_fields_set_url(const struct request *request, const struct field *map,
                                  struct value *record, const struct catalog_file *file) MUST_CHECK;

/* --- rows of field maps ----------------------------------------------------------------------- */

extern const struct field file_fields_metadata[];

#define FILE_STRING(name_, ru_, en_, example_)                                                     \
    {                                                                                              \
        .name = (name_), .type = FIELD_STRING, .about = {(ru_), (en_)}, .example = (example_)      \
    }

#define FILE_NAME(name_)                                                                           \
    FILE_STRING(name_, "Имя файла, присвоенное сервисом",                                          \
                "The file name, assigned by the service",                                          \
                "\"20260906_123456_9f86d081884c7d659a2feaa0c55ad015.txt\"")
#define FILE_ORIGINAL                                                                              \
    FILE_STRING("original_name", "Исходное имя файла", "The original file name", "\"document.txt\"")
#define FILE_SIZE_OF(name_)                                                                        \
    {                                                                                              \
        .name = (name_), .type = FIELD_INTEGER, .about = {"Размер в байтах", "The size in bytes"}, \
        .example = "1024"                                                                          \
    }
#define FILE_MODIFIED                                                                              \
    {                                                                                              \
        .name = "last_modified", .type = FIELD_STRING, .format = "date-time",                      \
        .about = {"Время загрузки", "The time of the upload"},                                     \
        .example = "\"2026-09-06T12:34:56Z\""                                                      \
    }
#define FILE_TYPE_OF                                                                               \
    FILE_STRING("content_type", "Тип содержимого", "The content type", "\"text/plain\"")
#define FILE_ETAG                                                                                  \
    FILE_STRING("etag", "MD5 содержимого", "The MD5 of the content",                               \
                "\"d41d8cd98f00b204e9800998ecf8427e\"")
#define FILE_SHA256                                                                                \
    FILE_STRING("sha256", "SHA-256 содержимого", "The SHA-256 of the content",                     \
                "\"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\"")
#define FILE_TAGS                                                                                  \
    {                                                                                              \
        .name = "tags", .type = FIELD_STRINGS, .about = {"Теги", "The tags"},                      \
        .example = "[\"договор\"]"                                                          \
    }
#define FILE_URL                                                                                   \
    {                                                                                              \
        .name = "download_url", .type = FIELD_STRING, .flags = FIELD_NOT_FILTERABLE,               \
        .format = "uri",                                                                           \
        .about = {"Временная ссылка, по которой файл можно скачать без токена",                    \
                  "A temporary URL that downloads the file without a token"},                      \
        .example = "\"https://kontora.example.com/files/20260906_123456_9f86d081884c7d659a2feaa0"  \
                   "c55ad015.txt/content?expires=1788698396&signature=5f70bf18\""                  \
    }
#define FILE_MESSAGE(example_)                                                                     \
    FILE_STRING("message", "Сообщение о результате, для людей",                                    \
                "A message about the result, for people", example_)

#define FILE_METADATA                                                                              \
    {                                                                                              \
        .name = "metadata", .type = FIELD_RECORD, .fields = file_fields_metadata,                  \
        .about = {"Метаданные", "The metadata"},                                                   \
        .example = "{\"original_name\":\"document.txt\",\"upload_time\":"                          \
                   "\"2026-09-06T12:34:56.789Z\",\"file_size\":\"1024\","                          \
                   "\"content_type\":\"text/plain\"}"                                              \
    }

#define FILE_INFO_EXAMPLE                                                                          \
    "{\"name\":\"20260906_123456_9f86d081884c7d659a2feaa0c55ad015.txt\",\"size\":1024}"

#endif
