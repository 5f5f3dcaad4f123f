/* See limits.h. */
#include "rest/limits.h"

#include "auth/password.h"
#include "auth/principal.h"
#include "base/arena.h"
#include "base/clock.h"
#include "base/rate.h"
#include "base/scoreboard.h"
#include "rest/app.h"

#include <inttypes.h>
#include <string.h>

enum {
    BURST_S = 4,             /* a caller may send the requests of so many seconds at once */
    UPLOAD_WAIT_S = 5,       /* value of Retry-After, because the end of an upload is unknown */
    ANONYMOUS_AT_ONCE = 500, /* concurrent uploads: half of the spool's maximum */
};

enum bucket { BUCKET_REQUESTS, BUCKET_UPLOADS, BUCKET_COUNT };

/* Kinds of keys. The first 2 * BUCKET_COUNT kinds are those of a subject and of an organization,
 * for each bucket. */
enum {
    KIND_ANONYMOUS = 2 * BUCKET_COUNT,
    KIND_TOKENS, /* this kind and those after it: one for each class of token lifetimes */
};

/* Keys of the counters of a caller: hashes of the ids of subject and organization. 0 means no
 * organization. */
struct keys {
    uint64_t subject, organization;
};

void limits_share(void)
{
    rate_share();
}

/* --- the queue for hashing -------------------------------------------------------------------- */

static struct error *reject_hash(const struct request *request)
{
    struct error *error = error_new(request->arena, ERR_OVERLOADED, NULL);
    /* After this time, all requests that are queued now have been handled or rejected. */
    error->retry_after_s =
        (int)((app_of(request)->config->login_queue_ms + MS_PER_S - 1) / MS_PER_S);
    return error;
}

struct error *limits_check_queue(const struct request *request)
{
    int64_t longest_ms = app_of(request)->config->login_queue_ms;
    if (request->route->pool != POOL_AUTH || request->queue_us <= longest_ms * US_PER_MS) {
        return NULL;
    }
    return reject_hash(request);
}

size_t limits_queue_length(const struct config *config)
{
    enum { LENGTH_MAX = 4096 };
    int64_t hash_us = password_hash_time_us(config->bcrypt_cost);
    if (!hash_us) {
        return 0;
    }
    int64_t length = config->login_queue_ms * US_PER_MS * config->workers[POOL_AUTH] / hash_us;
    return length < 1 ? 1 : length > LENGTH_MAX ? LENGTH_MAX : (size_t)length;
}

bool limits_is_overflow(const struct request *request)
{
    return app_of(request)->pool == POOL_OVERFLOW;
}

struct error *limits_admit_hash(const struct request *request, bool known)
{
    return limits_is_overflow(request) && !known ? reject_hash(request) : NULL;
}

/* --- request rates ---------------------------------------------------------------------------- */

static struct keys caller_keys(const struct request *request, enum bucket bucket)
{
    const struct principal *principal = request->principal;
    struct keys keys = {.subject = rate_key(2 * bucket, principal->id)};
    if (principal->role != ROLE_NONE && principal->organization_id) {
        const char *id = arena_format(request->arena, "%" PRId64, principal->organization_id);
        keys.organization = rate_key(2 * bucket + 1, id);
    }
    return keys;
}

static struct error *reject_with_wait(const struct request *request, int64_t wait_us)
{
    struct error *error = error_new(request->arena, ERR_TOO_MANY_REQUESTS, NULL);
    error->retry_after_s = (int)((wait_us + US_PER_S - 1) / US_PER_S);
    return error;
}

/* Takes a token from both buckets, or from none. A burst of 0 means no limit. Returns the time to
 * wait, 0 if the tokens were taken. */
static int64_t take_tokens(const struct keys *keys, const struct rate_limit *of_subject,
                           const struct rate_limit *of_organization)
{
    int64_t now = clock_steady_us();
    int64_t wait = of_subject->burst ? rate_take(keys->subject, of_subject, now) : 0;
    if (wait || !keys->organization || !of_organization->burst) {
        return wait;
    }
    wait = rate_take(keys->organization, of_organization, now);
    if (wait && of_subject->burst) {
        rate_return(keys->subject, of_subject);
    }
    return wait;
}

static struct rate_limit per_second(int64_t count)
{
    return count ? (struct rate_limit){US_PER_S / count, BURST_S * count} : (struct rate_limit){0};
}

static struct rate_limit per_minute(int64_t count)
{
    return count ? (struct rate_limit){US_PER_MINUTE / count, count} : (struct rate_limit){0};
}

static struct error *take_request_token(const struct request *request)
{
    const struct config *config = app_of(request)->config;
    const struct rate_limit of_subject = per_second(config->rate_subject_per_s);
    const struct rate_limit of_organization = per_second(config->rate_organization_per_s);
    const struct keys keys = caller_keys(request, BUCKET_REQUESTS);
    int64_t wait = take_tokens(&keys, &of_subject, &of_organization);
    return wait ? reject_with_wait(request, wait) : NULL;
}

/* --- uploads ---------------------------------------------------------------------------------- */

static struct error *reject_upload(const struct request *request)
{
    return reject_with_wait(request, (int64_t)UPLOAD_WAIT_S * US_PER_S);
}

/* Registers the own upload before it counts all uploads: two concurrent uploads may both be
 * rejected, but cannot both take the last slot. */
static struct error *register_upload(const struct request *request, const struct keys *keys)
{
    const struct config *config = app_of(request)->config;
    const struct scoreboard_upload upload = {keys->subject, keys->organization};
    scoreboard_set_upload(upload);
    struct scoreboard_uploads count = scoreboard_count_uploads(upload);
    if ((!config->uploads_subject_at_once || count.subject <= config->uploads_subject_at_once) &&
        (!config->uploads_organization_at_once ||
         count.organization <= config->uploads_organization_at_once)) {
        return NULL;
    }
    scoreboard_set_upload((struct scoreboard_upload){0});
    return reject_upload(request);
}

static struct error *admit_upload(const struct request *request)
{
    const struct config *config = app_of(request)->config;
    const struct rate_limit of_subject = per_minute(config->uploads_subject_per_minute);
    const struct rate_limit of_organization = per_minute(config->uploads_organization_per_minute);
    const struct keys keys = caller_keys(request, BUCKET_UPLOADS);
    struct error *error = register_upload(request, &keys);
    if (error) {
        return error;
    }
    int64_t wait = take_tokens(&keys, &of_subject, &of_organization);
    if (wait) {
        scoreboard_set_upload((struct scoreboard_upload){0});
    }
    return wait ? reject_with_wait(request, wait) : NULL;
}

/* --- tokens ----------------------------------------------------------------------------------- */

/* A caller has one bucket for each class of lifetimes. It holds `quota` tokens and is refilled
 * within that lifetime, so at most twice the quota are valid at a time. With one bucket for all
 * classes, a token valid for a year would block tokens valid for an hour. */
struct error *limits_count_token(const struct request *request, int64_t lifetime_minutes)
{
    const struct principal *principal = request->principal;
    int64_t quota = app_of(request)->config->tokens_subject_quota;
    int64_t lifetime = 1;
    unsigned kind = KIND_TOKENS;
    if (!quota || principal->kind == PRINCIPAL_LOCAL || principal->administrator) {
        return NULL;
    }
    for (; lifetime < lifetime_minutes; lifetime *= 2) {
        kind++;
    }
    int64_t interval_us = lifetime * US_PER_MINUTE / quota;
    const struct rate_limit limit = {interval_us ? interval_us : 1, quota};
    int64_t wait = rate_take(rate_key(kind, principal->id), &limit, clock_steady_us());
    return wait ? reject_with_wait(request, wait) : NULL;
}

/* --- requests --------------------------------------------------------------------------------- */

struct error *limits_begin(const struct request *request)
{
    bool counts = request->principal && app_of(request)->config->rate_limits;
    struct error *error = counts ? take_request_token(request) : NULL;
    if (error || !request->route->form) {
        return error;
    }
    /* The spool has cut off the body (proc/exchange.h). */
    if (!strcmp(request->headers.spool, "many")) {
        return reject_upload(request);
    }
    return counts ? admit_upload(request) : NULL;
}

void limits_end(const struct request *request)
{
    if (request->route->form) {
        scoreboard_set_upload((struct scoreboard_upload){0});
    }
}

static void add_owner_header(const struct request *request, struct reply *reply, uint64_t key,
                             int64_t limit)
{
    if (key && limit) {
        reply_header(reply, "X-Kontora-Owner",
                     arena_format(request->arena, "%016" PRIx64 " %" PRId64, key, limit));
    }
}

void limits_name_owners(const struct request *request, struct reply *reply)
{
    const struct config *config = app_of(request)->config;
    if (!config->rate_limits || !request->route->form) {
        return;
    }
    if (!request->principal) {
        add_owner_header(request, reply, rate_key(KIND_ANONYMOUS, ""), ANONYMOUS_AT_ONCE);
        return;
    }
    const struct keys keys = caller_keys(request, BUCKET_UPLOADS);
    add_owner_header(request, reply, keys.subject, config->uploads_subject_at_once);
    add_owner_header(request, reply, keys.organization, config->uploads_organization_at_once);
}
