/*
 * Origin: scheme, host and port, with which generated URLs begin. PUBLIC_URL is one; without it,
 * the client's Host field makes one, and a client may send anything there.
 */
#ifndef BASE_ORIGIN_H
#define BASE_ORIGIN_H

#include <stdbool.h>

/*
 * True if the text is http://host or https://host with an optional port, and nothing else, as RFC
 * 9110 4.2 and RFC 3986 3.2.2 describe it. A host is an IPv4 address, an IPv6 address in brackets,
 * or a name of letters, digits, '-', '_' and dots that begins with a letter or digit: of reg-name's
 * other characters and percent-encoding, no host name that DNS resolves has any, and some end an
 * attribute of HTML.
 */
bool origin_valid(const char *text);

/* True if the origin's scheme is https. */
bool origin_is_secure(const char *text);

#endif
