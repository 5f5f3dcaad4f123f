/* Settings: parses LDAP_SERVER. */
#ifndef DIRECTORY_SETTINGS_H
#define DIRECTORY_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>

/* Returns the next name of LDAP_SERVER and moves *at behind it; *at is initially the value of the
 * setting. False if there are no more names. */
bool settings_next_server(const char **at, const char **name_r, size_t *length_r);

#endif
