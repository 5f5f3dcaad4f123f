/*
 * Field maps: one table that says what a JSON object consists of, and the values that go with it.
 *
 * The same rows drive validation and serialization (http/fields.c), the binding to LDAP attributes
 * (directory/) or columns (store/), and the OpenAPI document, so that they cannot disagree. A map
 * is a static array that ends with a row without a name. Values stand in an array parallel to it.
 */
#ifndef BASE_FIELD_H
#define BASE_FIELD_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct arena;

/* A text in both languages of the contract. */
struct text {
    const char *ru, *en;
};

enum field_type {
    FIELD_STRING,
    FIELD_INTEGER,
    FIELD_DECIMAL, /* an exact one: an integer, of which the last `scale` digits are decimal places */
    FIELD_BOOLEAN,
    FIELD_TIME,    /* milliseconds since the epoch; in JSON 2026-11-20T12:34:56.789Z */
    FIELD_STRINGS, /* an array of strings; in bodies if it has `items_max` */
    FIELD_RECORDS, /* an array of objects, described by `fields`; replies only */
    FIELD_RECORD   /* one such object; replies only */
};

enum field_flag {
    FIELD_REQUIRED = 1 << 0,
    FIELD_NULLABLE = 1 << 1, /* null is a value: it clears */
    FIELD_SECRET = 1 << 2,   /* never logged, never answered */
    FIELD_NAME = 1 << 3,     /* no control characters: it becomes part of a name */
    FIELD_DEFAULT = 1 << 4,  /* an absent integer is `standard` */
    FIELD_INTERNAL =
        1 << 5, /* of a row of the database, and no part of the object: never answered */
    FIELD_OPTIONAL = 1 << 6,    /* left out of an answer where it is absent, not null */
    FIELD_ALTERNATIVE = 1 << 7, /* of those that have this, a body needs exactly one */
    FIELD_ANY_STRING = 1 << 8,  /* none is refused: what is no text counts as an empty one */
};

/* How a value stands in the place it is bound to. */
enum codec {
    CODEC_NONE,        /* not bound */
    CODEC_TEXT,        /* as it is */
    CODEC_INTEGER,     /* decimal digits */
    CODEC_DN,          /* the entry's own distinguished name */
    CODEC_GUID,        /* MS-DTYP 2.3.4: 16 bytes, the first three fields little-endian */
    CODEC_TIME,        /* RFC 4517 3.3.13 generalized time */
    CODEC_BITS_SET,    /* true when every bit of the mask is set */
    CODEC_BITS_CLEAR,  /* true when every bit of the mask is clear */
    CODEC_SCOPE,       /* of a groupType: "global", "domain_local" or "universal" */
    CODEC_MEMBERS,     /* the DNs of a group's members, also of those whose primary group it is */
    CODEC_MEMBERSHIPS, /* the DNs of the groups an account is in, its primary group among them */
};

struct field {
    const char *name; /* in JSON; NULL ends a map */
    enum field_type type;
    unsigned flags; /* of enum field_flag */
    /* Of a string's length in UTF-16 units, of each one of an array, of an integer's value; both 0: any */
    int64_t min, max;
    int64_t items_max; /* of an array in a body: how many it may have */
    int scale;         /* decimal places of FIELD_DECIMAL */
    int64_t standard;
    /* A further rule for strings: FAULT_NONE if `text` keeps it. NULL: none. */
    enum fault_id (*check)(const char *text, size_t length);
    enum fault_id (*check_integer)(int64_t integer); /* the same for integers */
    const char *const *choices; /* of a string: the values there are; NULL ends. NULL: any */
    const char *format;         /* OpenAPI's name for what `check` demands: "email", "dn" … */
    const struct field *fields; /* of FIELD_RECORDS */
    const char *attribute;      /* what it is bound to: an LDAP attribute, later a column */
    enum codec codec;
    int64_t mask; /* of CODEC_BITS_* */
    struct text about;
    const char *example; /* JSON, for the documentation */
};

enum value_state {
    VALUE_ABSENT,
    VALUE_NULL,
    VALUE_SET,
};

struct value {
    enum value_state state;
    union {
        int64_t integer; /* FIELD_INTEGER, FIELD_DECIMAL, FIELD_TIME */
        bool boolean;
        struct {
            const char *bytes; /* with a NUL behind it */
            size_t length;
        } string;
        struct {
            const char *const *items;
            size_t count;
        } strings;
        struct {
            struct value *const *items;
            size_t count;
        } records;
        struct value *record;
    };
};

/* The number of rows before the one that ends the map. */
size_t fields_count(const struct field *fields);

/* The value of the field `name`; ends the process when the map has none: a slip of the code. */
struct value *fields_get(const struct field *fields, struct value *values, const char *name)
    __attribute__((returns_nonnull));

/* The string of a field, NULL where it is absent or null. */
const char *fields_string(const struct field *fields, struct value *values, const char *name);

/* Shorthands that set a value. The string must outlive the value; NULL becomes null. */
void value_set_string(struct value *value, const char *text);
void value_set_integer(struct value *value, int64_t integer);
void value_set_boolean(struct value *value, bool boolean);
void value_set_strings(struct value *value, const char *const *items, size_t count);
void value_set_record(struct value *value, struct value *record);
void value_set_records(struct value *value, struct value *const *items, size_t count);

#endif
