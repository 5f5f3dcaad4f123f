/* Fault: the reason why a value of a request is invalid. http/problem.c has a message for each
 * fault, and an error (base/error.h) lists them in its details. */
#ifndef BASE_FAULT_H
#define BASE_FAULT_H

/* Separates the arguments of a fault whose message has several. */
#define FAULT_ARGUMENT_END "\x1F"

enum fault_id {
    FAULT_NONE,
    FAULT_REQUIRED,
    FAULT_UNKNOWN,
    FAULT_READ_ONLY,
    FAULT_NOT_IN_SCHEMA,
    FAULT_NOT_NULL,
    FAULT_NOT_STRING,
    FAULT_NOT_INTEGER,
    FAULT_NOT_BOOLEAN,
    FAULT_NOT_OBJECT,
    FAULT_NOT_STRINGS,
    FAULT_TOO_MANY_ITEMS, /* argument: the maximum number of items */
    FAULT_TOO_SHORT,      /* argument: the minimum number of characters */
    FAULT_TOO_LONG,       /* argument: the maximum number of characters */
    FAULT_TOO_SMALL,      /* argument: the minimum value */
    FAULT_TOO_LARGE,      /* argument: the maximum value */
    FAULT_NUL_CHARACTER,
    FAULT_CONTROL_CHARACTER,
    FAULT_BLANK,           /* argument: the white space or invisible character: U+00AD */
    FAULT_NOTHING_VISIBLE, /* only white space and invisible characters */
    FAULT_INVALID_UTF8,
    FAULT_REPEATED,
    FAULT_NOT_DN,
    FAULT_OUTSIDE_BASE_DN,
    FAULT_WITHIN_SYSTEM, /* of the directory: CN=System */
    FAULT_NOT_REFERENCE, /* neither a DN nor an objectGUID */
    FAULT_NO_SUCH_PERSON,
    FAULT_NO_SUCH_PRINCIPAL, /* neither a user nor a group */
    FAULT_NOT_SECURITY_GROUP,
    FAULT_NO_SUCH_SCOPE, /* neither a unit, a container nor the domain */
    FAULT_SYSTEM_SCOPE,  /* CN=System */
    FAULT_NOT_COUNTRY,
    FAULT_NOT_DRIVE,
    FAULT_NOT_COMPUTER_NAME,
    FAULT_LIST_TOO_LONG, /* argument: the maximum length of all items together */
    FAULT_ACCOUNT_NAME,
    FAULT_COMPUTER_NAME, /* of at most 15 characters, besides a "$" at its end */
    FAULT_PRINCIPAL_NAME,
    FAULT_NOT_EMAIL,
    FAULT_NOT_USERNAME,
    FAULT_PASSWORD_TOO_LONG,
    FAULT_PASSWORD_COMMON,
    FAULT_PASSWORD_SIMPLE,
    FAULT_PASSWORD_OF_NAME, /* contains the name of the account */
    FAULT_WRONG_PASSWORD,
    FAULT_TAKEN,
    FAULT_TAKEN_BY,   /* argument: the DN of the object that has the value */
    FAULT_NOT_ONE_OF, /* argument: the allowed values */
    FAULT_NOT_CURRENCY,
    FAULT_NOT_KEY,
    FAULT_NOT_CURSOR,
    FAULT_NOT_NUMBER,
    FAULT_NOT_DECIMAL, /* argument: the number of decimal places */
    FAULT_NOT_DATE,
    FAULT_NOT_TIME,
    FAULT_NOT_MOMENT,   /* neither a date nor a time */
    FAULT_NOT_NARROWER, /* argument: the scope that an API key does not have */
    FAULT_IN_PAST,
    FAULT_NOT_POSITIVE,
    FAULT_NO_SUCH_OBJECT,
    FAULT_NO_SUCH_MEMBER,
    FAULT_ONLY_WITH, /* argument: the value of another field that this field requires */
    FAULT_DUPLICATE,
    FAULT_DELETED,  /* refers to a deleted row */
    FAULT_NO_WORDS, /* a search that has neither letters nor digits */
    FAULT_REJECTED_BY_DIRECTORY,
    FAULT_EITHER_REQUIRED, /* argument: the fields of which exactly one is required */
    FAULT_OTHER_FORMAT,    /* argument: the format that a file has in spite of its name */
    FAULT_OBJECTS_BELOW,   /* argument: their number; `children` would delete them too */
    FAULT_TOO_MANY_BELOW,  /* argument: the maximum number of objects that are deleted together */
    FAULT_OBJECTS_WITHIN,  /* of a unit or container; argument: their number */
    FAULT_UNKNOWN_FORMAT,  /* a file has neither the format of its name nor another known one */
    FAULT_NO_RIGHT,        /* argument: the right that the caller does not have there */
    FAULT_MORE_RIGHTS,     /* the entry has rights that the caller does not have */
    FAULT_HOLDS_SCOPE,     /* the entry is the scope of a delegation, or has one below it */
    FAULT_GAINS_RIGHTS,    /* the caller would have more rights on the entry after the move */
    FAULT_ADMIN_GROUP,     /* the entry would become LDAP_ADMIN_GROUP, or hold it */
    /* Faults of ?filter=. The first argument is the position of the fault, in characters from 1.
     * Further arguments are in parentheses. */
    FAULT_FILTER_NO_FIELD,
    FAULT_FILTER_NO_OPERATOR,
    FAULT_FILTER_NO_VALUE,
    FAULT_FILTER_NO_LOGIC,    /* neither `and` nor `or` between two terms */
    FAULT_FILTER_NOT,         /* `not` without a parenthesis after it */
    FAULT_FILTER_OPEN,        /* position of a parenthesis that is not closed */
    FAULT_FILTER_STRING,      /* a string without a closing quote */
    FAULT_FILTER_ESCAPE,      /* a character in a string that JSON does not allow */
    FAULT_FILTER_COMPLEX,     /* a part of an attribute, as in emails[type eq "work"] */
    FAULT_FILTER_UNKNOWN,     /* (name; the names of all filterable fields) */
    FAULT_FILTER_OPERATOR,    /* (operator; field): they cannot be used together */
    FAULT_FILTER_TYPE_STRING, /* (field), as in the next rows: it needs a string */
    FAULT_FILTER_TYPE_NUMBER,
    FAULT_FILTER_TYPE_BOOLEAN,
    FAULT_FILTER_TYPE_TIME,
    FAULT_FILTER_TYPE_DN,
    FAULT_FILTER_TYPE_GUID,
    FAULT_FILTER_RANGE, /* (field): it cannot have this number */
    FAULT_FILTER_NULL,  /* (operator): it cannot compare with null */
    FAULT_FILTER_TERMS, /* (maximum), as in the next row */
    FAULT_FILTER_DEPTH,
    FAULT_FILTER_COMPUTED, /* position of a field with FIELD_NOT_FILTERABLE */
    FAULT_COUNT
};

#endif
