/*
 * Audit head: the line of the audit file that records the end of the chain of audit rows in the
 * database (rest/audit_chain.h). It shows if the end of the chain was deleted later.
 */
#ifndef HTTP_AUDIT_HEAD_H
#define HTTP_AUDIT_HEAD_H

#include "base/buffer.h"
#include "base/clock.h"

#include <stdbool.h>
#include <stdint.h>

enum { AUDIT_HEAD_TAG_SIZE = 64 + 1 }; /* hexadecimal digits of an HMAC-SHA256 and a NUL */

struct audit_head {
    int64_t position, audit_id;
    char chain_tag[AUDIT_HEAD_TAG_SIZE];
    char timestamp[CLOCK_TEXT_SIZE];
};

/* Appends the line, with a line break. */
void audit_head_format(const struct audit_head *head, struct buffer *line);

/* Parses a line of the audit file. Returns false if it is a line of another kind. */
bool audit_head_parse(const char *line, struct audit_head *head_r);

#endif
