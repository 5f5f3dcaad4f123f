/* See shared.h. */
#include "base/shared.h"

#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

void *shared_alloc(size_t size)
{
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) {
        log_error("shared memory: cannot allocate: %s", strerror(errno));
        abort();
    }
    return memory;
}

void *shared_map(const char *path, size_t size)
{
    enum { FILE_MODE = 0600 };
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, FILE_MODE);
    if (fd < 0) {
        return NULL;
    }
    int cause = ftruncate(fd, (off_t)size) < 0 ? errno : posix_fallocate(fd, 0, (off_t)size);
    void *memory = MAP_FAILED;
    if (!cause) {
        memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        cause = errno;
    }
    close(fd);
    errno = cause;
    return memory == MAP_FAILED ? NULL : memory;
}
