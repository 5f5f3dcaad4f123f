/* See settings.h. */
#include "service/settings.h"

#include "auth/auth.h"
#include "base/arena.h"
#include "base/log.h"
#include "directory/directory.h"
#include "directory/user_attributes.h"
#include "http/audit.h"
#include "objects/objects.h"
#include "rest/user_fields.h"
#include "service/api_document.h"
#include "store/store.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct objects *settings_open_storage(const struct config *config)
{
    struct arena *arena = arena_new();
    struct objects *objects;
    const struct error *error = objects_open(config, arena, &objects);
    if (error) {
        log_error("STORAGE_URL: %s", error->cause);
        abort();
    }
    arena_free(&arena);
    return objects;
}

static bool check_object_storage(const struct config *config, struct buffer *faults)
{
    struct arena *arena = arena_new();
    struct objects *objects;
    const struct error *error = objects_open(config, arena, &objects);
    if (error) {
        buffer_format(faults, "STORAGE_URL: %s\n", error->cause);
    }
    objects_close(&objects);
    arena_free(&arena);
    return !error;
}

bool settings_check(const struct config *config, struct buffer *faults)
{
    bool directory_valid = directory_check(config, faults);
    bool auth_valid = auth_check(config, faults);
    bool store_valid = store_check(config, faults);
    bool storage_valid = check_object_storage(config, faults);
    bool fields_valid = user_fields_check(config, faults);
    return directory_valid && auth_valid && store_valid && storage_valid && fields_valid;
}

/* Compares the settings with the directory. A directory that does not answer does not prevent the
 * start: the housekeeper compares them again when it answers. */
static bool verify_directory(const struct config *config, struct buffer *faults)
{
    struct buffer warnings = {0};
    bool valid = directory_verify_attributes(config, faults, &warnings);
    for (char *rest = warnings.bytes, *line; rest && (line = strsep(&rest, "\n"));) {
        if (*line) {
            log_warning("%s", line);
        }
    }
    buffer_free(&warnings);
    return valid;
}

bool settings_prepare(const struct config *config, struct buffer *faults)
{
    bool valid = settings_check(config, faults);
    if (!audit_open(config->audit_log_path)) {
        buffer_format(faults, "AUDIT_LOG_PATH: cannot open %s: %s\n", config->audit_log_path,
                      strerror(errno));
        return false;
    }
    if (valid) {
        directory_prepare_circuit(config);
        valid = verify_directory(config, faults);
    }
    if (valid) {
        user_fields_configure(config);
        api_document_publish(config);
    }
    return valid;
}
