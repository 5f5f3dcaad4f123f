/*
 * A library for LD_PRELOAD that reports another version of ICU to a program, because a machine has
 * only one. The version of the text keys changes (app/base/fold.h), but not their values.
 */
#include <string.h>
#include <unicode/uversion.h>

/* uversion.h appends a version to the name of this function, as in the object files of the program.
 */
void u_getVersion(UVersionInfo version)
{
    static const UVersionInfo other = {99, 1};
    memcpy(version, other, sizeof other);
}
