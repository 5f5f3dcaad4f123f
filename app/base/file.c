/* See file.h. */
#include "base/file.h"

#include "base/arena.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    FILE_MODE = 0640,
    DIRECTORY_MODE = 0750,
};

void file_make_parents(const char *path, mode_t mode)
{
    char *directory = base_strdup(path);
    for (char *slash = strchr(directory + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        (void)mkdir(directory, mode);
        *slash = '/';
    }
    free(directory);
}

int file_open_append(const char *path)
{
    file_make_parents(path, DIRECTORY_MODE);
    return open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, FILE_MODE);
}

size_t file_write(int fd, const char *bytes, size_t length)
{
    size_t done = 0;
    while (done < length) {
        ssize_t written = write(fd, bytes + done, length - done);
        if (written < 0 && errno != EINTR) {
            break;
        }
        done += written > 0 ? (size_t)written : 0;
    }
    return done;
}

/* --- replacing a file ------------------------------------------------------------------------ */

static bool has_content(const char *path, const char *bytes, size_t length)
{
    struct stat facts;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    bool same = fd >= 0 && fstat(fd, &facts) == 0 && facts.st_size == (off_t)length;
    char *found = base_alloc(length + 1);
    size_t got = 0;
    while (same && got < length) {
        ssize_t piece = read(fd, found + got, length - got);
        same = piece > 0 || (piece < 0 && errno == EINTR);
        got += piece > 0 ? (size_t)piece : 0;
    }
    same = same && !memcmp(found, bytes, length);
    free(found);
    if (fd >= 0) {
        close(fd);
    }
    return same;
}

bool file_replace(const char *path, const char *bytes, size_t length, mode_t mode)
{
    enum { SUFFIX_SIZE = 8 };
    if (has_content(path, bytes, length)) {
        return true;
    }
    /* Users who may read the file get search permission on the new directories. */
    file_make_parents(path, mode | (mode & 0444) >> 2 | 0300);
    size_t size = strlen(path) + SUFFIX_SIZE;
    char *temporary = base_alloc(size);
    (void)snprintf(temporary, size, "%s.XXXXXX", path);
    int fd = mkostemp(temporary, O_CLOEXEC);
    /* fchmod() sets the mode independently of the umask. */
    bool done = fd >= 0 && file_write(fd, bytes, length) == length && fchmod(fd, mode) == 0 &&
                fsync(fd) == 0;
    int reason = errno;
    if (fd >= 0 && close(fd) < 0 && done) {
        done = false;
        reason = errno;
    }
    if (done && rename(temporary, path) < 0) {
        done = false;
        reason = errno;
    }
    if (fd >= 0 && !done) {
        (void)unlink(temporary);
    }
    free(temporary);
    errno = reason;
    return done;
}
