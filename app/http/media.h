/*
 * Media: the media types, charsets and content codings of request bodies. One table of a route's
 * media types decides which bodies are accepted, which headers a 415 has, and what the OpenAPI
 * document says.
 */
#ifndef HTTP_MEDIA_H
#define HTTP_MEDIA_H

#include "base/error.h"
#include "http/reply.h"
#include "http/request.h"
#include "http/route.h"

#include <stdbool.h>
#include <stddef.h>

enum { MEDIA_TYPES_MAX = 2 };

/* Lists the media types that a body of the call may have; returns their number. */
size_t media_types(const struct route *route, const char *types_r[MEDIA_TYPES_MAX]);

/* True if Content-Type is a JSON type of the route, in UTF-8, the only encoding of JSON (RFC 8259
 * 8.1). */
bool media_is_json(const struct request *request);

/* True if Content-Type is application/x-www-form-urlencoded and the route accepts it. The type has
 * no parameters, so a charset is ignored: percent-encoded bytes are UTF-8 (WHATWG URL 5.1). */
bool media_is_form(const struct request *request);

/* True if Content-Type is the media type `body_type` of the route. */
bool media_is_body_type(const struct request *request);

/* Rejects a body that declares a content coding, such as gzip, even if it is not coded: the service
 * decodes none, and must not store bytes that mean something else (RFC 9110 8.4). Also rejects a
 * PUT of a part of the content (RFC 9110 14.5). */
struct error *media_check_coding(const struct request *request) MUST_CHECK;

/* Returns the length of the byte order mark of UTF-8 at the beginning of the text; 0 if there is
 * none. RFC 8259 8.1 permits to ignore it. */
size_t media_mark_length(const struct buffer *text);

/* Adds Accept-Patch to a reply about a resource that PATCH can change (RFC 5789 3.1). */
void media_add_accept_patch(const struct request *request, const struct route *patch,
                            struct reply *reply);

/* Adds the headers with which a 415 tells what is accepted: Accept-Encoding for a content coding;
 * Accept, and Accept-Patch for PATCH, for a media type (RFC 9110 15.5.16). Adds none to other
 * errors. */
void media_add_accepted(const struct request *request, const struct error *error,
                        struct reply *reply);

#endif
