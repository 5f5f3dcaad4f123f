/* Settings: what is wrong with LDAP_SERVER and LDAP_BASE_DN, said before anything is started. */
#include "directory/internal.h"

#include "base/buffer.h"
#include "base/config.h"

#include <stdlib.h>
#include <string.h>

enum { PORT_MAX = 65535 };

/* Whether what follows the colon of "host:port" or "[v6]:port" is a port; true without one. */
static bool port_fits(const char *text, size_t length)
{
    const char *bracket = memrchr(text, ']', length);
    const char *colon =
        memchr(bracket ? bracket : text, ':', length - (size_t)(bracket ? bracket - text : 0));
    bool bare_v6 = colon && !bracket && memchr(colon + 1, ':', length - (size_t)(colon + 1 - text));
    if (!colon || bare_v6) {
        return true;
    }
    char *end = NULL;
    long port = strtol(colon + 1, &end, 10);
    return end == text + length && port > 0 && port <= PORT_MAX;
}

bool directory_check(const struct config *config, struct buffer *faults)
{
    static const char separators[] = ", \t";
    size_t before = faults->length, servers = 0;
    const char *text = config->ldap_server;
    if (!*text) {
        return true;
    }
    for (text += strspn(text, separators); *text; text += strspn(text, separators)) {
        size_t length = strcspn(text, separators);
        char *uri = controller_uri(config, text, length);
        if (!uri || !port_fits(text, length)) {
            buffer_format(faults, "LDAP_SERVER: \"%.*s\" is not a host or host:port\n", (int)length,
                          text);
        }
        free(uri);
        servers++;
        text += length;
    }
    if (!servers) {
        buffer_add_string(faults, "LDAP_SERVER: names no host\n");
    }
    if (directory_check_dn(config->ldap_base_dn, strlen(config->ldap_base_dn)) != FAULT_NONE) {
        buffer_add_string(faults, "LDAP_BASE_DN: is not a distinguished name\n");
    }
    return faults->length == before;
}
