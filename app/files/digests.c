/* See digests.h. */
#include "files/digests.h"

#include "base/arena.h"
#include "base/size.h"

#include <errno.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

enum {
    THREAD_FROM = 1024 * KIB, /* size of a file from which a thread is worth its cost */
    STEP = 256 * KIB,         /* bytes after which the thread is woken again */
    PIECE = 64 * KIB,
};

struct digests {
    int fd;
    EVP_MD_CTX *md5, *sha256;
    int64_t size;    /* size of the file so far */
    bool has_thread; /* if true, only the thread uses `md5` and `hashed` */
    int64_t hashed;  /* bytes added to the MD5 */
    int failed;      /* errno of the thread; read after its end */

    pthread_t thread;
    pthread_mutex_t mutex; /* protects `offered` and `complete` */
    pthread_cond_t changed;
    int64_t offered; /* bytes that the thread may read */
    bool complete;
};

static EVP_MD_CTX *begin_digest(const EVP_MD *algorithm)
{
    EVP_MD_CTX *digest = EVP_MD_CTX_new();
    if (!digest || EVP_DigestInit_ex(digest, algorithm, NULL) != 1) {
        abort();
    }
    return digest;
}

static void update_digest(EVP_MD_CTX *digest, const char *bytes, size_t length)
{
    if (EVP_DigestUpdate(digest, bytes, length) != 1) {
        abort();
    }
}

static void end_digest(EVP_MD_CTX *digest, unsigned char *bytes_r)
{
    if (EVP_DigestFinal_ex(digest, bytes_r, NULL) != 1) {
        abort();
    }
    EVP_MD_CTX_free(digest);
}

/* --- the thread ------------------------------------------------------------------------------- */

/* Waits for more bytes. Returns the offset up to which the thread may read, or -1 after the last
 * byte. */
static int64_t wait_for_bytes(struct digests *digests)
{
    pthread_mutex_lock(&digests->mutex);
    while (digests->offered == digests->hashed && !digests->complete) {
        pthread_cond_wait(&digests->changed, &digests->mutex);
    }
    int64_t end = digests->offered;
    pthread_mutex_unlock(&digests->mutex);
    return end == digests->hashed ? -1 : end;
}

static void *hash_file(void *argument)
{
    struct digests *digests = argument;
    static _Thread_local char bytes[PIECE];
    int64_t end;
    while ((end = wait_for_bytes(digests)) >= 0) {
        while (digests->hashed < end) {
            int64_t left = end - digests->hashed;
            ssize_t got =
                pread(digests->fd, bytes, (size_t)(left < PIECE ? left : PIECE), digests->hashed);
            if (got <= 0) {
                digests->failed = got < 0 ? errno : EIO;
                return NULL;
            }
            update_digest(digests->md5, bytes, (size_t)got);
            digests->hashed += got;
        }
    }
    return NULL;
}

/* Tells the thread how many bytes it may read. */
static void offer_bytes(struct digests *digests, bool complete)
{
    pthread_mutex_lock(&digests->mutex);
    digests->offered = digests->size;
    digests->complete = complete;
    pthread_cond_signal(&digests->changed);
    pthread_mutex_unlock(&digests->mutex);
}

/* Starts the thread. If that fails, digests_add() computes the MD5 itself. */
static void start_hash_thread(struct digests *digests)
{
    if (pthread_mutex_init(&digests->mutex, NULL) != 0 ||
        pthread_cond_init(&digests->changed, NULL) != 0) {
        abort(); /* cannot fail on Linux */
    }
    digests->hashed = digests->offered = digests->size;
    digests->has_thread = pthread_create(&digests->thread, NULL, hash_file, digests) == 0;
}

/* --- the public functions --------------------------------------------------------------------- */

struct digests *digests_new(int fd)
{
    struct digests *digests = base_alloc(sizeof *digests);
    *digests = (struct digests){
        .fd = fd,
        .md5 = begin_digest(EVP_md5()),
        .sha256 = begin_digest(EVP_sha256()),
    };
    return digests;
}

void digests_add(struct digests *digests, const char *bytes, size_t length)
{
    int64_t before = digests->size;
    digests->size += (int64_t)length;
    update_digest(digests->sha256, bytes, length);
    if (!digests->has_thread) {
        update_digest(digests->md5, bytes, length);
        if (before < THREAD_FROM && digests->size >= THREAD_FROM) {
            start_hash_thread(digests);
        }
    } else if (before / STEP != digests->size / STEP) {
        offer_bytes(digests, false);
    }
}

bool digests_finish(struct digests **digests, unsigned char *md5_r, unsigned char *sha256_r)
{
    struct digests *ended = *digests;
    if (ended->has_thread) {
        offer_bytes(ended, true);
        pthread_join(ended->thread, NULL);
        pthread_cond_destroy(&ended->changed);
        pthread_mutex_destroy(&ended->mutex);
    }
    end_digest(ended->md5, md5_r);
    end_digest(ended->sha256, sha256_r);
    errno = ended->failed;
    bool whole = !ended->failed;
    free(ended);
    *digests = NULL;
    return whole;
}
