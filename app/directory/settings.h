/* Settings: parses LDAP_SERVER. */
#ifndef DIRECTORY_SETTINGS_H
#define DIRECTORY_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>

/* Returns the next name of LDAP_SERVER and moves *at, which begins at the setting, behind it. False
 * if there are no more. */
bool settings_next_server(const char **at, const char **name_r, size_t *length_r);

#endif
