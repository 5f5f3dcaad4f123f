/*
 * Replay: a main() for fuzzers where libFuzzer is not available, and for tests. Passes every named
 * file, and every file of every named folder, to the fuzzer.
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
    /* The memory has exactly the size of the input, so that the sanitizer detects reads beyond
     * its end. */
    uint8_t *bytes = malloc(size + !size);
    bool whole = bytes && fread(bytes, 1, size, file) == size;
    fclose(file);
    if (whole) {
        fprintf(stderr, "%s\n", path); /* the last path printed is the failing input */
        (void)LLVMFuzzerTestOneInput(bytes, size);
    }
    free(bytes);
    return whole ? 1 : -1;
}

/* Returns the number of inputs, or -1 with errno set. */
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
    /* An empty corpus is a mistake, so it fails. */
    printf("replayed %d\n", count);
    return count ? EXIT_SUCCESS : EXIT_FAILURE;
}
