/*
 * A library for LD_PRELOAD that gives a program another version of ICU, because one machine has
 * only one: text keys get another version (app/base/fold.h), but the same values.
 */
#include <string.h>
#include <unicode/uversion.h>

/* uversion.h renames this function as the program's object files do. */
void u_getVersion(UVersionInfo version)
{
    static const UVersionInfo other = {99, 1};
    memcpy(version, other, sizeof other);
}
