/* See origin.h. */
#include "base/origin.h"

#include <arpa/inet.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

static const char http[] = "http://", https[] = "https://";

enum {
    HOST_MAX = 253, /* characters: RFC 1035 2.3.4 */
    LABEL_MAX = 63,
    PORT_DIGITS = 5,
    PORT_LAST = 65535,
};

bool origin_is_secure(const char *text)
{
    return !strncmp(text, https, sizeof https - 1);
}

/* True for "" and ":port". */
static bool is_port_or_end(const char *text)
{
    if (!*text) {
        return true;
    }
    size_t digits = strspn(text + 1, "0123456789");
    long port = *text == ':' && digits && digits <= PORT_DIGITS ? strtol(text + 1, NULL, 10) : 0;
    return port >= 1 && port <= PORT_LAST && !text[1 + digits];
}

static bool is_ipv6(const char *text, size_t length)
{
    char address[INET6_ADDRSTRLEN];
    struct in6_addr binary;
    if (length >= sizeof address) {
        return false;
    }
    memcpy(address, text, length);
    address[length] = '\0';
    return inet_pton(AF_INET6, address, &binary) == 1;
}

/* True for labels of at most 63 characters with dots between them; one dot may end the name. "_",
 * which is nginx's name for a server without one, is not a host. */
static bool is_name(const char *text, size_t length)
{
    size_t label = 0;
    if (!length || length > HOST_MAX || *text == '-' || *text == '_') {
        return false;
    }
    for (size_t i = 0; i < length; i++) {
        label = text[i] == '.' ? 0 : label + 1;
        if (label > LABEL_MAX || (!label && (!i || text[i - 1] == '.'))) {
            return false;
        }
    }
    return true;
}

bool origin_valid(const char *text)
{
    static const char allowed[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.";
    size_t scheme = origin_is_secure(text)                  ? sizeof https - 1
                    : !strncmp(text, http, sizeof http - 1) ? sizeof http - 1
                                                            : 0;
    const char *host = text + scheme;
    if (!scheme) {
        return false;
    }
    if (*host == '[') {
        size_t length = strcspn(host + 1, "]");
        return host[1 + length] == ']' && is_ipv6(host + 1, length) &&
               is_port_or_end(host + length + 2);
    }
    size_t length = strspn(host, allowed);
    return is_name(host, length) && is_port_or_end(host + length);
}
