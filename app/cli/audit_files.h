/* Audit files: finds the heads (http/audit_head.h) in the audit file and in its rotated files,
 * plain or compressed. */
#ifndef CLI_AUDIT_FILES_H
#define CLI_AUDIT_FILES_H

#include "base/error.h"
#include "http/audit_head.h"

#include <stdint.h>

struct audit_files {
    /* called with each head; an error ends the search */
    struct error *(*found)(void *context, const struct audit_head *head, const char *file);
    void (*report)(void *context, const char *line); /* called with each file that is unreadable */
    void *context;                                   /* first argument of both */
};

/* Finds the heads in a file. If the file is unreadable, reports it and increments *unreadable. */
struct error *audit_files_read(const struct audit_files *files, const char *path,
                               int64_t *unreadable) MUST_CHECK;

/* Finds the heads in the file `path`, and in the files that log rotation has renamed: those whose
 * names begin with its name and a dot or a hyphen. `path` may be missing. */
struct error *audit_files_read_all(const struct audit_files *files, const char *path,
                                   int64_t *unreadable) MUST_CHECK;

#endif
