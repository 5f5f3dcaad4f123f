/* Sharing: the memory that all processes of the service share. */
#ifndef SERVICE_SHARING_H
#define SERVICE_SHARING_H

#include "base/config.h"

struct store_shared;

/* Allocates the shared memory of every layer. The master calls this once, before the first fork. */
void sharing_prepare(const struct config *config);

/* Returns the state of the database that all processes share; NULL before sharing_prepare(). */
struct store_shared *sharing_database(void);

#endif
