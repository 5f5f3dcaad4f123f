/*
 * Deadline: limits the time of a call with a layer in liblber's socket buffer, between TCP and TLS.
 * The layer does not wait for the peer beyond the deadline.
 *
 * It is needed because libldap's own timeouts have gaps. With GnuTLS the TLS handshake loops
 * without end if the peer does not respond (libldap 2.5.13), such as a stopped controller, whose
 * kernel still accepts the connection. And a read that has begun waits for the rest of the TLS
 * record. Here both end with ETIMEDOUT, which GnuTLS and liblber treat as a lost connection.
 *
 * liblber's read-ahead layer is placed above it, so that reading a TLS record takes one poll() and
 * one read() instead of two of each.
 */
#include "directory/deadline.h"

#include "base/clock.h"

#include <errno.h>
#include <poll.h>

enum {
    /* below the read-ahead layer */
    LEVEL = (LBER_SBIOD_LEVEL_PROVIDER + LBER_SBIOD_LEVEL_TRANSPORT) / 2,
    /* a socket that poll() reports as writable accepts this many bytes without blocking */
    WRITE_MOST = 4096,
    WAIT_MOST_MS = 60 * 1000,
};

/* --- the socket layer ------------------------------------------------------------------------ */

/* Waits for `events` until the deadline. False, with errno set, if it passes. */
static bool wait_until_ready(Sockbuf_IO_Desc *layer, short events)
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

static int setup_layer(Sockbuf_IO_Desc *layer, void *deadline)
{
    layer->sbiod_pvt = deadline;
    return 0;
}

static int remove_layer(Sockbuf_IO_Desc *layer)
{
    layer->sbiod_pvt = NULL;
    return 0;
}

static int control_layer(Sockbuf_IO_Desc *layer, int option, void *argument)
{
    return LBER_SBIOD_CTRL_NEXT(layer, option, argument);
}

static ber_slen_t read_layer(Sockbuf_IO_Desc *layer, void *bytes, ber_len_t length)
{
    return wait_until_ready(layer, POLLIN) ? LBER_SBIOD_READ_NEXT(layer, bytes, length) : -1;
}

static ber_slen_t write_layer(Sockbuf_IO_Desc *layer, void *bytes, ber_len_t length)
{
    ber_len_t most = length < WRITE_MOST ? length : WRITE_MOST;
    return wait_until_ready(layer, POLLOUT) ? LBER_SBIOD_WRITE_NEXT(layer, bytes, most) : -1;
}

static int close_layer(Sockbuf_IO_Desc *layer)
{
    (void)layer; /* the layer below closes the socket */
    return 0;
}

bool deadline_add(LDAP *ldap, struct deadline *deadline)
{
    static Sockbuf_IO io = {setup_layer, remove_layer, control_layer,
                            read_layer,  write_layer,  close_layer};
    Sockbuf *socket = NULL;
    return ldap_get_option(ldap, LDAP_OPT_SOCKBUF, (void *)&socket) == LDAP_OPT_SUCCESS && socket &&
           ber_sockbuf_add_io(socket, &io, LEVEL, deadline) == 0 &&
           ber_sockbuf_add_io(socket, &ber_sockbuf_io_readahead, LEVEL + 1, NULL) == 0;
}

/* --- the deadlines --------------------------------------------------------------------------- */

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

/* Sets the deadline of reads and writes to `timeout` from now, or to the end of the call if that is
 * earlier. Returns the time until then, at least one microsecond. */
static int64_t set_io_deadline(struct deadline *deadline, int64_t timeout)
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
    return set_io_deadline(deadline, deadline->answer_us);
}

int64_t deadline_expect_answer_until(struct deadline *deadline, int64_t until)
{
    int64_t now = clock_steady_us();
    deadline->io = until > now ? until : now + 1;
    return deadline->io - now;
}

int64_t deadline_expect_connect(struct deadline *deadline)
{
    return set_io_deadline(deadline, deadline->connect_us);
}

bool deadline_io_passed(const struct deadline *deadline)
{
    return clock_steady_us() >= deadline->io;
}
