/* File: a file is replaced as a whole or not at all. */
#include "unit.h"

#include "base/file.h"

#include <dirent.h>
#include <errno.h>
#include <sys/stat.h>

enum { MODE = 0644, LENGTH = 200000 };

static const char path[] = "below/document";

/* Removes what is in the folder, and it; returns how many there were. */
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

static int clear(void **state)
{
    (void)state;
    (void)remove_all();
    return 0;
}

static struct stat facts_now(void)
{
    struct stat facts;
    assert_int_equal(stat(path, &facts), 0);
    return facts;
}

static void it_is_made_with_its_folder_and_mode(void **state)
{
    (void)state;
    assert_true(file_replace(path, BYTES("one"), MODE));
    struct stat facts = facts_now();
    assert_int_equal(facts.st_mode & 07777, MODE);
    assert_int_equal(facts.st_size, 3);
    assert_int_equal(remove_all(), 1); /* nothing else stands beside it */
}

static void another_takes_its_place(void **state)
{
    (void)state;
    char *bytes = must_alloc(LENGTH);
    memset(bytes, 'x', LENGTH);
    assert_true(file_replace(path, BYTES("one"), MODE));
    struct stat before = facts_now();
    assert_true(file_replace(path, bytes, LENGTH, MODE));
    struct stat after = facts_now();
    assert_int_equal(after.st_size, LENGTH);
    assert_true(after.st_ino != before.st_ino);
    assert_int_equal(remove_all(), 1); /* nothing else stands beside it */
    free(bytes);
}

/* Whoever has it cached need not ask for it again. */
static void the_same_is_left_alone(void **state)
{
    (void)state;
    assert_true(file_replace(path, BYTES("one"), MODE));
    struct stat before = facts_now();
    assert_true(file_replace(path, BYTES("one"), MODE));
    assert_true(facts_now().st_ino == before.st_ino);
    assert_true(file_replace(path, BYTES("two"), MODE));
    assert_true(facts_now().st_ino != before.st_ino);
}

static void what_cannot_be_replaced_stays(void **state)
{
    (void)state;
    assert_true(file_replace(path, BYTES("one"), MODE));
    assert_false(file_replace("below/document/x", BYTES("two"), MODE));
    assert_int_equal(errno, ENOTDIR);
    assert_int_equal(facts_now().st_size, 3);
    assert_int_equal(remove_all(), 1); /* nothing else stands beside it */
}

int main(void)
{
    char folder[PATH_MAX];
    if (!enter_temporary(folder)) {
        return EXIT_FAILURE;
    }
    umask(077);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(it_is_made_with_its_folder_and_mode, clear, clear),
        cmocka_unit_test_setup_teardown(another_takes_its_place, clear, clear),
        cmocka_unit_test_setup_teardown(the_same_is_left_alone, clear, clear),
        cmocka_unit_test_setup_teardown(what_cannot_be_replaced_stays, clear, clear),
    };
    return leave_temporary(folder, cmocka_run_group_tests_name("file", tests, NULL, NULL));
}
