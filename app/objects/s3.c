/*
 * The S3 engine: one persistent connection per process, through libcurl, which also signs requests
 * (sigv4.c signs addresses for clients). Every request can be repeated: objects are immutable, so a
 * second PUT writes the same bytes.
 *
 * A request with its retries ends within STORAGE_TIMEOUT_MS, plus one second for each MiB that is
 * sent. A storage that moves no byte for half of STORAGE_TIMEOUT_MS counts as silent. A storage
 * that could not be reached is not tried again for a moment, so that requests do not queue up for
 * timeouts.
 *
 * libcurl 7.88 signs each of our headers, even one that is to be omitted ("Accept:"), signs
 * requests of S3 wrongly without x-amz-content-sha256, and does not put the query into canonical
 * form: we do that here. Since libcurl 8 it signs nothing with CURLOPT_PATH_AS_IS; we do without
 * that option, because our paths have no "." and ".." segments.
 */
#include "objects/s3.h"

#include "base/arena.h"
#include "base/backoff.h"
#include "base/clock.h"
#include "base/config.h"
#include "base/log.h"
#include "base/random.h"
#include "base/size.h"
#include "objects/sigv4.h"

#include <curl/curl.h>
#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/evp.h>
#include <openssl/sha.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
    TICK_MS = 100, /* interval of the checks for a silent storage */
    TRIES = 3,
    REFUSAL_US = US_PER_S, /* for so long a storage that could not be reached is left alone */
    CHECK_MS = 2000,       /* for a check: others wait for it */
    CONNECT_MAX_MS = 2500, /* of a try's time */
    ANSWER_MAX = 2 * MIB,  /* a page of PAGE_MAX objects has about 400 KiB */
    PAGES_MAX = 1000,      /* of objects that are none of ours */
    PAGE_MAX = 1000,       /* objects; S3 gives no more */
    UPLOAD_BUFFER = 256 * KIB,
    MD5_SIZE = 16,
    MD5_TEXT_SIZE = 25, /* in base64 */
    SHA256_TEXT_SIZE = 2 * SHA256_DIGEST_LENGTH + 1,
};

enum status {
    STATUS_OK = 200,
    STATUS_REDIRECT = 300,
    STATUS_BAD_REQUEST = 400,
    STATUS_FORBIDDEN = 403,
    STATUS_NOT_FOUND = 404,
    STATUS_REQUEST_TIMEOUT = 408,
    STATUS_TOO_MANY_REQUESTS = 429,
    STATUS_SERVER_ERROR = 500,
    STATUS_INSUFFICIENT_STORAGE = 507,
};

struct s3 {
    const struct config *config;
    struct s3_settings settings;
    struct arena *arena; /* holds the settings */
    char *staging;
    CURL *handle;
    CURLM *connections;   /* owns the connection */
    struct buffer answer; /* of the last try */
    int64_t refuse_until; /* of the steady clock */
    char refusal[CURL_ERROR_SIZE + 64];
};

/* One request, and what came of its last try. */
struct call {
    const char *method;
    const char *path;            /* below the bucket, encoded */
    const char *query;           /* canonical; NULL: none */
    const struct staged *staged; /* of a PUT: where its bytes are */
    const struct object_properties *properties;
    int tries;
    int64_t patience_ms; /* for all of them */
    int64_t try_ms;      /* for each, at most */
    struct arena *arena;
    int64_t silence_us; /* a try without progress for so long is aborted */
    int64_t moved_at;   /* steady clock: time of the last progress */
    curl_off_t moved;   /* bytes sent and received until then */
    bool is_silent;     /* the last try was aborted for lack of progress */
    curl_off_t offset;  /* offset of the next bytes to send */
    struct buffer *answer;
    CURLcode result;
    char problem[CURL_ERROR_SIZE];
    long status;
};

/* --- what libcurl calls ---------------------------------------------------------------------- */

static size_t on_read(char *bytes, size_t size, size_t count, void *state)
{
    struct call *call = state;
    int64_t left = call->properties->size - call->offset;
    size_t wanted = left < (int64_t)(size * count) ? (size_t)left : size * count;
    ssize_t got;
    do {
        got = pread(call->staged->fd, bytes, wanted, call->offset);
    } while (got < 0 && errno == EINTR);
    if (got < 0 || (wanted && !got)) {
        return CURL_READFUNC_ABORT; /* the file is shorter than was said, or cannot be read */
    }
    call->offset += got;
    return (size_t)got;
}

/* libcurl begins again, on a new connection. */
static int on_seek(void *state, curl_off_t offset, int origin)
{
    struct call *call = state;
    if (origin != SEEK_SET) {
        return CURL_SEEKFUNC_CANTSEEK;
    }
    call->offset = offset;
    return CURL_SEEKFUNC_OK;
}

static size_t on_write(const char *bytes, size_t size, size_t count, void *state)
{
    struct call *call = state;
    if (size * count > ANSWER_MAX - call->answer->length) {
        return 0; /* which ends it */
    }
    buffer_add(call->answer, bytes, size * count);
    return size * count;
}

/* Aborts a try that makes no progress. libcurl's own limit is an average over some seconds: a
 * storage that read the beginning of a body quickly would not count as slow. */
static int on_progress(void *state, curl_off_t to_receive, curl_off_t received, curl_off_t to_send,
                       curl_off_t sent)
{
    struct call *call = state;
    int64_t now = clock_steady_us();
    (void)to_receive, (void)to_send;
    if (received + sent != call->moved) {
        call->moved = received + sent;
        call->moved_at = now;
    }
    call->is_silent = now - call->moved_at >= call->silence_us;
    return call->is_silent; /* aborts the try */
}

/* Opens a socket that programs started by us do not inherit, and for which the kernel buffers
 * few unsent bytes: so the progress that libcurl reports is near to that of the storage. */
static curl_socket_t on_socket(void *state, curlsocktype purpose, struct curl_sockaddr *address)
{
    (void)state, (void)purpose;
    int fd = socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
    if (fd >= 0) {
        (void)setsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &(int){UPLOAD_BUFFER}, sizeof(int));
    }
    return fd;
}

/* --- one try --------------------------------------------------------------------------------- */

/* What libcurl refuses here is a slip of the code, or memory. */
static void must(CURLcode code)
{
    if (code != CURLE_OK) {
        log_error("S3: libcurl: %s", curl_easy_strerror(code));
        abort();
    }
}

static void release_headers(void *headers)
{
    curl_slist_free_all(headers);
}

static void add_header(struct curl_slist **headers, const char *line)
{
    struct curl_slist *longer = curl_slist_append(*headers, line);
    if (!longer) {
        abort(); /* out of memory */
    }
    *headers = longer;
}

/* All of them are signed. */
static struct curl_slist *headers_of(const struct call *call)
{
    static const char empty[] = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    const struct object_properties *properties = call->properties;
    struct curl_slist *headers = NULL;
    char sha256[SHA256_TEXT_SIZE];
    memcpy(sha256, empty, sizeof sha256);
    if (properties) {
        char md5[MD5_TEXT_SIZE];
        random_format(properties->sha256, SHA256_DIGEST_LENGTH, sha256);
        EVP_EncodeBlock((unsigned char *)md5, properties->md5, MD5_SIZE);
        add_header(&headers, arena_format(call->arena, "Content-MD5: %s", md5));
        add_header(&headers,
                   arena_format(call->arena, "Content-Type: %s", properties->content_type));
    }
    add_header(&headers, arena_format(call->arena, "x-amz-content-sha256: %s", sha256));
    arena_defer(call->arena, release_headers, headers);
    return headers;
}

static void set_method(CURL *handle, struct call *call)
{
    if (call->staged) {
        must(curl_easy_setopt(handle, CURLOPT_UPLOAD, 1L));
        must(curl_easy_setopt(handle, CURLOPT_INFILESIZE_LARGE, call->properties->size));
        must(curl_easy_setopt(handle, CURLOPT_READFUNCTION, on_read));
        must(curl_easy_setopt(handle, CURLOPT_READDATA, call));
        must(curl_easy_setopt(handle, CURLOPT_SEEKFUNCTION, on_seek));
        must(curl_easy_setopt(handle, CURLOPT_SEEKDATA, call));
        must(curl_easy_setopt(handle, CURLOPT_UPLOAD_BUFFERSIZE, (long)UPLOAD_BUFFER));
    } else if (!strcmp(call->method, "HEAD")) {
        must(curl_easy_setopt(handle, CURLOPT_NOBODY, 1L));
    } else {
        must(curl_easy_setopt(handle, CURLOPT_CUSTOMREQUEST, call->method));
    }
}

/* TLS 1.2 at least, verified, as it is libcurl's default; nobody is followed anywhere. */
static void set_connection(const struct s3 *s3, int64_t left_ms)
{
    CURL *handle = s3->handle;
    int64_t connect_ms = left_ms / 2 < CONNECT_MAX_MS ? left_ms / 2 : CONNECT_MAX_MS;
    must(curl_easy_setopt(handle, CURLOPT_PROTOCOLS_STR, "http,https"));
    must(curl_easy_setopt(handle, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1));
    must(curl_easy_setopt(handle, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2));
    if (*s3->config->aws_ca_bundle) {
        must(curl_easy_setopt(handle, CURLOPT_CAINFO, s3->config->aws_ca_bundle));
    }
    must(curl_easy_setopt(handle, CURLOPT_OPENSOCKETFUNCTION, on_socket));
    must(curl_easy_setopt(handle, CURLOPT_NOSIGNAL, 1L));
    must(curl_easy_setopt(handle, CURLOPT_QUICK_EXIT, 1L)); /* waits for no silent name server */
    must(curl_easy_setopt(handle, CURLOPT_CONNECTTIMEOUT_MS, (long)connect_ms));
    must(curl_easy_setopt(handle, CURLOPT_TIMEOUT_MS, (long)left_ms));
}

static void set_silence(const struct s3 *s3, struct call *call)
{
    call->silence_us = (int64_t)s3->config->storage_timeout_ms * US_PER_MS / 2;
    call->moved_at = clock_steady_us();
    call->moved = 0;
    call->is_silent = false;
    must(curl_easy_setopt(s3->handle, CURLOPT_NOPROGRESS, 0L));
    must(curl_easy_setopt(s3->handle, CURLOPT_XFERINFOFUNCTION, on_progress));
    must(curl_easy_setopt(s3->handle, CURLOPT_XFERINFODATA, call));
}

static void must_multi(CURLMcode code)
{
    if (code != CURLM_OK) {
        log_error("S3: libcurl: %s", curl_multi_strerror(code));
        abort();
    }
}

/* Like curl_easy_perform(), which would call on_progress() only once a second. */
static CURLcode transfer(struct s3 *s3)
{
    int running = 0, left;
    must_multi(curl_multi_add_handle(s3->connections, s3->handle));
    for (;;) {
        must_multi(curl_multi_perform(s3->connections, &running));
        if (!running) {
            break;
        }
        must_multi(curl_multi_poll(s3->connections, NULL, 0, TICK_MS, NULL));
    }
    const CURLMsg *message = curl_multi_info_read(s3->connections, &left);
    CURLcode result = message ? message->data.result : CURLE_FAILED_INIT;
    must_multi(curl_multi_remove_handle(s3->connections, s3->handle));
    return result;
}

static void attempt(struct s3 *s3, struct call *call, int64_t left_ms)
{
    CURL *handle = s3->handle;
    const struct s3_place *place = &s3->settings.place;
    curl_easy_reset(handle);
    set_connection(s3, left_ms);
    set_silence(s3, call);
    set_method(handle, call);
    must(curl_easy_setopt(handle, CURLOPT_URL,
                          arena_format(call->arena, "%s://%s%s/%s%s%s", place->scheme, place->host,
                                       place->path, call->path, call->query ? "?" : "",
                                       call->query ? call->query : "")));
    must(curl_easy_setopt(handle, CURLOPT_HTTPHEADER, headers_of(call)));
    must(curl_easy_setopt(handle, CURLOPT_USERNAME, s3->config->aws_access_key_id));
    must(curl_easy_setopt(handle, CURLOPT_PASSWORD, s3->config->aws_secret_access_key));
    must(curl_easy_setopt(handle, CURLOPT_AWS_SIGV4,
                          arena_format(call->arena, "aws:amz:%s:s3", s3->settings.region)));
    must(curl_easy_setopt(handle, CURLOPT_WRITEFUNCTION, on_write));
    must(curl_easy_setopt(handle, CURLOPT_WRITEDATA, call));
    must(curl_easy_setopt(handle, CURLOPT_ERRORBUFFER, call->problem));
    must(curl_easy_setopt(handle, CURLOPT_FILETIME, 1L));
    call->offset = 0;
    call->problem[0] = '\0';
    buffer_clear(call->answer);
    call->result = transfer(s3);
    call->status = 0;
    must(curl_easy_getinfo(handle, CURLINFO_RESPONSE_CODE, &call->status));
}

/* --- errors ---------------------------------------------------------------------------------- */

/* No whole answer. */
static bool is_lost(const struct call *call)
{
    return call->result != CURLE_OK;
}

static bool is_ours(const struct call *call)
{
    return (call->result == CURLE_ABORTED_BY_CALLBACK && !call->is_silent) ||
           call->result == CURLE_WRITE_ERROR;
}

/* Whether another try may go better. */
static bool is_passing(const struct call *call)
{
    if (is_lost(call)) {
        return !is_ours(call) && call->result != CURLE_PEER_FAILED_VERIFICATION &&
               call->result != CURLE_SSL_CACERT_BADFILE;
    }
    return call->status == STATUS_REQUEST_TIMEOUT || call->status == STATUS_TOO_MANY_REQUESTS ||
           (call->status >= STATUS_SERVER_ERROR && call->status != STATUS_INSUFFICIENT_STORAGE);
}

static const char *hint_of(const struct call *call, const struct s3_failure *failure)
{
    if (call->status == STATUS_FORBIDDEN) {
        return ": are the keys right, the clock, and the policy of the bucket?";
    }
    if (call->status < STATUS_BAD_REQUEST ||
        !strcmp(failure->code, "AuthorizationHeaderMalformed")) {
        return ": are endpoint, region and path_style right?";
    }
    return "";
}

static const char *cause_of(const struct call *call, const struct s3_failure *failure)
{
    if (is_lost(call) && call->is_silent) {
        return arena_format(call->arena, "S3: %s: too slow: no byte in %" PRId64 " ms",
                            call->method, call->silence_us / US_PER_MS);
    }
    if (is_lost(call)) {
        return arena_format(call->arena, "S3: %s: %s", call->method,
                            *call->problem ? call->problem : curl_easy_strerror(call->result));
    }
    return arena_format(call->arena, "S3: %s: %ld %s %s (request %s)%s", call->method, call->status,
                        failure->code, failure->message, failure->request_id,
                        hint_of(call, failure));
}

/* What to tell of the last try; NULL if it was a success. */
static struct error *error_of(struct call *call)
{
    struct s3_failure failure = {"", "", ""};
    if (!is_lost(call) && call->status >= STATUS_OK && call->status < STATUS_REDIRECT) {
        return NULL;
    }
    if (!is_lost(call)) {
        s3_read_failure(call->arena, call->answer, &failure);
    }
    bool full =
        call->status == STATUS_INSUFFICIENT_STORAGE || !strcmp(failure.code, "QuotaExceeded");
    return error_new(call->arena, full ? ERR_STORAGE_FULL : ERR_STORAGE_UNAVAILABLE, "%s",
                     cause_of(call, &failure));
}

/* --- a call ---------------------------------------------------------------------------------- */

/* In milliseconds. The maximum is beyond what a call's tries reach. */
static const struct backoff retry_backoff = {
    .first = 100, .max = INT64_C(100) << TRIES, .random = arc4random_uniform};

static void pause_after(int failures)
{
    int64_t pause_ms = backoff_delay(&retry_backoff, failures);
    struct timespec pause = {pause_ms / MS_PER_S, pause_ms % MS_PER_S * NS_PER_MS};
    nanosleep(&pause, NULL);
}

static bool has_time(int failures, int64_t deadline)
{
    int64_t longest_pause_ms = backoff_delay_max(&retry_backoff, failures);
    return deadline - clock_steady_us() > 2 * longest_pause_ms * US_PER_MS;
}

/* Who could not be reached is not asked again for a moment. */
static void remember(struct s3 *s3, const struct call *call, const struct error *error)
{
    if (error && is_lost(call) && !is_ours(call)) {
        s3->refuse_until = clock_steady_us() + REFUSAL_US;
        snprintf(s3->refusal, sizeof s3->refusal, "%s", error->cause);
    }
}

/* Tries until there is an answer that another try would not change, or no time. NULL: a success. */
static struct error *perform(struct s3 *s3, struct arena *arena, struct call *call)
{
    int64_t deadline = clock_steady_us() + call->patience_ms * US_PER_MS;
    struct error *error = NULL;
    call->arena = arena;
    call->answer = &s3->answer;
    if (clock_steady_us() < s3->refuse_until) {
        return error_new(arena, ERR_STORAGE_UNAVAILABLE, "%s", s3->refusal);
    }
    for (int i = 1;; i++) {
        int64_t left_ms = (deadline - clock_steady_us()) / US_PER_MS + 1;
        attempt(s3, call, left_ms < call->try_ms ? left_ms : call->try_ms);
        error = error_of(call);
        if (!error || !is_passing(call) || i == call->tries || !has_time(i, deadline)) {
            break;
        }
        log_warning("%s; trying again", error->cause);
        pause_after(i);
    }
    remember(s3, call, error);
    return error;
}

/* A call whose tries are silent for half of its time at most. */
static struct call call_of(const struct s3 *s3, const char *method, const char *path)
{
    return (struct call){
        .method = method,
        .path = path,
        .tries = TRIES,
        .patience_ms = s3->config->storage_timeout_ms,
        .try_ms = s3->config->storage_timeout_ms / 2,
    };
}

static const char *path_of(const struct s3 *s3, struct arena *arena, const char *key)
{
    return arena_format(arena, "%s%s", s3->settings.prefix, key);
}

/* --- objects --------------------------------------------------------------------------------- */

static struct error *place(void *engine, struct arena *arena, struct staged *staged,
                           const char *key, const struct object_properties *properties)
{
    struct s3 *s3 = engine;
    struct call call = call_of(s3, "PUT", path_of(s3, arena, key));
    call.staged = staged;
    call.properties = properties;
    call.patience_ms += properties->size / MIB * MS_PER_S;
    call.try_ms = call.patience_ms; /* which ends by silence */
    return perform(s3, arena, &call);
}

/* A page of a list, as a call that has not been made. */
static struct call list_call(const struct s3 *s3, struct arena *arena, const struct s3_page *page)
{
    const struct sigv4_parameter parameters[] = {
        {"delimiter", "/"},
        {"encoding-type", "url"},
        {"list-type", "2"},
        {"max-keys", arena_format(arena, "%zu", page->max - page->count)},
        {"prefix", s3->settings.prefix},
        page->next ? (struct sigv4_parameter){"continuation-token", page->next}
                   : (struct sigv4_parameter){"start-after",
                                              arena_format(arena, "%s%s", s3->settings.prefix,
                                                           page->last)},
    };
    size_t count = sizeof parameters / sizeof *parameters;
    bool from_the_beginning = !page->next && !*page->last;
    struct call call = call_of(s3, "GET", "");
    call.query = sigv4_query(arena, parameters, count - (from_the_beginning ? 1 : 0));
    return call;
}

static struct error *read_page(struct s3 *s3, struct arena *arena, struct call *call,
                               struct s3_page *page)
{
    struct error *error = perform(s3, arena, call);
    if (!error && !s3_read_list(arena, call->answer, page)) {
        error = error_new(arena, ERR_STORAGE_UNAVAILABLE, "S3: a list that cannot be relied on");
    }
    return error;
}

static struct error *list(void *engine, struct arena *arena, const char *after,
                          struct object_info *infos_r, size_t max, size_t *count_r)
{
    struct s3 *s3 = engine;
    struct s3_page page = {.prefix = s3->settings.prefix, .infos = infos_r};
    struct error *error = NULL;
    int pages = 0;
    snprintf(page.last, sizeof page.last, "%s", after);
    do {
        if (pages++ == PAGES_MAX) {
            error = error_new(arena, ERR_STORAGE_UNAVAILABLE, "S3: a list that does not end");
            break;
        }
        page.max = max - page.count < PAGE_MAX ? max : page.count + PAGE_MAX;
        struct call call = list_call(s3, arena, &page);
        error = read_page(s3, arena, &call, &page);
    } while (!error && page.next && page.count < max);
    *count_r = error ? 0 : page.count;
    return error;
}

/* One object or none: that we may list, and that the bucket is there. */
static struct call bucket_call(const struct s3 *s3, struct arena *arena, struct s3_page *page,
                               struct object_info *info)
{
    *page = (struct s3_page){.prefix = s3->settings.prefix, .infos = info, .max = 1};
    return list_call(s3, arena, page);
}

static struct error *check(void *engine, struct arena *arena)
{
    struct object_info info;
    struct s3_page page;
    struct call call = bucket_call(engine, arena, &page, &info);
    call.tries = 1;
    call.patience_ms = call.try_ms = CHECK_MS;
    return read_page(engine, arena, &call, &page);
}

static struct error *ask_bucket(struct s3 *s3, struct arena *arena)
{
    struct object_info info;
    struct s3_page page;
    struct call call = bucket_call(s3, arena, &page, &info);
    return read_page(s3, arena, &call, &page);
}

/* That the bucket is missing looks the same: an answer to HEAD has no body that would tell. */
static struct error *find(void *engine, struct arena *arena, const char *key, bool *found_r,
                          struct object_info *info_r)
{
    struct s3 *s3 = engine;
    struct call call = call_of(s3, "HEAD", path_of(s3, arena, key));
    struct error *error = perform(s3, arena, &call);
    *found_r = !error;
    if (error && call.result == CURLE_OK && call.status == STATUS_NOT_FOUND) {
        return ask_bucket(s3, arena);
    }
    if (!error) {
        curl_off_t size = -1, modified_s = 0;
        must(curl_easy_getinfo(s3->handle, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &size));
        must(curl_easy_getinfo(s3->handle, CURLINFO_FILETIME_T, &modified_s));
        *info_r = (struct object_info){.size = size, .modified_ms = modified_s * MS_PER_S};
        snprintf(info_r->key, sizeof info_r->key, "%s", key);
    }
    return error;
}

static struct error *delete (void *engine, struct arena *arena, const char *key)
{
    struct s3 *s3 = engine;
    struct call call = call_of(s3, "DELETE", path_of(s3, arena, key));
    struct error *error = perform(s3, arena, &call);
    if (error && call.result == CURLE_OK && call.status == STATUS_NOT_FOUND) {
        struct s3_failure failure;
        s3_read_failure(arena, call.answer, &failure);
        return !strcmp(failure.code, "NoSuchKey") ? NULL : error;
    }
    return error;
}

/* Signed for the public endpoint; one that has expired is signed as long ago. */
static struct error *url(void *engine, struct arena *arena, const struct object_download *download,
                         const char **url_r)
{
    const struct s3 *s3 = engine;
    const struct s3_place *place = &s3->settings.public_place;
    const struct sigv4_key key = {s3->config->aws_access_key_id, s3->config->aws_secret_access_key,
                                  s3->settings.region};
    const struct sigv4_parameter parameters[] = {
        {"response-content-disposition", download->disposition},
        {"response-content-type", download->content_type},
    };
    int64_t now = clock_wall_ms() / MS_PER_S;
    int64_t signed_at = now < download->expires ? now : download->expires - 1;
    int64_t seconds = download->expires - signed_at;
    const struct sigv4_request request = {
        .scheme = place->scheme,
        .host = place->host,
        .path = arena_format(arena, "%s/%s%s", place->path, s3->settings.prefix, download->key),
        .parameters = parameters,
        .parameter_count = sizeof parameters / sizeof *parameters,
        .signed_at = signed_at,
        .seconds = seconds < SIGV4_SECONDS_MAX ? seconds : SIGV4_SECONDS_MAX,
    };
    return sigv4_presign(arena, &key, &request, url_r);
}

/* --- life ------------------------------------------------------------------------------------ */

static struct error *prepare(void *engine, struct arena *arena)
{
    return storage_make_folder(arena, ((const struct s3 *)engine)->staging, STORAGE_PRIVATE);
}

static void s3_close(void *engine)
{
    struct s3 *s3 = engine;
    curl_easy_reset(s3->handle); /* it still knows the last call */
    curl_easy_cleanup(s3->handle);
    curl_multi_cleanup(s3->connections);
    buffer_free(&s3->answer);
    arena_free(&s3->arena);
    free(s3->staging);
    free(s3);
}

static const struct objects_engine engine_of_s3 = {
    .close = s3_close,
    .prepare = prepare,
    .place = place,
    .find = find,
    .list = list,
    .delete = delete,
    .url = url,
    .check = check,
};

struct error *s3_open(struct objects *objects, struct arena *arena)
{
    struct arena *own = arena_new();
    struct s3_settings settings = {0};
    struct error *error = s3_read_settings(objects->config, own, &settings);
    if (error) {
        error = error_new(arena, error->id, "%s", error->cause);
        arena_free(&own);
        return error;
    }
    must(curl_global_init(CURL_GLOBAL_DEFAULT));
    struct s3 *s3 = must_alloc(sizeof *s3);
    *s3 = (struct s3){
        .config = objects->config,
        .settings = settings,
        .arena = own,
        .staging = must_string(arena_format(own, "%s/incoming", objects->config->state_dir)),
        .handle = curl_easy_init(),
        .connections = curl_multi_init(),
    };
    if (!s3->handle || !s3->connections) {
        abort(); /* out of memory */
    }
    objects->engine = &engine_of_s3;
    objects->state = s3;
    objects->staging = s3->staging;
    return NULL;
}
