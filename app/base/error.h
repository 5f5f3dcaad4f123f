/*
 * Error: what went wrong, in terms that every layer shares.
 *
 * A function that can fail returns `struct error *`: NULL is success. Errors live in the arena they
 * were made in, so nobody frees them. What a client sees of one (status, code, message) is looked
 * up by its id in http/problem.c; `cause` is for the log alone.
 */
#ifndef BASE_ERROR_H
#define BASE_ERROR_H

#include <stdbool.h>
#include <stdint.h>

struct arena;

/* Each has a row in http/problem.c: status, stable code, messages. */
enum error_id {
    ERR_INTERNAL, /* a fault of ours; the cause is logged */
    ERR_BAD_REQUEST,
    ERR_INVALID_JSON,
    ERR_VALIDATION, /* details name every offending field */
    ERR_UNAUTHORIZED,
    ERR_INVALID_TOKEN,
    ERR_TOKEN_EXPIRED,
    ERR_INVALID_CREDENTIALS,
    ERR_TOO_MANY_ATTEMPTS, /* retry_after_s says when */
    ERR_TOO_MANY_REQUESTS, /* retry_after_s says when */
    ERR_OVERLOADED,        /* too many requests wait for a worker; retry_after_s says when */
    ERR_FORBIDDEN,
    ERR_NOT_FOUND,
    ERR_METHOD_NOT_ALLOWED,
    ERR_PAYLOAD_TOO_LARGE,
    ERR_UNSUPPORTED_MEDIA_TYPE,
    ERR_ALREADY_EXISTS,
    ERR_AMBIGUOUS, /* details are the DNs */
    ERR_NOT_EMPTY,
    ERR_CONFLICT,
    ERR_PRECONDITION_FAILED,
    ERR_IDEMPOTENCY_MISMATCH,
    ERR_IDEMPOTENCY_PENDING,
    ERR_DUPLICATE, /* a detail names the other */
    ERR_HAS_DEALS,
    ERR_INVALID_TRANSITION, /* details are the statuses that are allowed */
    ERR_AUTOMATIC_ACTIVITY,
    ERR_HIDDEN_REFERENCE, /* details name the fields */
    ERR_LAST_OWNER,       /* an organization keeps one */
    ERR_PRIMARY_GROUP,    /* an account cannot leave its primary group */
    ERR_PARENT_NOT_FOUND,
    ERR_PASSWORD_POLICY,
    ERR_PASSWORD_NEEDS_TLS,
    ERR_DIRECTORY_INVALID, /* schema, syntax or constraint; details name the attribute if known */
    ERR_DIRECTORY_REFUSED, /* unwillingToPerform; details are the server's reason */
    ERR_DIRECTORY_FORBIDDEN,
    ERR_PROTECTED_OBJECT, /* a detail is the reason */
    ERR_DIRECTORY_UNAVAILABLE,
    ERR_DIRECTORY_CREDENTIALS,
    ERR_DIRECTORY_LIMIT,
    ERR_DATABASE_UNAVAILABLE,
    ERR_STORAGE_UNAVAILABLE,
    ERR_STORAGE_FULL,
    ERR_FILE_NOT_FOUND,
    ERR_FILE_MISSING,      /* a form without the file */
    ERR_INVALID_MULTIPART, /* a form that is none, or larger than any of ours */
    ERR_TOO_SLOW,
    ERR_FILE_TYPE,      /* a member names those that are allowed */
    ERR_FILE_TOO_LARGE, /* a member has the greatest size */
    ERR_FILE_MACROS,
    ERR_FILE_INFECTED,
    ERR_SCAN_UNAVAILABLE,
    ERR_QUOTA_EXCEEDED,
    ERR_LINK_INVALID,         /* a signed address or a one-use link: altered, used, or expired */
    ERR_REGISTRATION_CLOSED,  /* the same for every address, whether or not it has an account */
    ERR_TOO_MANY_INVITATIONS, /* an organization has as many pending ones as it may have */
    ERR_CONSTRAINT_UNIQUE,    /* the cause is the name: store_violated(); to be translated */
    ERR_CONSTRAINT_REFERENCE, /* the same of a foreign key */
    ERR_OUTCOME_UNKNOWN,   /* the directory or the database fell silent in a change, which may have
                              been made */
    ERR_RESULT_UNREAD,     /* the change was made; what came of it could not be read */
    ERR_PARTIALLY_APPLIED, /* details name what was applied and could not be undone */
    ERR_COUNT
};

/* What is wrong with one field. Each has a row in http/problem.c. */
enum fault_id {
    FAULT_NONE,
    FAULT_REQUIRED,
    FAULT_UNKNOWN,
    FAULT_READ_ONLY,
    FAULT_NOT_NULL,
    FAULT_NOT_STRING,
    FAULT_NOT_INTEGER,
    FAULT_NOT_BOOLEAN,
    FAULT_NOT_OBJECT,
    FAULT_NOT_STRINGS,
    FAULT_TOO_MANY_ITEMS, /* argument: the greatest number */
    FAULT_TOO_SHORT,      /* argument: the least number of characters */
    FAULT_TOO_LONG,       /* argument: the greatest */
    FAULT_TOO_SMALL,      /* argument: the least value */
    FAULT_TOO_LARGE,      /* argument: the greatest */
    FAULT_NUL_CHARACTER,
    FAULT_CONTROL_CHARACTER,
    FAULT_INVALID_UTF8,
    FAULT_REPEATED,
    FAULT_NOT_DN,
    FAULT_OUTSIDE_BASE_DN,
    FAULT_ACCOUNT_NAME,
    FAULT_PRINCIPAL_NAME,
    FAULT_GROUP_TYPE,
    FAULT_NOT_EMAIL,
    FAULT_NOT_USERNAME,
    FAULT_PASSWORD_TOO_LONG,
    FAULT_PASSWORD_COMMON,
    FAULT_PASSWORD_SIMPLE,
    FAULT_PASSWORD_OF_NAME, /* it contains its owner's name */
    FAULT_WRONG_PASSWORD,
    FAULT_TAKEN,
    FAULT_NOT_ONE_OF, /* argument: the values */
    FAULT_NOT_CURRENCY,
    FAULT_NOT_KEY,
    FAULT_NOT_CURSOR,
    FAULT_NOT_NUMBER,
    FAULT_NOT_DECIMAL, /* argument: the number of decimal places */
    FAULT_NOT_DATE,
    FAULT_NOT_TIME,
    FAULT_NOT_MOMENT, /* neither a date nor a time */
    FAULT_IN_PAST,
    FAULT_NOT_POSITIVE,
    FAULT_NO_SUCH_OBJECT,
    FAULT_NO_SUCH_MEMBER,
    FAULT_ONLY_WITH, /* argument: the value of another field with which alone it can be given */
    FAULT_DUPLICATE,
    FAULT_HIDDEN,
    FAULT_TOO_MANY_WORDS, /* argument: the greatest number */
    FAULT_REJECTED_BY_DIRECTORY,
    FAULT_EITHER_REQUIRED, /* argument: the names of which exactly one is needed */
    FAULT_COUNT
};

struct error_detail {
    struct error_detail *next;
    const char *field;   /* NULL: the detail is the argument itself (a DN, a server's reason) */
    enum fault_id fault; /* what is wrong with the field */
    const char *argument;
    int64_t id; /* of the object that it is about; 0: none */
};

/* A member of the error's body beside those that all errors have. */
struct error_member {
    struct error_member *next;
    const char *name;
    const char *const *items; /* an array of strings, NULL after the last; NULL: it is a number */
    int64_t integer;
};

struct error {
    enum error_id id;
    const char *cause;            /* for the log, never for a client; may be NULL */
    struct error_detail *details; /* in the order in which they were added */
    struct error_detail **end;    /* where the next one goes */
    struct error_member *members; /* the last one that was added first */
    int retry_after_s;            /* when to try again; 0: as the status has it */
    struct arena *arena;
};

/* Results that may be errors must be looked at. */
#define MUST_CHECK __attribute__((warn_unused_result))

/* True if the request may have changed something, in whole or in part, in spite of this error:
 * its outcome is unknown, it was applied in part, or the error is an internal one. After any
 * other error nothing was changed. False for NULL. */
bool error_may_follow_change(const struct error *error);

/* A new error in the arena; `cause` is a printf format, NULL where there is nothing to add. */
struct error *error_new(struct arena *arena, enum error_id id, const char *cause, ...)
    __attribute__((format(printf, 3, 4), returns_nonnull));

/* Adds a detail; field and argument must live as long as the arena. Returns the error. */
struct error *error_detail(struct error *error, const char *field, enum fault_id fault,
                           const char *argument);

/* Adds a member of the body; name and items must live as long as the arena. Both return the error.
 */
struct error *error_member_strings(struct error *error, const char *name, const char *const *items);
struct error *error_member_integer(struct error *error, const char *name, int64_t integer);

/* An error about one field and the id of another object, which is also the argument. */
struct error *error_about(struct arena *arena, enum error_id id, const char *field,
                          enum fault_id fault, int64_t other);

/* ERR_VALIDATION about one field. */
struct error *error_field(struct arena *arena, const char *field, enum fault_id fault,
                          const char *argument);

/* Two that are ERR_VALIDATION as one, with the details of both; of others, and where one is NULL,
 * the first that there is. Neither is changed. */
struct error *error_join(struct error *one, struct error *other);

#endif
