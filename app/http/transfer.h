/*
 * Transfer: decodes the body of a part that has a Content-Transfer-Encoding (RFC 2045 6), in pieces
 * of any size and in place. Strict: bytes that an encoder cannot have written are an error, so that
 * nothing is lost or stored in its encoded form.
 *
 * OpenSSL's base64 decoder treats "-" as the end and ignores the bytes behind it, and GLib's skips
 * invalid bytes; no library of Debian decodes quoted-printable without a tree of the message.
 */
#ifndef HTTP_TRANSFER_H
#define HTTP_TRANSFER_H

#include <stdbool.h>
#include <stddef.h>

enum transfer_encoding { TRANSFER_IDENTITY, TRANSFER_BASE64, TRANSFER_QUOTED_PRINTABLE };

/* The state of a decoder. transfer_begin() initializes it. */
struct transfer {
    enum transfer_encoding encoding;
    unsigned bits, digits; /* base64: incomplete byte, and digits of the current four */
    bool padded;           /* base64: a "=" has ended the content */
    int state;             /* quoted-printable */
    int high;              /* quoted-printable: the first digit of an escaped byte */
};

/* Begins to decode a part with this value of Content-Transfer-Encoding. Returns false if the
 * encoding is unknown. */
bool transfer_begin(struct transfer *transfer, const char *encoding);

/* Replaces the next bytes by the decoded ones, which are not more. Returns false if they are
 * invalid. */
bool transfer_decode(struct transfer *transfer, char *bytes, size_t length, size_t *decoded_r);

/* True if the decoded content is complete. */
bool transfer_is_complete(const struct transfer *transfer);

#endif
