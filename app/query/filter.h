/*
 * Filter: the filter language of lists, ?filter=. The grammar is that of SCIM (RFC 7644 3.4.2.2)
 * without complex attributes. A filter is parsed once into a tree whose terms refer to the fields
 * of a map; directory/ compiles the tree to LDAP, store/ to SQL.
 *
 * A filter is true or false, never unknown. A term on an absent field is false, except that `ne` is
 * true. `eq null` means `not pr`, and `ne null` means `pr`; the parser replaces both. A term on a
 * field with several values is true if one of the values matches; `ne` negates `eq`.
 *
 * A reference to another entry (CODEC_REFERENCE) is compared as its DN.
 *
 * A date that is compared with a time is a day in UTC: `eq` is true for all of its moments, `gt` is
 * true after its end, and `le` until its end. The parser replaces such a term by terms with times.
 * A string whose format is "date", "moment" or "date-time" is compared as it is: its value is a
 * valid date, or a valid date or time.
 */
#ifndef QUERY_FILTER_H
#define QUERY_FILTER_H

#include "base/error.h"
#include "base/field.h"

struct arena;

/* Limits of a filter: characters, terms, and nested parentheses. */
enum { FILTER_LENGTH_MAX = 2000, FILTER_TERMS_MAX = 32, FILTER_DEPTH_MAX = 8 };

enum filter_kind { FILTER_TERM, FILTER_AND, FILTER_OR, FILTER_NOT };

enum filter_operator {
    FILTER_PRESENT, /* pr: the only operator without a value */
    FILTER_EQUAL,
    FILTER_NOT_EQUAL,
    FILTER_CONTAINS, /* co, sw, ew: on strings only, whose format is not "date-time" */
    FILTER_STARTS_WITH,
    FILTER_ENDS_WITH,
    /* gt, ge, lt, le: on numbers and times, and on strings whose format is one of these */
    FILTER_GREATER,
    FILTER_GREATER_EQUAL,
    FILTER_LESS,
    FILTER_LESS_EQUAL,
};

/* A node of the tree. */
struct filter {
    enum filter_kind kind;
    const struct filter *left, *right; /* operands; FILTER_NOT has only `left` */
    const struct field *field;         /* FILTER_TERM: the field of the map */
    enum filter_operator operator;
    /* of the field's type, never null; of FIELD_STRINGS, and of references: a string */
    struct value value;
    size_t position; /* of the term in the text, in characters from 1, for errors */
};

/* Returns the name of an operator: "eq". */
const char *filter_operator_name(enum filter_operator operator) __attribute__((returns_nonnull));

/*
 * Parses a filter against the fields of a map. Names and operators ignore the case of ASCII
 * letters. Fields with FIELD_SECRET or FIELD_INTERNAL do not exist. All strings are allocated in
 * the arena.
 *
 * Returns ERR_VALIDATION for "filter" with the position and the reason if the text is not a filter,
 * exceeds a limit, names an unknown field (the reason lists the available fields) or combines a
 * field with an operator or a value of another type; ERR_NOT_FILTERABLE if a field has the flag
 * FIELD_NOT_FILTERABLE.
 */
struct error *filter_parse(struct arena *arena, const char *text, const struct field *fields,
                           const struct filter **filter_r) MUST_CHECK;

#endif
