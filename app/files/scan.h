/*
 * Scan: asks a program of the administrator's (UPLOAD_SCAN_COMMAND) about a file before anybody can see it.
 * The command is words, not a line for a shell; the path of the file is the last of its arguments. Its exit
 * status is 0 for a clean file and 1 for one that is to be refused, as clamdscan has it.
 */
#ifndef FILES_SCAN_H
#define FILES_SCAN_H

#include "base/error.h"

struct arena;
struct config;

/* NULL if the file is clean, or nothing is configured. ERR_FILE_INFECTED; ERR_SCAN_UNAVAILABLE if the
 * program says something else, cannot be run, or takes longer than UPLOAD_SCAN_TIMEOUT_S. */
struct error *scan_file(const struct config *config, struct arena *arena,
                        const char *path) MUST_CHECK;

#endif
