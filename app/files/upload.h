/*
 * Receives an upload: copies the file of a form from the spool (proc/spool.h) to a staged file, through
 * a buffer. It measures and digests the bytes while it copies them, then checks their type and has
 * them scanned. An upload is rejected as soon as its fault is known, and leaves nothing in the
 * storage.
 */
#ifndef FILES_UPLOAD_H
#define FILES_UPLOAD_H

#include "base/size.h"
#include "files/catalog.h"
#include "http/request.h"

enum {
    UPLOAD_MAX_MIB = 16,
    UPLOAD_MAX = UPLOAD_MAX_MIB * MIB, /* bytes */
    UPLOAD_NAME_MAX = 255,             /* UTF-16 units of what a client calls a file */
};

struct upload {
    struct staged staged;
    const char *extension;
    const char *original_name;
    size_t original_length;
    const char *content_type;
    bool is_text;       /* by its name, and so by its content */
    int64_t size, room; /* bytes: its own, and as many as it may have */
    unsigned char md5[MD5_SIZE], sha256[SHA256_SIZE];
};

/*
 * Receives the field `file` of the request's form, of at most `room` bytes; other fields are passed
 * over. The caller ends it with objects_discard(), in any case.
 *
 * ERR_UNSUPPORTED_MEDIA_TYPE, ERR_INVALID_MULTIPART, ERR_FILE_MISSING, ERR_FILE_TYPE,
 * ERR_FILE_TOO_LARGE, ERR_FILE_MACROS, ERR_VALIDATION if it stands there twice, or for its name;
 * ERR_QUOTA_EXCEEDED for want of room; ERR_TOO_SLOW and ERR_STORAGE_FULL if the spool has cut the
 * body off; those of storage and scan.
 */
struct error *upload_receive(struct request *request, int64_t room,
                             struct upload *upload_r) MUST_CHECK;

#endif
