/*
 * Configuration: every setting of Kontora, defined in one table (config.c). Values come from the
 * environment and from an environment file; the environment takes precedence. The table defines
 * type, default, range and secrecy of each setting; a test compares systemd/README.md and
 * .env.example with it.
 */
#ifndef BASE_CONFIG_H
#define BASE_CONFIG_H

#include "base/buffer.h"
#include "base/error.h"

#include <stdbool.h>
#include <stdint.h>

enum pool_id {
    POOL_CORE,
    POOL_AUTH,
    POOL_OVERFLOW, /* requests beyond the queue of `auth` */
    POOL_DIRECTORY,
    POOL_FILTERS, /* lists with ?filter=, of the directory and of the database */
    POOL_FILES,
    POOL_UPLOADS,
    POOL_COUNT
};

/* One member per setting, of the same name. Strings are never NULL; an unset one is empty. */
struct config {
    /* service */
    const char *app_name;
    const char *app_title, *app_description; /* display texts */
    int64_t environment;                     /* enum config_environment */
    bool debug;
    int64_t default_language; /* enum config_language */
    const char *state_dir;
    int64_t disk_reserve_mib; /* 0: no reserve */
    const char *static_dir;   /* folder of the static files that nginx serves */
    const char *socket_dir;
    const char *socket_group;
    int64_t log_level; /* enum log_level */
    const char *log_path;
    const char *audit_log_path;
    /* processes */
    int64_t workers[POOL_COUNT];
    int64_t worker_max_requests;
    int64_t worker_max_growth_mib;
    int64_t drain_timeout_s;
    int64_t request_timeout_s;
    int64_t max_json_kib;
    /* request rates of authenticated callers; 0: unlimited */
    int64_t rate_limits;
    int64_t rate_subject_per_s, rate_organization_per_s;
    int64_t uploads_subject_per_minute, uploads_organization_per_minute;
    int64_t uploads_subject_at_once, uploads_organization_at_once;
    /* authentication */
    const char *jwt_secret_key;
    const char *jwt_secret_key_previous; /* empty: no previous key */
    int64_t jwt_algorithm;
    int64_t jwt_expiration_hours;
    int64_t refresh_expiration_hours;
    int64_t session_max_hours; /* maximum age of a session, however often it is refreshed */
    const char *secret_key;    /* key of stored digests and of signed URLs */
    int64_t token_ttl_minutes;
    const char *local_auth_username;
    const char *local_auth_password;
    /* Networks from which the local administrator may log in; empty: all. */
    const char *local_auth_networks;
    int64_t bcrypt_cost;
    int64_t login_free_failures;
    int64_t login_queue_ms;
    int64_t anonymous_access; /* see config_allows_anonymous() */
    int64_t registration;     /* see config_registration() */
    int64_t tokens_access;    /* see config_allows_anonymous_tokens() */
    /* maximum number of unexpired tokens of all anonymous callers; 0: unlimited */
    int64_t tokens_quota;
    /* Maximum number of tokens that a user may issue within the lifetime of a token; 0: unlimited.
     */
    int64_t tokens_subject_quota;
    /* database */
    const char *database_url;
    int64_t database_synchronous; /* enum config_synchronous */
    int64_t database_timeout_ms;
    /* files */
    const char *storage_url;
    const char *public_url; /* origin of URLs (origin.h); empty: derived from the Host header */
    int64_t files_quota_mib, files_quota_count; /* limits per owner; 0: unlimited */
    int64_t files_total_quota_mib;              /* limit for all files together; 0: unlimited */
    int64_t upload_macros;                      /* enum config_macros */
    int64_t upload_slow_start_s;                /* see proc/pace.h */
    int64_t upload_spool_mib;
    const char *upload_scan_command;
    int64_t upload_scan_timeout_s;
    /* S3 */
    const char *aws_access_key_id;
    const char *aws_secret_access_key;
    const char *aws_ca_bundle;
    int64_t storage_timeout_ms;
    /* directory */
    const char *ldap_server;
    int64_t ldap_port; /* 389 or 636 if LDAP_PORT is 0 */
    bool ldap_use_ssl;
    bool ldap_start_tls;
    const char *ldap_tls_ca_file;
    const char *ldap_bind_dn;
    const char *ldap_bind_password;
    const char *ldap_base_dn;
    int64_t ldap_connect_timeout_ms;
    int64_t ldap_timeout_ms;
    int64_t filter_timeout_ms; /* for ?filter= on any list, SQL lists too */
    bool ldap_login;
    const char *ldap_admin_group; /* cn or DN */
    int64_t ldap_login_cache_s;
    int64_t directory_protected; /* enum config_protected */
    int64_t directory_readers;   /* enum config_readers */
    const char *directory_user_attributes;
    /* used by `make run` only */
    int64_t http_port;
    int64_t https_port;
    int64_t files_port;

    struct arena *arena; /* holds the strings */
};

enum config_environment {
    ENVIRONMENT_DEVELOPMENT,
    ENVIRONMENT_PRODUCTION,
};

/* Durability of SQLite's commits. FULL: every commit survives a power failure. NORMAL: a power
 * failure may lose the last commits. */
enum config_synchronous { SYNCHRONOUS_FULL, SYNCHRONOUS_NORMAL };

enum config_macros { UPLOAD_MACROS_ALLOW, UPLOAD_MACROS_REFUSE };

enum config_language { LANGUAGE_RU, LANGUAGE_EN, LANGUAGE_COUNT };
extern const char
    *const config_language_names[LANGUAGE_COUNT + 1]; /* language tags of HTTP; NULL-terminated */

/* DIRECTORY_READERS: directory users read the whole directory, or only the scopes of their
 * delegations. */
enum config_readers { READERS_ALL, READERS_DELEGATED };

/* DIRECTORY_PROTECTED: refuse or allow changes of protected objects. */
enum config_protected { PROTECTED_REFUSE, PROTECTED_ALLOW };

/* ANONYMOUS_ACCESS: the resources that are served to callers without a token. */
enum config_anonymous_access {
    ANONYMOUS_AUTO, /* accounts and files in development, none in production */
    ANONYMOUS_NONE,
    ANONYMOUS_ACCOUNTS,
    ANONYMOUS_FILES,
    ANONYMOUS_BOTH,
};
enum config_surface_part { SURFACE_ACCOUNTS, SURFACE_FILES };

/* True if callers without a token may use these resources. */
bool config_allows_anonymous(const struct config *config, enum config_surface_part part);

/* REGISTRATION: the callers that may register. */
enum config_registration {
    REGISTRATION_AUTO, /* REGISTRATION_OPEN in development, REGISTRATION_INVITE in production */
    REGISTRATION_OPEN,
    REGISTRATION_INVITE, /* requires a one-use link; administrators issue links */
    REGISTRATION_CLOSED, /* requires a one-use link; only the command line issues links */
};

/* Returns the effective registration mode, with REGISTRATION_AUTO resolved. */
enum config_registration config_registration(const struct config *config);

/* True if email addresses need no verification: in development with open registration. */
bool config_trusts_email_addresses(const struct config *config);

/* TOKENS_ACCESS: the callers that may issue and purge tokens. */
enum config_tokens_access {
    TOKENS_AUTO, /* TOKENS_OPEN in development, TOKENS_AUTHENTICATED in production */
    TOKENS_OPEN,
    TOKENS_AUTHENTICATED,
};

/* True if TOKENS_ACCESS lets anonymous callers issue and purge tokens. */
bool config_allows_anonymous_tokens(const struct config *config);

/* Names of the pools, as used in socket names, systemd units and log lines. */
extern const char *const config_pool_names[POOL_COUNT];

/*
 * Reads and checks all settings. `env_file` is a path; NULL means the file `.env` in the working
 * directory, which may be missing. Appends one line per error to `faults` ("NAME: what is wrong")
 * and one per unknown setting to `warnings`; neither contains values of secrets. Returns true if
 * there are no errors. In both cases the caller frees the configuration with config_free().
 */
bool config_load(struct config *config, const char *env_file, struct buffer *faults,
                 struct buffer *warnings) MUST_CHECK;

void config_free(struct config *config);

/* Appends a line NAME=value for each effective setting; masks secrets. */
void config_print(const struct config *config, struct buffer *out);

#endif
