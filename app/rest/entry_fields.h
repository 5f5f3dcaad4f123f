/*
 * Entry fields: rows of the field maps of directory entries.
 * Maximum lengths are rangeUpper of the schema (MS-ADA1 to MS-ADA3), in UTF-16 units.
 */
#ifndef REST_ENTRY_FIELDS_H
#define REST_ENTRY_FIELDS_H

#include "base/field.h"
#include "directory/directory.h"

#define ENTRY_TEXT(attribute_, max_, flags_, ru_, en_, example_)                                   \
    {                                                                                              \
        .name = (attribute_), .type = FIELD_STRING, .flags = (flags_), .min = 1, .max = (max_),    \
        .attribute = (attribute_), .codec = CODEC_TEXT, .about = {(ru_), (en_)},                   \
        .example = (example_)                                                                      \
    }

#define ENTRY_DESCRIPTION(example_)                                                                \
    ENTRY_TEXT("description", 1024, FIELD_NULLABLE, "Описание", "The description", example_)

#define ENTRY_BOOLEAN(name_, ru_, en_, example_)                                                   \
    {                                                                                              \
        .name = (name_), .type = FIELD_BOOLEAN, .about = {(ru_), (en_)}, .example = (example_)     \
    }

/* The name of the entry in request bodies. Bound to no attribute: the server sets the attribute. */
#define ENTRY_NAME(name_, flags_, ru_, en_, example_)                                              \
    {                                                                                              \
        .name = (name_), .type = FIELD_STRING,                                                     \
        .flags = FIELD_NAME | FIELD_VISIBLE | FIELD_JOINERS | (flags_), .min = 1, .max = 64,       \
        .about = {(ru_), (en_)}, .example = (example_)                                             \
    }

#define ENTRY_PARENT(name_, flags_, example_)                                                      \
    {                                                                                              \
        .name = (name_), .type = FIELD_STRING, .flags = (flags_), .min = 1, .max = 4096,           \
        .check = directory_check_dn, .format = "dn",                                               \
        .about = {"DN родительского объекта", "The DN of the parent"}, .example = (example_)       \
    }

#define ENTRY_DN(example_)                                                                         \
    {                                                                                              \
        .name = "dn", .type = FIELD_STRING, .format = "dn", .codec = CODEC_DN,                     \
        .about = {"Уникальное имя", "The distinguished name"}, .example = (example_)               \
    }

#define ENTRY_GUID                                                                                 \
    {                                                                                              \
        .name = "objectGUID", .type = FIELD_STRING, .format = "uuid", .attribute = "objectGUID",   \
        .codec = CODEC_GUID, .about = {"Постоянный идентификатор", "The permanent identifier"},    \
        .example = "\"a1f3c0de-5b1c-4b8e-9a55-0d3f7f1e2c11\""                                      \
    }

#define ENTRY_TIME(attribute_, ru_, en_)                                                           \
    {                                                                                              \
        .name = (attribute_), .type = FIELD_TIME, .attribute = (attribute_), .codec = CODEC_TIME,  \
        .about = {(ru_), (en_)}, .example = "\"2026-11-20T12:34:56.000Z\""                         \
    }

#define ENTRY_TIMES                                                                                \
    ENTRY_TIME("whenCreated", "Время создания", "The time of creation"),                           \
        ENTRY_TIME("whenChanged", "Время последнего изменения", "The time of the last change")

#endif
