/*
 * Deadline: the time that a call has left, and a layer of liblber's socket buffer, between TCP and
 * TLS, that never waits for the other side beyond it.
 *
 * The layer is needed because libldap's own time-outs have holes: with GnuTLS its TLS handshake spins on a
 * peer that is silent (libldap 2.5.13; a controller that is stopped accepts the connection by its
 * backlog and then says nothing), and a read that began goes on to the end of the TLS record. Here
 * both end with ETIMEDOUT, which GnuTLS and liblber take for a lost connection.
 *
 * Above it stands liblber's own read-ahead, so that a piece of an answer costs one wait and one read
 * and not two for each TLS record.
 */
#include "directory/deadline.h"

#include "base/clock.h"

#include <errno.h>
#include <poll.h>

enum {
    LEVEL = (LBER_SBIOD_LEVEL_PROVIDER + LBER_SBIOD_LEVEL_TRANSPORT) / 2, /* read-ahead is above */
    WRITE_MOST = 4096, /* what a writable socket takes at once, even if it is a blocking one */
    WAIT_MOST_MS = 60 * 1000,
};

/* --- the socket layer ------------------------------------------------------------------------ */

/* Waits for `events` until the deadline. False, with errno set, if it passes. */
static bool wait_for(Sockbuf_IO_Desc *layer, short events)
{
    const struct deadline *deadline = layer->sbiod_pvt;
    struct pollfd poll_fd = {.fd = -1, .events = events};
    if (ber_sockbuf_ctrl(layer->sbiod_sb, LBER_SB_OPT_GET_FD, &poll_fd.fd) <= 0) {
        errno = EBADF;
        return false;
    }
    for (;;) {
        int64_t left = deadline->io - clock_steady_us();
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

bool deadline_add(LDAP *ldap, struct deadline *deadline)
{
    static Sockbuf_IO io = {setup, remove_layer, control, read_bytes, write_bytes, close_layer};
    Sockbuf *socket = NULL;
    return ldap_get_option(ldap, LDAP_OPT_SOCKBUF, (void *)&socket) == LDAP_OPT_SUCCESS && socket &&
           ber_sockbuf_add_io(socket, &io, LEVEL, deadline) == 0 &&
           ber_sockbuf_add_io(socket, &ber_sockbuf_io_readahead, LEVEL + 1, NULL) == 0;
}

/* --- the time that is left ------------------------------------------------------------------- */

void deadline_begin(struct deadline *deadline)
{
    deadline->call = clock_steady_us() + deadline->connect_us + deadline->answer_us;
}

void deadline_extend(struct deadline *deadline, int64_t now)
{
    int64_t until = now + deadline->answer_us;
    if (until > deadline->call) {
        deadline->call = until;
    }
}

/* Returns at most `timeout`, and not beyond the call's deadline. */
static int64_t expect_within(struct deadline *deadline, int64_t timeout)
{
    int64_t now = clock_steady_us();
    int64_t left = deadline->call - now;
    int64_t wait = left < timeout ? left : timeout;
    if (wait < 1) {
        wait = 1;
    }
    deadline->io = now + wait;
    return wait;
}

int64_t deadline_expect_answer(struct deadline *deadline)
{
    return expect_within(deadline, deadline->answer_us);
}

int64_t deadline_expect_connect(struct deadline *deadline)
{
    return expect_within(deadline, deadline->connect_us);
}

bool deadline_io_passed(const struct deadline *deadline)
{
    return clock_steady_us() >= deadline->io;
}
