/* Login name: parses a login name in the forms that Active Directory accepts. */
#ifndef DIRECTORY_LOGIN_NAME_H
#define DIRECTORY_LOGIN_NAME_H

struct arena;
struct domain;

/* The attributes that an account may have so that a login name refers to it. An account with the
 * principal name takes precedence (MS-ADTS 5.1.1.1.1). */
struct login_name {
    const char *principal; /* userPrincipalName; NULL: the name has another form */
    const char *account;   /* sAMAccountName; NULL: the name is one of another domain, or empty */
};

/*
 * Parses valid text in one of these forms, with or without white space around its parts:
 *
 *     petrova                    sAMAccountName
 *     petrova@kontora.test       userPrincipalName, or sAMAccountName and a name of the domain
 *     KONTORA\petrova            sAMAccountName after a name of the domain
 *
 * The names of the domain are its NetBIOS name and its DNS name, without regard to case.
 */
struct login_name login_name_parse(struct arena *arena, const struct domain *domain,
                                   const char *text);

#endif
