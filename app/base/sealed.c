/* See sealed.h. */
#include "base/sealed.h"

/* Applies a mixing step of the MurmurHash3 finalizer to each word. */
static uint64_t compute_seal(const uint64_t *words, size_t count)
{
    uint64_t sum = 0x9e3779b97f4a7c15;
    for (size_t i = 0; i + 1 < count; i++) {
        sum = (sum ^ words[i]) * 0xff51afd7ed558ccd;
        sum ^= sum >> 33;
    }
    return sum;
}

void sealed_store(_Atomic uint64_t *record, uint64_t *words, size_t count)
{
    words[count - 1] = compute_seal(words, count);
    for (size_t i = 0; i < count; i++) {
        atomic_store(&record[i], words[i]);
    }
}

bool sealed_load(const _Atomic uint64_t *record, uint64_t *words, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        words[i] = atomic_load(&record[i]);
    }
    return words[count - 1] == compute_seal(words, count);
}

void sealed_clear(_Atomic uint64_t *record, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        atomic_store(&record[i], 0);
    }
}
