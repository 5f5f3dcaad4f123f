/*
 * Fuzzes the decoders of Content-Transfer-Encoding: the first byte determines the encoding and the
 * size of the pieces. The size makes no difference, decoding never adds bytes, and base64 that is
 * accepted decodes as OpenSSL decodes it.
 */
#include "base/buffer.h"
#include "fuzz.h"
#include "http/transfer.h"

#include <openssl/evp.h>

/* Decodes a copy of the bytes in pieces. Returns false if they are invalid or incomplete. */
static bool decode_pieces(struct arena *arena, const char *encoding, struct buffer *out,
                          const uint8_t *data, size_t size, size_t piece)
{
    struct transfer transfer;
    char *bytes = arena_alloc(arena, size + 1);
    FUZZ_CHECK(transfer_begin(&transfer, encoding));
    memcpy(bytes, data, size);
    for (size_t at = 0; at < size; at += piece) {
        size_t length = size - at < piece ? size - at : piece, decoded;
        if (!transfer_decode(&transfer, bytes + at, length, &decoded)) {
            return false;
        }
        FUZZ_CHECK(decoded <= length);
        buffer_add(out, bytes + at, decoded);
    }
    return transfer_is_complete(&transfer);
}

static void check_base64(struct arena *arena, const uint8_t *data, size_t size,
                         const struct buffer *decoded)
{
    EVP_ENCODE_CTX *context = EVP_ENCODE_CTX_new();
    unsigned char *bytes = arena_alloc(arena, size + 1);
    int length = 0, rest = 0;
    FUZZ_CHECK(context);
    EVP_DecodeInit(context);
    FUZZ_CHECK(EVP_DecodeUpdate(context, bytes, &length, data, (int)size) >= 0);
    FUZZ_CHECK(EVP_DecodeFinal(context, bytes + length, &rest) >= 0);
    FUZZ_CHECK((size_t)length + (size_t)rest == decoded->length);
    FUZZ_CHECK(!decoded->length || !memcmp(bytes, decoded->bytes, decoded->length));
    EVP_ENCODE_CTX_free(context);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (!size) {
        return 0;
    }
    struct arena *arena = arena_new();
    struct buffer whole = {.arena = arena}, pieces = {.arena = arena};
    bool base64 = *data % 2;
    const char *encoding = base64 ? "base64" : "quoted-printable";
    bool valid = decode_pieces(arena, encoding, &whole, data + 1, size - 1, size);
    FUZZ_CHECK(decode_pieces(arena, encoding, &pieces, data + 1, size - 1, *data / 2 % 64 + 1) ==
               valid);
    if (valid) {
        FUZZ_CHECK(whole.length == pieces.length);
        FUZZ_CHECK(!whole.length || !memcmp(whole.bytes, pieces.bytes, whole.length));
    }
    if (valid && base64) {
        check_base64(arena, data + 1, size - 1, &whole);
    }
    arena_free(&arena);
    return 0;
}
