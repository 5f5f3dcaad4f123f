/*
 * Scan: checks an uploaded file with an external program, such as a virus scanner, before anybody
 * can download it. UPLOAD_SCAN_COMMAND is split at spaces, not interpreted by a shell; the path of
 * the file becomes the last argument. Exit status 0 means clean, 1 means infected, as with
 * clamdscan.
 */
#ifndef FILES_SCAN_H
#define FILES_SCAN_H

#include "base/error.h"

struct arena;
struct config;

/* Returns NULL if the file is clean or no command is configured, ERR_FILE_INFECTED if it is
 * infected. ERR_SCAN_UNAVAILABLE if the program cannot be run, exits with another status, or takes
 * longer than UPLOAD_SCAN_TIMEOUT_S. */
struct error *scan_file(const struct config *config, struct arena *arena,
                        const char *path) MUST_CHECK;

#endif
