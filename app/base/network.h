/* Network: IP addresses of clients and matching against networks in CIDR notation (RFC 4632, RFC
 * 4291 section 2.3). */
#ifndef BASE_NETWORK_H
#define BASE_NETWORK_H

#include <stdbool.h>

struct arena;

/* True if every item of a comma-separated list is an address or a network such as 10.0.0.0/8 or
 * fd00::/8. An empty list is valid. */
bool network_list_valid(const char *list);

/* True if the address belongs to one of the networks of a valid list. False if `address` is not an
 * IP address. */
bool network_list_contains(const char *list, const char *address);

/* Returns the key by which requests of one client are counted: an IPv4 address, or the /64 network
 * of an IPv6 address. Returns text that is not an IP address unchanged. */
const char *network_client_key(struct arena *arena, const char *address)
    __attribute__((returns_nonnull));

#endif
