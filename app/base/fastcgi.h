/*
 * FastCGI: an incremental parser of requests and a writer of records (FastCGI specification 1.0,
 * sections 3 and 5), for processes that inspect or forward requests. libfcgi, which serves
 * requests, blocks until a record is complete; this parser accepts any number of bytes and never
 * blocks.
 *
 * It accepts requests in the form that nginx sends: BEGIN_REQUEST, PARAMS up to an empty record,
 * STDIN up to an empty record, all with one request id. Any other sequence is malformed.
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
    /* content length of written records; a multiple of 8 needs no padding */
    FASTCGI_CONTENT_MAX = 65528,
};

enum fastcgi_event {
    FASTCGI_MORE,         /* all bytes were consumed; the request is incomplete */
    FASTCGI_PARAMS_BYTES, /* part of the encoded parameters */
    FASTCGI_PARAMS_END,   /* the parameters are complete */
    FASTCGI_BODY_BYTES,   /* part of the body */
    FASTCGI_END,          /* the request is complete */
    FASTCGI_MALFORMED,    /* the request is malformed or aborted; parsing cannot continue */
};

/* State of the parser. Must be zero-initialized before each request. */
struct fastcgi_reader {
    uint16_t id; /* request id; 0 before the first record */
    unsigned char header[FASTCGI_HEADER_SIZE];
    size_t header_length;      /* bytes of the header received so far */
    size_t content, padding;   /* bytes of the record still to be received */
    bool params_end, finished; /* finished: request complete or malformed */
};

/* Consumes bytes up to the next event; advances *bytes and reduces *length accordingly. Copies no
 * content: *piece_r points into the input. */
enum fastcgi_event fastcgi_next(struct fastcgi_reader *reader, const char **bytes, size_t *length,
                                const char **piece_r, size_t *piece_length_r) MUST_CHECK;

/* Determines how much of a request has arrived, from its first bytes. Returns FASTCGI_END if the
 * request is complete; FASTCGI_PARAMS_END if its parameters are complete, so that libfcgi can read
 * them without blocking; otherwise FASTCGI_MORE or FASTCGI_MALFORMED. */
enum fastcgi_event fastcgi_inspect_request(const char *bytes, size_t length) MUST_CHECK;

/* Appends the header of a record without padding. `length` is at most 65,535. */
void fastcgi_add_header(struct buffer *out, enum fastcgi_type type, uint16_t id, size_t length);

/* Appends a name-value pair to the content of PARAMS. Both must be shorter than 128 bytes. */
void fastcgi_add_param(struct buffer *params, const char *name, const char *value);

/* Appends BEGIN_REQUEST and all PARAMS records; the caller appends the STDIN records of the
 * body. */
void fastcgi_add_request(struct buffer *out, uint16_t id, const struct buffer *params);

#endif
