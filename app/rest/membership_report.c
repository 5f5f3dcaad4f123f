/* See membership_report.h. */
#include "rest/membership_report.h"

#include "base/arena.h"
#include "http/problem.h"

enum { REPORT_CHANGED, REPORT_SKIPPED, REPORT_FIELDS };

enum { SKIPPED_DN, SKIPPED_CODE, SKIPPED_FIELDS };

const struct field membership_report_skipped[] = {
    [SKIPPED_DN] = {.name = "dn",
                    .type = FIELD_STRING,
                    .format = "dn",
                    .about = {"DN группы или участника", "The DN of the group or of the member"},
                    .example = "\"CN=all-staff,OU=Groups,DC=kontora,DC=test\""},
    [SKIPPED_CODE] = {.name = "code",
                      .type = FIELD_STRING,
                      .about = {"Причина, как код ошибки: `FORBIDDEN`, `PROTECTED_OBJECT`, "
                                "`DIRECTORY_FORBIDDEN`, `DIRECTORY_REFUSED`, `NOT_FOUND` и другие",
                                "The reason, as the code of an error: `FORBIDDEN`, "
                                "`PROTECTED_OBJECT`, `DIRECTORY_FORBIDDEN`, "
                                "`DIRECTORY_REFUSED`, `NOT_FOUND` and others"},
                      .example = "\"FORBIDDEN\""},
    [SKIPPED_FIELDS] = {.name = NULL},
};

struct membership_report membership_report_new(struct arena *arena, size_t count)
{
    return (struct membership_report){
        .arena = arena,
        .changed = arena_array(arena, count, sizeof(const char *)),
        .skipped = arena_array(arena, count, sizeof(struct value *)),
    };
}

void membership_report_add_changed(struct membership_report *report, const char *dn)
{
    report->changed[report->changed_count++] = dn;
}

void membership_report_add_skipped(struct membership_report *report, const char *dn,
                                   const struct error *error)
{
    struct value *values = arena_array(report->arena, SKIPPED_FIELDS, sizeof *values);
    field_set_string(&values[SKIPPED_DN], dn);
    field_set_string(&values[SKIPPED_CODE], problem_code(error->id));
    report->skipped[report->skipped_count++] = values;
}

struct value *membership_report_values(const struct membership_report *report)
{
    struct value *values = arena_array(report->arena, REPORT_FIELDS, sizeof *values);
    field_set_strings(&values[REPORT_CHANGED], report->changed, report->changed_count);
    field_set_records(&values[REPORT_SKIPPED], report->skipped, report->skipped_count);
    return values;
}
