/* See origin.h. */
#include "base/origin.h"

#include <arpa/inet.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

static const char http[] = "http://", https[] = "https://";

enum {
    HOST_MAX = 253, /* maximum number of characters of a name: RFC 1035, section 2.3.4 */
    LABEL_MAX = 63, /* maximum number of characters between two dots */
    PORT_DIGITS = 5,
    PORT_LAST = 65535,
};

bool origin_is_secure(const char *text)
{
    return !strncmp(text, https, sizeof https - 1);
}

/* True if the text is empty or ":PORT". */
static bool is_optional_port(const char *text)
{
    if (!*text) {
        return true;
    }
    size_t digits = strspn(text + 1, "0123456789");
    long port = *text == ':' && digits && digits <= PORT_DIGITS ? strtol(text + 1, NULL, 10) : 0;
    return port >= 1 && port <= PORT_LAST && !text[1 + digits];
}

static bool is_ipv6_address(const char *text, size_t length)
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

/* True if the text consists of labels of at most 63 characters, separated by dots; one trailing dot
 * is allowed. False for "_", which nginx uses as the name of a server that has no name. */
static bool is_host_name(const char *text, size_t length)
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
        return host[1 + length] == ']' && is_ipv6_address(host + 1, length) &&
               is_optional_port(host + length + 2);
    }
    size_t length = strspn(host, allowed);
    return is_host_name(host, length) && is_optional_port(host + length);
}
