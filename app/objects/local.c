/*
 * Local disk: an object is the file ROOT/ab/KEY, where ab are the first two digits of its key;
 * staged files are in ROOT/incoming, on the same file system, so that one rename(2) makes an object
 * of them.
 *
 * Objects belong to the service and may be read by the group of nginx (SOCKET_GROUP), which sends
 * them to clients: folders can be passed through by it but not listed. Staged files are the
 * service's alone.
 *
 * Addresses are signed: HMAC-SHA256 (RFC 2104) of the file's name and the time at which they
 * expire, with a key that is derived from SECRET_KEY for this alone. Names are never used twice.
 */
#include "objects/internal.h"

#include "base/arena.h"
#include "base/clock.h"
#include "base/config.h"
#include "base/file.h"
#include "base/number.h"
#include "base/random.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <inttypes.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    FOLDER_MODE = 0710,
    OBJECT_MODE = 0640,
    FOLDERS = 256,
    FOLDER_DIGITS = 2,
    NAMES_FIRST = 64, /* that a listing makes room for */
    SIGNATURE_BYTES = 32,
    SIGNATURE_SIZE = 2 * SIGNATURE_BYTES + 1, /* as text */
};

/* What the key of signatures is derived for. */
static const char purpose[] = "kontora: addresses of files";

struct local {
    struct objects *objects; /* whose engine it is */
    char *root, *staging;
    gid_t group; /* (gid_t)-1: left alone */
    unsigned char key[SIGNATURE_BYTES];
};

/* --- places ---------------------------------------------------------------------------------- */

/* ROOT/ab */
static const char *folder_of(const struct local *local, struct arena *arena, const char *key)
{
    return arena_format(arena, "%s/%.*s", local->root, FOLDER_DIGITS, key);
}

static const char *path_of(const struct local *local, struct arena *arena, const char *key)
{
    return arena_format(arena, "%s/%.*s/%s", local->root, FOLDER_DIGITS, key, key);
}

/* What has been renamed or made in a folder stays there after a power cut. */
static struct error *sync_folder(struct arena *arena, const char *path)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) {
        return storage_error(arena, path);
    }
    struct error *error = fsync(fd) < 0 ? storage_error(arena, path) : NULL;
    close(fd);
    return error;
}

/* A folder that nginx may pass through. */
static struct error *make_folder(const struct local *local, struct arena *arena, const char *path)
{
    if (mkdir(path, FOLDER_MODE) < 0) {
        return errno == EEXIST ? NULL : storage_error(arena, path);
    }
    return chown(path, (uid_t)-1, local->group) < 0 || chmod(path, FOLDER_MODE) < 0
               ? storage_error(arena, path)
               : NULL;
}

static struct error *prepare(void *engine, struct arena *arena)
{
    const struct local *local = engine;
    file_make_parents(local->root, STORAGE_PRIVATE);
    struct error *error = make_folder(local, arena, local->root);
    return error ? error : storage_make_folder(arena, local->staging, STORAGE_PRIVATE);
}

static struct error *make_object_folder(const struct local *local, struct arena *arena,
                                        const char *folder)
{
    if (access(folder, F_OK) == 0) {
        return NULL;
    }
    struct error *error = make_folder(local, arena, folder);
    return error ? error : sync_folder(arena, local->root);
}

/* --- objects --------------------------------------------------------------------------------- */

static struct error *place(void *engine, struct arena *arena, struct staged *staged,
                           const char *key, const struct object_properties *properties)
{
    const struct local *local = engine;
    const char *folder = folder_of(local, arena, key);
    (void)properties; /* in the database */
    if (fchown(staged->fd, (uid_t)-1, local->group) < 0 || fchmod(staged->fd, OBJECT_MODE) < 0 ||
        fsync(staged->fd) < 0) {
        return storage_error(arena, staged->path);
    }
    struct error *error = make_object_folder(local, arena, folder);
    if (error) {
        return error;
    }
    if (rename(staged->path, path_of(local, arena, key)) < 0) {
        return storage_error(arena, staged->path);
    }
    return sync_folder(arena, folder);
}

static void describe(struct object_info *info_r, const char *key, const struct stat *facts)
{
    *info_r = (struct object_info){
        .size = facts->st_size,
        .modified_ms = facts->st_mtim.tv_sec * MS_PER_S + facts->st_mtim.tv_nsec / NS_PER_MS,
    };
    snprintf(info_r->key, sizeof info_r->key, "%s", key);
}

static struct error *find(void *engine, struct arena *arena, const char *key, bool *found_r,
                          struct object_info *info_r)
{
    struct stat facts;
    const char *path = path_of(engine, arena, key);
    *found_r = stat(path, &facts) == 0;
    if (*found_r) {
        describe(info_r, key, &facts);
        return NULL;
    }
    return errno == ENOENT ? NULL : storage_error(arena, path);
}

static struct error *delete (void *engine, struct arena *arena, const char *key)
{
    const char *path = path_of(engine, arena, key);
    if (unlink(path) < 0) {
        return errno == ENOENT ? NULL : storage_error(arena, path);
    }
    return sync_folder(arena, folder_of(engine, arena, key));
}

/* --- the listing ----------------------------------------------------------------------------- */

/* Keys of one folder. */
struct names {
    struct arena *arena;
    char (*list)[OBJECT_KEY_LENGTH + 1];
    size_t count, size;
};

static void add_name(struct names *names, const char *name)
{
    if (names->count == names->size) {
        size_t size = names->size ? 2 * names->size : NAMES_FIRST;
        void *larger = arena_array(names->arena, size, sizeof *names->list);
        if (names->count) {
            memcpy(larger, names->list, names->count * sizeof *names->list);
        }
        names->list = larger;
        names->size = size;
    }
    memcpy(names->list[names->count++], name, sizeof *names->list);
}

static int compare_names(const void *one, const void *other)
{
    return strcmp(one, other);
}

/* The keys of a folder behind `after`, in their order; other files are none of ours. */
static struct error *read_folder(struct names *names, DIR *folder, const char *after)
{
    const struct dirent *entry;
    while (errno = 0, (entry = readdir(folder))) {
        if (storage_is_key(entry->d_name) && strcmp(entry->d_name, after) > 0) {
            add_name(names, entry->d_name);
        }
    }
    if (errno) {
        return storage_error(names->arena, "a folder of objects");
    }
    if (names->count) {
        qsort(names->list, names->count, sizeof *names->list, compare_names);
    }
    return NULL;
}

/* Adds what is in one folder, as far as there is room. */
static struct error *list_folder(const char *path, struct arena *arena, const char *after,
                                 struct object_info *infos_r, size_t max, size_t *count)
{
    struct names names = {.arena = arena};
    DIR *folder = opendir(path);
    if (!folder) {
        return errno == ENOENT ? NULL : storage_error(arena, path);
    }
    struct error *error = read_folder(&names, folder, after);
    for (size_t i = 0; !error && i < names.count && *count < max; i++) {
        struct stat facts;
        if (fstatat(dirfd(folder), names.list[i], &facts, AT_SYMLINK_NOFOLLOW) == 0) {
            describe(&infos_r[(*count)++], names.list[i], &facts);
        } else if (errno != ENOENT) { /* gone meanwhile */
            error = storage_error(arena, path);
        }
    }
    closedir(folder);
    return error;
}

static struct error *list(void *engine, struct arena *arena, const char *after,
                          struct object_info *infos_r, size_t max, size_t *count_r)
{
    char first[FOLDER_DIGITS + 1] = {0};
    struct error *error = NULL;
    *count_r = 0;
    memcpy(first, after, strnlen(after, FOLDER_DIGITS));
    for (unsigned long i = strtoul(first, NULL, HEXADECIMAL);
         i < FOLDERS && *count_r < max && !error; i++) {
        char digits[FOLDER_DIGITS + 1];
        snprintf(digits, sizeof digits, "%02lx", i & (FOLDERS - 1));
        error = list_folder(folder_of(engine, arena, digits), arena, after, infos_r, max, count_r);
    }
    return error;
}

/* --- addresses ------------------------------------------------------------------------------- */

static void sign(const struct local *local, const char *name, const char *expires,
                 char signature_r[SIGNATURE_SIZE])
{
    unsigned char bytes[SIGNATURE_BYTES];
    struct buffer text = {0};
    buffer_format(&text, "%s\n%s", name, expires);
    if (!HMAC(EVP_sha256(), local->key, sizeof local->key, (const unsigned char *)text.bytes,
              text.length, bytes, NULL)) {
        abort(); /* only without memory */
    }
    buffer_free(&text);
    random_format(bytes, sizeof bytes, signature_r);
}

/* {base}/files/{name}/content?expires=…&signature=… */
static struct error *url(void *engine, struct arena *arena, const struct object_download *download,
                         const char **url_r)
{
    char signature[SIGNATURE_SIZE];
    const char *expires = arena_format(arena, "%" PRId64, download->expires);
    sign(engine, download->name, expires, signature);
    *url_r = arena_format(arena, "%s/files/%s/content?expires=%s&signature=%s", download->base,
                          download->name, expires, signature);
    return NULL;
}

static bool verify(const void *engine, const char *name, const char *expires, const char *signature)
{
    enum { DIGITS_MAX = 15 };
    char right[SIGNATURE_SIZE];
    size_t digits = strspn(expires, "0123456789");
    sign(engine, name, expires, right);
    return strlen(signature) == sizeof right - 1 &&
           !CRYPTO_memcmp(signature, right, sizeof right - 1) && digits && digits <= DIGITS_MAX &&
           !expires[digits] && clock_wall_ms() / MS_PER_S <= strtoll(expires, NULL, DECIMAL);
}

/* --- life ------------------------------------------------------------------------------------ */

/* Whether a file can be made where uploads are: it makes one, and removes it. */
static struct error *check(void *engine, struct arena *arena)
{
    struct objects *objects = ((const struct local *)engine)->objects;
    struct staged staged;
    struct error *error = storage_stage(objects, arena, &staged);
    storage_discard(&staged);
    return error;
}

static void local_close(void *engine)
{
    struct local *local = engine;
    OPENSSL_cleanse(local->key, sizeof local->key);
    free(local->root);
    free(local->staging);
    free(local);
}

static const struct objects_engine engine_of_disk = {
    .close = local_close,
    .prepare = prepare,
    .place = place,
    .find = find,
    .list = list,
    .delete = delete,
    .url = url,
    .verify = verify,
    .check = check,
};

/* The folder of an URL file:///relative or file:////absolute; NULL if it names none. */
static const char *url_folder(const struct config *config, struct arena *arena)
{
    static const char scheme[] = "file:///";
    size_t length = strlen(scheme);
    const char *path =
        strncmp(config->storage_url, scheme, length) ? "" : config->storage_url + length;
    size_t end = strlen(path);
    if (!end || path[end - 1] == '/' || strpbrk(path, "?#%")) {
        return NULL;
    }
    return *path == '/' ? path : arena_format(arena, "%s/%s", config->state_dir, path);
}

const char *objects_folder(const struct config *config, struct arena *arena)
{
    return url_folder(config, arena);
}

/* The folders are made when they are needed: whoever looks at the settings alone makes none. */
struct error *local_open(struct objects *objects, struct arena *arena)
{
    const struct config *config = objects->config;
    const char *root = url_folder(config, arena);
    const struct group *group = *config->socket_group ? getgrnam(config->socket_group) : NULL;
    if (!root) {
        return error_new(arena, ERR_STORAGE_UNAVAILABLE, "must be file:///path");
    }
    struct local *local = must_alloc(sizeof *local);
    *local = (struct local){
        .objects = objects,
        .root = must_string(root),
        .staging = must_string(arena_format(arena, "%s/incoming", root)),
        .group = group ? group->gr_gid : (gid_t)-1,
    };
    if (!HMAC(EVP_sha256(), config->secret_key, (int)strlen(config->secret_key),
              (const unsigned char *)purpose, strlen(purpose), local->key, NULL)) {
        abort(); /* only without memory */
    }
    objects->engine = &engine_of_disk;
    objects->state = local;
    objects->staging = local->staging;
    return NULL;
}
