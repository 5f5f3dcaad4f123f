/* kontora openapi: prints the OpenAPI document. */
#include "cli/commands.h"
#include "http/language.h"
#include "rest/user_fields.h"
#include "service/api_document.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Finds a language by its name; NULL selects the language of the settings. False if the name is
 * unknown. */
static bool find_language(const struct config *config, const char *name,
                          enum config_language *language_r)
{
    *language_r = (enum config_language)config->default_language;
    for (int i = 0; name && i < LANGUAGE_COUNT; i++) {
        if (!strcmp(name, config_language_names[i])) {
            *language_r = (enum config_language)i;
            return true;
        }
    }
    return !name;
}

static int run_openapi(struct command_call *call)
{
    enum config_language language;
    if (!find_language(&call->config, command_option(call, "language"), &language)) {
        fputs("--language: must be ru or en\n", stderr);
        return COMMAND_EXIT_USAGE;
    }
    user_fields_configure(&call->config);
    struct buffer document = api_document_write(&call->config, language);
    bool printed = fputs(document.bytes, stdout) >= 0 && fflush(stdout) == 0;
    if (!printed) {
        fprintf(stderr, "cannot write to standard output: %s\n", strerror(errno));
    }
    buffer_free(&document);
    return printed ? EXIT_SUCCESS : EXIT_FAILURE;
}

static const struct command_option options[] = {
    {"language", "ru|en", "language of the document (default: DEFAULT_LANGUAGE)"},
    {.name = NULL},
};

static const struct command_action actions[] = {
    {.options = options, .help = "print the OpenAPI document", .run = run_openapi},
    {.run = NULL},
};

const struct command openapi_command = {"openapi", COMMAND_NEEDS_SETTINGS, actions};
