/*
 * Error: the representation of failures in all layers. A function that can fail returns
 * `struct error *`; NULL means success. An error is allocated in an arena and freed with it.
 * http/problem.c maps its id to the reply to the client (status, code, message); `cause` is written
 * to the log only.
 */
#ifndef BASE_ERROR_H
#define BASE_ERROR_H

#include "base/fault.h"

#include <stdbool.h>
#include <stdint.h>

struct arena;

/* http/problem.c has a row for each id: status, stable code, messages in both languages. */
enum error_id {
    ERR_INTERNAL, /* a bug or an unexpected failure; the cause is logged */
    ERR_BAD_REQUEST,
    ERR_INVALID_JSON,
    ERR_VALIDATION, /* details name every invalid field */
    ERR_UNAUTHORIZED,
    ERR_INVALID_TOKEN,
    ERR_TOKEN_EXPIRED,
    ERR_INVALID_CREDENTIALS,
    ERR_TOO_MANY_ATTEMPTS, /* retry_after_s is set */
    ERR_TOO_MANY_REQUESTS, /* retry_after_s is set */
    ERR_OVERLOADED,        /* too many requests are queued; retry_after_s is set */
    ERR_FORBIDDEN,
    ERR_NOT_FOUND,
    ERR_METHOD_NOT_ALLOWED,
    ERR_PAYLOAD_TOO_LARGE,
    ERR_UNSUPPORTED_MEDIA_TYPE,
    ERR_UNSUPPORTED_CODING,
    ERR_ALREADY_EXISTS,
    ERR_AMBIGUOUS, /* details contain the matching DNs */
    ERR_NOT_EMPTY,
    ERR_HAS_CHILDREN, /* like ERR_NOT_EMPTY, but `children` would delete all */
    ERR_CONFLICT,
    ERR_PRECONDITION_FAILED,
    ERR_IDEMPOTENCY_MISMATCH,
    ERR_IDEMPOTENCY_PENDING,
    ERR_DUPLICATE, /* a detail contains the id of the existing object */
    ERR_HAS_DEALS,
    ERR_INVALID_TRANSITION, /* details contain the allowed statuses */
    ERR_AUTOMATIC_ACTIVITY,
    ERR_HIDDEN_REFERENCE,    /* a field refers to a deleted row; details name the fields */
    ERR_LAST_OWNER,          /* an organization must keep at least one owner */
    ERR_CURRENCY_IN_USE,     /* the organization has deals with an amount */
    ERR_PRIMARY_GROUP,       /* an account cannot be removed from its primary group */
    ERR_HAS_PRIMARY_MEMBERS, /* details contain DNs of accounts whose primary group it is */
    ERR_PARENT_NOT_FOUND,
    ERR_PASSWORD_POLICY,
    ERR_PASSWORD_NEEDS_TLS,
    ERR_DIRECTORY_INVALID, /* schema, syntax or constraint; details name the attribute if known */
    ERR_DIRECTORY_REFUSED, /* unwillingToPerform; details contain the server's message */
    ERR_DIRECTORY_FORBIDDEN,
    ERR_PROTECTED_OBJECT, /* a detail contains the reason */
    ERR_DIRECTORY_UNAVAILABLE,
    ERR_DIRECTORY_CREDENTIALS,
    ERR_DIRECTORY_LIMIT,
    ERR_NOT_FILTERABLE,    /* details name the field of ?filter= that is computed */
    ERR_FILTER_TOO_COSTLY, /* evaluating ?filter= would take longer than FILTER_TIMEOUT_MS */
    ERR_SORT_TOO_COSTLY,   /* the directory refuses to sort by this field */
    ERR_DATABASE_UNAVAILABLE,
    ERR_STORAGE_UNAVAILABLE,
    ERR_STORAGE_FULL,
    ERR_FILE_NOT_FOUND,
    ERR_FILE_MISSING,      /* the form has no file part */
    ERR_INVALID_MULTIPART, /* malformed form, or larger than any valid form */
    ERR_PART_ENCODING,     /* content of a part is not encoded as its header states */
    ERR_TOO_SLOW,
    ERR_FILE_TYPE,      /* by its name; a body member lists the allowed types, as in the next two */
    ERR_FILE_CONTENT,   /* the content does not match the name; a detail names the format found */
    ERR_FILE_PASSWORD,  /* the content is encrypted */
    ERR_FILE_TOO_LARGE, /* a body member contains the maximum size */
    ERR_FILE_MACROS,
    ERR_FILE_INFECTED,
    ERR_SCAN_UNAVAILABLE,
    ERR_QUOTA_EXCEEDED,
    ERR_LINK_INVALID,         /* signed URL or one-use link: altered, used or expired */
    ERR_REGISTRATION_CLOSED,  /* the reply is the same for known and unknown email addresses */
    ERR_TOO_MANY_INVITATIONS, /* the organization has too many pending invitations */
    ERR_TOO_MANY_DELEGATIONS, /* in all, or of one principal */
    ERR_TOO_MANY_KEYS,        /* the user has too many API keys */
    /* A constraint was violated; `cause` is its name, see store_is_violation(). Callers translate
     * this id and the next one into an error that clients understand. */
    ERR_CONSTRAINT_UNIQUE,
    ERR_CONSTRAINT_REFERENCE, /* violation of a foreign key */
    ERR_OUTCOME_UNKNOWN, /* a change got no answer from directory or database; it may be applied */
    ERR_RESULT_UNREAD,   /* the change was applied; the resulting object could not be read */
    ERR_PARTIALLY_APPLIED, /* details name the changes that were applied and not undone */
    ERR_COUNT
};

struct error_detail {
    struct error_detail *next;
    const char *field;   /* NULL: the detail is the argument itself (a DN, a server's message) */
    enum fault_id fault; /* the reason why the field is invalid */
    const char *argument;
    int64_t id; /* id of the object that the detail refers to; 0: none */
};

/* An additional JSON member of the error's body. */
struct error_member {
    struct error_member *next;
    const char *name;
    const char *const *items; /* NULL-terminated array of strings; NULL: the value is `integer` */
    int64_t integer;
};

struct error {
    enum error_id id;
    const char *cause;            /* written to the log, never sent to clients; may be NULL */
    struct error_detail *details; /* list in order of addition */
    struct error_detail **end;    /* end of the list, where the next detail is linked */
    struct error_member *members; /* list in reverse order of addition */
    int retry_after_s;            /* value of Retry-After; 0: the default of the status */
    struct arena *arena;
};

/* Makes the compiler warn if a caller ignores the result. */
#define MUST_CHECK __attribute__((warn_unused_result))

/* True if the request may have changed data in spite of this error: its outcome is unknown, it was
 * applied in part, or the error is internal. All other errors guarantee that no data was changed.
 * Returns false for NULL. */
bool error_may_follow_change(const struct error *error);

/* Creates an error in the arena. `cause` is a printf format; NULL: no cause. */
struct error *error_new(struct arena *arena, enum error_id id, const char *cause, ...)
    __attribute__((format(printf, 3, 4), returns_nonnull));

/* Appends a detail and returns the error. `field` and `argument` live as long as the arena. */
struct error *error_detail(struct error *error, const char *field, enum fault_id fault,
                           const char *argument);

/* Add a member to the body and return the error. The arguments live as long as the arena. */
struct error *error_member_strings(struct error *error, const char *name, const char *const *items);
struct error *error_member_integer(struct error *error, const char *name, int64_t integer);

/* Creates an error with one detail, which refers to the object `other` and has its id. */
struct error *error_about_object(struct arena *arena, enum error_id id, const char *field,
                                 enum fault_id fault, int64_t other);

/* Creates an ERR_VALIDATION with one detail. */
struct error *error_field(struct arena *arena, const char *field, enum fault_id fault,
                          const char *argument);

/* Combines two errors. If both are ERR_VALIDATION, returns a new error with the details of both.
 * Otherwise returns `one`, or `other` if `one` is NULL. Does not modify its arguments. */
struct error *error_merge(struct error *one, struct error *other);

#endif
