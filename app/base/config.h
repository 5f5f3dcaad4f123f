/*
 * Configuration: every setting of Kontora in one table (config.c), read from the environment and
 * from an environment file; the environment wins. The table gives each setting its type, default,
 * range, and whether it is secret; a test compares systemd/README.md and .env.example with it.
 */
#ifndef BASE_CONFIG_H
#define BASE_CONFIG_H

#include "base/buffer.h"
#include "base/error.h"

#include <stdbool.h>
#include <stdint.h>

enum pool_id { POOL_CORE, POOL_AUTH, POOL_DIRECTORY, POOL_FILES, POOL_UPLOADS, POOL_COUNT };

/* One value a setting, named as the setting. Strings are never NULL; empty is "not set". */
struct config {
    /* service */
    const char *app_name;
    const char *app_title, *app_description; /* for people */
    int64_t environment;                     /* enum config_environment */
    bool debug;
    int64_t default_language; /* enum config_language */
    const char *state_dir;
    int64_t disk_reserve_mib; /* 0: none */
    const char *static_dir;   /* of the files that nginx is to serve */
    const char *socket_dir;   /* absolute, or below state_dir when not set */
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
    /* how often a verified caller may ask; 0: not limited */
    int64_t rate_limits;
    int64_t rate_subject_per_s, rate_organization_per_s;
    int64_t uploads_subject_per_minute, uploads_organization_per_minute;
    int64_t uploads_subject_at_once, uploads_organization_at_once;
    /* authentication */
    const char *jwt_secret_key;
    const char *jwt_secret_key_previous; /* empty: none */
    int64_t jwt_algorithm;
    int64_t jwt_expiration_hours;
    int64_t refresh_expiration_hours;
    int64_t session_max_hours; /* from the login to the absolute end */
    const char *secret_key;    /* of what is kept as a keyed digest, and of signed URLs */
    int64_t token_ttl_minutes;
    const char *local_auth_username;
    const char *local_auth_password;
    const char
        *local_auth_networks; /* from which the local administrator logs in; empty: from all */
    int64_t bcrypt_cost;
    int64_t login_free_failures;
    int64_t login_queue_ms;
    int64_t anonymous_access; /* see config_anonymous() */
    int64_t registration;     /* see config_registration() */
    int64_t tokens_access;    /* see config_tokens_open() */
    int64_t tokens_quota;     /* live tokens of anonymous callers; 0: no bound */
    /* tokens that a caller may issue within their lifetime; 0: no bound */
    int64_t tokens_subject_quota;
    /* database */
    const char *database_url;
    int64_t database_synchronous; /* enum config_synchronous */
    int64_t database_timeout_ms;
    /* files */
    const char *storage_url;
    const char *public_url;                     /* an origin: origin.h; empty: the client's Host */
    int64_t files_quota_mib, files_quota_count; /* of each owner; 0: no bound */
    int64_t files_total_quota_mib;              /* of all files; 0: no bound */
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
    int64_t ldap_port; /* 0 in the environment: chosen by ldap_use_ssl; never 0 here */
    bool ldap_use_ssl;
    bool ldap_start_tls;
    const char *ldap_tls_ca_file;
    const char *ldap_bind_dn;
    const char *ldap_bind_password;
    const char *ldap_base_dn;
    int64_t ldap_connect_timeout_ms;
    int64_t ldap_timeout_ms;
    bool ldap_login;
    const char *ldap_admin_group; /* a cn or a DN */
    int64_t ldap_login_cache_s;
    int64_t directory_protected; /* enum config_protected */
    /* `make run` alone */
    int64_t http_port;
    int64_t https_port;
    int64_t files_port;

    struct arena *arena; /* holds the strings */
};

enum config_environment {
    ENVIRONMENT_DEVELOPMENT,
    ENVIRONMENT_PRODUCTION,
};

/* How sure SQLite is that a commit outlives a power cut: always, or but for the last moments. */
enum config_synchronous { SYNCHRONOUS_FULL, SYNCHRONOUS_NORMAL };

enum config_macros { UPLOAD_MACROS_ALLOW, UPLOAD_MACROS_REFUSE };

enum config_language { LANGUAGE_RU, LANGUAGE_EN, LANGUAGE_COUNT };
extern const char *const language_names[LANGUAGE_COUNT + 1]; /* as HTTP has them; NULL ends */

/* DIRECTORY_PROTECTED: refuse or allow changes of protected objects. */
enum config_protected { PROTECTED_REFUSE, PROTECTED_ALLOW };

/* What the surface of files and accounts may serve without a token. */
enum config_anonymous_access {
    ANONYMOUS_AUTO, /* both in development, nothing in production */
    ANONYMOUS_NONE,
    ANONYMOUS_ACCOUNTS,
    ANONYMOUS_FILES,
    ANONYMOUS_BOTH,
};
enum config_surface_part { SURFACE_ACCOUNTS, SURFACE_FILES };

/* Whether ANONYMOUS_ACCESS lets anybody use that part. */
bool config_anonymous(const struct config *config, enum config_surface_part part);

/* REGISTRATION: the callers that may register. */
enum config_registration {
    REGISTRATION_AUTO, /* open in development, invite in production */
    REGISTRATION_OPEN,
    REGISTRATION_INVITE, /* holders of a one-use link, which an administrator issues */
    REGISTRATION_CLOSED, /* the same, but only the command line issues links */
};

/* The value of REGISTRATION that is in force: never REGISTRATION_AUTO. */
enum config_registration config_registration(const struct config *config);

/* True if every email address counts as proved: in development with open registration. */
bool config_trusts_addresses(const struct config *config);

/* TOKENS_ACCESS: the callers that may issue and purge tokens. */
enum config_tokens_access {
    TOKENS_AUTO, /* open in development, authenticated in production */
    TOKENS_OPEN,
    TOKENS_AUTHENTICATED,
};

/* True if TOKENS_ACCESS lets anonymous callers issue and purge tokens. */
bool config_tokens_open(const struct config *config);

/* The names of the pools: of their sockets, in systemd's units and in the log. */
extern const char *const pool_names[POOL_COUNT];

/*
 * Reads all settings. `env_file` is a path, or NULL for `.env` in the working directory if there is
 * one. Every fault is a line of `faults` ("NAME: what is wrong"), every oddity that does not stop
 * the service a line of `warnings`; neither ever shows a secret. True if there is no fault. The
 * caller ends it with config_free() in either case.
 */
bool config_load(struct config *config, const char *env_file, struct buffer *faults,
                 struct buffer *warnings) MUST_CHECK;

void config_free(struct config *config);

/* Appends NAME=value lines of the effective values, secrets masked. */
void config_print(const struct config *config, struct buffer *out);

#endif
