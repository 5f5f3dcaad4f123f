/* Network: addresses of clients, and the networks that they belong to (RFC 4632, RFC 4291 2.3). */
#ifndef BASE_NETWORK_H
#define BASE_NETWORK_H

#include <stdbool.h>

struct arena;

/* True if every item of a comma-separated list is an address or a network such as 10.0.0.0/8 or
 * fd00::/8. An empty list is valid. */
bool network_list_valid(const char *list);

/* True if the address is in one of the networks of a valid list. Text that is no address is in
 * none. */
bool network_list_contains(const char *list, const char *address);

/* The network that counts as one client: an IPv4 address by itself, the /64 of an IPv6 address.
 * Text that is no address is returned as it is. */
const char *network_of_client(struct arena *arena, const char *address)
    __attribute__((returns_nonnull));

#endif
