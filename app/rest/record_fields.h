/* Rows of the field maps of records (rest/records.h). */
#ifndef REST_RECORD_FIELDS_H
#define REST_RECORD_FIELDS_H

#include "base/error.h"
#include "base/field.h"

#define RECORD_ID                                                                                  \
    {                                                                                              \
        .name = "id", .type = FIELD_INTEGER, .about = {"Идентификатор", "The id"}, .example = "42" \
    }

#define RECORD_TIME(name_, flags_, ru_, en_)                                                       \
    {                                                                                              \
        .name = (name_), .type = FIELD_TIME, .flags = (flags_), .about = {(ru_), (en_)},           \
        .example = "\"2026-11-20T12:34:56.789Z\""                                                  \
    }

#define RECORD_HISTORY                                                                             \
    RECORD_TIME("created_at", 0, "Время создания", "The time of creation"),                        \
        RECORD_TIME("updated_at", 0, "Время последнего изменения", "The time of the last change"), \
        {.name = "version",                                                                        \
         .type = FIELD_INTEGER,                                                                    \
         .about = {"Номер версии; увеличивается при каждом изменении",                             \
                   "The version number; each change increments it"},                               \
         .example = "1"},                                                                          \
        RECORD_TIME("deleted_at", FIELD_INTERNAL, "Время удаления", "The time of deletion")

/* A text of one line, and a text that may have several lines. */
#define RECORD_LINE(name_, flags_, max_, ru_, en_, example_)                                       \
    {                                                                                              \
        .name = (name_), .type = FIELD_STRING, .flags = FIELD_NAME | (flags_), .min = 1,           \
        .max = (max_), .about = {(ru_), (en_)}, .example = (example_)                              \
    }

#define RECORD_TEXT(name_, flags_, ru_, en_, example_)                                             \
    {                                                                                              \
        .name = (name_), .type = FIELD_STRING, .flags = (flags_), .min = 1, .max = 10000,          \
        .about = {(ru_), (en_)}, .example = (example_)                                             \
    }

/* Checks of the field maps: the text is a date; the text is a date or a date with a time. */
enum fault_id record_check_date(const char *text, size_t length);
enum fault_id record_check_moment(const char *text, size_t length);

#define RECORD_DATE(name_, flags_, ru_, en_)                                                       \
    {                                                                                              \
        .name = (name_), .type = FIELD_STRING, .flags = (flags_), .max = 10,                       \
        .check = record_check_date, .format = "date", .about = {(ru_), (en_)},                     \
        .example = "\"2026-11-20\""                                                                \
    }

#define RECORD_MOMENT(name_, flags_, ru_, en_)                                                     \
    {                                                                                              \
        .name = (name_), .type = FIELD_STRING, .flags = (flags_), .max = 64,                       \
        .check = record_check_moment, .format = "moment", .about = {(ru_), (en_)},                 \
        .example = "\"2026-11-20\""                                                                \
    }

/* A text from a table of choices. */
#define RECORD_CHOICE(name_, flags_, choices_, ru_, en_, example_)                                 \
    {                                                                                              \
        .name = (name_), .type = FIELD_STRING, .flags = (flags_), .choices = (choices_),           \
        .about = {(ru_), (en_)}, .example = (example_)                                             \
    }

/* The id of another object, as a field or as a filter. */
#define RECORD_REFERENCE(name_, flags_, ru_, en_)                                                  \
    {                                                                                              \
        .name = (name_), .type = FIELD_INTEGER, .flags = (flags_), .min = 1, .max = INT64_MAX,     \
        .about = {(ru_), (en_)}, .example = "17"                                                   \
    }

#endif
