/* Access: finds the reasons why a user cannot log in. */
#ifndef DIRECTORY_ACCESS_H
#define DIRECTORY_ACCESS_H

#include "base/error.h"
#include "directory/policy.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct arena;
struct directory;

/* Reasons, in the order of a reply. */
enum directory_reason {
    DIRECTORY_REASON_DISABLED,
    DIRECTORY_REASON_LOCKED,
    DIRECTORY_REASON_EXPIRED,
    DIRECTORY_REASON_PASSWORD_EXPIRED,
    DIRECTORY_REASON_MUST_CHANGE,
    DIRECTORY_REASON_HOURS,
    DIRECTORY_REASON_WORKSTATIONS,
    DIRECTORY_REASON_SMARTCARD,
    DIRECTORY_REASON_NO_PASSWORD,
    DIRECTORY_REASON_UPN_DUPLICATE,
    DIRECTORY_REASON_COUNT
};

/* One reason that holds. Times are in milliseconds since the epoch; 0: unknown or without an
 * end. */
struct directory_obstacle {
    bool holds;
    int64_t since_ms, until_ms;
};

/* The reasons, and the facts that explain them. */
struct directory_access {
    const char *guid;
    struct directory_obstacle obstacles[DIRECTORY_REASON_COUNT];
    struct directory_policy policy; /* in force for the user */
    int64_t failures, failed_ms;    /* failed logins that count, time of the last one; 0: none */
    int64_t password_set_ms;        /* 0: unknown */
    const char *workstations;       /* userWorkstations; NULL: none */
    /* the UPN, and the DN of another account that has it; NULL: the caller does not see it */
    const char *principal, *sharing;
    bool keeps_principal; /* clearing the UPN is no fix: the account name implies the same UPN */
};

/* Diagnoses the user with this name, objectGUID or DN (see directory_find()) at the current time of
 * the controller. */
struct error *directory_diagnose(struct directory *directory, struct arena *arena, const char *name,
                                 const char *parent_dn,
                                 struct directory_access *access_r) MUST_CHECK;

/* Evaluates a value of logonHours. `holds` is true if logins are not allowed at `now_ms`;
 * `since_ms` and `until_ms` are the beginning and the end of this period, or 0 if no hour is
 * allowed. A malformed value allows all hours. */
struct directory_obstacle access_evaluate_hours(const char *hours, size_t length, int64_t now_ms);

/* True if replPropertyMetaData has a stamp of supplementalCredentials: that attribute cannot be
 * read, and is written with every password. Also true if the value is malformed. */
bool access_has_password(const char *metadata, size_t length);

#endif
