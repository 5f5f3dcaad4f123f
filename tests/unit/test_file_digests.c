/* File digests: files around the size from which a thread computes the MD5. */
#include "base/size.h"
#include "files/digests.h"
#include "unit.h"

#include <errno.h>
#include <openssl/evp.h>

enum { LARGEST = 3 * MIB, MD5_LENGTH = 16, SHA256_LENGTH = 32 };

static char content[LARGEST];

static int open_file(void)
{
    int fd = open("file", O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    return fd;
}

static struct digests *digest_in_pieces(int fd, size_t length, size_t piece)
{
    struct digests *digests = digests_new(fd);
    for (size_t at = 0; at < length; at += piece) {
        size_t here = length - at < piece ? length - at : piece;
        assert_int_equal(write(fd, content + at, here), here);
        digests_add(digests, content + at, here);
    }
    return digests;
}

static void digests_match_openssl_for_all_sizes_and_pieces(void **state)
{
    static const size_t lengths[] = {0, 1, MIB - 1, MIB, MIB + 1, LARGEST - 7, LARGEST};
    static const size_t pieces[] = {997, 8192, LARGEST};
    (void)state;
    for (size_t i = 0; i < COUNT_OF(lengths) * COUNT_OF(pieces); i++) {
        size_t length = lengths[i / COUNT_OF(pieces)];
        unsigned char md5[MD5_LENGTH], sha256[SHA256_LENGTH];
        unsigned char wanted[SHA256_LENGTH];
        int fd = open_file();
        struct digests *digests = digest_in_pieces(fd, length, pieces[i % COUNT_OF(pieces)]);
        assert_true(digests_finish(&digests, md5, sha256));
        assert_null(digests);
        assert_int_equal(EVP_Digest(content, length, wanted, NULL, EVP_md5(), NULL), 1);
        assert_memory_equal(md5, wanted, MD5_LENGTH);
        assert_int_equal(EVP_Digest(content, length, wanted, NULL, EVP_sha256(), NULL), 1);
        assert_memory_equal(sha256, wanted, SHA256_LENGTH);
        close(fd);
    }
}

/* The file is shorter than the data passed to digests_add(). */
static void digest_calculation_fails_if_the_file_cannot_be_read_back(void **state)
{
    unsigned char md5[MD5_LENGTH], sha256[SHA256_LENGTH];
    int fd = open_file();
    (void)state;
    struct digests *digests = digests_new(fd);
    digests_add(digests, content, MIB);
    digests_add(digests, content, MIB);
    assert_false(digests_finish(&digests, md5, sha256));
    assert_int_equal(errno, EIO);
    close(fd);
}

int main(void)
{
    char folder[PATH_MAX];
    for (size_t i = 0; i < sizeof content; i++) {
        content[i] = (char)(i * 31 + i / 251);
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(digests_match_openssl_for_all_sizes_and_pieces),
        cmocka_unit_test(digest_calculation_fails_if_the_file_cannot_be_read_back),
    };
    return enter_temporary(folder)
               ? leave_temporary(folder, cmocka_run_group_tests_name("digests", tests, NULL, NULL))
               : EXIT_FAILURE;
}
