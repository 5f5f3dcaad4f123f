/*
 * The settings of S3: s3://bucket/prefix?endpoint=…&region=…&path_style=…&public_endpoint=…, read by
 * libcurl's own parser of URLs, and the keys. All that is wrong is said at once, and no secret is.
 */
#include "objects/s3.h"

#include "base/arena.h"
#include "base/config.h"

#include <ctype.h>
#include <curl/curl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

enum {
    BUCKET_MIN = 3,
    BUCKET_MAX = 63,
    PREFIX_MAX = 256,
    REGION_MAX = 64,
};

static const char standard_region[] = "us-east-1";

/* STORAGE_URL in pieces; NULL is what it does not say. */
struct pieces {
    const char *bucket, *prefix;
    const char *endpoint, *region, *path_style, *public_endpoint;
};

/* What an endpoint consists of. */
struct endpoint {
    const char *scheme;
    const char *host; /* with its port, unless that is the scheme's */
    bool is_https;
};

struct reader {
    const struct config *config;
    struct arena *arena;
    struct buffer faults;
};

static void __attribute__((format(printf, 2, 3)))
fault(struct reader *reader, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    buffer_add_string(&reader->faults, reader->faults.length ? "; " : "");
    buffer_add_string(&reader->faults, arena_format_v(reader->arena, format, arguments));
    va_end(arguments);
}

/* --- URLs ------------------------------------------------------------------------------------ */

static void release_url(void *url)
{
    curl_url_cleanup(url);
}

/* NULL if it is no URL. */
static CURLU *parse_url(struct reader *reader, const char *text)
{
    CURLU *url = curl_url();
    if (!url) {
        abort(); /* out of memory */
    }
    arena_defer(reader->arena, release_url, url);
    const unsigned flags = CURLU_NON_SUPPORT_SCHEME | CURLU_PATH_AS_IS;
    return curl_url_set(url, CURLUPART_URL, text, flags) == CURLUE_OK ? url : NULL;
}

/* Empty if the URL has no such part. */
static const char *part_of(struct reader *reader, CURLU *url, CURLUPart part)
{
    char *text = NULL;
    if (curl_url_get(url, part, &text, 0) != CURLUE_OK) {
        return "";
    }
    const char *copy = arena_string(reader->arena, text);
    curl_free(text);
    return copy;
}

static bool has_any(struct reader *reader, CURLU *url, const CURLUPart *parts, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (*part_of(reader, url, parts[i])) {
            return true;
        }
    }
    return false;
}

static bool is_default_port(const char *scheme, const char *port)
{
    return !*port || !strcmp(port, !strcmp(scheme, "https") ? "443" : "80");
}

static bool is_loopback(const char *host)
{
    bool is_address = !host[strspn(host, "0123456789.")];
    return !strcmp(host, "localhost") || !strcmp(host, "[::1]") ||
           (is_address && !strncmp(host, "127.", strlen("127.")));
}

/* http://host:port and nothing else; over the net in production only with TLS. */
static void read_endpoint(struct reader *reader, const char *name, const char *text,
                          struct endpoint *endpoint_r)
{
    static const CURLUPart no_parts[] = {CURLUPART_USER, CURLUPART_PASSWORD, CURLUPART_QUERY,
                                         CURLUPART_FRAGMENT, CURLUPART_ZONEID};
    CURLU *url = parse_url(reader, text);
    const char *scheme = url ? part_of(reader, url, CURLUPART_SCHEME) : "";
    const char *host = url ? part_of(reader, url, CURLUPART_HOST) : "";
    const char *port = url ? part_of(reader, url, CURLUPART_PORT) : "";
    if ((strcmp(scheme, "http") != 0 && strcmp(scheme, "https") != 0) || !*host ||
        strcmp(part_of(reader, url, CURLUPART_PATH), "/") != 0 ||
        has_any(reader, url, no_parts, sizeof no_parts / sizeof *no_parts)) {
        fault(reader, "%s must be https://host or https://host:port", name);
        return;
    }
    char *lower = arena_string(reader->arena, host);
    for (char *c = lower; *c; c++) {
        *c = (char)tolower((unsigned char)*c);
    }
    *endpoint_r = (struct endpoint){
        .scheme = scheme,
        .host = is_default_port(scheme, port) ? lower
                                              : arena_format(reader->arena, "%s:%s", lower, port),
        .is_https = !strcmp(scheme, "https"),
    };
    if (reader->config->environment == ENVIRONMENT_PRODUCTION && !endpoint_r->is_https &&
        !is_loopback(lower)) {
        fault(reader, "%s must be https:// in production", name);
    }
}

/* --- the pieces ------------------------------------------------------------------------------ */

static void read_parameter(struct reader *reader, struct pieces *pieces, char *parameter)
{
    char *value = strchr(parameter, '=');
    if (value) {
        *value++ = '\0';
    }
    const struct {
        const char *name;
        const char **piece;
    } known[] = {
        {"endpoint", &pieces->endpoint},
        {"region", &pieces->region},
        {"path_style", &pieces->path_style},
        {"public_endpoint", &pieces->public_endpoint},
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        if (!strcmp(parameter, known[i].name)) {
            int length = 0;
            char *decoded = curl_easy_unescape(NULL, value ? value : "", 0, &length);
            if (*known[i].piece || !decoded || !length || strlen(decoded) != (size_t)length) {
                fault(reader, "%s must be given once, with a value", parameter);
            } else {
                *known[i].piece = arena_string(reader->arena, decoded);
            }
            curl_free(decoded);
            return;
        }
    }
    fault(reader, "%s: no such parameter", parameter);
}

static void read_pieces(struct reader *reader, struct pieces *pieces_r)
{
    static const CURLUPart no_parts[] = {CURLUPART_USER, CURLUPART_PASSWORD, CURLUPART_PORT,
                                         CURLUPART_FRAGMENT};
    CURLU *url = parse_url(reader, reader->config->storage_url);
    *pieces_r = (struct pieces){.bucket = "", .prefix = ""};
    if (!url || has_any(reader, url, no_parts, sizeof no_parts / sizeof *no_parts)) {
        fault(reader, "must be s3://bucket/prefix?endpoint=…&region=…");
        return;
    }
    pieces_r->bucket = part_of(reader, url, CURLUPART_HOST);
    const char *path = part_of(reader, url, CURLUPART_PATH);
    pieces_r->prefix = path + (*path == '/');
    char *query = arena_string(reader->arena, part_of(reader, url, CURLUPART_QUERY));
    for (char *parameter; (parameter = strsep(&query, "&"));) {
        if (*parameter) {
            read_parameter(reader, pieces_r, parameter);
        }
    }
}

/* The names that every S3 takes. */
static void check_bucket(struct reader *reader, const char *bucket)
{
    size_t length = strlen(bucket);
    if (length < BUCKET_MIN || length > BUCKET_MAX ||
        bucket[strspn(bucket, "abcdefghijklmnopqrstuvwxyz0123456789.-")] ||
        !isalnum((unsigned char)*bucket) || !isalnum((unsigned char)bucket[length - 1]) ||
        strstr(bucket, "..")) {
        fault(reader, "the bucket must have 3 to 63 characters of a-z, 0-9, - and .");
    }
}

/* What needs no encoding, and what nobody on the way takes for a relative path. With its slash. */
static const char *read_prefix(struct reader *reader, const char *path)
{
    char *prefix = arena_string(reader->arena, path);
    size_t length = strlen(prefix);
    if (length && prefix[length - 1] == '/') {
        prefix[--length] = '\0';
    }
    bool good = length <= PREFIX_MAX &&
                !prefix[strspn(prefix, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                       "0123456789._-/")];
    char *rest = arena_string(reader->arena, prefix);
    for (const char *segment; good && length && (segment = strsep(&rest, "/"));) {
        good = *segment && strcmp(segment, ".") != 0 && strcmp(segment, "..") != 0;
    }
    if (!good) {
        fault(reader, "the prefix must be like path/in/bucket, of letters, digits, ., _ and -");
    }
    return length ? arena_format(reader->arena, "%s/", prefix) : "";
}

static bool read_path_style(struct reader *reader, const char *text)
{
    if (text && strcmp(text, "true") != 0 && strcmp(text, "false") != 0) {
        fault(reader, "path_style must be true or false");
    }
    return text && !strcmp(text, "true");
}

static const char *read_region(struct reader *reader, const char *text)
{
    if (!text) {
        return standard_region;
    }
    if (strlen(text) > REGION_MAX ||
        text[strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-")]) {
        fault(reader, "region must be like eu-central-1");
    }
    return text;
}

static void check_keys(struct reader *reader)
{
    const char *id = reader->config->aws_access_key_id;
    const char *secret = reader->config->aws_secret_access_key;
    if (!*id || !*secret) {
        fault(reader, "S3 needs AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY");
    }
    /* It stands in headers and addresses, as one part of several. */
    for (; *id; id++) {
        if (!isgraph((unsigned char)*id) || strchr("/,&\"", *id)) {
            fault(reader, "AWS_ACCESS_KEY_ID is none");
            break;
        }
    }
    for (; *secret; secret++) {
        if (!isprint((unsigned char)*secret)) {
            fault(reader, "AWS_SECRET_ACCESS_KEY is none");
            break;
        }
    }
}

/* --- the public function --------------------------------------------------------------------- */

static struct s3_place place_of(struct reader *reader, const struct endpoint *endpoint,
                                const char *bucket, bool path_style)
{
    return (struct s3_place){
        .scheme = endpoint->scheme,
        .host = path_style ? endpoint->host
                           : arena_format(reader->arena, "%s.%s", bucket, endpoint->host),
        .path = path_style ? arena_format(reader->arena, "/%s", bucket) : "",
    };
}

static void read_places(struct reader *reader, const struct pieces *pieces,
                        struct s3_settings *settings_r)
{
    struct endpoint endpoint = {0}, public_endpoint;
    bool path_style = read_path_style(reader, pieces->path_style);
    const char *text = pieces->endpoint;
    if (!text) {
        text = arena_format(reader->arena, "https://s3.%s.amazonaws.com", settings_r->region);
    }
    read_endpoint(reader, "endpoint", text, &endpoint);
    public_endpoint = endpoint;
    if (pieces->public_endpoint) {
        read_endpoint(reader, "public_endpoint", pieces->public_endpoint, &public_endpoint);
    }
    if (reader->faults.length) {
        return;
    }
    if (!path_style && strchr(pieces->bucket, '.') &&
        (endpoint.is_https || public_endpoint.is_https)) {
        fault(reader, "a bucket with a dot needs path_style=true: no certificate covers its name");
    }
    settings_r->place = place_of(reader, &endpoint, pieces->bucket, path_style);
    settings_r->public_place = place_of(reader, &public_endpoint, pieces->bucket, path_style);
}

struct error *s3_read_settings(const struct config *config, struct arena *arena,
                               struct s3_settings *settings_r)
{
    struct reader reader = {.config = config, .arena = arena, .faults.arena = arena};
    struct pieces pieces;
    read_pieces(&reader, &pieces);
    if (!reader.faults.length) {
        check_bucket(&reader, pieces.bucket);
        settings_r->prefix = read_prefix(&reader, pieces.prefix);
        settings_r->region = read_region(&reader, pieces.region);
        check_keys(&reader);
        read_places(&reader, &pieces, settings_r);
    }
    return reader.faults.length
               ? error_new(arena, ERR_STORAGE_UNAVAILABLE, "%s", reader.faults.bytes)
               : NULL;
}
