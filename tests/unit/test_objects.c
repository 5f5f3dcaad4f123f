/* Object storage on local disk: staged files, objects, listings, signed URLs, and full or
 * unavailable storage. */
#include "base/clock.h"
#include "base/config.h"
#include "base/error.h"
#include "objects/objects.h"
#include "unit.h"

#include <errno.h>
#include <sys/resource.h>
#include <sys/stat.h>

enum { LIFETIME_S = 300, CLOCK_TOLERANCE_MS = 10000 };

static const struct config standard = {
    .storage_url = "file:///objects",
    .state_dir = "state",
    .socket_group = "",
    .secret_key = "a key",
};

static struct objects *open_objects(struct arena *arena, const struct config *config)
{
    struct objects *objects = NULL;
    struct error *error = objects_open(config, arena, &objects);
    if (error) {
        FAIL("%s", error->cause);
    }
    return objects;
}

static struct staged stage_text(struct objects *objects, struct arena *arena, const char *text)
{
    struct staged staged;
    assert_null(objects_stage(objects, arena, &staged));
    assert_null(objects_write(arena, &staged, text, strlen(text)));
    return staged;
}

static const char *place_object(struct objects *objects, struct arena *arena, const char *text)
{
    const char *key = objects_generate_key(arena);
    struct staged staged = stage_text(objects, arena, text);
    const struct object_properties properties = {.size = (int64_t)strlen(text)};
    assert_null(objects_put(objects, arena, &staged, key, &properties));
    objects_discard(objects, &staged);
    return key;
}

static const char *object_path(struct arena *arena, const char *key)
{
    return arena_format(arena, "state/objects/%.2s/%s", key, key);
}

static void placed_object_is_found_until_deleted(void **state)
{
    struct objects *objects = open_objects(*state, &standard);
    struct object_info info;
    struct stat facts;
    bool found;
    const char *key = place_object(objects, *state, "hello");
    assert_null(objects_find(objects, *state, key, &found, &info));
    assert_true(found);
    assert_string_equal(info.key, key);
    assert_int_equal(info.size, 5);
    assert_in_range(info.modified_ms, clock_wall_ms() - CLOCK_TOLERANCE_MS,
                    clock_wall_ms() + CLOCK_TOLERANCE_MS);
    assert_string_equal(read_file(*state, object_path(*state, key)), "hello");
    /* Files are readable by nginx's group, which may enter the folders but not list them. */
    assert_int_equal(stat(object_path(*state, key), &facts), 0);
    assert_int_equal(facts.st_mode & 0777, 0640);
    assert_int_equal(stat(arena_format(*state, "state/objects/%.2s", key), &facts), 0);
    assert_int_equal(facts.st_mode & 0777, 0710);
    assert_int_equal(stat("state/objects/incoming", &facts), 0);
    assert_int_equal(facts.st_mode & 0777, 0700);
    assert_null(objects_delete(objects, *state, key));
    assert_null(objects_delete(objects, *state, key));
    assert_null(objects_find(objects, *state, key, &found, &info));
    assert_false(found);
    objects_close(&objects);
}

static void discarded_staged_file_is_removed(void **state)
{
    struct objects *objects = open_objects(*state, &standard);
    struct staged staged = stage_text(objects, *state, "x");
    assert_int_equal(access(staged.path, F_OK), 0);
    objects_discard(objects, &staged);
    assert_int_equal(access(staged.path, F_OK), -1);
    assert_int_equal(staged.fd, -1);
    objects_discard(objects, &staged);
    objects_close(&objects);
}

static int compare_keys(const void *one, const void *other)
{
    return strcmp(*(const char *const *)one, *(const char *const *)other);
}

static void objects_are_listed_in_pages(void **state)
{
    enum { COUNT = 40, PAGE = 7 };
    struct config own = standard;
    own.storage_url = "file:///listed";
    struct objects *objects = open_objects(*state, &own);
    const char *keys[COUNT], *after = "";
    struct object_info infos[PAGE];
    size_t count = PAGE, at = 0;
    for (size_t i = 0; i < COUNT; i++) {
        keys[i] = place_object(objects, *state, "x");
    }
    write_file("state/listed/foreign", "x", 1);
    write_file(arena_format(*state, "state/listed/%.2s/foreign", keys[0]), "x", 1);
    qsort(keys, COUNT, sizeof *keys, compare_keys);
    while (count == PAGE) {
        assert_null(objects_list(objects, *state, after, infos, PAGE, &count));
        for (size_t i = 0; i < count; i++) {
            assert_string_equal(infos[i].key, keys[at++]);
            assert_int_equal(infos[i].size, 1);
        }
        after = count ? keys[at - 1] : after;
    }
    assert_int_equal(at, COUNT);
    objects_close(&objects);
}

static void old_staged_files_are_removed(void **state)
{
    struct config own = standard;
    own.storage_url = "file:///swept";
    struct objects *objects = open_objects(*state, &own);
    size_t removed;
    assert_null(objects_purge_staged(objects, *state, 0, &removed));
    struct staged old = stage_text(objects, *state, "old"),
                  young = stage_text(objects, *state, "young");
    struct staged ahead = stage_text(objects, *state, "staged with a fast clock");
    const struct timespec times[2] = {{.tv_sec = 1000}, {.tv_sec = 1000}};
    const time_t future = (time_t)(clock_wall_ms() / MS_PER_S) + 7200;
    const struct timespec future_times[2] = {{.tv_sec = future}, {.tv_sec = future}};
    assert_int_equal(futimens(old.fd, times), 0);
    assert_int_equal(futimens(ahead.fd, future_times), 0);
    write_file("state/swept/incoming/foreign", "x", 1);
    assert_null(objects_purge_staged(objects, *state, 3600, &removed));
    assert_int_equal(removed, 2);
    assert_int_equal(access(old.path, F_OK), -1);
    assert_int_equal(access(ahead.path, F_OK), -1);
    assert_int_equal(access(young.path, F_OK), 0);
    assert_int_equal(access("state/swept/incoming/foreign", F_OK), 0);
    objects_discard(objects, &old);
    objects_discard(objects, &ahead);
    objects_discard(objects, &young);
    objects_close(&objects);
}

/* --- signed URLs ------------------------------------------------------------------------------ */

static const char *make_url(struct objects *objects, struct arena *arena, const char *name,
                            int64_t expires)
{
    const struct object_download download = {
        .name = name,
        .base = "https://example.com",
        .expires = expires,
    };
    const char *url;
    assert_null(objects_sign_url(objects, arena, &download, &url));
    return url;
}

/* True if the URL is accepted for this file name. */
static bool url_is_accepted(struct objects *objects, struct arena *arena, const char *name,
                            const char *url)
{
    char *expires = arena_string(arena, strstr(url, "expires=") + strlen("expires="));
    char *signature = strstr(expires, "&signature=");
    *signature = '\0';
    return objects_verify_url(objects, name, expires, signature + strlen("&signature="));
}

static void signed_urls_are_valid_until_they_expire(void **state)
{
    struct objects *objects = open_objects(*state, &standard);
    int64_t now = clock_wall_ms() / MS_PER_S;
    const char *url = make_url(objects, *state, "a.txt", now + LIFETIME_S);
    static const char beginning[] = "https://example.com/files/a.txt/content?expires=";
    assert_memory_equal(url, beginning, sizeof beginning - 1);
    assert_true(url_is_accepted(objects, *state, "a.txt", url));
    assert_false(url_is_accepted(objects, *state, "b.txt", url));
    assert_false(
        url_is_accepted(objects, *state, "a.txt", make_url(objects, *state, "a.txt", now - 1)));
    assert_false(objects_verify_url(objects, "a.txt", "", ""));
    assert_false(objects_verify_url(objects, "a.txt", "99999999999999999999", "00"));
    /* The signature depends on the secret key. */
    struct config other = standard;
    other.secret_key = "another key";
    struct objects *strangers = open_objects(*state, &other);
    assert_false(url_is_accepted(strangers, *state, "a.txt", url));
    objects_close(&strangers);
    objects_close(&objects);
}

/* --- faults ----------------------------------------------------------------------------------- */

static void full_disk_is_reported_as_storage_full(void **state)
{
    struct objects *objects = open_objects(*state, &standard);
    struct staged staged = stage_text(objects, *state, "x");
    struct rlimit before, small = {1, 1};
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    small.rlim_max = before.rlim_max;
    (void)signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    struct error *error = objects_write(*state, &staged, BYTES("more"));
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    assert_non_null(error);
    assert_int_equal(error->id, ERR_STORAGE_FULL);
    objects_discard(objects, &staged);
    objects_close(&objects);
}

static void missing_storage_is_reported_as_unavailable(void **state)
{
    struct config own = standard;
    own.storage_url = "file:///state-is-a-file/objects";
    write_file("state/state-is-a-file", "x", 1);
    struct objects *objects = open_objects(*state, &own);
    struct error *error = objects_check(objects, *state);
    assert_non_null(error);
    assert_int_equal(error->id, ERR_STORAGE_UNAVAILABLE);
    objects_close(&objects);
    objects = open_objects(*state, &standard);
    assert_null(objects_check(objects, *state));
    objects_close(&objects);
}

static void invalid_storage_urls_are_rejected(void **state)
{
    static const char *const wrong[] = {"",        "objects",        "file:",   "file:///",
                                        "file://", "file:///a/",     "ftp://a", "file:///a?b",
                                        "s3",      "file://host/dir"};
    for (size_t i = 0; i < COUNT_OF(wrong); i++) {
        struct config own = standard;
        struct objects *objects;
        own.storage_url = wrong[i];
        if (!objects_open(&own, *state, &objects)) {
            FAIL("%s", wrong[i]);
        }
        assert_null(objects);
    }
    struct config absolute = standard;
    char folder[PATH_MAX];
    assert_non_null(getcwd(folder, sizeof folder));
    absolute.storage_url = arena_format(*state, "file:///%s/absolute", folder);
    struct objects *objects = open_objects(*state, &absolute);
    const char *key = place_object(objects, *state, "x");
    assert_int_equal(access(arena_format(*state, "absolute/%.2s/%s", key, key), F_OK), 0);
    objects_close(&objects);
}

static void object_keys_are_unique(void **state)
{
    const char *one = objects_generate_key(*state), *other = objects_generate_key(*state);
    assert_int_equal(strspn(one, "0123456789abcdef"), OBJECT_KEY_LENGTH);
    assert_string_not_equal(one, other);
    assert_string_equal(objects_internal_path(*state, "abcdef"), "/_objects/ab/abcdef");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ARENA_TEST(placed_object_is_found_until_deleted),
        ARENA_TEST(discarded_staged_file_is_removed),
        ARENA_TEST(objects_are_listed_in_pages),
        ARENA_TEST(old_staged_files_are_removed),
        ARENA_TEST(signed_urls_are_valid_until_they_expire),
        ARENA_TEST(full_disk_is_reported_as_storage_full),
        ARENA_TEST(missing_storage_is_reported_as_unavailable),
        ARENA_TEST(invalid_storage_urls_are_rejected),
        ARENA_TEST(object_keys_are_unique),
    };
    char folder[PATH_MAX];
    return enter_temporary(folder)
               ? leave_temporary(folder, cmocka_run_group_tests_name("objects", tests, NULL, NULL))
               : EXIT_FAILURE;
}
