/*
 * Multipart: a form that a client sends piece by piece (multipart/form-data: RFC 7578, RFC 2046 5.1),
 * read as it arrives. Whatever the client sends, what is held of it is a buffer, and the header lines.
 *
 *     error = multipart_open(request, &form);
 *     while (!error && !(error = multipart_next(form, &part, &found)) && found) {
 *         while (!(error = multipart_read(form, &bytes, &length)) && length) { … }
 *     }
 *
 * A form is good only if it is there to its end: a body that was cut off is an error, in the last
 * multipart_read() or multipart_next(). What a client wrote into names is undone: quoting, quotes and control
 * characters that are percent-encoded (WHATWG HTML 4.10.22.8), the extended form of RFC 8187.
 *
 * Errors are ERR_INVALID_MULTIPART, with what is wrong as the cause.
 *
 * Why not a library: of what Debian 12 has, libmicrohttpd's post processor works on connections of its own
 * daemon alone, gmime builds trees of whole messages over seekable streams, and kcgi's parser comes with
 * kcgi's processes. multipart-parser-c, which others embed, is in no package and not kept up.
 */
#ifndef HTTP_MULTIPART_H
#define HTTP_MULTIPART_H

#include "base/error.h"
#include "base/size.h"
#include "http/parameters.h"
#include "http/request.h"

enum {
    MULTIPART_BUFFER = 64 * KIB,
    MULTIPART_BOUNDARY_MAX = 70,     /* characters: RFC 2046 5.1.1 */
    MULTIPART_HEADER_MAX = 16 * KIB, /* bytes of the header lines of all parts */
    MULTIPART_PARTS_MAX = 100,
};

struct multipart;

/* A part; what it points to lives as long as the request. */
struct multipart_part {
    struct parameter name; /* of the field */
    bool is_file;          /* it has a file name, be it an empty one */
    struct parameter file_name;
};

/* ERR_UNSUPPORTED_MEDIA_TYPE if the request's Content-Type is no form of this kind. */
struct error *multipart_open(struct request *request, struct multipart **form_r) MUST_CHECK;

/* The next part, behind whatever is left of the one before. */
struct error *multipart_next(struct multipart *form, struct multipart_part *part_r,
                             bool *found_r) MUST_CHECK;

/* The next bytes of the part, good until the next call; a length of 0 is its end. */
struct error *multipart_read(struct multipart *form, const char **bytes_r,
                             size_t *length_r) MUST_CHECK;

#endif
