/* See audit_files.h. */
#include "cli/audit_files.h"

#include "base/arena.h"
#include "base/buffer.h"

#include <errno.h>
#include <glob.h>
#include <string.h>
#include <unistd.h>

#include <zlib.h>

enum { LINE_SIZE = 4096 }; /* a head is shorter; other lines may be read in parts */

/* Reads a file, which zlib decompresses if it is compressed. Returns false if it is unreadable. */
static bool find_heads(const struct audit_files *files, const char *path, struct error **error_r)
{
    char line[LINE_SIZE];
    struct audit_head head;
    bool at_start = true;
    gzFile file = gzopen(path, "re");
    *error_r = NULL;
    if (!file) {
        return false;
    }
    while (!*error_r && gzgets(file, line, sizeof line)) {
        if (at_start && audit_head_parse(line, &head)) {
            *error_r = files->found(files->context, &head, path);
        }
        at_start = strchr(line, '\n') != NULL;
    }
    int status;
    (void)gzerror(file, &status);
    return gzclose_r(file) == Z_OK && status >= Z_OK;
}

struct error *audit_files_read(const struct audit_files *files, const char *path,
                               int64_t *unreadable)
{
    struct error *error;
    errno = 0;
    if (!find_heads(files, path, &error) && !error) {
        struct buffer line = {0};
        buffer_format(&line, "%s: cannot read the file: %s", path,
                      errno ? strerror(errno) : "it is damaged");
        files->report(files->context, line.bytes);
        buffer_free(&line);
        ++*unreadable;
    }
    return error;
}

struct error *audit_files_read_all(const struct audit_files *files, const char *path,
                                   int64_t *unreadable)
{
    glob_t found = {0};
    struct error *error = NULL;
    struct arena *arena = arena_new();
    struct buffer pattern = {.arena = arena};
    for (const char *c = path; *c; c++) { /* no character of the path is a pattern */
        buffer_add_string(&pattern, strchr("*?[]\\", *c) ? "\\" : "");
        buffer_add_char(&pattern, *c);
    }
    buffer_add_string(&pattern, "[.-]*");
    if (access(path, F_OK) == 0 || errno != ENOENT) {
        error = audit_files_read(files, path, unreadable);
    }
    if (glob(pattern.bytes, 0, NULL, &found) == 0) {
        for (size_t i = 0; !error && i < found.gl_pathc; i++) {
            error = audit_files_read(files, found.gl_pathv[i], unreadable);
        }
    }
    globfree(&found);
    arena_free(&arena);
    return error;
}
