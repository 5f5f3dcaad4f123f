/*
 * The S3 engine: one persistent connection per process, through libcurl, which also signs the
 * requests (sigv4.c signs the URLs for clients). Every request can be repeated: objects are
 * immutable, so a second PUT writes the same bytes.
 *
 * A request with its retries ends within STORAGE_TIMEOUT_MS, plus one second for each MiB that it
 * sends. A transfer without progress for half of STORAGE_TIMEOUT_MS is aborted as stalled. After a
 * failure to reach the storage, requests fail at once for a moment, so that they do not queue up
 * for timeouts.
 *
 * libcurl 7.88 signs each request header, even one that it then omits ("Accept:"). It signs S3
 * requests wrongly without x-amz-content-sha256, and it does not put the query into canonical form;
 * this file does both. Since libcurl 8, it signs nothing with CURLOPT_PATH_AS_IS. This file does
 * not set that option, because its paths have no "." and ".." segments.
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
    TICK_MS = 100, /* interval of the checks for a stalled transfer */
    TRIES = 3,
    UNREACHABLE_US = US_PER_S, /* pause after a failure to reach the storage */
    CHECK_MS = 2000,           /* timeout of a health check */
    CONNECT_MAX_MS = 2500,     /* timeout of connecting */
    RESPONSE_MAX = 2 * MIB,    /* a page of PAGE_MAX objects has about 400 KiB */
    /* maximum of one listing; the bucket may have many objects of other programs */
    PAGES_MAX = 1000,
    PAGE_MAX = 1000, /* objects of a page; the limit of S3 */
    UPLOAD_BUFFER = 256 * KIB,
    MD5_SIZE = 16,
    MD5_TEXT_SIZE = 25, /* characters of a digest in base64, and a NUL */
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
    CURLM *connections;        /* owns the connection */
    struct buffer response;    /* body of the response to the last try */
    int64_t unreachable_until; /* steady clock: calls fail at once until then */
    char unreachable_cause[CURL_ERROR_SIZE + 64];
};

/* A request, its tries, and the result of the last try. */
struct call {
    const char *method;
    const char *path;            /* path below the bucket, percent-encoded */
    const char *query;           /* canonical; NULL: none */
    const struct staged *staged; /* staged file with the bytes of a PUT */
    const struct object_properties *properties;
    int tries;          /* maximum number of tries */
    int64_t timeout_ms; /* timeout of all tries together */
    int64_t try_ms;     /* timeout of one try */
    struct arena *arena;
    int64_t stall_us;    /* a try that makes no progress for this time is aborted */
    int64_t progress_at; /* steady clock: time of the last progress */
    curl_off_t progress; /* bytes sent and received until then */
    bool is_stalled;     /* the last try was aborted for lack of progress */
    curl_off_t offset;   /* offset of the next bytes to send */
    struct buffer *response;
    CURLcode result;
    char problem[CURL_ERROR_SIZE];
    long status;
};

/* --- callbacks of libcurl --------------------------------------------------------------------- */

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
        return CURL_READFUNC_ABORT; /* the file is too short, or cannot be read */
    }
    call->offset += got;
    return (size_t)got;
}

/* Called when libcurl sends the body again, on a new connection. */
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
    if (size * count > RESPONSE_MAX - call->response->length) {
        return 0; /* aborts the try */
    }
    buffer_add(call->response, bytes, size * count);
    return size * count;
}

/* Aborts a try that makes no progress. libcurl's own limit applies to the average speed of some
 * seconds, which is high if the storage has read the beginning of a body quickly. */
static int on_progress(void *state, curl_off_t to_receive, curl_off_t received, curl_off_t to_send,
                       curl_off_t sent)
{
    struct call *call = state;
    int64_t now = clock_steady_us();
    (void)to_receive, (void)to_send;
    if (received + sent != call->progress) {
        call->progress = received + sent;
        call->progress_at = now;
    }
    call->is_stalled = now - call->progress_at >= call->stall_us;
    return call->is_stalled; /* aborts the try */
}

/* Opens a socket that child processes do not inherit. The kernel buffers few unsent bytes for it,
 * so that the progress that libcurl reports is close to the bytes that the storage has read. */
static curl_socket_t on_socket(void *state, curlsocktype purpose, struct curl_sockaddr *address)
{
    (void)state, (void)purpose;
    int fd = socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
    if (fd >= 0) {
        (void)setsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &(int){UPLOAD_BUFFER}, sizeof(int));
    }
    return fd;
}

/* --- one try ---------------------------------------------------------------------------------- */

/* Ends the process if libcurl fails: the cause is a bug, or lack of memory. */
static void check_curl(CURLcode code)
{
    if (code != CURLE_OK) {
        log_error("S3: libcurl: %s", curl_easy_strerror(code));
        abort();
    }
}

static void free_request_headers(void *headers)
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

/* Makes the headers of the request; libcurl signs all of them. */
static struct curl_slist *new_request_headers(const struct call *call)
{
    static const char empty[] = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    const struct object_properties *properties = call->properties;
    struct curl_slist *headers = NULL;
    char sha256[SHA256_TEXT_SIZE];
    memcpy(sha256, empty, sizeof sha256);
    if (properties) {
        char md5[MD5_TEXT_SIZE];
        random_format_hex(properties->sha256, SHA256_DIGEST_LENGTH, sha256);
        EVP_EncodeBlock((unsigned char *)md5, properties->md5, MD5_SIZE);
        add_header(&headers, arena_format(call->arena, "Content-MD5: %s", md5));
        add_header(&headers,
                   arena_format(call->arena, "Content-Type: %s", properties->content_type));
    }
    add_header(&headers, arena_format(call->arena, "x-amz-content-sha256: %s", sha256));
    arena_defer(call->arena, free_request_headers, headers);
    return headers;
}

static void set_method_options(CURL *handle, struct call *call)
{
    if (call->staged) {
        check_curl(curl_easy_setopt(handle, CURLOPT_UPLOAD, 1L));
        check_curl(curl_easy_setopt(handle, CURLOPT_INFILESIZE_LARGE, call->properties->size));
        check_curl(curl_easy_setopt(handle, CURLOPT_READFUNCTION, on_read));
        check_curl(curl_easy_setopt(handle, CURLOPT_READDATA, call));
        check_curl(curl_easy_setopt(handle, CURLOPT_SEEKFUNCTION, on_seek));
        check_curl(curl_easy_setopt(handle, CURLOPT_SEEKDATA, call));
        check_curl(curl_easy_setopt(handle, CURLOPT_UPLOAD_BUFFERSIZE, (long)UPLOAD_BUFFER));
    } else if (!strcmp(call->method, "HEAD")) {
        check_curl(curl_easy_setopt(handle, CURLOPT_NOBODY, 1L));
    } else {
        check_curl(curl_easy_setopt(handle, CURLOPT_CUSTOMREQUEST, call->method));
    }
}

/* Requires TLS 1.2. libcurl verifies certificates and follows no redirects by default. */
static void set_connection_options(const struct s3 *s3, int64_t left_ms)
{
    CURL *handle = s3->handle;
    int64_t connect_ms = left_ms / 2 < CONNECT_MAX_MS ? left_ms / 2 : CONNECT_MAX_MS;
    check_curl(curl_easy_setopt(handle, CURLOPT_PROTOCOLS_STR, "http,https"));
    check_curl(curl_easy_setopt(handle, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1));
    check_curl(curl_easy_setopt(handle, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2));
    if (*s3->config->aws_ca_bundle) {
        check_curl(curl_easy_setopt(handle, CURLOPT_CAINFO, s3->config->aws_ca_bundle));
    }
    check_curl(curl_easy_setopt(handle, CURLOPT_OPENSOCKETFUNCTION, on_socket));
    check_curl(curl_easy_setopt(handle, CURLOPT_NOSIGNAL, 1L));
    /* A transfer that ends does not wait for a silent name server. */
    check_curl(curl_easy_setopt(handle, CURLOPT_QUICK_EXIT, 1L));
    check_curl(curl_easy_setopt(handle, CURLOPT_CONNECTTIMEOUT_MS, (long)connect_ms));
    check_curl(curl_easy_setopt(handle, CURLOPT_TIMEOUT_MS, (long)left_ms));
}

static void set_stall_limit(const struct s3 *s3, struct call *call)
{
    call->stall_us = (int64_t)s3->config->storage_timeout_ms * US_PER_MS / 2;
    call->progress_at = clock_steady_us();
    call->progress = 0;
    call->is_stalled = false;
    check_curl(curl_easy_setopt(s3->handle, CURLOPT_NOPROGRESS, 0L));
    check_curl(curl_easy_setopt(s3->handle, CURLOPT_XFERINFOFUNCTION, on_progress));
    check_curl(curl_easy_setopt(s3->handle, CURLOPT_XFERINFODATA, call));
}

static void check_curl_multi(CURLMcode code)
{
    if (code != CURLM_OK) {
        log_error("S3: libcurl: %s", curl_multi_strerror(code));
        abort();
    }
}

/* Does the same as curl_easy_perform(), which calls on_progress() only once a second. */
static CURLcode transfer_request(struct s3 *s3)
{
    int running = 0, left;
    check_curl_multi(curl_multi_add_handle(s3->connections, s3->handle));
    for (;;) {
        check_curl_multi(curl_multi_perform(s3->connections, &running));
        if (!running) {
            break;
        }
        check_curl_multi(curl_multi_poll(s3->connections, NULL, 0, TICK_MS, NULL));
    }
    const CURLMsg *message = curl_multi_info_read(s3->connections, &left);
    CURLcode result = message ? message->data.result : CURLE_FAILED_INIT;
    check_curl_multi(curl_multi_remove_handle(s3->connections, s3->handle));
    return result;
}

static void send_s3_request(struct s3 *s3, struct call *call, int64_t left_ms)
{
    CURL *handle = s3->handle;
    const struct s3_address *place = &s3->settings.place;
    curl_easy_reset(handle);
    set_connection_options(s3, left_ms);
    set_stall_limit(s3, call);
    set_method_options(handle, call);
    check_curl(curl_easy_setopt(
        handle, CURLOPT_URL,
        arena_format(call->arena, "%s://%s%s/%s%s%s", place->scheme, place->host, place->path,
                     call->path, call->query ? "?" : "", call->query ? call->query : "")));
    check_curl(curl_easy_setopt(handle, CURLOPT_HTTPHEADER, new_request_headers(call)));
    check_curl(curl_easy_setopt(handle, CURLOPT_USERNAME, s3->config->aws_access_key_id));
    check_curl(curl_easy_setopt(handle, CURLOPT_PASSWORD, s3->config->aws_secret_access_key));
    check_curl(curl_easy_setopt(handle, CURLOPT_AWS_SIGV4,
                                arena_format(call->arena, "aws:amz:%s:s3", s3->settings.region)));
    check_curl(curl_easy_setopt(handle, CURLOPT_WRITEFUNCTION, on_write));
    check_curl(curl_easy_setopt(handle, CURLOPT_WRITEDATA, call));
    check_curl(curl_easy_setopt(handle, CURLOPT_ERRORBUFFER, call->problem));
    check_curl(curl_easy_setopt(handle, CURLOPT_FILETIME, 1L));
    call->offset = 0;
    call->problem[0] = '\0';
    buffer_clear(call->response);
    call->result = transfer_request(s3);
    call->status = 0;
    check_curl(curl_easy_getinfo(handle, CURLINFO_RESPONSE_CODE, &call->status));
}

/* --- errors ----------------------------------------------------------------------------------- */

/* True if the try got no complete response. */
static bool is_transport_failure(const struct call *call)
{
    return call->result != CURLE_OK;
}

/* True if a callback of this file failed: the storage is not the cause. */
static bool is_local_failure(const struct call *call)
{
    return (call->result == CURLE_ABORTED_BY_CALLBACK && !call->is_stalled) ||
           call->result == CURLE_WRITE_ERROR;
}

/* True if a retry may succeed. */
static bool is_retryable(const struct call *call)
{
    if (is_transport_failure(call)) {
        return !is_local_failure(call) && call->result != CURLE_PEER_FAILED_VERIFICATION &&
               call->result != CURLE_SSL_CACERT_BADFILE;
    }
    return call->status == STATUS_REQUEST_TIMEOUT || call->status == STATUS_TOO_MANY_REQUESTS ||
           (call->status >= STATUS_SERVER_ERROR && call->status != STATUS_INSUFFICIENT_STORAGE);
}

/* Names the settings that usually cause the HTTP status of the response. */
static const char *hint_at_setting(const struct call *call, const struct s3_failure *failure)
{
    if (call->status == STATUS_FORBIDDEN) {
        return ": check the keys, the clock and the policy of the bucket";
    }
    if (call->status < STATUS_BAD_REQUEST ||
        !strcmp(failure->code, "AuthorizationHeaderMalformed")) {
        return ": check endpoint, region and path_style";
    }
    return "";
}

static const char *describe_s3_failure(const struct call *call, const struct s3_failure *failure)
{
    if (is_transport_failure(call) && call->is_stalled) {
        return arena_format(call->arena, "S3: %s: stalled: no byte transferred in %" PRId64 " ms",
                            call->method, call->stall_us / US_PER_MS);
    }
    if (is_transport_failure(call)) {
        return arena_format(call->arena, "S3: %s: %s", call->method,
                            *call->problem ? call->problem : curl_easy_strerror(call->result));
    }
    return arena_format(call->arena, "S3: %s: %ld %s %s (request %s)%s", call->method, call->status,
                        failure->code, failure->message, failure->request_id,
                        hint_at_setting(call, failure));
}

/* Returns the error of the last try; NULL if it succeeded. */
static struct error *new_call_error(struct call *call)
{
    struct s3_failure failure = {"", "", ""};
    if (!is_transport_failure(call) && call->status >= STATUS_OK &&
        call->status < STATUS_REDIRECT) {
        return NULL;
    }
    if (!is_transport_failure(call)) {
        s3_read_failure(call->arena, call->response, &failure);
    }
    bool full =
        call->status == STATUS_INSUFFICIENT_STORAGE || !strcmp(failure.code, "QuotaExceeded");
    return error_new(call->arena, full ? ERR_STORAGE_FULL : ERR_STORAGE_UNAVAILABLE, "%s",
                     describe_s3_failure(call, &failure));
}

/* --- requests with retries -------------------------------------------------------------------- */

/* Delays in milliseconds. The tries of a call are too few to reach the maximum. */
static const struct backoff retry_backoff = {
    .first = 100, .max = INT64_C(100) << TRIES, .random = arc4random_uniform};

static void sleep_before_retry(int failures)
{
    int64_t pause_ms = backoff_delay(&retry_backoff, failures);
    struct timespec pause = {pause_ms / MS_PER_S, pause_ms % MS_PER_S * NS_PER_MS};
    nanosleep(&pause, NULL);
}

static bool has_time_to_retry(int failures, int64_t deadline)
{
    int64_t longest_pause_ms = backoff_delay_max(&retry_backoff, failures);
    return deadline - clock_steady_us() > 2 * longest_pause_ms * US_PER_MS;
}

/* Sends the request until a try succeeds, fails for good, or no tries or time are left. */
static struct error *run_call(struct s3 *s3, struct arena *arena, struct call *call)
{
    int64_t deadline = clock_steady_us() + call->timeout_ms * US_PER_MS;
    struct error *error = NULL;
    call->arena = arena;
    call->response = &s3->response;
    if (clock_steady_us() < s3->unreachable_until) {
        return error_new(arena, ERR_STORAGE_UNAVAILABLE, "%s", s3->unreachable_cause);
    }
    for (int i = 1;; i++) {
        int64_t left_ms = (deadline - clock_steady_us()) / US_PER_MS + 1;
        send_s3_request(s3, call, left_ms < call->try_ms ? left_ms : call->try_ms);
        error = new_call_error(call);
        if (!error || !is_retryable(call) || i == call->tries || !has_time_to_retry(i, deadline)) {
            break;
        }
        log_warning("%s; trying again", error->cause);
        sleep_before_retry(i);
    }
    if (error && is_transport_failure(call) && !is_local_failure(call)) {
        s3->unreachable_until = clock_steady_us() + UNREACHABLE_US;
        snprintf(s3->unreachable_cause, sizeof s3->unreachable_cause, "%s", error->cause);
    }
    return error;
}

/* Returns a call whose tries have half of its timeout each, so that a retry always has time. */
static struct call new_call(const struct s3 *s3, const char *method, const char *path)
{
    return (struct call){
        .method = method,
        .path = path,
        .tries = TRIES,
        .timeout_ms = s3->config->storage_timeout_ms,
        .try_ms = s3->config->storage_timeout_ms / 2,
    };
}

static const char *object_path(const struct s3 *s3, struct arena *arena, const char *key)
{
    return arena_format(arena, "%s%s", s3->settings.prefix, key);
}

/* --- objects ---------------------------------------------------------------------------------- */

static struct error *s3_put(void *engine, struct arena *arena, struct staged *staged,
                            const char *key, const struct object_properties *properties)
{
    struct s3 *s3 = engine;
    struct call call = new_call(s3, "PUT", object_path(s3, arena, key));
    call.staged = staged;
    call.properties = properties;
    call.timeout_ms += properties->size / MIB * MS_PER_S;
    call.try_ms = call.timeout_ms; /* the limit for stalled transfers ends a try earlier */
    return run_call(s3, arena, &call);
}

/* Returns the call that reads the next page of a listing. */
static struct call new_list_call(const struct s3 *s3, struct arena *arena,
                                 const struct s3_page *page)
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
    struct call call = new_call(s3, "GET", "");
    call.query = sigv4_query(arena, parameters, count - (from_the_beginning ? 1 : 0));
    return call;
}

static struct error *read_list_page(struct s3 *s3, struct arena *arena, struct call *call,
                                    struct s3_page *page)
{
    struct error *error = run_call(s3, arena, call);
    if (!error && !s3_read_list(arena, call->response, page)) {
        error = error_new(arena, ERR_STORAGE_UNAVAILABLE, "S3: GET: invalid list of objects");
    }
    return error;
}

static struct error *s3_list(void *engine, struct arena *arena, const char *after,
                             struct object_info *infos_r, size_t max, size_t *count_r)
{
    struct s3 *s3 = engine;
    struct s3_page page = {.prefix = s3->settings.prefix, .infos = infos_r};
    struct error *error = NULL;
    int pages = 0;
    snprintf(page.last, sizeof page.last, "%s", after);
    do {
        if (pages++ == PAGES_MAX) {
            error = error_new(arena, ERR_STORAGE_UNAVAILABLE,
                              "S3: GET: more than %d pages in a list of objects", PAGES_MAX);
            break;
        }
        page.max = max - page.count < PAGE_MAX ? max : page.count + PAGE_MAX;
        struct call call = new_list_call(s3, arena, &page);
        error = read_list_page(s3, arena, &call, &page);
    } while (!error && page.next && page.count < max);
    *count_r = error ? 0 : page.count;
    return error;
}

/* Returns a call that lists at most one object: it succeeds if the bucket exists and the keys may
 * list it. */
static struct call new_bucket_call(const struct s3 *s3, struct arena *arena, struct s3_page *page,
                                   struct object_info *info)
{
    *page = (struct s3_page){.prefix = s3->settings.prefix, .infos = info, .max = 1};
    return new_list_call(s3, arena, page);
}

static struct error *s3_check(void *engine, struct arena *arena)
{
    struct object_info info;
    struct s3_page page;
    struct call call = new_bucket_call(engine, arena, &page, &info);
    call.tries = 1;
    call.timeout_ms = call.try_ms = CHECK_MS;
    return read_list_page(engine, arena, &call, &page);
}

/* A response to HEAD has no body that could distinguish a missing object from a missing bucket. So
 * after 404, the bucket is listed. */
static struct error *s3_find(void *engine, struct arena *arena, const char *key, bool *found_r,
                             struct object_info *info_r)
{
    struct s3 *s3 = engine;
    struct call call = new_call(s3, "HEAD", object_path(s3, arena, key));
    struct error *error = run_call(s3, arena, &call);
    *found_r = !error;
    if (error && call.result == CURLE_OK && call.status == STATUS_NOT_FOUND) {
        struct object_info ignored;
        struct s3_page page;
        struct call bucket = new_bucket_call(s3, arena, &page, &ignored);
        return read_list_page(s3, arena, &bucket, &page);
    }
    if (!error) {
        curl_off_t size = -1, modified_s = 0;
        check_curl(curl_easy_getinfo(s3->handle, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &size));
        check_curl(curl_easy_getinfo(s3->handle, CURLINFO_FILETIME_T, &modified_s));
        *info_r = (struct object_info){.size = size, .modified_ms = modified_s * MS_PER_S};
        snprintf(info_r->key, sizeof info_r->key, "%s", key);
    }
    return error;
}

static struct error *s3_delete(void *engine, struct arena *arena, const char *key)
{
    struct s3 *s3 = engine;
    struct call call = new_call(s3, "DELETE", object_path(s3, arena, key));
    struct error *error = run_call(s3, arena, &call);
    if (error && call.result == CURLE_OK && call.status == STATUS_NOT_FOUND) {
        struct s3_failure failure;
        s3_read_failure(arena, call.response, &failure);
        return !strcmp(failure.code, "NoSuchKey") ? NULL : error;
    }
    return error;
}

/* Signs a URL of the public endpoint. If its expiry time has already passed, uses a signing time
 * before the expiry, because the lifetime of a signature must be positive. */
static struct error *s3_sign_url(void *engine, struct arena *arena,
                                 const struct object_download *download, const char **url_r)
{
    const struct s3 *s3 = engine;
    const struct s3_address *place = &s3->settings.public_place;
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

/* --- opening and closing ---------------------------------------------------------------------- */

static struct error *s3_make_staging(void *engine, struct arena *arena)
{
    return storage_make_folder(arena, ((const struct s3 *)engine)->staging, STORAGE_PRIVATE);
}

static void s3_close(void *engine)
{
    struct s3 *s3 = engine;
    curl_easy_reset(s3->handle); /* removes pointers to the last call */
    curl_easy_cleanup(s3->handle);
    curl_multi_cleanup(s3->connections);
    buffer_free(&s3->response);
    arena_free(&s3->arena);
    free(s3->staging);
    free(s3);
}

static const struct objects_engine s3_engine = {
    .close = s3_close,
    .make_staging = s3_make_staging,
    .put = s3_put,
    .find = s3_find,
    .list = s3_list,
    .delete = s3_delete,
    .sign_url = s3_sign_url,
    .check = s3_check,
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
    check_curl(curl_global_init(CURL_GLOBAL_DEFAULT));
    struct s3 *s3 = base_alloc(sizeof *s3);
    *s3 = (struct s3){
        .config = objects->config,
        .settings = settings,
        .arena = own,
        .staging = base_strdup(arena_format(own, "%s/incoming", objects->config->state_dir)),
        .handle = curl_easy_init(),
        .connections = curl_multi_init(),
    };
    if (!s3->handle || !s3->connections) {
        abort(); /* out of memory */
    }
    objects->engine = &s3_engine;
    objects->state = s3;
    objects->staging = s3->staging;
    return NULL;
}
