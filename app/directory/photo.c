/*
 * Photo: the photo of a user is the attribute thumbnailPhoto, which mail programs and the tools of
 * Active Directory show. It is not jpegPhoto, which may have several values of any size and which
 * they do not show.
 *
 * A modify operation that is repeated after a lost connection may find its own result: a removed
 * photo that no longer exists was removed by it. An exchanged photo cannot be told from one that
 * another client has changed.
 */
#include "directory/photo.h"

#include "base/arena.h"
#include "base/right.h"
#include "directory/attribute.h"
#include "directory/caller.h"
#include "directory/codec.h"
#include "directory/connection.h"
#include "directory/directory.h"
#include "directory/operation.h"
#include "directory/protected.h"
#include "directory/query.h"
#include "directory/result.h"

#include <ldap.h>

static char photo_attribute[] = "thumbnailPhoto";

struct error *directory_photo_read(struct directory *directory, struct arena *arena,
                                   const char *user, const char *parent_dn,
                                   struct directory_photo *photo_r)
{
    char *attributes[] = {"objectGUID", "sAMAccountName", photo_attribute, NULL};
    struct raw_entry *raw = NULL;
    *photo_r = (struct directory_photo){0};
    connection_begin_call(directory);
    struct error *error = query_user(directory, arena, user, parent_dn, attributes, &raw);
    if (error) {
        return error;
    }
    const struct attribute *guid = attribute_get(raw, "objectGUID");
    const struct attribute *name = attribute_get(raw, "sAMAccountName");
    const struct attribute *photo = attribute_get(raw, photo_attribute);
    photo_r->dn = raw->dn;
    photo_r->name = name ? name->values->bv_val : user;
    if (!guid || !codec_guid(arena, guid->values, &photo_r->guid)) {
        return error_new(arena, ERR_INTERNAL, "%s has no objectGUID", raw->dn);
    }
    if (photo && photo->values->bv_len) {
        photo_r->bytes = photo->values->bv_val;
        photo_r->length = photo->values->bv_len;
    }
    return NULL;
}

/* --- writing --------------------------------------------------------------------------------- */

struct photo_write {
    const char *dn;
    LDAPMod *mods[3];
};

static int send_photo(LDAP *ldap, const void *request, int *message_id_r)
{
    const struct photo_write *write = request;
    return ldap_modify_ext(ldap, write->dn, (LDAPMod **)write->mods, NULL, NULL, message_id_r);
}

/* Returns a modification with these bytes; if `bytes` is NULL, one of all values of the photo. */
static LDAPMod *create_photo_mod(struct arena *arena, int operation, const char *bytes,
                                 size_t length)
{
    LDAPMod *mod = arena_alloc(arena, sizeof *mod);
    mod->mod_op = operation | LDAP_MOD_BVALUES;
    mod->mod_type = photo_attribute;
    if (bytes) {
        struct berval **values = arena_array(arena, 2, sizeof *values);
        values[0] = arena_alloc(arena, sizeof **values);
        *values[0] = (struct berval){.bv_len = length, .bv_val = arena_copy(arena, bytes, length)};
        mod->mod_vals.modv_bvals = values;
    }
    return mod;
}

/* Fills the modifications. An exact write deletes the photo that was read and adds the new one, so
 * that the directory refuses it if that photo has changed. */
static void plan_photo_write(struct photo_write *write, struct arena *arena,
                             const struct directory_photo *photo, const char *bytes, size_t length,
                             bool exact)
{
    size_t count = 0;
    if (!exact && bytes) {
        write->mods[count++] = create_photo_mod(arena, LDAP_MOD_REPLACE, bytes, length);
        return;
    }
    if (photo->bytes) {
        write->mods[count++] =
            create_photo_mod(arena, LDAP_MOD_DELETE, exact ? photo->bytes : NULL, photo->length);
    }
    if (bytes) {
        write->mods[count++] = create_photo_mod(arena, LDAP_MOD_ADD, bytes, length);
    }
}

/* Returns the error of a write that the directory refused because the photo has changed. */
static struct error *explain_changed_photo(struct arena *arena, const struct operation *operation,
                                           const struct answer *answer, bool removes, bool exact)
{
    if (answer->repeated) {
        return removes && !exact ? NULL : result_connection_lost(arena, operation, NULL);
    }
    return error_new(arena, exact ? ERR_PRECONDITION_FAILED : ERR_NOT_FOUND, NULL);
}

struct error *directory_photo_write(struct directory *directory, struct arena *arena,
                                    const struct directory_photo *photo, const char *bytes,
                                    size_t length, bool exact)
{
    struct photo_write write = {0};
    const struct operation operation = {OPERATION_MODIFY, "modify", send_photo, &write};
    static const char *const fields[] = {"photo", NULL};
    static const struct caller_need need = {RIGHT_BIT(RIGHT_UPDATE), fields};
    struct target target;
    struct answer answer;
    connection_begin_call(directory);
    struct error *error =
        protected_read(directory, arena, photo->guid, PROTECTED_MODIFY, &need, &target);
    if (!error && !bytes && !photo->bytes) {
        error = error_new(arena, ERR_NOT_FOUND, NULL);
    }
    if (!error) {
        write.dn = protected_address(directory, arena, photo->guid, &target);
        plan_photo_write(&write, arena, photo, bytes, length, exact);
        error = operation_repeat(directory, arena, &operation, &answer);
    }
    if (error) {
        return error;
    }
    if (answer.code == LDAP_NO_SUCH_ATTRIBUTE || answer.code == LDAP_TYPE_OR_VALUE_EXISTS) {
        return explain_changed_photo(arena, &operation, &answer, !bytes, exact);
    }
    return answer.code == LDAP_SUCCESS ? NULL : result_error(arena, &answer, NULL, "modify");
}
