/* Controller: connects to one domain controller: TCP, verified TLS, bind. */
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
    CONTROLLER_FAILED,              /* another server may work */
    CONTROLLER_SILENT,              /* another server may work, but the time is used up */
    CONTROLLER_NOT_TRIED,           /* no time was left */
    CONTROLLER_REFUSES_CREDENTIALS, /* another server would refuse them too, and each try counts */
};

/* A controller, and what a connection to it depends on. */
struct controller_attempt {
    const struct config *config;
    struct circuit *circuit;
    struct deadline *deadline;
    struct arena *arena; /* of causes and diagnostics */
    const char *uri;
    size_t index; /* in the circuit */
};

/* Makes libldap report why TLS fails. Once a process is enough. */
void controller_listen(void);

/* Converts "host", "host:port", "[v6]", "[v6]:port" or a bare IPv6 address to a URI that the caller
 * frees. NULL for anything else. A scheme is invalid: only LDAP_USE_SSL selects encryption. */
char *controller_uri(const struct config *config, const char *text, size_t length);

/* True if connections are encrypted: Active Directory accepts passwords only then. */
bool controller_encrypts(const struct config *config);

/* Connects and binds as the service account. The cause is for the log. */
enum controller_result controller_connect(const struct controller_attempt *attempt, LDAP **ldap_r,
                                          const char **cause_r) MUST_CHECK;

/* Opens TCP and verified TLS and sends nothing else: the caller binds and closes it. NULL if that
 * fails, with the cause and whether it was a timeout. */
LDAP *controller_open(const struct controller_attempt *attempt, const char **cause_r,
                      bool *silent_r) MUST_CHECK;

/* A simple bind (RFC 4511 4.2), never with an empty password. Returns the result code, or one of
 * libldap's own, LDAP_TIMEOUT if there is no answer. */
int controller_bind(const struct controller_attempt *attempt, LDAP *ldap, const char *dn,
                    const char *password, const char **diagnostic_r) MUST_CHECK;

/* True if a result of a bind is about the account, not about the server. */
bool controller_refuses(int code);

/* Reads the entry that every server has (rootDSE, RFC 4512 5.1). Returns the result code,
 * LDAP_TIMEOUT or LDAP_SERVER_DOWN if none came. */
int controller_read_root(const struct controller_attempt *attempt, LDAP *ldap);

#endif
