/*
 * Entry version: tells if an object has changed since a client read it.
 *
 * The version is a digest of the objectGUID, the DN and all attributes that a change can set, as
 * the directory stores them. It is the same in every process and on every controller that has
 * received the same changes, because it depends neither on the order of attributes or values nor on
 * the fields that a client selected. It contains only replicated attributes, and none that a login
 * changes, such as lastLogon, badPwdCount or lockoutTime. memberOf is not part of it either: that
 * attribute belongs to the groups.
 */
#include "directory/entry_version.h"

#include "base/arena.h"
#include "base/buffer.h"
#include "base/field.h"
#include "directory/attribute.h"
#include "directory/changes.h"
#include "directory/directory.h"
#include "directory/names.h"

#include <openssl/sha.h>
#include <stdlib.h>
#include <string.h>

enum {
    VERSION_BYTES = 16,   /* of the digest */
    OTHER_ATTRIBUTES = 4, /* objectGUID, userAccountControl, pwdLastSet and the final NULL */
};

/* --- attributes ------------------------------------------------------------------------------ */

/* Adds the attribute unless the array, which ends with NULL, has it. */
static void add_version_attribute(char **attributes, size_t *count, struct arena *arena,
                                  const char *name)
{
    for (size_t i = 0; i < *count; i++) {
        if (!strcasecmp(attributes[i], name)) {
            return;
        }
    }
    attributes[(*count)++] = arena_string(arena, name);
}

static size_t count_attributes(char *const *attributes)
{
    size_t count = 0;
    while (attributes[count]) {
        count++;
    }
    return count;
}

static size_t count_writable(const struct directory_class *class)
{
    return class->writable ? fields_count(class->writable) : 0;
}

char **entry_version_attributes(struct arena *arena, const struct directory_class *class,
                                char **attributes)
{
    size_t given = count_attributes(attributes), writable = count_writable(class);
    size_t further = class->versioned ? count_attributes((char *const *)class->versioned) : 0;
    size_t most = given + writable + further + fields_count(class->fields) + OTHER_ATTRIBUTES;
    char **all = arena_array(arena, most, sizeof *all);
    size_t count = given;
    memcpy(all, attributes, given * sizeof *all);
    add_version_attribute(all, &count, arena, "objectGUID");
    for (size_t i = 0; i < writable; i++) {
        if (class->writable[i].attribute) {
            add_version_attribute(all, &count, arena, class->writable[i].attribute);
        }
    }
    for (size_t i = 0; i < further; i++) {
        add_version_attribute(all, &count, arena, class->versioned[i]);
    }
    for (const struct field *field = class->fields; field->name; field++) {
        if (field->codec == CODEC_MEMBERS) {
            add_version_attribute(all, &count, arena, field->attribute);
        }
    }
    if (changes_is_account_class(class)) {
        add_version_attribute(all, &count, arena, "userAccountControl");
        /* changes with a new password, and with the obligation to change it */
        add_version_attribute(all, &count, arena, "pwdLastSet");
    }
    return all;
}

/* --- the digest ------------------------------------------------------------------------------ */

static int compare_attribute_names(const void *a, const void *b)
{
    return strcasecmp(*(char *const *)a, *(char *const *)b);
}

static int compare_values(const void *a, const void *b)
{
    const struct berval *left = a, *right = b;
    ber_len_t shorter = left->bv_len < right->bv_len ? left->bv_len : right->bv_len;
    int order = shorter ? memcmp(left->bv_val, right->bv_val, shorter) : 0;
    return order ? order : (left->bv_len > right->bv_len) - (left->bv_len < right->bv_len);
}

/* Appends a text with its length before it, so that different lists have different digests. */
static void add_counted(struct buffer *content, const char *bytes, size_t length)
{
    buffer_add_decimal(content, (int64_t)length, 0);
    buffer_add_char(content, ':');
    buffer_add(content, bytes, length);
}

static void add_attribute_content(struct buffer *content, const char *name,
                                  const struct attribute *attribute)
{
    size_t count = attribute ? attribute->count : 0;
    struct berval *values = arena_array(content->arena, count, sizeof *values);
    for (size_t i = 0; i < count; i++) {
        values[i] = attribute->values[i];
    }
    qsort(values, count, sizeof *values, compare_values);
    add_counted(content, name, strlen(name));
    buffer_add_decimal(content, (int64_t)count, 0);
    for (size_t i = 0; i < count; i++) {
        buffer_add_char(content, ' ');
        add_counted(content, values[i].bv_val, values[i].bv_len);
    }
}

const char *entry_version_compute(struct arena *arena, const struct directory_class *class,
                                  const struct raw_entry *raw)
{
    static const char digits[] = "0123456789abcdef";
    char *none[] = {NULL};
    char **names = entry_version_attributes(arena, class, none);
    size_t count = count_attributes(names);
    unsigned char digest[SHA256_DIGEST_LENGTH];
    struct buffer content = {.arena = arena};
    /* controllers may escape characters of a DN in different ways */
    const char *dn = names_normalize(arena, raw->dn);
    dn = dn ? dn : raw->dn;
    add_counted(&content, dn, strlen(dn));
    qsort(names, count, sizeof *names, compare_attribute_names);
    for (size_t i = 0; i < count; i++) {
        add_attribute_content(&content, names[i], attribute_get(raw, names[i]));
    }
    SHA256((const unsigned char *)content.bytes, content.length, digest);
    char *version = arena_alloc(arena, 2 * VERSION_BYTES + 1);
    for (size_t i = 0; i < VERSION_BYTES; i++) {
        version[2 * i] = digits[digest[i] >> 4];
        version[2 * i + 1] = digits[digest[i] & 0xF];
    }
    return version;
}
