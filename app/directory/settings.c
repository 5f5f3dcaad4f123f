/* Settings: parses LDAP_SERVER, and validates LDAP_SERVER and LDAP_BASE_DN before the start. */
#include "directory/settings.h"

#include "base/buffer.h"
#include "base/config.h"
#include "directory/circuit.h"
#include "directory/controller.h"
#include "directory/directory.h"

#include <stdlib.h>
#include <string.h>

enum { PORT_MAX = 65535 };

bool settings_next_server(const char **at, const char **name_r, size_t *length_r)
{
    static const char separators[] = ", \t";
    *name_r = *at + strspn(*at, separators);
    *length_r = strcspn(*name_r, separators);
    *at = *name_r + *length_r;
    return *length_r > 0;
}

/* True if the port in "host:port" or "[v6]:port" is valid, or if there is none. */
static bool is_port_valid(const char *text, size_t length)
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
    size_t before = faults->length, servers = 0, length;
    const char *at = config->ldap_server, *name;
    if (!*at) {
        return true;
    }
    while (settings_next_server(&at, &name, &length)) {
        char *uri = controller_uri(config, name, length);
        if (!uri || !is_port_valid(name, length)) {
            buffer_format(faults, "LDAP_SERVER: \"%.*s\" is not a host or host:port\n", (int)length,
                          name);
        }
        free(uri);
        servers++;
    }
    if (!servers) {
        buffer_add_string(faults, "LDAP_SERVER: names no host\n");
    }
    if (servers > CIRCUIT_CONTROLLERS) {
        buffer_format(faults, "LDAP_SERVER: names more than %d hosts\n", CIRCUIT_CONTROLLERS);
    }
    if (directory_check_dn(config->ldap_base_dn, strlen(config->ldap_base_dn)) != FAULT_NONE) {
        buffer_add_string(faults, "LDAP_BASE_DN: is not a distinguished name\n");
    }
    return faults->length == before;
}
