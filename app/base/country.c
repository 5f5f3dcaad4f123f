/* See country.h. The codes and names are those of ICU. */
#include "base/country.h"

#include <ctype.h>
#include <string.h>
#include <unicode/uloc.h>
#include <unicode/uregion.h>
#include <unicode/ustring.h>

/* Numbers from 900 are not assigned by ISO 3166-1: ICU uses them for codes of its own. */
enum { FIRST_PRIVATE_NUMBER = 900 };

/* Copies the code in upper case. False if it does not consist of two letters of ASCII. */
static bool normalize_code(const char *code, size_t length, char normal_r[])
{
    for (size_t i = 0; i < COUNTRY_CODE_LENGTH; i++) {
        if (length != COUNTRY_CODE_LENGTH || !isascii((unsigned char)code[i]) ||
            !isalpha((unsigned char)code[i])) {
            return false;
        }
        normal_r[i] = (char)toupper((unsigned char)code[i]);
    }
    normal_r[COUNTRY_CODE_LENGTH] = '\0';
    return true;
}

/* Returns the number of the country; 0 if the code is not assigned to one, is obsolete, or is an
 * alias such as UK. */
static int find_number(const char *code)
{
    UErrorCode status = U_ZERO_ERROR;
    const URegion *region = uregion_getRegionFromCode(code, &status);
    if (U_FAILURE(status) || uregion_getType(region) != URGN_TERRITORY ||
        strcmp(uregion_getRegionCode(region), code) != 0) {
        return 0;
    }
    int number = uregion_getNumericCode(region);
    return number > 0 && number < FIRST_PRIVATE_NUMBER ? number : 0;
}

/* Writes the name in English. False if ICU has none, or if it is too long. */
static bool find_name(const char *code, char name_r[])
{
    char locale[] = "und_XX";
    UChar units[COUNTRY_NAME_SIZE];
    UErrorCode status = U_ZERO_ERROR;
    memcpy(locale + strlen("und_"), code, COUNTRY_CODE_LENGTH);
    int32_t length = uloc_getDisplayCountry(locale, "en", units, COUNTRY_NAME_SIZE, &status);
    u_strToUTF8(name_r, COUNTRY_NAME_SIZE, NULL, units, length, &status);
    return status == U_ZERO_ERROR && length;
}

bool country_find(const char *code, size_t length, struct country *country_r)
{
    *country_r = (struct country){.number = 0};
    if (!normalize_code(code, length, country_r->code)) {
        return false;
    }
    country_r->number = find_number(country_r->code);
    return country_r->number && find_name(country_r->code, country_r->name);
}

enum fault_id country_check(const char *code, size_t length)
{
    struct country country;
    return country_find(code, length, &country) ? FAULT_NONE : FAULT_NOT_COUNTRY;
}
