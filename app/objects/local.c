/*
 * The engine of the local disk. An object is the file ROOT/ab/KEY, where ab are the first two
 * digits of its key. Staged files are in ROOT/incoming, on the same file system, so that one
 * rename(2) turns a staged file into an object.
 *
 * Objects belong to the service. The group of nginx (SOCKET_GROUP), which sends them to clients,
 * may read them and may traverse the folders, but not list them. Only the service may use staged
 * files.
 *
 * Download URLs are signed with HMAC-SHA256 (RFC 2104) over the file's name and the expiry time.
 * The key is derived from SECRET_KEY for this purpose only. File names are never reused.
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
    KEYS_FIRST = 64, /* initial capacity of a listing */
    SIGNATURE_BYTES = 32,
    SIGNATURE_SIZE = 2 * SIGNATURE_BYTES + 1, /* characters of the hexadecimal text */
};

/* Derivation label of the signing key. */
static const char signing_key_label[] = "kontora: addresses of files";

struct local {
    struct objects *objects; /* the objects that use this engine */
    char *root, *staging;
    gid_t group; /* group that the objects get; (gid_t)-1: not changed */
    unsigned char key[SIGNATURE_BYTES];
};

/* --- folders and paths ------------------------------------------------------------------------ */

/* Returns ROOT/ab. */
static const char *object_folder(const struct local *local, struct arena *arena, const char *key)
{
    return arena_format(arena, "%s/%.*s", local->root, FOLDER_DIGITS, key);
}

static const char *object_file_path(const struct local *local, struct arena *arena, const char *key)
{
    return arena_format(arena, "%s/%.*s/%s", local->root, FOLDER_DIGITS, key, key);
}

/* Makes the entries of a folder durable: renames and new files survive a power failure. */
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

/* Creates a folder that nginx may traverse. No-op if it exists. */
static struct error *make_public_folder(const struct local *local, struct arena *arena,
                                        const char *path)
{
    if (mkdir(path, FOLDER_MODE) < 0) {
        return errno == EEXIST ? NULL : storage_error(arena, path);
    }
    return chown(path, (uid_t)-1, local->group) < 0 || chmod(path, FOLDER_MODE) < 0
               ? storage_error(arena, path)
               : NULL;
}

static struct error *local_make_staging(void *engine, struct arena *arena)
{
    const struct local *local = engine;
    file_make_parents(local->root, STORAGE_PRIVATE);
    struct error *error = make_public_folder(local, arena, local->root);
    return error ? error : storage_make_folder(arena, local->staging, STORAGE_PRIVATE);
}

/* --- objects ---------------------------------------------------------------------------------- */

static struct error *local_put(void *engine, struct arena *arena, struct staged *staged,
                               const char *key, const struct object_properties *properties)
{
    const struct local *local = engine;
    const char *folder = object_folder(local, arena, key);
    (void)properties; /* unused: the database stores the properties */
    if (fchown(staged->fd, (uid_t)-1, local->group) < 0 || fchmod(staged->fd, OBJECT_MODE) < 0 ||
        fsync(staged->fd) < 0) {
        return storage_error(arena, staged->path);
    }
    if (access(folder, F_OK) != 0) {
        struct error *error = make_public_folder(local, arena, folder);
        if (!error) {
            error = sync_folder(arena, local->root);
        }
        if (error) {
            return error;
        }
    }
    if (rename(staged->path, object_file_path(local, arena, key)) < 0) {
        return storage_error(arena, staged->path);
    }
    return sync_folder(arena, folder);
}

static void fill_object_info(struct object_info *info_r, const char *key, const struct stat *facts)
{
    *info_r = (struct object_info){
        .size = facts->st_size,
        .modified_ms = facts->st_mtim.tv_sec * MS_PER_S + facts->st_mtim.tv_nsec / NS_PER_MS,
    };
    snprintf(info_r->key, sizeof info_r->key, "%s", key);
}

static struct error *local_find(void *engine, struct arena *arena, const char *key, bool *found_r,
                                struct object_info *info_r)
{
    struct stat facts;
    const char *path = object_file_path(engine, arena, key);
    *found_r = stat(path, &facts) == 0;
    if (*found_r) {
        fill_object_info(info_r, key, &facts);
        return NULL;
    }
    return errno == ENOENT ? NULL : storage_error(arena, path);
}

static struct error *local_delete(void *engine, struct arena *arena, const char *key)
{
    const char *path = object_file_path(engine, arena, key);
    if (unlink(path) < 0) {
        return errno == ENOENT ? NULL : storage_error(arena, path);
    }
    return sync_folder(arena, object_folder(engine, arena, key));
}

/* --- listing ---------------------------------------------------------------------------------- */

/* The keys of one folder. */
struct key_list {
    struct arena *arena;
    char (*keys)[OBJECT_KEY_LENGTH + 1];
    size_t count, size;
};

static void add_key(struct key_list *list, const char *name)
{
    if (list->count == list->size) {
        size_t size = list->size ? 2 * list->size : KEYS_FIRST;
        void *larger = arena_array(list->arena, size, sizeof *list->keys);
        if (list->count) {
            memcpy(larger, list->keys, list->count * sizeof *list->keys);
        }
        list->keys = larger;
        list->size = size;
    }
    memcpy(list->keys[list->count++], name, sizeof *list->keys);
}

static int compare_keys(const void *one, const void *other)
{
    return strcmp(one, other);
}

/* Reads and sorts those keys of one folder that follow the key `after`. Ignores other files. */
static struct error *read_keys(struct key_list *list, DIR *folder, const char *after)
{
    const struct dirent *entry;
    while (errno = 0, (entry = readdir(folder))) {
        if (storage_is_key(entry->d_name) && strcmp(entry->d_name, after) > 0) {
            add_key(list, entry->d_name);
        }
    }
    if (errno) {
        return storage_error(list->arena, "folder of objects");
    }
    if (list->count) {
        qsort(list->keys, list->count, sizeof *list->keys, compare_keys);
    }
    return NULL;
}

/* Appends the objects of one folder, up to `max` of them altogether. */
static struct error *list_folder(const char *path, struct arena *arena, const char *after,
                                 struct object_info *infos_r, size_t max, size_t *count)
{
    struct key_list keys = {.arena = arena};
    DIR *folder = opendir(path);
    if (!folder) {
        return errno == ENOENT ? NULL : storage_error(arena, path);
    }
    struct error *error = read_keys(&keys, folder, after);
    for (size_t i = 0; !error && i < keys.count && *count < max; i++) {
        struct stat facts;
        if (fstatat(dirfd(folder), keys.keys[i], &facts, AT_SYMLINK_NOFOLLOW) == 0) {
            fill_object_info(&infos_r[(*count)++], keys.keys[i], &facts);
        } else if (errno != ENOENT) { /* ENOENT: the object was deleted meanwhile */
            error = storage_error(arena, path);
        }
    }
    closedir(folder);
    return error;
}

static struct error *local_list(void *engine, struct arena *arena, const char *after,
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
        error =
            list_folder(object_folder(engine, arena, digits), arena, after, infos_r, max, count_r);
    }
    return error;
}

/* --- download URLs ---------------------------------------------------------------------------- */

static void sign_download(const struct local *local, const char *name, const char *expires,
                          char signature_r[SIGNATURE_SIZE])
{
    unsigned char bytes[SIGNATURE_BYTES];
    struct buffer text = {0};
    buffer_format(&text, "%s\n%s", name, expires);
    if (!HMAC(EVP_sha256(), local->key, sizeof local->key, (const unsigned char *)text.bytes,
              text.length, bytes, NULL)) {
        abort(); /* out of memory */
    }
    buffer_free(&text);
    random_format_hex(bytes, sizeof bytes, signature_r);
}

/* Returns {base}/files/{name}/content?expires=…&signature=… */
static struct error *local_sign_url(void *engine, struct arena *arena,
                                    const struct object_download *download, const char **url_r)
{
    char signature[SIGNATURE_SIZE];
    const char *expires = arena_format(arena, "%" PRId64, download->expires);
    sign_download(engine, download->name, expires, signature);
    *url_r = arena_format(arena, "%s/files/%s/content?expires=%s&signature=%s", download->base,
                          download->name, expires, signature);
    return NULL;
}

static bool local_verify_url(const void *engine, const char *name, const char *expires,
                             const char *signature)
{
    enum { DIGITS_MAX = 15 };
    char expected[SIGNATURE_SIZE];
    size_t digits = strspn(expires, "0123456789");
    sign_download(engine, name, expires, expected);
    return strlen(signature) == sizeof expected - 1 &&
           !CRYPTO_memcmp(signature, expected, sizeof expected - 1) && digits &&
           digits <= DIGITS_MAX && !expires[digits] &&
           clock_wall_ms() / MS_PER_S <= strtoll(expires, NULL, DECIMAL);
}

/* --- the engine ------------------------------------------------------------------------------- */

/* Creates a staged file and deletes it. */
static struct error *local_check(void *engine, struct arena *arena)
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

static const struct objects_engine local_engine = {
    .close = local_close,
    .make_staging = local_make_staging,
    .put = local_put,
    .find = local_find,
    .list = local_list,
    .delete = local_delete,
    .sign_url = local_sign_url,
    .verify_url = local_verify_url,
    .check = local_check,
};

/* Parses file:///relative or file:////absolute. Returns NULL for any other URL. */
static const char *parse_file_url(const struct config *config, struct arena *arena)
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
    return parse_file_url(config, arena);
}

/* Creates no folder: commands that only check the settings call this too. storage_stage() creates
 * the folders on demand. */
struct error *local_open(struct objects *objects, struct arena *arena)
{
    const struct config *config = objects->config;
    const char *root = parse_file_url(config, arena);
    const struct group *group = *config->socket_group ? getgrnam(config->socket_group) : NULL;
    if (!root) {
        return error_new(arena, ERR_STORAGE_UNAVAILABLE, "must be file:///path");
    }
    struct local *local = base_alloc(sizeof *local);
    *local = (struct local){
        .objects = objects,
        .root = base_strdup(root),
        .staging = base_strdup(arena_format(arena, "%s/incoming", root)),
        .group = group ? group->gr_gid : (gid_t)-1,
    };
    if (!HMAC(EVP_sha256(), config->secret_key, (int)strlen(config->secret_key),
              (const unsigned char *)signing_key_label, strlen(signing_key_label), local->key,
              NULL)) {
        abort(); /* out of memory */
    }
    objects->engine = &local_engine;
    objects->state = local;
    objects->staging = local->staging;
    return NULL;
}
