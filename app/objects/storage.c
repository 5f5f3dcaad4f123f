/* Files and folders on local disk, and their errors, for objects.c and the engines. */
#include "objects/internal.h"

#include "base/arena.h"
#include "base/file.h"
#include "base/log.h"
#include "base/random.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { STAGED_MODE = 0600 };

struct error *storage_error(struct arena *arena, const char *object)
{
    bool full = errno == ENOSPC || errno == EDQUOT || errno == EFBIG;
    return error_new(arena, full ? ERR_STORAGE_FULL : ERR_STORAGE_UNAVAILABLE, "%s: %s", object,
                     strerror(errno));
}

struct error *storage_make_folder(struct arena *arena, const char *path, mode_t mode)
{
    if (mkdir(path, mode) == 0 || errno == EEXIST) {
        return NULL;
    }
    file_make_parents(path, mode);
    return mkdir(path, mode) == 0 || errno == EEXIST ? NULL : storage_error(arena, path);
}

bool storage_is_key(const char *name)
{
    return strspn(name, "0123456789abcdef") == OBJECT_KEY_LENGTH && !name[OBJECT_KEY_LENGTH];
}

struct error *storage_stage(struct objects *objects, struct arena *arena, struct staged *staged_r)
{
    *staged_r = (struct staged){
        .fd = -1,
        .path = arena_format(arena, "%s/%s", objects->staging,
                             random_hex(arena, OBJECT_KEY_LENGTH / 2)),
    };
    int flags = O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC;
    staged_r->fd = open(staged_r->path, flags, STAGED_MODE);
    if (staged_r->fd < 0 && errno == ENOENT) {
        struct error *error = objects->engine->make_staging(objects->state, arena);
        if (error) {
            return error;
        }
        staged_r->fd = open(staged_r->path, flags, STAGED_MODE);
    }
    return staged_r->fd < 0 ? storage_error(arena, staged_r->path) : NULL;
}

void storage_discard(struct staged *staged)
{
    if (staged->fd < 0) {
        return;
    }
    if (unlink(staged->path) < 0 && errno != ENOENT) {
        /* objects_purge_staged() will delete it. */
        log_warning("staged file: cannot delete %s: %s", staged->path, strerror(errno));
    }
    close(staged->fd);
    staged->fd = -1;
}
