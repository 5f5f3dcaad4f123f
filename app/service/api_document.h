/*
 * API document: generates the OpenAPI document of this service from the routes of resources/ and
 * the permissions of auth/.
 */
#ifndef SERVICE_API_DOCUMENT_H
#define SERVICE_API_DOCUMENT_H

#include "base/buffer.h"
#include "base/config.h"

/* Returns the document in this language. The caller frees the buffer. */
struct buffer api_document_write(const struct config *config, enum config_language language);

/* Writes the document in each language to STATIC_DIR, where nginx serves it. A file that cannot be
 * written is only logged, because the service works without it. */
void api_document_publish(const struct config *config);

#endif
