/*
 * Synced: what a power cut would leave. To be preloaded (LD_PRELOAD): whenever a process has the
 * kernel sync a file of the database, as much of it as there was by then is copied to the folder
 * SYNCED_DIR.
 *
 * The copies are the worst that a disk without faults may hold after a power cut: nothing that was
 * written later, though the kernel may have written that too.
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

/* The database and its log. A rollback journal is there while the database is made, and no longer.
 * */
static const char database[] = "kontora.db", database_log[] = "kontora.db-wal";

/* The name of the file below its folder; empty: it is neither of them. */
static void find_name(int fd, char name[PATH_MAX])
{
    char link[64], path[PATH_MAX] = "";
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    const char *slash = length > 0 ? strrchr(path, '/') : NULL;
    bool wanted = slash && (!strcmp(slash + 1, database) || !strcmp(slash + 1, database_log));
    snprintf(name, PATH_MAX, "%s", wanted ? slash + 1 : "");
}

static void must(bool good, const char *what)
{
    if (!good) {
        perror(what);
        abort();
    }
}

/* A copy of the file as it is, beside its place. */
static void copy(int fd, const char *path)
{
    char own[PATH_MAX];
    struct stat facts;
    snprintf(own, sizeof own, "/proc/self/fd/%d", fd);
    int from = open(own, O_RDONLY | O_CLOEXEC);
    int to = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, S_IRUSR | S_IWUSR);
    must(from >= 0 && to >= 0 && fstat(from, &facts) == 0, path);
    for (off_t left = facts.st_size; left > 0;) {
        ssize_t copied = sendfile(to, from, NULL, (size_t)left);
        must(copied > 0, path);
        left -= copied;
    }
    close(from);
    close(to);
}

static int sync_and_copy(int fd, const char *function)
{
    int (*real)(int) = NULL;
    *(void **)&real = dlsym(RTLD_NEXT, function);
    char name[PATH_MAX], beside[PATH_MAX], path[PATH_MAX];
    const char *folder = getenv("SYNCED_DIR");
    find_name(fd, name);
    if (!folder || !*name) {
        return real(fd);
    }
    if (snprintf(path, sizeof path, "%s/%s", folder, name) >= PATH_MAX ||
        snprintf(beside, sizeof beside, "%s/.%s.%d", folder, name, (int)getpid()) >= PATH_MAX) {
        abort();
    }
    copy(fd, beside);
    int result = real(fd);
    must(rename(beside, path) == 0, path);
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
