/*
 * A library for LD_PRELOAD that simulates a power cut: whenever a process syncs a file of the
 * database, the current content of the file is copied to the folder SYNCED_DIR.
 *
 * The copies are the worst state that a working disk may have after a power cut: they contain
 * nothing that was written after the last sync, although the kernel may have stored some of it.
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

/* The database and its WAL file. A rollback journal exists only while the database is created. */
static const char database[] = "kontora.db", database_log[] = "kontora.db-wal";

/* Stores the file name of a descriptor if it is one of these files, otherwise an empty string. */
static void find_database_name(int fd, char name[PATH_MAX])
{
    char link[64], path[PATH_MAX] = "";
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    const char *slash = length > 0 ? strrchr(path, '/') : NULL;
    bool wanted = slash && (!strcmp(slash + 1, database) || !strcmp(slash + 1, database_log));
    snprintf(name, PATH_MAX, "%s", wanted ? slash + 1 : "");
}

static void abort_unless(bool good, const char *what)
{
    if (!good) {
        perror(what);
        abort();
    }
}

/* Copies the current content of a file. */
static void copy_file(int fd, const char *path)
{
    char own[PATH_MAX];
    struct stat facts;
    snprintf(own, sizeof own, "/proc/self/fd/%d", fd);
    int from = open(own, O_RDONLY | O_CLOEXEC);
    int to = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, S_IRUSR | S_IWUSR);
    abort_unless(from >= 0 && to >= 0 && fstat(from, &facts) == 0, path);
    for (off_t left = facts.st_size; left > 0;) {
        ssize_t copied = sendfile(to, from, NULL, (size_t)left);
        abort_unless(copied > 0, path);
        left -= copied;
    }
    close(from);
    close(to);
}

static int sync_and_copy(int fd, const char *function)
{
    int (*real)(int) = NULL;
    *(void **)&real = dlsym(RTLD_NEXT, function);
    char name[PATH_MAX], temporary[PATH_MAX], path[PATH_MAX];
    const char *folder = getenv("SYNCED_DIR");
    find_database_name(fd, name);
    if (!folder || !*name) {
        return real(fd);
    }
    if (snprintf(path, sizeof path, "%s/%s", folder, name) >= PATH_MAX ||
        snprintf(temporary, sizeof temporary, "%s/.%s.%d", folder, name, (int)getpid()) >=
            PATH_MAX) {
        abort();
    }
    copy_file(fd, temporary);
    int result = real(fd);
    abort_unless(rename(temporary, path) == 0, path);
    return result;
}

int fsync(int fd)
{
    return sync_and_copy(fd, "fsync");
}

int fdatasync(int fildes)
{
    return sync_and_copy(fildes, "fdatasync");
}
