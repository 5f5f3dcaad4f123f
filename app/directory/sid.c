/* SID: recognizes the security identifiers of privileged groups and accounts (MS-DTYP 2.4). */
#include "directory/sid.h"

#include "base/number.h"

#include <stdlib.h>
#include <string.h>

/* The last parts (RIDs) of privileged SIDs (MS-DTYP 2.4.2.4); each array ends with 0. */
static const int64_t domain_rids[] = {
    501, /* Guest */
    502, /* krbtgt */
    512, /* Domain Admins */
    516, /* Domain Controllers */
    518, /* Schema Admins */
    519, /* Enterprise Admins */
    520, /* Group Policy Creator Owners */
    0,
};
static const int64_t builtin_rids[] = {
    544, /* Administrators */
    548, /* Account Operators */
    549, /* Server Operators */
    550, /* Print Operators */
    551, /* Backup Operators */
    0,
};
static const int64_t administrator_rids[] = {512, 518, 519, 0};

static const char domain_prefix[] = "S-1-5-21-", builtin_prefix[] = "S-1-5-32-";

static bool has_rid(const char *sid, const char *prefix, const int64_t *rids)
{
    if (strncmp(sid, prefix, strlen(prefix)) != 0) {
        return false;
    }
    int64_t rid = strtoll(strrchr(sid, '-') + 1, NULL, DECIMAL);
    while (*rids && *rids != rid) {
        rids++;
    }
    return *rids != 0;
}

bool sid_is_privileged(const char *sid)
{
    return has_rid(sid, domain_prefix, domain_rids) || has_rid(sid, builtin_prefix, builtin_rids);
}

bool sid_is_administrator(const char *sid)
{
    return has_rid(sid, domain_prefix, administrator_rids) || !strcmp(sid, "S-1-5-32-544");
}
