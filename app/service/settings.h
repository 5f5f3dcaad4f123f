/* Settings: checks the settings of all layers; the service starts only if all are valid. */
#ifndef SERVICE_SETTINGS_H
#define SERVICE_SETTINGS_H

#include "base/buffer.h"
#include "base/config.h"

struct objects;

/* Adds a line to `faults` for each invalid setting. Returns false if any setting is invalid. */
bool settings_check(const struct config *config, struct buffer *faults);

/* Checks the settings like settings_check(), opens the audit log, and publishes the OpenAPI
 * document. The master calls this before it forks workers with these settings. */
bool settings_prepare(const struct config *config, struct buffer *faults);

/* Opens the object storage. settings_check() must have accepted the settings. */
struct objects *settings_open_storage(const struct config *config) __attribute__((returns_nonnull));

#endif
