/* See postgres_settings.h. */
#include "store/postgres_settings.h"

#include <libpq-fe.h>
#include <string.h>

/* Returns false if the host or the port contains a part of the password, because of an @ in it that
 * is not escaped: error messages would show that part. */
static bool has_sane_host(const PQconninfoOption *options)
{
    for (const PQconninfoOption *option = options; option->keyword; option++) {
        const char *value = option->val ? option->val : "";
        if ((!strcmp(option->keyword, "host") && strchr(value, '@')) ||
            (!strcmp(option->keyword, "port") && value[strspn(value, "0123456789,")])) {
            return false;
        }
    }
    return true;
}

bool postgres_settings_check(const struct config *config, struct buffer *faults)
{
    const char *url = config->database_url;
    char *message = NULL;
    PQconninfoOption *options = NULL;
    if (!strncmp(url, "postgresql://", strlen("postgresql://")) ||
        !strncmp(url, "postgres://", strlen("postgres://"))) {
        options = PQconninfoParse(url, &message);
    }
    bool good = options && has_sane_host(options);
    if (!good) { /* libpq's own message may contain parts of the password */
        buffer_add_string(faults, "DATABASE_URL: must be sqlite:///path or postgresql://…, with "
                                  "special characters written as %XX\n");
    }
    PQfreemem(message);
    PQconninfoFree(options);
    return good;
}
