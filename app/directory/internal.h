/*
 * What the files of the directory layer share; nobody outside of the folder includes it.
 *
 *   circuit.c     what all processes know together about the controllers
 *   connection.c  one live connection, or an error: kept, checked, failed over, timed
 *   controller.c  one controller: TCP, verified TLS, bind
 *   deadline.c    no byte is waited for longer than a call may take
 *   operation.c   one LDAP operation: sent, waited for, its answer copied out of libldap
 *   result.c      what a result code means to a client
 *   names.c       distinguished names and filters: built, taken apart, compared, escaped
 *   codec.c       attribute values to and from their binary and text forms
 *   entry.c       an answer's entry to the values of a field map
 *   search.c      find and read, and the parents that clients name
 *   members.c     who is in a group
 *   list.c        a page of many
 *   changes.c     the set of changes, as LDAP modifications
 *   modify.c      add, update, delete
 *   login.c       the proof of a person's password
 *   lockout.c     keeps failed logins below the threshold of the lockout policy
 *   domain.c      the names and the clock of the domain
 *   service.c     the account that everything is done as
 *   protected.c   objects that no caller can change
 *   identity.c    who a person is, and whether the account may be used
 *   settings.c    LDAP_SERVER taken apart, and what is wrong with the settings
 *   probe.c       whether each controller serves, asked by the housekeeper; and what came of it
 *
 * All memory is the caller's arena's unless a comment says otherwise. libldap's messages are copied
 * and freed at once, so that nothing outlives the connection that it came from.
 */
#ifndef DIRECTORY_INTERNAL_H
#define DIRECTORY_INTERNAL_H

#include "directory/circuit.h"
#include "directory/directory.h"

#include <lber.h>
#include <ldap.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* --- settings.c ------------------------------------------------------------------------------ */

/* The next name of LDAP_SERVER: moves *at, which begins at the setting, behind it. False: no more.
 */
bool settings_next_server(const char **at, const char **name_r, size_t *length_r);

/* --- connection.c ---------------------------------------------------------------------------- */

enum {
    PRIMARY_GROUPS = 8, /* remembered at a time: a domain has one or two that are in use */
    KNOWN_VIEWS = 4,    /* the same, of lists; Samba keeps ten a connection */
    KNOWN_PEOPLE = 64,  /* the same, of people who have logged in */
    KNOWN_POLICIES = 8, /* the same, of lockout policies */
};

/* One domain controller of LDAP_SERVER. */
struct controller {
    char *uri;           /* malloc */
    bool avoided;        /* by the circuit, as this attempt to connect began */
    int64_t probed_at;   /* steady clock: the housekeeper's last probe; 0: none */
    bool failure_logged; /* that it does not serve is in the log already */
};

/* The DN of a primary group, by its SID. */
struct primary_group {
    char *sid, *dn; /* malloc; NULL: free */
    int64_t until;  /* steady clock */
};

/* A list that the server has sorted, and may be asked for more pages of: list.c. */
struct known_view {
    char *key;     /* malloc; what it is a view of; NULL: free */
    char *context; /* malloc; the server's name for it, `length` bytes */
    size_t length;
    int64_t usn; /* highestCommittedUSN before it was made: it is true as long as that stays */
};

/* Somebody whose rights were looked up lately. */
struct known_person {
    char *guid, *username, *email, *name; /* malloc; guid NULL: free, email NULL: none */
    bool administrator;
    int64_t password_set; /* pwdLastSet */
    int64_t until;        /* steady clock */
};

/* LDAP_ADMIN_GROUP as it was found lately. */
struct known_group {
    char *sid;     /* malloc; NULL: there is no such group, or more than one */
    int64_t until; /* steady clock */
};

/* The domain as the controller describes it, read lately. */
struct known_domain {
    char *dn;            /* malloc; its naming context; NULL: not known */
    char *netbios, *dns; /* malloc; its names; NULL: not known */
    int64_t lead_ms;     /* of the controller's clock over our steady one, which is never stepped */
    uint64_t generation; /* of the connection: another controller has another clock */
    int64_t until;       /* steady clock */
};

/* When an account is locked. */
struct lockout_policy {
    int64_t threshold; /* failed logins; 0: never */
    int64_t window_ms; /* a failure counts as long after the last one */
};

/* A lockout policy as it was read lately. */
struct known_policy {
    char *dn; /* malloc; of the domain or of a password settings object; NULL: free */
    struct lockout_policy policy;
    int64_t until; /* steady clock */
};

struct directory {
    const struct config *config;
    struct circuit *circuit; /* of these settings; shared by all processes */
    struct controller *servers;
    size_t server_count;
    LDAP *ldap;          /* NULL: not connected */
    size_t server;       /* the one it is connected to */
    uint64_t generation; /* of the connection: grows with each */
    int64_t answered_at; /* steady clock: its last answer */
    int64_t return_at;   /* steady clock: when to go back to a server before it */
    int64_t deadline;    /* steady clock: of the call under way */
    int64_t io_deadline; /* of the reading and writing under way: deadline.c */
    struct primary_group primary_groups[PRIMARY_GROUPS];
    size_t next_primary_group;            /* the one that is replaced next */
    struct known_view views[KNOWN_VIEWS]; /* of the connection there is */
    size_t next_view;                     /* the one that is replaced next */
    struct known_person people[KNOWN_PEOPLE];
    size_t next_person; /* the one that is replaced next */
    struct known_group administrators;
    struct known_domain domain;
    struct known_policy policies[KNOWN_POLICIES];
    size_t next_policy;  /* the one that is replaced next */
    char *service_guid;  /* of the account of LDAP_BIND_DN; malloc; NULL: not known yet */
    bool service_judged; /* service_warn() has logged what it had to */
};

/* What came of an attempt to connect to one server. */
enum controller_result {
    SERVER_CONNECTED,
    SERVER_FAILED,              /* another one may do */
    SERVER_SILENT,              /* the same, and the time for it is gone */
    SERVER_NOT_TRIED,           /* there was no time for it */
    SERVER_REFUSES_CREDENTIALS, /* another one will not do either, and each try counts */
};

/* Every public function begins with it: from now on, silence is borne for the two configured
 * time-outs together and no longer. */
void connection_begin(struct directory *directory);

/* The live connection: the kept one if nothing speaks against it, else a new one. */
struct error *connection_get(struct directory *directory, struct arena *arena,
                             LDAP **ldap_r) MUST_CHECK;

/* Ends it; the next connection_get() makes another. */
void connection_drop(struct directory *directory);

/* The controller says that it cannot serve: drops the connection, lets others be tried first. */
void connection_avoid(struct directory *directory);

/* What was asked at `asked` (steady clock) was not answered in time: drops the connection, and
 * holds it against the controller for all processes unless it has answered another since. */
void connection_unanswered(struct directory *directory, int64_t asked);

/* Connects to one server and notes in the circuit what came of it. The cause is for the log. */
enum controller_result connection_try(struct directory *directory, struct arena *arena,
                                      size_t index, const char **cause_r) MUST_CHECK;

/* Before something is sent: how long its answer may take, microseconds, at least one. Reading and
 * writing end then, too. */
int64_t connection_expect(struct directory *directory);

/* The same for TCP and TLS. */
int64_t connection_expect_connect(struct directory *directory);

/* An answer came, so the controller lives: the call may take as long again. */
void connection_alive(struct directory *directory);

/* Whether what is sent is encrypted: Active Directory takes passwords only then. */
bool connection_encrypted(const struct directory *directory);

/* --- controller.c ---------------------------------------------------------------------------- */

/* Lets libldap tell us why TLS fails. Once a process is enough. */
void controller_listen(void);

/* "host", "host:port", "[v6]", "[v6]:port" or a bare IPv6 address to an URI that the caller frees;
 * NULL: none of these. A scheme is refused: LDAP_USE_SSL says whether to encrypt, nothing else. */
char *controller_uri(const struct config *config, const char *text, size_t length);

/* One attempt at the server of that index; the cause is for the log. */
enum controller_result controller_connect(struct directory *directory, struct arena *arena,
                                          size_t index, LDAP **ldap_r,
                                          const char **cause_r) MUST_CHECK;

/* TCP and verified TLS, and nothing said yet: the caller binds, and ends it. NULL, the cause and
 * whether it is silence if it cannot be had. */
LDAP *controller_open(struct directory *directory, struct arena *arena, const char *uri,
                      const char **cause_r, bool *silent_r) MUST_CHECK;

/* A simple bind (RFC 4511 4.2), never with an empty password. Returns the result code, or one of
 * libldap's own, LDAP_TIMEOUT if there is no answer. */
int controller_bind(struct directory *directory, struct arena *arena, LDAP *ldap, const char *dn,
                    const char *password, const char **diagnostic_r) MUST_CHECK;

/* Whether a result of a bind is about who binds, and not about the server. */
bool controller_refuses(int code);

/* Reads the entry that every server has (rootDSE, RFC 4512 5.1). Returns the result code,
 * LDAP_TIMEOUT or LDAP_SERVER_DOWN if none came. */
int controller_read_root(struct directory *directory, struct arena *arena, LDAP *ldap);

/* --- deadline.c ------------------------------------------------------------------------------ */

/* From now on reads and writes of this handle end with ETIMEDOUT when the steady clock reaches
 * *deadline, which may change at any time and must outlive the handle. */
bool deadline_add(LDAP *ldap, int64_t *deadline) MUST_CHECK;

/* --- operation.c ----------------------------------------------------------------------------- */

/* One attribute of an entry: its description without options, and its values. */
struct attribute {
    const char *name;
    struct berval *values; /* with a NUL behind each */
    size_t count;
    int64_t next; /* the index to go on from if the server gave only a range; 0: that is all */
};

struct raw_entry {
    const char *dn;
    struct attribute *attributes;
    size_t count;
};

/* The answer to one operation. */
struct answer {
    int code;               /* RFC 4511 4.1.9, or one of libldap's own, which are negative */
    bool repeated;          /* a first try was lost */
    bool lost;              /* the connection died: the server may or may not have done it */
    const char *diagnostic; /* never NULL */
    struct raw_entry *entries;
    size_t count;
    LDAPControl **controls; /* may be NULL */
};

struct operation {
    const char *name; /* for the log */
    int (*send)(LDAP *ldap, const void *request, int *message_id_r);
    const void *request;
    bool writes; /* no answer then means that nobody knows: ERR_OUTCOME_UNKNOWN */
};

/*
 * Sends an operation and waits for its answer. An error means that there is no connection or that
 * time ran out; everything else, a lost connection included, is in `answer_r`.
 */
struct error *operation_run(struct directory *directory, struct arena *arena,
                            const struct operation *operation, struct answer *answer_r) MUST_CHECK;

/* Like operation_run(), for operations that may be repeated: if the connection was lost, runs
 * the operation once more on a fresh one and sets `repeated` in the answer. Fails if that is
 * lost too, or if the repetition of a write cannot be served: the outcome of the first try is
 * then unknown. */
struct error *operation_repeat(struct directory *directory, struct arena *arena,
                               const struct operation *operation,
                               struct answer *answer_r) MUST_CHECK;

/* Counts an operation, by its name, that began at `began` (steady clock); `failure` is why it has
 * failed ("silent", "lost", "credentials", "result"), NULL if it has not. */
void measure_operation(const char *name, int64_t began, const char *failure);

/* --- result.c -------------------------------------------------------------------------------- */

/* The error that a result code other than success stands for; `fields` (may be NULL) gives the
 * attributes that the server names their JSON names. */
struct error *result_error(struct arena *arena, const struct answer *answer,
                           const struct field *fields, const char *operation)
    __attribute__((returns_nonnull));

/* The connection was lost with the answer outstanding: ERR_DIRECTORY_UNAVAILABLE, of a write
 * ERR_OUTCOME_UNKNOWN. `cause` is what went wrong afterwards, NULL for nothing. */
struct error *result_lost(struct arena *arena, const struct operation *operation, const char *cause)
    __attribute__((returns_nonnull));

/* Why a bind was refused, from "… data 52e, …"; "unknown reason" if it does not say. */
const char *result_bind_reason(const char *diagnostic);

/* --- names.c --------------------------------------------------------------------------------- */

/* ATTRIBUTE=value as RFC 4514 writes it; NULL if it cannot be written. */
const char *names_rdn(struct arena *arena, const char *attribute, const char *value);

/* The DN as libldap understood it, written anew: what was checked is what is sent. NULL: no DN. */
const char *names_normal(struct arena *arena, const char *dn);

/* The DN without its first component, and that component; NULL if there is none. */
const char *names_parent(struct arena *arena, const char *dn);
const char *names_first(struct arena *arena, const char *dn);

bool names_equal(const char *a, const char *b);

/* Whether `dn` is `base` or below it. */
bool names_within(const char *dn, const char *base);

/* The value with every character escaped that means something in a filter (RFC 4515 3). */
const char *names_filter_value(struct arena *arena, const char *text);

/* --- codec.c --------------------------------------------------------------------------------- */

/* All of them: false if the bytes are not of that form. */
bool codec_integer(const struct berval *value, int64_t *integer_r);
bool codec_time(const struct berval *value, int64_t *wall_ms_r);
bool codec_guid(struct arena *arena, const struct berval *value, const char **text_r);
bool codec_sid(struct arena *arena, const struct berval *value, const char **text_r);

/* The SID of the group `rid` in the domain of `sid`, as text. */
const char *codec_sid_sibling(struct arena *arena, const char *sid, int64_t rid);

/* unicodePwd: UTF-16LE in double quotes. False if the password is not UTF-8. */
bool codec_password(struct arena *arena, const char *password, struct berval *value_r);

/* --- entry.c --------------------------------------------------------------------------------- */

/* How much of an entry is read. ENTRY_WITHOUT_LINKS omits member and memberOf, which may have
 * thousands of values and need further searches for primary members and primary groups. */
enum entry_extent { ENTRY_WHOLE, ENTRY_WITHOUT_LINKS };

/* The attributes that the fields of a class are bound to, as libldap wants them. */
char **entry_attributes(struct arena *arena, const struct field *fields, enum entry_extent extent);

/* The attribute, or NULL if the entry has no value of it. */
const struct attribute *attribute_get(const struct raw_entry *raw, const char *name);

/* Decodes the values of the class's fields; with ENTRY_WITHOUT_LINKS the fields of links are
 * absent. Searches again for what an answer omits: the rest of long attributes, and the primary
 * group. */
struct error *entry_decode(struct directory *directory, struct arena *arena,
                           const struct directory_class *class, enum entry_extent extent,
                           struct raw_entry *raw, struct directory_entry **entry_r) MUST_CHECK;

/* Decodes several whole entries, in their order. */
struct error *entry_decode_all(struct directory *directory, struct arena *arena,
                               const struct directory_class *class, struct raw_entry *raws,
                               size_t count, struct directory_entry **entries) MUST_CHECK;

/* --- members.c ------------------------------------------------------------------------------- */

/* The accounts whose primary group it is. */
struct primary_set {
    int64_t rid; /* the last number of the group's SID */
    const char **dns;
    size_t count, size;
    struct arena *arena;
};

struct primary_members {
    struct primary_set *sets; /* by rid */
    size_t count;
};

/* Finds them for several groups at once. */
struct error *primary_find_members(struct directory *directory, struct arena *arena,
                                   const struct raw_entry *groups, size_t count,
                                   struct primary_members *members_r) MUST_CHECK;

/* Those of one of the groups; NULL: nobody. */
const struct primary_set *primary_members_of(const struct primary_members *members,
                                             struct arena *arena, const struct raw_entry *group);

/* --- search.c -------------------------------------------------------------------------------- */

struct query {
    const char *base;
    int scope;
    const char *filter; /* NULL: any object */
    char **attributes;
    int size_limit;         /* 0: none of ours */
    LDAPControl **controls; /* may be NULL */
};

/* A search as it is, repeated once if the connection is lost. */
struct error *query_run(struct directory *directory, struct arena *arena,
                        const struct query *search, struct answer *answer_r) MUST_CHECK;

/* One object and a few attributes of it. ERR_NOT_FOUND if it is not there. */
struct error *query_object(struct directory *directory, struct arena *arena, const char *dn,
                           char **attributes, struct raw_entry *raw_r) MUST_CHECK;

/* The object of the class at a DN. ERR_NOT_FOUND if it is not there, or of another class. */
struct error *find_entry(struct directory *directory, struct arena *arena,
                         const struct directory_class *class, const char *dn,
                         enum entry_extent extent, struct directory_entry **entry_r) MUST_CHECK;

/* A parent that a client named: a fault of `field` if it is outside of the base DN,
 * ERR_PARENT_NOT_FOUND if it does not exist. `parent_r` is its DN as the directory writes it. */
struct error *query_parent(struct directory *directory, struct arena *arena, const char *dn,
                           const char *field, const char **parent_r) MUST_CHECK;

/* What came of a change that was made. Not to be able to read it is not a failed change:
 * ERR_RESULT_UNREAD. */
struct error *find_result(struct directory *directory, struct arena *arena,
                          const struct directory_class *class, const char *dn,
                          struct directory_entry **entry_r) MUST_CHECK;

/* The only entry of an answer to a search for `name`. ERR_NOT_FOUND; ERR_AMBIGUOUS with the DNs. */
struct error *query_only_entry(struct arena *arena, const struct answer *answer,
                               const struct field *fields, const char *name,
                               struct raw_entry **raw_r) MUST_CHECK;

/* The DN of an account's primary group; NULL if it has none that can be read. */
struct error *primary_group_dn(struct directory *directory, struct arena *arena,
                               const struct raw_entry *raw, const char **dn_r) MUST_CHECK;

struct query_by_name {
    const char *attribute, *name; /* which must be equal */
    const char *filter;           /* and this must hold */
    const char *parent_dn;        /* as a client named it; NULL: anywhere below the base DN */
    char **attributes;
};

/* The one entry of a name: directory_find() without reading its values. */
struct error *query_name(struct directory *directory, struct arena *arena,
                         const struct query_by_name *wanted, struct raw_entry **raw_r) MUST_CHECK;

/* All entries, however many (RFC 2696): each is shown to the visitor, which may keep it as long as
 * the arena. The search's own controls are not used. */
typedef void query_visitor(void *context, const struct raw_entry *raw);
struct error *query_all(struct directory *directory, struct arena *arena,
                        const struct query *search, query_visitor *visit, void *context) MUST_CHECK;

/* "<GUID=…>": a DN to Active Directory (MS-ADTS 3.1.1.3.1.2.4) that no rename makes stale. */
const char *query_guid_dn(struct arena *arena, const char *guid);

/* What everything is searched below is not there: that is no client's fault. */
struct error *query_no_base(struct arena *arena, const struct answer *answer)
    __attribute__((returns_nonnull));

/* Control for searches of a subtree: the server returns no references to other naming contexts
 * (MS-ADTS 3.1.1.3.4.1.4). */
extern LDAPControl query_one_domain;

/* --- list.c ---------------------------------------------------------------------------------- */

/* Forgets the views of a connection that ends. */
void list_forget(struct directory *directory);

/* --- service.c ------------------------------------------------------------------------------- */

/* Whether the object is the service account. */
struct error *service_is(struct directory *directory, struct arena *arena, const char *guid,
                         bool *is_r) MUST_CHECK;

/* True if the service account is below `dn`. Call service_is() first: it finds the service
 * account. */
struct error *service_within(struct directory *directory, struct arena *arena, const char *dn,
                             bool *within_r) MUST_CHECK;

/* Logs a warning if the service account is a domain administrator. An error means that it could not
 * be looked up. */
struct error *service_warn(struct directory *directory, struct arena *arena) MUST_CHECK;

/* --- protected.c ----------------------------------------------------------------------------- */

/* An object that is about to be changed, as it was read by its objectGUID. */
struct target {
    const char *dn;
    int64_t account_control; /* 0: it has none */
};

/*
 * Reads an object for a change of it, or of its membership. ERR_PROTECTED_OBJECT if callers cannot
 * change it; a detail is the reason. `moves`: its DN is to change, so the objects below it count
 * too.
 */
struct error *protected_read(struct directory *directory, struct arena *arena, const char *guid,
                             bool moves, struct target *target_r) MUST_CHECK;

/* Names the attribute that protects an object; NULL: none. The groups above a group are not
 * considered. */
const char *protected_reason(struct arena *arena, const struct raw_entry *raw);

/* True if the SID is that of a privileged group, of krbtgt or of Guest. */
bool sid_is_privileged(const char *sid);

/* True if members of the group with this SID administer the domain. */
bool sid_is_administrator(const char *sid);

/* --- domain.c -------------------------------------------------------------------------------- */

/* The domain, as it was read at most half a minute ago. */
struct error *domain_get(struct directory *directory, struct arena *arena,
                         const struct known_domain **domain_r) MUST_CHECK;

void domain_forget(struct directory *directory);

/* --- lockout.c ------------------------------------------------------------------------------- */

/* The controller's count of an account's failed logins. */
struct lockout_count {
    int64_t failures;  /* badPwdCount */
    int64_t failed_ms; /* badPasswordTime, of the controller's wall clock; 0: unknown */
};

/* Attributes that lockout_admit() wants of the account. */
#define LOCKOUT_ATTRIBUTES                                                                         \
    "badPwdCount", "badPasswordTime", "msDS-ResultantPSO", "msDS-User-Account-Control-Computed"

/* The number of failures that a source may cause: one less than the threshold, half of it for
 * unknown sources; INT64_MAX if the account is never locked. At least 1. */
int64_t lockout_limit(int64_t threshold, bool known_source);

/* Failures that still count at `now_ms` of the controller's clock. */
int64_t lockout_failures(const struct lockout_count *count, int64_t window_ms, int64_t now_ms);

/* An attempt that was reserved; all zero: nothing was counted. */
struct lockout_attempt {
    uint64_t account; /* a digest of the GUID */
    uint64_t failed;  /* failures that were counted before it, as a slot numbers them */
};

/* Counts an attempt, atomically for all processes of the host. False, and nothing is counted, if
 * the controller's count `failures`, or the failures and the attempts under way on this host, have
 * reached the limit. One of the next two functions follows; without it the attempt counts for the
 * window, because a process that is killed in between may have sent it. */
bool lockout_reserve(const char *guid, int64_t failures, int64_t limit, int64_t window_ms,
                     int64_t now_us, struct lockout_attempt *attempt_r) MUST_CHECK;

/* The attempt has failed, or nobody knows its outcome. */
void lockout_failed(const struct lockout_attempt *attempt);

/* The bind has succeeded, which sets badPwdCount to zero: forgives the failures that were counted
 * before the attempt, and keeps the other attempts under way. */
void lockout_succeeded(const struct lockout_attempt *attempt);

/* Reserves an attempt. `refusal_r` is NULL, or the reason for refusing it. */
struct error *lockout_admit(struct directory *directory, struct arena *arena,
                            const struct directory_candidate *candidate, bool known_source,
                            struct lockout_attempt *attempt_r, const char **refusal_r) MUST_CHECK;

void lockout_share(void);
void lockout_forget(struct directory *directory);

/* --- identity.c ------------------------------------------------------------------------------ */

/* Who has this objectGUID, as the directory knows it now. `refusal_r` is NULL, or says why the
 * account may not be used; there is no identity then. */
struct error *identity_read(struct directory *directory, struct arena *arena, const char *guid,
                            struct directory_identity *identity_r,
                            const char **refusal_r) MUST_CHECK;

/* One whole number; false if there is none. */
bool attribute_integer(const struct raw_entry *raw, const char *name, int64_t *value_r);

/* What the attributes of an account say against its use; NULL: nothing. */
const char *identity_refusal(const struct raw_entry *raw);

/* Forgets everybody. */
void identity_forget(struct directory *directory);

/* --- changes.c ------------------------------------------------------------------------------- */

struct change {
    struct change *next;
    const char *attribute;
    const char *text; /* NULL: clears it */
};

struct directory_changes {
    struct arena *arena;
    struct change *first, **end;
    const char *password;         /* NULL: stays */
    int64_t set_bits, clear_bits; /* of userAccountControl */
    const char *name, *parent_dn; /* NULL: stay */
};

/* userAccountControl after the change. */
int64_t changes_account_control(const struct directory_changes *changes, int64_t before);

/* The attributes of a new entry, as libldap wants them. */
struct error *changes_to_entry(const struct directory_changes *changes, struct arena *arena,
                               const struct directory_class *class, LDAPMod ***mods_r) MUST_CHECK;

/* The modifications of an entry that was read with these values and whose userAccountControl was
 * `before`; NULL for none. They fail with 16 (no such attribute) if that is no longer so. */
struct error *changes_to_mods(const struct directory_changes *changes, struct arena *arena,
                              const struct directory_class *class, const struct value *values,
                              int64_t before, LDAPMod ***mods_r) MUST_CHECK;

#endif
