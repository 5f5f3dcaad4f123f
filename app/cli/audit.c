/* kontora audit: verifies that the audit in the database was not edited. */
#include "base/arena.h"
#include "base/clock.h"
#include "cli/audit_files.h"
#include "cli/commands.h"
#include "rest/audit_chain.h"
#include "rest/audit_verify.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum { FILES_MAX = 64 };

static void print_problem(void *context, const char *line)
{
    (void)context;
    printf("%s\n", line);
}

/* The verification, as the context of the functions that read the audit files. */
struct verification {
    struct audit_verify *verify;
    struct arena *arena;
};

static struct error *verify_head(void *context, const struct audit_head *head, const char *file)
{
    const struct verification *verification = context;
    return audit_verify_head(verification->verify, verification->arena, head, file);
}

static void print_summary(const struct audit_verify_summary *summary)
{
    char time[CLOCK_TEXT_SIZE];
    printf("%" PRId64 " rows verified, %" PRId64 " of them erased; %" PRId64
           " deleted after AUDIT_RETENTION_DAYS\n",
           summary->verified, summary->erased, summary->removed);
    if (summary->newest_position && summary->newest_position < summary->last_position) {
        printf("%" PRId64 " rows were linked after the last line in the audit files\n",
               summary->last_position - summary->newest_position);
    }
    if (summary->not_linked) {
        printf("%" PRId64 " rows not linked since %s\n", summary->not_linked,
               clock_format(summary->not_linked_ms, time));
    } else {
        printf("0 rows not linked\n");
    }
    printf("%" PRId64 " problems\n", summary->problems);
}

/* Verifies the tables and the heads in the files. */
static struct error *run_verification(struct command_call *call, struct verification *verification,
                                      struct audit_verify_summary *summary_r)
{
    const struct audit_files files = {verify_head, print_problem, verification};
    int64_t unreadable = 0;
    struct error *error = audit_verify_tables(verification->verify, call->arena);
    if (!error && call->argument_count) {
        for (int i = 0; !error && i < call->argument_count; i++) {
            error = audit_files_read(&files, call->arguments[i], &unreadable);
        }
    } else if (!error) {
        error = audit_files_read_all(&files, call->config.audit_log_path, &unreadable);
    }
    audit_verify_end(verification->verify, summary_r);
    if (!error && summary_r->last_position && !summary_r->newest_position) {
        print_problem(NULL, "the audit files record no link: rows that were cut off at the end "
                            "would not be noticed");
        unreadable++;
    }
    summary_r->problems += unreadable;
    return error;
}

static int run_audit_verify(struct command_call *call)
{
    struct audit_verify_summary summary;
    struct verification verification = {
        .verify = audit_verify_new(call->store, audit_chain_key(&call->config, call->arena),
                                   print_problem, NULL),
        .arena = call->arena,
    };
    const struct error *error = run_verification(call, &verification, &summary);
    audit_verify_free(&verification.verify);
    if (error) {
        return command_report_error(call, error);
    }
    print_summary(&summary);
    return summary.problems ? EXIT_FAILURE : EXIT_SUCCESS;
}

static const struct command_action actions[] = {
    {
        .name = "verify",
        .arguments = "[FILE …]",
        .arguments_max = FILES_MAX,
        .help = "verify that no row of the audit in the database was edited or deleted, and\n"
                "compare the end with the audit files: AUDIT_LOG_PATH and its rotated files,\n"
                "or each FILE, which may be compressed with gzip",
        .run = run_audit_verify,
    },
    {.run = NULL},
};

const struct command audit_command = {"audit", COMMAND_NEEDS_STORE, actions};
