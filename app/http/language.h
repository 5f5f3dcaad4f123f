/* Language: chooses the language of a reply from Accept-Language (RFC 9110 12.5.4). */
#ifndef HTTP_LANGUAGE_H
#define HTTP_LANGUAGE_H

#include "base/config.h"

/* Language tags (RFC 5646): "ru", "en". */
extern const char *const language_tags[LANGUAGE_COUNT];

/* Returns the supported language with the greatest weight in Accept-Language, the first of equal
 * ones; `standard` if the header is empty or names no supported language. "*" stands for the
 * languages that the header does not name; at equal weight, a named language is preferred.
 * Malformed ranges are ignored. */
enum config_language language_choose(const char *accept_language, enum config_language standard);

#endif
