/* See network.h. Addresses are stored as 16 bytes: an IPv4 address is mapped into ::ffff:0:0/96
 * (RFC 4291, section 2.5.5.2), so that both notations of one address are equal. */
#include "base/network.h"

#include "base/arena.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

enum {
    ADDRESS_BYTES = 16,
    ADDRESS_BITS = 8 * ADDRESS_BYTES,
    MAPPED_BYTES = 12, /* length of the prefix ::ffff:0:0/96 */
    CLIENT_BYTES = 8,  /* length of the prefix /64 */
    ITEM_MAX = INET6_ADDRSTRLEN + sizeof "/128",
};

struct network {
    unsigned char address[ADDRESS_BYTES];
    long bits;
};

static const unsigned char mapped[MAPPED_BYTES] = {[10] = 0xff, [11] = 0xff};

/* Parses an IPv4 or IPv6 address. Returns false if the text is not an address. */
static bool parse_address(const char *text, unsigned char address_r[ADDRESS_BYTES])
{
    memcpy(address_r, mapped, sizeof mapped);
    return inet_pton(AF_INET, text, address_r + MAPPED_BYTES) == 1 ||
           inet_pton(AF_INET6, text, address_r) == 1;
}

/* True if the first `bits` bits are equal. */
static bool has_equal_prefix(const unsigned char *a, const unsigned char *b, long bits)
{
    size_t whole = (size_t)bits / 8;
    unsigned rest = (unsigned)bits % 8;
    return !memcmp(a, b, whole) && (!rest || (a[whole] ^ b[whole]) >> (8 - rest) == 0);
}

/* Parses ADDRESS or ADDRESS/BITS. BITS is at most 32 for IPv4 and 128 for IPv6. Modifies `text`. */
static bool parse_network(char *text, struct network *network_r)
{
    char *slash = strchr(text, '/');
    char *end = NULL;
    if (slash) {
        *slash = '\0';
    }
    if (!parse_address(text, network_r->address)) {
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

/* Parses the next item of the list and advances *at to the comma or the end. Returns false if the
 * item is not a network. */
static bool parse_list_item(const char **at, struct network *network_r)
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
    return parse_network(item, network_r);
}

bool network_list_valid(const char *list)
{
    struct network network;
    for (const char *at = list; *at;) {
        if (!parse_list_item(&at, &network)) {
            return false;
        }
        if (*at == ',' && !*++at) {
            return false; /* the list ends with a comma */
        }
    }
    return true;
}

bool network_list_contains(const char *list, const char *address)
{
    unsigned char bytes[ADDRESS_BYTES];
    struct network network;
    if (!parse_address(address, bytes)) {
        return false;
    }
    for (const char *at = list; *at; at += *at == ',') {
        if (parse_list_item(&at, &network) &&
            has_equal_prefix(network.address, bytes, network.bits)) {
            return true;
        }
    }
    return false;
}

const char *network_client_key(struct arena *arena, const char *address)
{
    unsigned char bytes[ADDRESS_BYTES];
    char text[INET6_ADDRSTRLEN];
    if (!parse_address(address, bytes)) {
        return address;
    }
    if (!memcmp(bytes, mapped, sizeof mapped)) { /* an IPv4 address */
        inet_ntop(AF_INET, bytes + MAPPED_BYTES, text, sizeof text);
        return arena_string(arena, text);
    }
    memset(bytes + CLIENT_BYTES, 0, sizeof bytes - CLIENT_BYTES);
    inet_ntop(AF_INET6, bytes, text, sizeof text);
    return arena_format(arena, "%s/64", text);
}
