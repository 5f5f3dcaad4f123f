/*
 * Field maps: tables that describe the members of JSON objects, and the values of such members.
 *
 * One map drives validation and serialization (http/fields.c), the binding to LDAP attributes
 * (directory/) or columns (store/), and the OpenAPI document, so that they cannot disagree. A map
 * is a static array that ends with a row without a name. The values of an object form an array with
 * the same indices.
 */
#ifndef BASE_FIELD_H
#define BASE_FIELD_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct arena;

/* A text in both languages of the API. */
struct text {
    const char *ru, *en;
};

enum field_type {
    FIELD_STRING,
    FIELD_INTEGER,
    FIELD_DECIMAL, /* fixed-point: an integer whose last `scale` digits are decimal places */
    FIELD_BOOLEAN,
    FIELD_TIME,    /* milliseconds since the epoch; in JSON 2026-11-20T12:34:56.789Z */
    FIELD_STRINGS, /* an array of strings; allowed in request bodies if `items_max` is set */
    FIELD_LISTS,   /* an array of arrays of strings; in replies only */
    FIELD_RECORDS, /* an array of objects described by `fields`; in replies only */
    FIELD_RECORD   /* an object described by `fields`; in replies only */
};

enum field_flag {
    FIELD_REQUIRED = 1 << 0,
    FIELD_NULLABLE = 1 << 1,    /* null is allowed and clears the value */
    FIELD_SECRET = 1 << 2,      /* never logged, never part of a reply */
    FIELD_NAME = 1 << 3,        /* a name on one line: trimmed, no control characters */
    FIELD_DEFAULT = 1 << 4,     /* an absent integer has the value `standard` */
    FIELD_INTERNAL = 1 << 5,    /* column of the row that is never part of a reply */
    FIELD_OPTIONAL = 1 << 6,    /* omitted from replies if absent; others are written as null */
    FIELD_ALTERNATIVE = 1 << 7, /* a body must contain exactly one of the fields with this flag */
    FIELD_ANY_STRING = 1 << 8,  /* never rejected: invalid text is read as an empty string */
    FIELD_TRIMMED = 1 << 9,     /* trimmed, but may have several lines */
    FIELD_ADDRESS = 1 << 10,    /* trimmed; blanks (utf8_is_blank()) are not allowed inside */
    FIELD_VISIBLE = 1 << 11,    /* trimmed; blanks other than a space are not allowed inside */
    FIELD_JOINERS = 1 << 12, /* with FIELD_VISIBLE: joiners are allowed where a script needs them */
    FIELD_NOT_FILTERABLE = 1 << 13, /* not for ?filter=: it is computed, or a list in one text */
    FIELD_ON_REQUEST = 1 << 14,     /* items of a list have the field only if ?fields= names it */
    FIELD_ITEMS = 1 << 15, /* the records are the items of a list, whose fields ?fields= selects */
};

/* A field with one of these flags is trimmed: blanks at both ends of a client's string are removed
 * before its length is checked, and a string without visible characters is invalid. */
#define FIELD_ANY_TRIMMED (FIELD_NAME | FIELD_TRIMMED | FIELD_ADDRESS | FIELD_VISIBLE)

/* Encoding of a value in the LDAP attribute or column that it is bound to. */
enum codec {
    CODEC_NONE,        /* the field is not bound */
    CODEC_TEXT,        /* text without conversion */
    CODEC_INTEGER,     /* decimal digits */
    CODEC_DN,          /* distinguished name of the entry itself */
    CODEC_GUID,        /* MS-DTYP 2.3.4: 16 bytes, the first three fields little-endian */
    CODEC_TIME,        /* RFC 4517 3.3.13 generalized time */
    CODEC_FILETIME,    /* MS-DTYP 2.3.3: 100 ns since 1601; 0 and INT64_MAX (never) are null */
    CODEC_TRUTH,       /* boolean: "TRUE" or "FALSE", RFC 4517 3.3.3 */
    CODEC_LIST,        /* strings, separated by commas in one value */
    CODEC_REFERENCE,   /* DN of another object: a FIELD_RECORD with its name; in bodies a text */
    CODEC_BITS_SET,    /* boolean: true if all bits of the mask are set */
    CODEC_BITS_CLEAR,  /* boolean: true if all bits of the mask are clear */
    CODEC_SCOPE,       /* scope in groupType: "global", "domain_local" or "universal" */
    CODEC_KIND,        /* kind of a member, see directory_member_kinds: in filters only */
    CODEC_LINK,        /* DN of another object, as text */
    CODEC_LINKS,       /* DNs of the objects that refer to the entry: a back link */
    CODEC_MEMBERS,     /* DNs of a group's members, including accounts whose primary group it is */
    CODEC_MEMBERSHIPS, /* DNs of the groups of an account, including its primary group */
};

struct field {
    const char *name; /* name in JSON; NULL marks the end of a map */
    enum field_type type;
    unsigned flags; /* bits of enum field_flag */
    /* Bounds of the value of an integer or a time, or of the length in UTF-16 units of a string or
     * of each string of an array. Both 0: no bounds. */
    int64_t min, max;
    int64_t items_max; /* maximum number of items of an array in a body */
    int scale;         /* decimal places of FIELD_DECIMAL */
    int64_t standard;  /* default of FIELD_DEFAULT */
    /* Additional validation of strings; returns FAULT_NONE if `text` is valid. NULL: none. */
    enum fault_id (*check)(const char *text, size_t length);
    const char *const *choices; /* allowed values of a string, NULL-terminated; NULL: any */
    const int64_t *numbers;     /* allowed values of an integer, ended by 0; NULL: any */
    const char *format;         /* OpenAPI's `format` for `check`: "email", "dn" … */
    const struct field *fields; /* members of an object of FIELD_RECORDS or FIELD_RECORD */
    const char *attribute;      /* LDAP attribute or column that the field is bound to */
    enum codec codec;
    int64_t mask;        /* bits that CODEC_BITS_SET and CODEC_BITS_CLEAR test */
    struct text about;   /* description for the documentation */
    const char *example; /* JSON, for the documentation */
};

enum value_state {
    VALUE_ABSENT,
    VALUE_NULL,
    VALUE_SET,
};

struct field_strings {
    const char *const *items;
    size_t count;
};

struct value {
    enum value_state state;
    union {
        int64_t integer; /* FIELD_INTEGER, FIELD_DECIMAL, FIELD_TIME */
        bool boolean;
        struct {
            const char *bytes; /* followed by a NUL */
            size_t length;
        } string;
        struct field_strings strings;
        struct {
            const struct field_strings *items;
            size_t count;
        } lists;
        struct {
            struct value *const *items;
            size_t count;
        } records;
        struct value *record;
    };
};

/* Returns the number of fields, not counting the row that ends the map. */
size_t fields_count(const struct field *fields);

/* Returns the value of the field `name`. Aborts if the map has no such field. */
struct value *fields_get(const struct field *fields, struct value *values, const char *name)
    __attribute__((returns_nonnull));

/* Returns the string of a field, or NULL if it is absent or null. */
const char *fields_string(const struct field *fields, struct value *values, const char *name);

/* Set a value. Strings and arrays are not copied and must outlive the value. A NULL string becomes
 * null. */
void field_set_string(struct value *value, const char *text);
void field_set_integer(struct value *value, int64_t integer);
void field_set_boolean(struct value *value, bool boolean);
void field_set_strings(struct value *value, const char *const *items, size_t count);
void field_set_lists(struct value *value, const struct field_strings *items, size_t count);
void field_set_record(struct value *value, struct value *record);
void field_set_records(struct value *value, struct value *const *items, size_t count);

#endif
