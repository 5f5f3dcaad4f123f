/*
 * Receives an upload: copies the file of a form from the spool (proc/spool.h) to a staged file.
 * Measures and digests the bytes while it copies them, then checks their type and has them scanned.
 * An upload is rejected at the first fault and leaves nothing in the storage.
 */
#ifndef FILES_UPLOAD_H
#define FILES_UPLOAD_H

#include "base/size.h"
#include "files/catalog.h"
#include "http/request.h"

enum {
    UPLOAD_MAX_MIB = 16,
    UPLOAD_MAX = UPLOAD_MAX_MIB * MIB, /* maximum size of a file in bytes */
    /* maximum length of the original file name in UTF-16 units */
    UPLOAD_NAME_MAX = 255,
};

struct upload {
    struct staged staged;
    const char *extension;
    const char *original_name;
    size_t original_length;
    const char *content_type;
    bool is_text;            /* the name is that of a text file, so the content must be text too */
    int64_t size, remaining; /* in bytes: size of the file; space that remains in the quota */
    unsigned char md5[MD5_SIZE], sha256[SHA256_SIZE];
};

/*
 * Receives the field `file` of the request's form, of at most `remaining` bytes; ignores other
 * fields. The caller must end the upload with objects_discard(), even after an error.
 *
 * Errors: ERR_UNSUPPORTED_MEDIA_TYPE, ERR_INVALID_MULTIPART and ERR_PART_ENCODING about the form;
 * ERR_FILE_MISSING, ERR_FILE_TYPE, ERR_FILE_CONTENT, ERR_FILE_PASSWORD, ERR_FILE_TOO_LARGE and
 * ERR_FILE_MACROS about the file; ERR_VALIDATION if its name is invalid or the field is repeated;
 * ERR_QUOTA_EXCEEDED if the file is larger than `remaining`;
 * ERR_TOO_SLOW and ERR_STORAGE_FULL if the spool has cut off the body; errors of the storage and of
 * scan_file().
 */
struct error *upload_receive(struct request *request, int64_t remaining,
                             struct upload *upload_r) MUST_CHECK;

#endif
