/* File: file_replace() replaces a file atomically: entirely or not at all. */
#include "unit.h"

#include "base/file.h"

#include <dirent.h>
#include <errno.h>
#include <sys/stat.h>

enum { MODE = 0644, LENGTH = 200000 };

static const char path[] = "below/document";

/* Removes the folder with all its files, and returns the number of files. */
static size_t remove_all(void)
{
    size_t count = 0;
    DIR *folder = opendir("below");
    for (const struct dirent *entry; folder && (entry = readdir(folder));) {
        if (*entry->d_name != '.') {
            assert_int_equal(unlinkat(dirfd(folder), entry->d_name, 0), 0);
            count++;
        }
    }
    if (folder) {
        closedir(folder);
        assert_int_equal(rmdir("below"), 0);
    }
    return count;
}

static int clear_folder(void **state)
{
    (void)state;
    (void)remove_all();
    return 0;
}

static struct stat stat_file(void)
{
    struct stat facts;
    assert_int_equal(stat(path, &facts), 0);
    return facts;
}

static void file_is_created_with_its_folder_and_mode(void **state)
{
    (void)state;
    assert_true(file_replace(path, BYTES("one"), MODE));
    struct stat facts = stat_file();
    assert_int_equal(facts.st_mode & 07777, MODE);
    assert_int_equal(facts.st_size, 3);
    assert_int_equal(remove_all(), 1); /* no temporary file is left */
}

static void changed_content_replaces_the_file(void **state)
{
    (void)state;
    char *bytes = base_alloc(LENGTH);
    memset(bytes, 'x', LENGTH);
    assert_true(file_replace(path, BYTES("one"), MODE));
    struct stat before = stat_file();
    assert_true(file_replace(path, bytes, LENGTH, MODE));
    struct stat after = stat_file();
    assert_int_equal(after.st_size, LENGTH);
    assert_true(after.st_ino != before.st_ino);
    assert_int_equal(remove_all(), 1); /* no temporary file is left */
    free(bytes);
}

/* An unchanged file keeps its inode, so that caches of it stay valid. */
static void unchanged_content_keeps_the_file(void **state)
{
    (void)state;
    assert_true(file_replace(path, BYTES("one"), MODE));
    struct stat before = stat_file();
    assert_true(file_replace(path, BYTES("one"), MODE));
    assert_true(stat_file().st_ino == before.st_ino);
    assert_true(file_replace(path, BYTES("two"), MODE));
    assert_true(stat_file().st_ino != before.st_ino);
}

static void file_stays_intact_if_replacing_fails(void **state)
{
    (void)state;
    assert_true(file_replace(path, BYTES("one"), MODE));
    assert_false(file_replace("below/document/x", BYTES("two"), MODE));
    assert_int_equal(errno, ENOTDIR);
    assert_int_equal(stat_file().st_size, 3);
    assert_int_equal(remove_all(), 1); /* no temporary file is left */
}

int main(void)
{
    char folder[PATH_MAX];
    if (!enter_temporary(folder)) {
        return EXIT_FAILURE;
    }
    umask(077);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(file_is_created_with_its_folder_and_mode, clear_folder,
                                        clear_folder),
        cmocka_unit_test_setup_teardown(changed_content_replaces_the_file, clear_folder,
                                        clear_folder),
        cmocka_unit_test_setup_teardown(unchanged_content_keeps_the_file, clear_folder,
                                        clear_folder),
        cmocka_unit_test_setup_teardown(file_stays_intact_if_replacing_fails, clear_folder,
                                        clear_folder),
    };
    return leave_temporary(folder, cmocka_run_group_tests_name("file", tests, NULL, NULL));
}
