/*
 * Deadline: a layer of liblber's socket buffer, between TCP and TLS, that never waits for the other
 * side beyond a given time.
 *
 * It is needed because libldap's own time-outs have holes: with GnuTLS its TLS handshake spins on a
 * peer that is silent (libldap 2.5.13; a controller that is stopped accepts the connection by its
 * backlog and then says nothing), and a read that began goes on to the end of the TLS record. Here
 * both end with ETIMEDOUT, which GnuTLS and liblber take for a lost connection.
 *
 * Above it stands liblber's own read-ahead, so that a piece of an answer costs one wait and one read
 * and not two for each TLS record.
 */
#include "directory/internal.h"

#include "base/clock.h"

#include <errno.h>
#include <poll.h>

enum {
    LEVEL = (LBER_SBIOD_LEVEL_PROVIDER + LBER_SBIOD_LEVEL_TRANSPORT) / 2, /* read-ahead is above */
    WRITE_MOST = 4096, /* what a writable socket takes at once, even if it is a blocking one */
    WAIT_MOST_MS = 60 * 1000,
};

/* Waits for `events` until the deadline. False, with errno set, if it passes. */
static bool wait_for(Sockbuf_IO_Desc *layer, short events)
{
    const int64_t *deadline = layer->sbiod_pvt;
    struct pollfd poll_fd = {.fd = -1, .events = events};
    if (ber_sockbuf_ctrl(layer->sbiod_sb, LBER_SB_OPT_GET_FD, &poll_fd.fd) <= 0) {
        errno = EBADF;
        return false;
    }
    for (;;) {
        int64_t left = *deadline - clock_steady_us();
        int64_t wait = left > 0 ? (left + US_PER_MS - 1) / US_PER_MS : 0;
        int ready = poll(&poll_fd, 1, (int)(wait < WAIT_MOST_MS ? wait : WAIT_MOST_MS));
        if (ready > 0) {
            return true;
        }
        if (ready < 0 && errno != EINTR) {
            return false;
        }
        if (ready == 0 && wait < WAIT_MOST_MS) {
            errno = ETIMEDOUT;
            return false;
        }
    }
}

static int setup(Sockbuf_IO_Desc *layer, void *deadline)
{
    layer->sbiod_pvt = deadline;
    return 0;
}

static int remove_layer(Sockbuf_IO_Desc *layer)
{
    layer->sbiod_pvt = NULL;
    return 0;
}

static int control(Sockbuf_IO_Desc *layer, int option, void *argument)
{
    return LBER_SBIOD_CTRL_NEXT(layer, option, argument);
}

static ber_slen_t read_bytes(Sockbuf_IO_Desc *layer, void *bytes, ber_len_t length)
{
    return wait_for(layer, POLLIN) ? LBER_SBIOD_READ_NEXT(layer, bytes, length) : -1;
}

static ber_slen_t write_bytes(Sockbuf_IO_Desc *layer, void *bytes, ber_len_t length)
{
    ber_len_t most = length < WRITE_MOST ? length : WRITE_MOST;
    return wait_for(layer, POLLOUT) ? LBER_SBIOD_WRITE_NEXT(layer, bytes, most) : -1;
}

static int close_layer(Sockbuf_IO_Desc *layer)
{
    (void)layer; /* the layer below closes the socket */
    return 0;
}

bool deadline_add(LDAP *ldap, int64_t *deadline)
{
    static Sockbuf_IO io = {setup, remove_layer, control, read_bytes, write_bytes, close_layer};
    Sockbuf *socket = NULL;
    return ldap_get_option(ldap, LDAP_OPT_SOCKBUF, (void *)&socket) == LDAP_OPT_SUCCESS && socket &&
           ber_sockbuf_add_io(socket, &io, LEVEL, deadline) == 0 &&
           ber_sockbuf_add_io(socket, &ber_sockbuf_io_readahead, LEVEL + 1, NULL) == 0;
}
