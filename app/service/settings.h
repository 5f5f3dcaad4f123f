/* Settings of the service as a whole: each layer checks its own, and the service starts on all. */
#ifndef SERVICE_SETTINGS_H
#define SERVICE_SETTINGS_H

#include "base/buffer.h"
#include "base/config.h"

struct objects;

/* Adds a line to `faults` for each setting that a layer finds wrong. False if there is any. */
bool settings_check(const struct config *config, struct buffer *faults);

/* Does the same, opens the audit log, and publishes the OpenAPI document. For the master, before
 * it forks workers with these settings. */
bool settings_prepare(const struct config *config, struct buffer *faults);

/* Opens the storage of settings that settings_check() accepted. */
struct objects *settings_open_storage(const struct config *config) __attribute__((returns_nonnull));

#endif
