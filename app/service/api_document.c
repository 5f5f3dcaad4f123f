/* See api_document.h. */
#include "service/api_document.h"

#include "base/arena.h"
#include "base/file.h"
#include "base/log.h"
#include "base/version.h"
#include "http/language.h"
#include "openapi/openapi.h"
#include "resources/resources.h"

#include <errno.h>
#include <string.h>

struct buffer api_document_write(const struct config *config, enum config_language language)
{
    const struct openapi_settings settings = {
        .title = config->app_title,
        .description = config->app_description,
        .version = KONTORA_VERSION,
        .language = language,
    };
    struct buffer document = {0};
    openapi_write(&document, resources, &settings);
    return document;
}

void api_document_publish(const struct config *config)
{
    enum { READABLE = 0644 };
    struct arena *arena = arena_new();
    for (int i = 0; i < LANGUAGE_COUNT; i++) {
        const char *path =
            arena_format(arena, "%s/openapi.%s.json", config->static_dir, config_language_names[i]);
        struct buffer document = api_document_write(config, (enum config_language)i);
        if (!file_replace(path, document.bytes, document.length, READABLE)) {
            log_error("STATIC_DIR: cannot write %s: %s", path, strerror(errno));
        }
        buffer_free(&document);
    }
    arena_free(&arena);
}
