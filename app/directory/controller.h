/* Controller: connects to one domain controller with TCP, verified TLS and a bind. */
#ifndef DIRECTORY_CONTROLLER_H
#define DIRECTORY_CONTROLLER_H

#include "base/error.h"

#include <ldap.h>
#include <stdbool.h>
#include <stddef.h>

struct arena;
struct circuit;
struct config;
struct deadline;

/* Result of an attempt to connect to one server. */
enum controller_result {
    CONTROLLER_CONNECTED,
    CONTROLLER_FAILED, /* another server may work */
    /* the server timed out; another server may work if time remains */
    CONTROLLER_SILENT,
    CONTROLLER_NOT_TRIED,           /* no time was left */
    CONTROLLER_REFUSES_CREDENTIALS, /* other servers would refuse them too; do not retry: each
                                       failure counts towards the lockout of the account */
};

/* The parameters of a connection to one controller. */
struct controller_attempt {
    const struct config *config;
    struct circuit *circuit;
    struct deadline *deadline;
    struct arena *arena; /* memory for causes and diagnostic messages */
    const char *uri;
    size_t index; /* index of the controller in the circuit */
};

/* Installs a libldap log hook that captures why TLS fails. Call it once for each process. */
void controller_capture_tls_errors(void);

/* Converts "host", "host:port", "[v6]", "[v6]:port" or a bare IPv6 address to a URI that the caller
 * frees. Returns NULL for any other text, including a URI: LDAP_USE_SSL selects the scheme. */
char *controller_uri(const struct config *config, const char *text, size_t length);

/* True if connections are encrypted. Active Directory accepts new passwords only on those. */
bool controller_encrypts(const struct config *config);

/* Connects and binds as the service account. *cause_r is the cause of a failure, for the log. */
enum controller_result controller_connect(const struct controller_attempt *attempt, LDAP **ldap_r,
                                          const char **cause_r) MUST_CHECK;

/* Opens a connection with TCP and verified TLS, but does not bind: the caller binds and closes it.
 * Returns NULL if that fails; *silent_r is then true for a timeout. */
LDAP *controller_open(const struct controller_attempt *attempt, const char **cause_r,
                      bool *silent_r) MUST_CHECK;

/* Sends a simple bind (RFC 4511 4.2), but never with an empty password. Returns the LDAP result
 * code, or a libldap code: LDAP_TIMEOUT if no answer arrives in time. */
int controller_bind(const struct controller_attempt *attempt, LDAP *ldap, const char *dn,
                    const char *password, const char **diagnostic_r) MUST_CHECK;

/* True if a bind failed because of the account or its password, not because of the server. */
bool controller_is_refusal(int code);

/* Reads the rootDSE (RFC 4512 5.1), which every server has. Returns the LDAP result code, or
 * LDAP_TIMEOUT or LDAP_SERVER_DOWN if no answer arrives. */
int controller_read_root(const struct controller_attempt *attempt, LDAP *ldap);

#endif
