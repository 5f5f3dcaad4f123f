/* See handoff.h. Descriptors are sent as control messages (SCM_RIGHTS, unix(7)), each attached to
 * one byte of data. */
#include "proc/handoff.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

enum { FDS_MAX = 2 };

/* Buffer of a control message, aligned as cmsg(3) requires. */
union control {
    char bytes[CMSG_SPACE(FDS_MAX * sizeof(int))];
    struct cmsghdr header;
};

bool handoff_open(struct handoff *handoff)
{
    int fds[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds) < 0) {
        return false;
    }
    *handoff = (struct handoff){.send_fd = fds[0], .receive_fd = fds[1]};
    return true;
}

bool handoff_send(int send_fd, int connection_fd, int file_fd)
{
    char byte = 0;
    const int fds[FDS_MAX] = {connection_fd, file_fd};
    const size_t length = file_fd < 0 ? sizeof *fds : sizeof fds;
    struct iovec piece = {.iov_base = &byte, .iov_len = 1};
    union control control = {.bytes = {0}};
    struct msghdr message = {
        .msg_iov = &piece,
        .msg_iovlen = 1,
        .msg_control = control.bytes,
        .msg_controllen = CMSG_SPACE(length),
    };
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(length);
    memcpy(CMSG_DATA(header), fds, length);
    return sendmsg(send_fd, &message, MSG_NOSIGNAL) == 1;
}

int handoff_receive(int receive_fd, int *file_fd_r)
{
    char byte;
    int fds[FDS_MAX] = {-1, -1};
    struct iovec piece = {.iov_base = &byte, .iov_len = 1};
    union control control;
    struct msghdr message = {
        .msg_iov = &piece,
        .msg_iovlen = 1,
        .msg_control = control.bytes,
        .msg_controllen = sizeof control.bytes,
    };
    *file_fd_r = -1;
    if (recvmsg(receive_fd, &message, MSG_CMSG_CLOEXEC) != 1) {
        return -1;
    }
    const struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    if (header && header->cmsg_type == SCM_RIGHTS && header->cmsg_len <= CMSG_LEN(sizeof fds)) {
        memcpy(fds, CMSG_DATA(header), header->cmsg_len - CMSG_LEN(0));
    }
    if (message.msg_flags & MSG_CTRUNC) { /* the limit of open descriptors was reached */
        if (fds[0] >= 0) {
            close(fds[0]);
        }
        errno = EMFILE;
        return -1;
    }
    *file_fd_r = fds[1];
    return fds[0];
}
