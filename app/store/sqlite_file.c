/* SQLite file: the path of the database file, and its creation with restricted permissions. */
#include "store/sqlite_file.h"

#include "base/arena.h"
#include "base/buffer.h"
#include "base/config.h"
#include "base/error.h"
#include "store/store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Returns the path in a URL sqlite:///relative or sqlite:////absolute; empty if there is none. */
static const char *url_path(const char *url)
{
    static const char scheme[] = "sqlite:///";
    size_t length = strlen(scheme);
    const char *path = strncmp(url, scheme, length) ? "" : url + length;
    size_t end = strlen(path);
    return end && path[end - 1] != '/' && !strpbrk(path, "?#") ? path : "";
}

bool sqlite_file_check(const struct config *config, struct buffer *faults)
{
    const char *path = url_path(config->database_url);
    struct stat facts;
    if (!*path) {
        buffer_add_string(faults, "DATABASE_URL: must be sqlite:///path, without parameters\n");
        return false;
    }
    if (*path == '/' && stat(path, &facts) == 0 &&
        (!S_ISREG(facts.st_mode) || access(path, R_OK | W_OK) < 0)) {
        buffer_add_string(faults, "DATABASE_URL: not a writable file\n");
        return false;
    }
    return true;
}

const char *store_database_file(const struct config *config, struct arena *arena)
{
    if (!*url_path(config->database_url)) {
        return NULL;
    }
    char *path = sqlite_file_path(config);
    const char *copy = arena_string(arena, path);
    free(path);
    return copy;
}

char *sqlite_file_path(const struct config *config)
{
    const char *path = url_path(config->database_url);
    const char *folder = *path == '/' ? "" : config->state_dir;
    size_t size = strlen(folder) + sizeof "/" + strlen(path);
    char *whole = base_alloc(size);
    snprintf(whole, size, "%s%s%s", folder, *folder ? "/" : "", path);
    return whole;
}

struct error *sqlite_file_create(struct arena *arena, const char *file)
{
    char *path = arena_string(arena, file);
    for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        if (mkdir(path, S_IRWXU) < 0 && errno != EEXIST) {
            return error_new(arena, ERR_DATABASE_UNAVAILABLE, "%s: %s", path, strerror(errno));
        }
        *slash = '/';
    }
    /* O_EXCL: an existing file must not be opened here, because closing it would release the locks
     * that SQLite holds in this process. */
    int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, S_IRUSR | S_IWUSR);
    if (fd < 0 && errno != EEXIST) {
        return error_new(arena, ERR_DATABASE_UNAVAILABLE, "%s: %s", path, strerror(errno));
    }
    if (fd >= 0) {
        close(fd);
    }
    return NULL;
}
