/* SID: recognizes the security identifiers of privileged groups and accounts. */
#ifndef DIRECTORY_SID_H
#define DIRECTORY_SID_H

#include <stdbool.h>

/* True if the SID is that of a privileged group, of krbtgt or of Guest. */
bool sid_is_privileged(const char *sid);

/* True if members of the group with this SID are administrators of the domain. */
bool sid_is_administrator(const char *sid);

#endif
