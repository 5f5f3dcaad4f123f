/* See sharing.h. */
#include "service/sharing.h"

#include "auth/api_key_use.h"
#include "auth/session_cache.h"
#include "base/arena.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/metrics.h"
#include "base/scoreboard.h"
#include "base/space.h"
#include "directory/directory.h"
#include "http/access.h"
#include "objects/objects.h"
#include "resources/resources.h"
#include "rest/limits.h"
#include "service/purge_plan.h"
#include "store/store.h"
#include "tokens/quota.h"
#include "tokens/usage.h"

/* The queue of SQLite's writers, and the health of the database. */
static struct store_shared *database;

static void share_counters(void)
{
    access_register_labels(resources);
    metrics_share();
    space_share();
    scoreboard_share();
    metrics_set(METRIC_START_TIME, 0, clock_wall_ms() / MS_PER_S);
    metrics_set(METRIC_BUILD, 0, 1);
}

static void share_session_cache(const struct config *config)
{
    enum { FOLDER_MODE = 0750 };
    struct arena *arena = arena_new();
    const char *path = arena_format(arena, "%s/sessions.cache", config->state_dir);
    file_make_parents(path, FOLDER_MODE);
    session_cache_share(path);
    arena_free(&arena);
}

void sharing_prepare(const struct config *config)
{
    share_counters();
    directory_share();
    share_session_cache(config);
    purge_share(&purge_plan);
    tokens_quota_share();
    tokens_usage_share();
    api_key_use_share();
    limits_share();
    objects_share();
    database = store_shared_new();
}

struct store_shared *sharing_database(void)
{
    return database;
}
