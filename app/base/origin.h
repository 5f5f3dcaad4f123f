/*
 * Origin: scheme, host and port, the first part of each generated URL. It is the setting PUBLIC_URL
 * or, if that is unset, derived from the Host header, which clients can set to any value.
 */
#ifndef BASE_ORIGIN_H
#define BASE_ORIGIN_H

#include <stdbool.h>

/*
 * True if the text is http://host or https://host with an optional port and nothing else (RFC 9110,
 * section 4.2; RFC 3986, section 3.2.2). The host is an IPv4 address, an IPv6 address in brackets,
 * or a name of letters, digits, '-', '_' and dots that begins with a letter or digit. Other
 * characters that RFC 3986 allows in a name are rejected: host names in DNS do not use them, and
 * some of them could terminate an HTML attribute.
 */
bool origin_valid(const char *text);

/* True if the origin's scheme is https. */
bool origin_is_secure(const char *text);

#endif
