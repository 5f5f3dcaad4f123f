/* Language: which of ours a client prefers (RFC 9110 12.5.4). */
#ifndef HTTP_LANGUAGE_H
#define HTTP_LANGUAGE_H

#include "base/config.h"

/* The language of ours with the greatest weight in an Accept-Language field, the first of equals;
 * `standard` if the field is empty or names none of ours. */
enum config_language language_choose(const char *accept_language, enum config_language standard);

#endif
