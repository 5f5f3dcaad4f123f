/*
 * User attributes: the setting DIRECTORY_USER_ATTRIBUTES, which names further attributes of users
 * as `name:type` or `name:text:maximum length`, separated by commas or blanks.
 */
#ifndef DIRECTORY_USER_ATTRIBUTES_H
#define DIRECTORY_USER_ATTRIBUTES_H

#include "base/buffer.h"
#include "base/error.h"
#include "base/field.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct arena;
struct config;
struct directory;

enum { USER_ATTRIBUTES_MAX = 32 };

/* Parses the setting into rows of a field map. Appends a line to `faults` for each invalid
 * attribute, and for each that holds a secret or decides about the rights of an account. Returns
 * the number of valid attributes. */
size_t user_attributes_parse(const struct config *config, struct arena *arena,
                             struct field fields_r[USER_ATTRIBUTES_MAX], struct buffer *faults);

/* Compares the attributes with the schema of the directory. Appends a line to `faults` for each
 * that does not exist, that users cannot have, or that clients must not write, and sets its bit in
 * *unfit_r: bit 0 is that of the first attribute. Returns an error if the schema cannot be read. */
struct error *user_attributes_verify(struct directory *directory, struct arena *arena,
                                     struct buffer *faults, uint32_t *unfit_r) MUST_CHECK;

/* Runs user_attributes_verify() on a connection of its own. Appends a line to `warnings` if the
 * directory does not answer. Returns false if there are faults. */
bool directory_verify_attributes(const struct config *config, struct buffer *faults,
                                 struct buffer *warnings) MUST_CHECK;

/* Runs user_attributes_verify() once per process, and logs the faults. Returns an error if the
 * schema cannot be read; the next call tries again. */
struct error *user_attributes_warn(struct directory *directory, struct arena *arena) MUST_CHECK;

#endif
