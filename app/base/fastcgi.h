/*
 * FastCGI: the framing of a request (the FastCGI specification, 1.0, sections 3 and 5), for
 * processes that look at requests without serving them. libfcgi, which serves them, blocks until a
 * record is complete; this reader takes bytes in pieces of any size and keeps nothing of them.
 *
 * It accepts requests as nginx sends them: BEGIN_REQUEST, PARAMS up to an empty record, STDIN up to
 * an empty record, all with one request number. Anything else is malformed.
 */
#ifndef BASE_FASTCGI_H
#define BASE_FASTCGI_H

#include "base/buffer.h"
#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum fastcgi_type {
    FASTCGI_BEGIN_REQUEST = 1,
    FASTCGI_ABORT_REQUEST = 2,
    FASTCGI_PARAMS = 4,
    FASTCGI_STDIN = 5,
};

enum {
    FASTCGI_HEADER_SIZE = 8,
    FASTCGI_CONTENT_MAX =
        65528, /* of a record that we write: a multiple of eight needs no padding */
};

enum fastcgi_event {
    FASTCGI_MORE,         /* all bytes are consumed */
    FASTCGI_PARAMS_BYTES, /* a piece of the parameters */
    FASTCGI_PARAMS_END,
    FASTCGI_BODY_BYTES, /* a piece of the body */
    FASTCGI_END,        /* the request is complete */
    FASTCGI_MALFORMED,  /* or aborted: the reader must stop */
};

/* Zero-initialized at the start of a request. */
struct fastcgi_reader {
    uint16_t id; /* of the request; 0 before its first record */
    unsigned char header[FASTCGI_HEADER_SIZE];
    size_t header_length;      /* bytes of the header that are there */
    size_t content, padding;   /* bytes of the record that are still to come */
    bool params_end, finished; /* finished: the request is complete or malformed */
};

/* Consumes bytes up to the next event and moves *bytes behind them. Content stays where it is: a
 * piece points into the bytes. */
enum fastcgi_event fastcgi_next(struct fastcgi_reader *reader, const char **bytes, size_t *length,
                                const char **piece_r, size_t *piece_length_r) MUST_CHECK;

/* Parses the first bytes of a request. Returns FASTCGI_END if the request is complete;
 * FASTCGI_PARAMS_END if its parameters are, so that libfcgi can read them without waiting;
 * otherwise FASTCGI_MORE or FASTCGI_MALFORMED. */
enum fastcgi_event fastcgi_look_at_request(const char *bytes, size_t length) MUST_CHECK;

/* Appends the header of a record without padding; its content has at most 65,535 bytes. */
void fastcgi_add_header(struct buffer *out, enum fastcgi_type type, uint16_t id, size_t length);

/* Appends a name and a value, each shorter than 128 bytes, to the content of PARAMS. */
void fastcgi_add_param(struct buffer *params, const char *name, const char *value);

/* Appends the records that begin a request with these parameters; its body follows. */
void fastcgi_add_request(struct buffer *out, uint16_t id, const struct buffer *params);

#endif
