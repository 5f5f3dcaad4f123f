/* Accounts: rows of field maps that several resources about accounts share. */
#ifndef REST_ACCOUNTS_H
#define REST_ACCOUNTS_H

#include "auth/account.h"
#include "auth/principal.h"
#include "base/field.h"

enum { ACCOUNT_PASSWORD_MIN = 8 }; /* minimum number of characters of a new password */

/* The default currency of an organization. */
#define ORGANIZATION_CURRENCY "RUB"

#define ACCOUNT_ID(name_)                                                                          \
    {                                                                                              \
        .name = (name_), .type = FIELD_INTEGER,                                                    \
        .about = {"Идентификатор учётной записи", "The id of the account"}, .example = "17"        \
    }

#define ACCOUNT_USERNAME(flags_, check_)                                                           \
    {                                                                                              \
        .name = "username", .type = FIELD_STRING, .flags = FIELD_NAME | FIELD_VISIBLE | (flags_),  \
        .min = 1, .max = 150, .check = (check_), .about = {"Имя пользователя", "The user name"},   \
        .example = "\"ivanov\""                                                                    \
    }

#define ACCOUNT_EMAIL(flags_)                                                                      \
    {                                                                                              \
        .name = "email", .type = FIELD_STRING, .flags = FIELD_NAME | FIELD_ADDRESS | (flags_),     \
        .min = 3, .max = 254, .check = account_check_email, .format = "email",                     \
        .about = {"Адрес электронной почты", "The email address"},                                 \
        .example = "\"ivanov@example.com\""                                                        \
    }

#define ACCOUNT_NAME(flags_)                                                                       \
    {                                                                                              \
        .name = "name", .type = FIELD_STRING, .flags = FIELD_NAME | (flags_), .min = 1,            \
        .max = 200, .about = {"Отображаемое имя", "The display name"},                             \
        .example = "\"Иван Иванов\""                                                     \
    }

#define ACCOUNT_PASSWORD(name_, min_, ru_, en_)                                                    \
    {                                                                                              \
        .name = (name_), .type = FIELD_STRING, .flags = FIELD_REQUIRED | FIELD_SECRET,             \
        .min = (min_), .max = 72, .check = account_check_password, .about = {(ru_), (en_)},        \
        .example = "\"Kontora-2026\""                                                              \
    }

#define ORGANIZATION_NAME(name_, flags_)                                                           \
    {                                                                                              \
        .name = (name_), .type = FIELD_STRING, .flags = FIELD_NAME | (flags_), .min = 1,           \
        .max = 200, .about = {"Название организации", "The name of the organization"},             \
        .example = "\"ООО «Ромашка»\""                                                 \
    }

#define MEMBER_ROLE(flags_)                                                                        \
    {                                                                                              \
        .name = "role", .type = FIELD_STRING, .flags = (flags_),                                   \
        .choices = principal_role_names + 1,                                                       \
        .about = {"Роль в организации", "The role in the organization"}, .example = "\"SALES\""    \
    }

#endif
