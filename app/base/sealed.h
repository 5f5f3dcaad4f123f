/*
 * Sealed words: a record of a few words in shared memory, the last of which is a checksum of the
 * others. There are no locks: a record that two processes have written at the same time, or that a
 * killed process has written in part, does not match its checksum, and is read as empty. Memory
 * that is all zeros is read as empty, too.
 */
#ifndef BASE_SEALED_H
#define BASE_SEALED_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Sets the last of `count` words to the checksum, and stores them. */
void sealed_store(_Atomic uint64_t *record, uint64_t *words, size_t count);

/* Reads the words. Returns false if the record is empty. */
bool sealed_load(const _Atomic uint64_t *record, uint64_t *words, size_t count);

/* Makes the record empty. */
void sealed_clear(_Atomic uint64_t *record, size_t count);

#endif
