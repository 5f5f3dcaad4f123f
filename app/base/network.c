/* See network.h. All addresses are compared in the 16 bytes of IPv6: an IPv4 address is mapped into
 * ::ffff:0:0/96 (RFC 4291 2.5.5.2), so that both spellings of it are one address. */
#include "base/network.h"

#include "base/arena.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

enum {
    ADDRESS_BYTES = 16,
    ADDRESS_BITS = 8 * ADDRESS_BYTES,
    MAPPED_BYTES = 12, /* of ::ffff:0:0/96 */
    CLIENT_BYTES = 8,  /* a /64 */
    ITEM_MAX = INET6_ADDRSTRLEN + sizeof "/128",
};

struct network {
    unsigned char address[ADDRESS_BYTES];
    long bits;
};

static const unsigned char mapped[MAPPED_BYTES] = {[10] = 0xff, [11] = 0xff};

/* True if the text is an address. */
static bool read_address(const char *text, unsigned char address_r[ADDRESS_BYTES])
{
    memcpy(address_r, mapped, sizeof mapped);
    return inet_pton(AF_INET, text, address_r + MAPPED_BYTES) == 1 ||
           inet_pton(AF_INET6, text, address_r) == 1;
}

static bool is_mapped(const unsigned char address[ADDRESS_BYTES])
{
    return !memcmp(address, mapped, sizeof mapped);
}

/* True if the first `bits` bits are equal. */
static bool equal_bits(const unsigned char *a, const unsigned char *b, long bits)
{
    size_t whole = (size_t)bits / 8;
    unsigned rest = (unsigned)bits % 8;
    return !memcmp(a, b, whole) && (!rest || (a[whole] ^ b[whole]) >> (8 - rest) == 0);
}

/* ADDRESS or ADDRESS/BITS; BITS of an IPv4 address are at most 32. */
static bool read_network(char *text, struct network *network_r)
{
    char *slash = strchr(text, '/');
    char *end = NULL;
    if (slash) {
        *slash = '\0';
    }
    if (!read_address(text, network_r->address)) {
        return false;
    }
    network_r->bits = ADDRESS_BITS;
    if (!slash) {
        return true;
    }
    long before = strchr(text, ':') ? 0 : MAPPED_BYTES * 8;
    long bits = strtol(slash + 1, &end, 10);
    bool fits = isdigit((unsigned char)slash[1]) && !*end && bits <= ADDRESS_BITS - before;
    network_r->bits = fits ? before + bits : ADDRESS_BITS;
    return fits;
}

/* Reads the next network of the list and moves *at behind it. False if it is none. */
static bool next_network(const char **at, struct network *network_r)
{
    char item[ITEM_MAX];
    size_t length = strcspn(*at, ",");
    const char *begin = *at + strspn(*at, " ");
    size_t size = begin < *at + length ? (size_t)(*at + length - begin) : 0;
    while (size && begin[size - 1] == ' ') {
        size--;
    }
    *at += length;
    if (!size || size >= sizeof item) {
        return false;
    }
    memcpy(item, begin, size);
    item[size] = '\0';
    return read_network(item, network_r);
}

bool network_list_valid(const char *list)
{
    struct network network;
    for (const char *at = list; *at;) {
        if (!next_network(&at, &network)) {
            return false;
        }
        if (*at == ',' && !*++at) {
            return false; /* nothing behind the last comma */
        }
    }
    return true;
}

bool network_list_contains(const char *list, const char *address)
{
    unsigned char bytes[ADDRESS_BYTES];
    struct network network;
    if (!read_address(address, bytes)) {
        return false;
    }
    for (const char *at = list; *at; at += *at == ',') {
        if (next_network(&at, &network) && equal_bits(network.address, bytes, network.bits)) {
            return true;
        }
    }
    return false;
}

const char *network_of_client(struct arena *arena, const char *address)
{
    unsigned char bytes[ADDRESS_BYTES];
    char text[INET6_ADDRSTRLEN];
    if (!read_address(address, bytes)) {
        return address;
    }
    if (is_mapped(bytes)) {
        inet_ntop(AF_INET, bytes + MAPPED_BYTES, text, sizeof text);
        return arena_string(arena, text);
    }
    memset(bytes + CLIENT_BYTES, 0, sizeof bytes - CLIENT_BYTES);
    inet_ntop(AF_INET6, bytes, text, sizeof text);
    return arena_format(arena, "%s/64", text);
}
