/*
 * Fuzzes the parser of the owners in a worker's answer, which also contains text from the client,
 * such as the request id. Accepted owners are within their limits and can be written and parsed
 * again.
 */
#include "fuzz.h"
#include "proc/owners.h"

#include <inttypes.h>
#include <stdio.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct owners owners, again;
    bool read = owners_read((const char *)data, size, &owners);
    FUZZ_CHECK(owners.count <= OWNERS_MAX);
    if (!read) {
        return 0;
    }
    char text[256] = "12345678";
    size_t length = 8;
    for (size_t i = 0; i < owners.count; i++) {
        FUZZ_CHECK(owners.list[i].key && owners.list[i].limit > 0);
        FUZZ_CHECK(owners_include(&owners, owners.list[i].key));
        length += (size_t)snprintf(text + length, sizeof text - length,
                                   "X-Kontora-Owner: %016" PRIx64 " %" PRId64 "\r\n",
                                   owners.list[i].key, owners.list[i].limit);
    }
    length += (size_t)snprintf(text + length, sizeof text - length, "\r\n");
    FUZZ_CHECK(owners_read(text, length, &again) && again.count == owners.count);
    for (size_t i = 0; i < owners.count; i++) {
        FUZZ_CHECK(again.list[i].key == owners.list[i].key);
        FUZZ_CHECK(again.list[i].limit == owners.list[i].limit);
    }
    return 0;
}
