/*
 * Executes commands on the storage that the settings in the environment name, for tests of the
 * storage engines. Reads one command per line from standard input and writes one answer per line to
 * standard output.
 *
 *   put KEY FILE       stages the file and places it as the object
 *   spoil KEY FILE     like put, but declares a wrong MD5 digest
 *   find KEY           answers "ok SIZE MODIFIED_MS" or "ok none"
 *   list AFTER MAX     answers "ok KEY …"; AFTER is "-" for the beginning
 *   delete KEY
 *   url KEY EXPIRES    answers "ok URL"; EXPIRES is in seconds from now
 *   check
 *
 * A failed command answers "error ID CAUSE".
 */
#include "objects/objects.h"
#include "base/arena.h"
#include "base/buffer.h"
#include "base/clock.h"
#include "base/config.h"
#include "base/log.h"
#include "base/number.h"
#include "base/size.h"
#include "http/problem.h"

#include <fcntl.h>
#include <inttypes.h>
#include <openssl/evp.h>
#include <openssl/md5.h>
#include <openssl/sha.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PIECE = 64 * KIB, LIST_MAX = 5000, WORDS = 3 };

struct digests {
    EVP_MD_CTX *md5, *sha256;
    unsigned char md5_r[MD5_DIGEST_LENGTH], sha256_r[SHA256_DIGEST_LENGTH];
};

static void exit_unless(bool good, const char *what)
{
    if (!good) {
        perror(what);
        exit(EXIT_FAILURE);
    }
}

static void digests_begin(struct digests *digests)
{
    digests->md5 = EVP_MD_CTX_new();
    digests->sha256 = EVP_MD_CTX_new();
    exit_unless(digests->md5 && digests->sha256 &&
                    EVP_DigestInit_ex(digests->md5, EVP_md5(), NULL) &&
                    EVP_DigestInit_ex(digests->sha256, EVP_sha256(), NULL),
                "digests");
}

static void digests_add(struct digests *digests, const char *bytes, size_t length)
{
    exit_unless(EVP_DigestUpdate(digests->md5, bytes, length) &&
                    EVP_DigestUpdate(digests->sha256, bytes, length),
                "digests");
}

static void digests_end(struct digests *digests)
{
    exit_unless(EVP_DigestFinal_ex(digests->md5, digests->md5_r, NULL) &&
                    EVP_DigestFinal_ex(digests->sha256, digests->sha256_r, NULL),
                "digests");
    EVP_MD_CTX_free(digests->md5);
    EVP_MD_CTX_free(digests->sha256);
}

static struct error *copy_to_staged(struct arena *arena, const char *path, struct staged *staged,
                                    struct digests *digests, int64_t *size_r)
{
    static char piece[PIECE];
    struct error *error = NULL;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    exit_unless(fd >= 0, path);
    for (ssize_t got; !error && (got = read(fd, piece, sizeof piece)) > 0;) {
        digests_add(digests, piece, (size_t)got);
        error = objects_write(arena, staged, piece, (size_t)got);
        *size_r += got;
    }
    close(fd);
    return error;
}

static struct error *put_object(struct objects *objects, struct arena *arena, char **words,
                                bool spoilt)
{
    struct staged staged;
    struct digests digests;
    struct object_properties properties = {
        .content_type = "text/plain; charset=utf-8",
        .md5 = digests.md5_r,
        .sha256 = digests.sha256_r,
    };
    struct error *error = objects_stage(objects, arena, &staged);
    if (error) {
        return error;
    }
    digests_begin(&digests);
    error = copy_to_staged(arena, words[1], &staged, &digests, &properties.size);
    digests_end(&digests);
    digests.md5_r[0] ^= spoilt;
    if (!error) {
        error = objects_put(objects, arena, &staged, words[0], &properties);
    }
    objects_discard(objects, &staged);
    return error;
}

static struct error *find_object(struct objects *objects, struct arena *arena, char **words,
                                 struct buffer *answer)
{
    struct object_info info;
    bool found;
    struct error *error = objects_find(objects, arena, words[0], &found, &info);
    if (!error && found) {
        buffer_format(answer, " %" PRId64 " %" PRId64, info.size, info.modified_ms);
    } else if (!error) {
        buffer_add_string(answer, " none");
    }
    return error;
}

static struct error *list_objects(struct objects *objects, struct arena *arena, char **words,
                                  struct buffer *answer)
{
    static struct object_info infos[LIST_MAX];
    size_t count, max = strtoul(words[1], NULL, DECIMAL);
    const char *after = strcmp(words[0], "-") ? words[0] : "";
    exit_unless(max <= LIST_MAX, "list");
    struct error *error = objects_list(objects, arena, after, infos, max, &count);
    for (size_t i = 0; !error && i < count; i++) {
        buffer_format(answer, " %s", infos[i].key);
    }
    return error;
}

static struct error *make_url(struct objects *objects, struct arena *arena, char **words,
                              struct buffer *answer)
{
    const char *url;
    const struct object_download download = {
        .key = words[0],
        .name = "20261120_120000_0a1b2c3d.txt",
        .disposition = "attachment; filename=\"a; b.txt\"; filename*=UTF-8''%D0%B4%20%2B.txt",
        .content_type = "text/plain; charset=utf-8",
        .base = "https://kontora.example.com",
        .expires = clock_wall_ms() / MS_PER_S + strtol(words[1], NULL, DECIMAL),
    };
    struct error *error = objects_sign_url(objects, arena, &download, &url);
    if (!error) {
        buffer_format(answer, " %s", url);
    }
    return error;
}

static struct error *run_command(struct objects *objects, struct arena *arena, const char *command,
                                 char **words, struct buffer *answer)
{
    if (!strcmp(command, "put") || !strcmp(command, "spoil")) {
        return put_object(objects, arena, words, !strcmp(command, "spoil"));
    }
    if (!strcmp(command, "find")) {
        return find_object(objects, arena, words, answer);
    }
    if (!strcmp(command, "list")) {
        return list_objects(objects, arena, words, answer);
    }
    if (!strcmp(command, "delete")) {
        return objects_delete(objects, arena, words[0]);
    }
    if (!strcmp(command, "url")) {
        return make_url(objects, arena, words, answer);
    }
    exit_unless(!strcmp(command, "check"), "unknown command");
    return objects_check(objects, arena);
}

static void serve_commands(struct objects *objects)
{
    struct arena *arena = arena_new();
    char *line = NULL;
    size_t size = 0;
    while (getline(&line, &size, stdin) > 0) {
        struct buffer answer = {.arena = arena};
        char *words[WORDS] = {"", "", ""}, *rest = line;
        line[strcspn(line, "\n")] = '\0';
        for (size_t i = 0; i < WORDS && rest; i++) {
            words[i] = strsep(&rest, " ");
        }
        buffer_add(&answer, "", 0);
        const struct error *error = run_command(objects, arena, words[0], words + 1, &answer);
        if (error) {
            printf("error %s %s\n", problem_code(error->id), error->cause ? error->cause : "");
        } else {
            printf("ok%s\n", answer.bytes);
        }
        fflush(stdout);
        arena_reset(arena);
    }
    free(line);
    arena_free(&arena);
}

int main(void)
{
    struct config config;
    struct buffer faults = {0}, warnings = {0};
    struct arena *arena = arena_new();
    struct objects *objects = NULL;
    bool good =
        config_load(&config, "/dev/null", &faults, &warnings) && log_open(LOG_LEVEL_INFO, "");
    signal(SIGPIPE, SIG_IGN);
    struct error *error = good ? objects_open(&config, arena, &objects) : NULL;
    if (!good || error) {
        fprintf(stderr, "%s%s\n", faults.bytes ? faults.bytes : "", error ? error->cause : "");
        return EXIT_FAILURE;
    }
    serve_commands(objects);
    objects_close(&objects);
    buffer_free(&faults);
    buffer_free(&warnings);
    config_free(&config);
    arena_free(&arena);
    return EXIT_SUCCESS;
}
