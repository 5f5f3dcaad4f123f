/*
 * Multipart: parses a multipart/form-data body (RFC 7578, RFC 2046 5.1) while it arrives. Memory is
 * bounded: one buffer and the header lines of the parts, whatever the client sends.
 *
 *     error = multipart_open(request, &form);
 *     while (!error && !(error = multipart_next(form, &part, &found)) && found) {
 *         while (!(error = multipart_read(form, &bytes, &length)) && length) { … }
 *     }
 *
 * A truncated body is an error, returned by the last multipart_read() or multipart_next(). Names
 * are decoded: quoting, percent-encoded quotes and control characters (WHATWG HTML 4.10.22.8), the
 * extended form of RFC 8187, and encoded words (encoded_word.h). Content is decoded by its
 * Content-Transfer-Encoding (RFC 7578 4.7).
 *
 * Errors are ERR_INVALID_MULTIPART, whose cause describes the fault, and ERR_PART_ENCODING, if
 * content is not encoded as its header states or the encoding is unknown.
 *
 * No library of Debian 12 fits: libmicrohttpd's post processor requires connections of its own
 * daemon, gmime builds trees of whole messages from seekable streams, and kcgi's parser requires
 * kcgi's processes. multipart-parser-c, often embedded, is not packaged and not maintained.
 */
#ifndef HTTP_MULTIPART_H
#define HTTP_MULTIPART_H

#include "base/error.h"
#include "base/size.h"
#include "http/parameters.h"
#include "http/request.h"

enum {
    MULTIPART_BUFFER = 64 * KIB,
    MULTIPART_BOUNDARY_MAX = 70,     /* maximum number of characters: RFC 2046 5.1.1 */
    MULTIPART_HEADER_MAX = 16 * KIB, /* maximum number of bytes of the header lines of all parts */
    MULTIPART_PARTS_MAX = 100,
};

struct multipart;

/* A part of the form. Its strings live as long as the request. */
struct multipart_part {
    struct parameter name; /* name of the form field */
    bool is_file;          /* the part has a file name, which may be empty */
    struct parameter file_name;
};

/* Prepares to read the form. ERR_UNSUPPORTED_MEDIA_TYPE if Content-Type is not
 * multipart/form-data. */
struct error *multipart_open(struct request *request, struct multipart **form_r) MUST_CHECK;

/* Skips the rest of the current part and reads the header of the next one. *found_r is false at the
 * end of the form. */
struct error *multipart_next(struct multipart *form, struct multipart_part *part_r,
                             bool *found_r) MUST_CHECK;

/* Reads the next bytes of the part, valid until the next call. *length_r is 0 at the end of the
 * part. */
struct error *multipart_read(struct multipart *form, const char **bytes_r,
                             size_t *length_r) MUST_CHECK;

#endif
