/* Membership report: the part of a reply that lists the groups of a user that a call has changed,
 * and those that it has left as they are. */
#ifndef REST_MEMBERSHIP_REPORT_H
#define REST_MEMBERSHIP_REPORT_H

#include "base/error.h"
#include "base/field.h"

#include <stddef.h>

struct arena;

/* The fields of the report. `name_` is the JSON field of the changed groups. */
#define MEMBERSHIP_REPORT_FIELDS(name_, ru_, en_)                                                  \
    {.name = (name_),                                                                              \
     .type = FIELD_STRINGS,                                                                        \
     .about = {(ru_), (en_)},                                                                      \
     .example = "[\"CN=sales,OU=Groups,DC=kontora,DC=test\"]"},                                    \
        {.name = "skipped",                                                                        \
         .type = FIELD_RECORDS,                                                                    \
         .fields = membership_report_skipped,                                                      \
         .about = {"Группы, которые остались без изменений, и код причины",                        \
                   "The groups that were left as they are, each with the code of the reason"},     \
         .example = "[]"},                                                                         \
    {                                                                                              \
        .name = NULL                                                                               \
    }

extern const struct field membership_report_skipped[];

struct membership_report {
    struct arena *arena;
    const char **changed;
    size_t changed_count;
    struct value **skipped;
    size_t skipped_count;
};

/* Creates an empty report of at most `count` groups. */
struct membership_report membership_report_new(struct arena *arena, size_t count);

void membership_report_add_changed(struct membership_report *report, const char *dn);

/* Adds a group that was not changed because of the error. */
void membership_report_add_skipped(struct membership_report *report, const char *dn,
                                   const struct error *error);

/* Returns the values of MEMBERSHIP_REPORT_FIELDS(). */
struct value *membership_report_values(const struct membership_report *report)
    __attribute__((returns_nonnull));

#endif
