/*
 * Fuzzes the complete handling of a request by the routes of all resources, unauthenticated and
 * with arbitrary tokens. The input is lines: method, request target, Content-Type, Authorization,
 * Accept-Language; the rest is the body. Every reply must conform to the contract.
 *
 * The database is an SQLite file that lives as long as the process, so each input finds the writes
 * of earlier ones.
 */
#include "auth/auth.h"
#include "base/config.h"
#include "base/log.h"
#include "directory/directory.h"
#include "fuzz.h"
#include "http/audit.h"
#include "http/router.h"
#include "resources/resources.h"
#include "rest/authorization.h"
#include "rfc8259.h"
#include "store/migrations.h"

#include <unistd.h>

enum { BODY_MAX = 2048 };

static struct app app;
static struct router *router;
static char folder[] = "/tmp/kontora-fuzz-XXXXXX";

static struct error *authenticate(struct request *request)
{
    const char *in_path = request_optional_path_value(request, "organization_id");
    const struct principal *principal = NULL;
    struct error *error = auth_authenticate_bearer(
        app.config, app.store, request->arena, request->headers.authorization,
        in_path ? request_parse_id(in_path) : 0, &principal);
    request->principal = principal;
    return error;
}

static struct error *confirm(struct request *request, enum permission permission)
{
    FUZZ_CHECK(permission != PERMIT_ALL);
    (void)request;
    return NULL;
}

static bool permits(const struct request *request, enum permission permission)
{
    return authorization_permits(request->principal, permission);
}

static bool is_open(const struct request *request)
{
    (void)request;
    return true;
}

static bool may_write(const struct request *request)
{
    (void)request;
    return true;
}

static void remove_folder(void)
{
    static const char *const files[] = {"kontora.db", "kontora.db-wal", "kontora.db-shm"};
    store_free(&app.store);
    if (chdir(folder) == 0) {
        for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
            unlink(files[i]);
        }
        rmdir(folder);
    }
}

static struct store *open_store(const struct config *config)
{
    struct arena *arena = arena_new();
    struct buffer report = {.arena = arena};
    struct store *store = store_new(config, store_shared_new());
    FUZZ_CHECK(!store_migrate_up(store, arena, MIGRATION_LATEST, &report));
    arena_free(&arena);
    return store;
}

/* Runs once per process. No directory is configured, so nothing is sent over a network. */
static void start_service(void)
{
    static struct config config;
    struct buffer faults = {0}, warnings = {0};
    const struct router_settings settings = {.guard = {.authenticate = authenticate,
                                                       .confirm = confirm,
                                                       .permits = permits,
                                                       .is_open = is_open,
                                                       .may_write = may_write},
                                             .standard_language = LANGUAGE_RU,
                                             .body_max = BODY_MAX};
    FUZZ_CHECK(mkdtemp(folder) && !atexit(remove_folder));
    FUZZ_CHECK(!clearenv() && !setenv("LDAP_SERVER", "", 1) && !setenv("STATE_DIR", folder, 1));
    FUZZ_CHECK(!setenv("DATABASE_SYNCHRONOUS", "normal", 1) && !setenv("BCRYPT_COST", "4", 1));
    FUZZ_CHECK(config_load(&config, "/dev/null", &faults, &warnings));
    FUZZ_CHECK(log_open(LOG_LEVEL_ERROR, "/dev/null") && audit_open("/dev/null"));
    app = (struct app){
        .config = &config, .directory = directory_new(&config), .store = open_store(&config)};
    router = router_new(resources, &settings);
}

struct source {
    const char *bytes;
    size_t left;
};

static size_t read_input(void *opaque, char *bytes, size_t size)
{
    struct source *source = opaque;
    size_t count = source->left < size ? source->left : size;
    if (count) {
        memcpy(bytes, source->bytes, count);
    }
    source->bytes += count;
    source->left -= count;
    return count;
}

static void check_reply(const struct request *request, const struct reply *reply)
{
    static const int statuses[] = {200, 201, 204, 400, 401, 403, 404,
                                   405, 409, 413, 415, 429, 500, 503};
    bool known = false;
    for (size_t i = 0; i < sizeof statuses / sizeof *statuses; i++) {
        known |= reply->status == statuses[i];
    }
    FUZZ_CHECK(known);
    FUZZ_CHECK(reply->status == 204 || rfc8259_valid(reply->body.bytes, reply->body.length));
    for (size_t i = 0; i < reply->headers_count; i++) {
        FUZZ_CHECK(!strpbrk(reply->headers[i].name, "\r\n: "));
        FUZZ_CHECK(!strpbrk(reply->headers[i].value, "\r\n"));
    }
    /* Protected routes never succeed without a principal. */
    FUZZ_CHECK(reply->status >= 400 || !request->route->permission || request->principal);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (!router) {
        start_service();
    }
    char *text = fuzz_string(data, size), *rest = text;
    struct request request = {.arena = arena_new(), .app = &app};
    struct reply reply;
    request.headers = (struct request_headers){.content_length = "",
                                               .request_id = "",
                                               .address = "192.0.2.1",
                                               .user_agent = "",
                                               .organization = "",
                                               .idempotency_key = "",
                                               .content_encoding = "",
                                               .content_range = "",
                                               .surface = "",
                                               .spool = ""};
    request.headers.method = fuzz_line(&rest);
    request.headers.uri = fuzz_line(&rest);
    request.headers.content_type = fuzz_line(&rest);
    request.headers.authorization = fuzz_line(&rest);
    request.headers.accept_language = fuzz_line(&rest);
    size_t head = rest ? (size_t)(rest - text) : size;
    struct source source = {(const char *)data + head, size - head};
    request.input = (struct request_body){read_input, &source};
    const struct error *error = router_handle(router, &request, &reply);
    router_finish(&request, &reply, error);
    FUZZ_CHECK(!store_group_commit(app.store, request.arena));
    check_reply(&request, &reply);
    log_set_request(NULL);
    arena_free(&request.arena);
    free(text);
    return 0;
}
