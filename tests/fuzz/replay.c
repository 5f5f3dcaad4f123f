/*
 * Replay: a main() for fuzzers where libFuzzer is not at hand, and for tests: feeds them every file
 * that is named, and every file of every folder that is.
 */
#include "fuzz.h"

#include <dirent.h>
#include <errno.h>
#include <sys/stat.h>

static int replay(const char *path);

static int replay_folder(const char *path)
{
    int count = 0;
    DIR *folder = opendir(path);
    if (!folder) {
        return -1;
    }
    for (const struct dirent *entry; count >= 0 && (entry = readdir(folder));) {
        char inner[4096];
        if (*entry->d_name == '.') {
            continue;
        }
        snprintf(inner, sizeof inner, "%s/%s", path, entry->d_name);
        int more = replay(inner);
        count = more < 0 ? -1 : count + more;
    }
    closedir(folder);
    return count;
}

static int replay_file(const char *path, size_t size)
{
    FILE *file = fopen(path, "re");
    if (!file) {
        return -1;
    }
    /* Exactly as much memory as bytes: what is read behind the end shows. */
    uint8_t *bytes = malloc(size + !size);
    bool whole = bytes && fread(bytes, 1, size, file) == size;
    fclose(file);
    if (whole) {
        fprintf(stderr, "%s\n", path); /* the last one is what failed */
        (void)LLVMFuzzerTestOneInput(bytes, size);
    }
    free(bytes);
    return whole ? 1 : -1;
}

/* The number of inputs, or -1 with errno set. */
static int replay(const char *path)
{
    struct stat facts;
    if (stat(path, &facts) < 0) {
        return -1;
    }
    return S_ISDIR(facts.st_mode) ? replay_folder(path) : replay_file(path, (size_t)facts.st_size);
}

int main(int argc, char **argv)
{
    int count = 0;
    for (int i = 1; i < argc; i++) {
        int more = replay(argv[i]);
        if (more < 0) {
            fprintf(stderr, "%s: %s\n", argv[i], strerror(errno));
            return EXIT_FAILURE;
        }
        count += more;
    }
    /* No corpus at all is a mistake, and no success. */
    printf("replayed %d\n", count);
    return count ? EXIT_SUCCESS : EXIT_FAILURE;
}
