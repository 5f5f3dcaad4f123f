/* Country: countries and territories by their ISO 3166-1 codes. */
#ifndef BASE_COUNTRY_H
#define BASE_COUNTRY_H

#include "base/fault.h"

#include <stdbool.h>
#include <stddef.h>

enum {
    COUNTRY_CODE_LENGTH = 2,
    COUNTRY_NAME_SIZE = 128, /* bytes */
};

struct country {
    char code[COUNTRY_CODE_LENGTH + 1]; /* ISO 3166-1 alpha-2, in upper case */
    int number;                         /* ISO 3166-1 numeric */
    char name[COUNTRY_NAME_SIZE];       /* name in English, in UTF-8 */
};

/* Finds a country by its code of two letters, in any case. False if ISO 3166-1 assigns the code to
 * no country. */
bool country_find(const char *code, size_t length, struct country *country_r);

/* Validates a code, for field maps. */
enum fault_id country_check(const char *code, size_t length);

#endif
