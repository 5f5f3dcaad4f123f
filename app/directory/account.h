/* Account: the bits of userAccountControl that the files of this folder test (MS-ADTS 2.2.16), and
 * those of msDS-User-Account-Control-Computed (MS-ADTS 3.1.1.4.5.17). */
#ifndef DIRECTORY_ACCOUNT_H
#define DIRECTORY_ACCOUNT_H

enum {
    ACCOUNT_DISABLED = 0x2,
    ACCOUNT_LOCKED = 0x10, /* only in msDS-User-Account-Control-Computed */
    ACCOUNT_PASSWORD_NEVER_EXPIRES = 0x10000,
    ACCOUNT_SMARTCARD_REQUIRED = 0x40000,
    ACCOUNT_PASSWORD_EXPIRED = 0x800000, /* only in msDS-User-Account-Control-Computed */
};

#endif
