/* Language: which of ours a client prefers (RFC 9110 12.5.4). */
#ifndef HTTP_LANGUAGE_H
#define HTTP_LANGUAGE_H

#include "base/config.h"

/* Their tags (RFC 5646): "ru", "en". */
extern const char *const language_tags[LANGUAGE_COUNT];

/* The language of ours with the greatest weight in an Accept-Language field, the first of equals;
 * `standard` if the field is empty or wants none of ours. "*" stands for those that are not named, and
 * comes after them if the weights are equal. A range that is malformed counts for nothing. */
enum config_language language_choose(const char *accept_language, enum config_language standard);

#endif
