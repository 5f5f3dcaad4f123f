/*
 * The settings of S3: the access keys, and STORAGE_URL, parsed with libcurl's URL parser:
 * s3://bucket/prefix?endpoint=…&region=…&path_style=…&public_endpoint=…
 * An error names all faults at once, and no secrets.
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

/* The parts of STORAGE_URL; NULL: missing. */
struct url_parts {
    const char *bucket, *prefix;
    const char *endpoint, *region, *path_style, *public_endpoint;
};

struct endpoint {
    const char *scheme;
    const char *host; /* host, with the port unless it is the scheme's default */
    bool is_https;
};

struct settings_reader {
    const struct config *config;
    struct arena *arena;
    struct buffer faults;
};

/* Appends a fault to the error. */
static void __attribute__((format(printf, 2, 3)))
add_fault(struct settings_reader *reader, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    buffer_add_string(&reader->faults, reader->faults.length ? "; " : "");
    buffer_add_string(&reader->faults, arena_format_v(reader->arena, format, arguments));
    va_end(arguments);
}

/* --- URLs ------------------------------------------------------------------------------------- */

static void free_url(void *url)
{
    curl_url_cleanup(url);
}

/* Returns NULL if the text is not a URL. */
static CURLU *parse_url(struct settings_reader *reader, const char *text)
{
    CURLU *url = curl_url();
    if (!url) {
        abort(); /* out of memory */
    }
    arena_defer(reader->arena, free_url, url);
    const unsigned flags = CURLU_NON_SUPPORT_SCHEME | CURLU_PATH_AS_IS;
    return curl_url_set(url, CURLUPART_URL, text, flags) == CURLUE_OK ? url : NULL;
}

/* Returns "" if the URL has no such part. */
static const char *copy_url_part(struct settings_reader *reader, CURLU *url, CURLUPart part)
{
    char *text = NULL;
    if (curl_url_get(url, part, &text, 0) != CURLUE_OK) {
        return "";
    }
    const char *copy = arena_string(reader->arena, text);
    curl_free(text);
    return copy;
}

static bool has_any_url_part(struct settings_reader *reader, CURLU *url, const CURLUPart *parts,
                             size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (*copy_url_part(reader, url, parts[i])) {
            return true;
        }
    }
    return false;
}

static bool is_loopback(const char *host)
{
    bool is_address = !host[strspn(host, "0123456789.")];
    return !strcmp(host, "localhost") || !strcmp(host, "[::1]") ||
           (is_address && !strncmp(host, "127.", strlen("127.")));
}

/* Reads http://host:port or https://host:port. In production, only loopback may be without TLS. */
static void read_endpoint(struct settings_reader *reader, const char *name, const char *text,
                          struct endpoint *endpoint_r)
{
    static const CURLUPart excluded[] = {CURLUPART_USER, CURLUPART_PASSWORD, CURLUPART_QUERY,
                                         CURLUPART_FRAGMENT, CURLUPART_ZONEID};
    CURLU *url = parse_url(reader, text);
    const char *scheme = url ? copy_url_part(reader, url, CURLUPART_SCHEME) : "";
    const char *host = url ? copy_url_part(reader, url, CURLUPART_HOST) : "";
    const char *port = url ? copy_url_part(reader, url, CURLUPART_PORT) : "";
    if ((strcmp(scheme, "http") != 0 && strcmp(scheme, "https") != 0) || !*host ||
        strcmp(copy_url_part(reader, url, CURLUPART_PATH), "/") != 0 ||
        has_any_url_part(reader, url, excluded, sizeof excluded / sizeof *excluded)) {
        add_fault(reader, "%s must be https://host or https://host:port", name);
        return;
    }
    char *lower = arena_string(reader->arena, host);
    for (char *c = lower; *c; c++) {
        *c = (char)tolower((unsigned char)*c);
    }
    bool is_https = !strcmp(scheme, "https");
    bool is_default_port = !*port || !strcmp(port, is_https ? "443" : "80");
    *endpoint_r = (struct endpoint){
        .scheme = scheme,
        .host = is_default_port ? lower : arena_format(reader->arena, "%s:%s", lower, port),
        .is_https = is_https,
    };
    if (reader->config->environment == ENVIRONMENT_PRODUCTION && !endpoint_r->is_https &&
        !is_loopback(lower)) {
        add_fault(reader, "%s must be https:// in production", name);
    }
}

/* --- the parts of STORAGE_URL ----------------------------------------------------------------- */

static void read_url_parameter(struct settings_reader *reader, struct url_parts *parts,
                               char *parameter)
{
    char *value = strchr(parameter, '=');
    if (value) {
        *value++ = '\0';
    }
    const struct {
        const char *name;
        const char **part;
    } known_parameters[] = {
        {"endpoint", &parts->endpoint},
        {"region", &parts->region},
        {"path_style", &parts->path_style},
        {"public_endpoint", &parts->public_endpoint},
    };
    for (size_t i = 0; i < sizeof known_parameters / sizeof *known_parameters; i++) {
        if (!strcmp(parameter, known_parameters[i].name)) {
            int length = 0;
            char *decoded = curl_easy_unescape(NULL, value ? value : "", 0, &length);
            if (*known_parameters[i].part || !decoded || !length ||
                strlen(decoded) != (size_t)length) {
                add_fault(reader, "%s must be given once, with a value", parameter);
            } else {
                *known_parameters[i].part = arena_string(reader->arena, decoded);
            }
            curl_free(decoded);
            return;
        }
    }
    add_fault(reader, "%s: no such parameter", parameter);
}

static void split_storage_url(struct settings_reader *reader, struct url_parts *parts_r)
{
    static const CURLUPart excluded[] = {CURLUPART_USER, CURLUPART_PASSWORD, CURLUPART_PORT,
                                         CURLUPART_FRAGMENT};
    CURLU *url = parse_url(reader, reader->config->storage_url);
    *parts_r = (struct url_parts){.bucket = "", .prefix = ""};
    if (!url || has_any_url_part(reader, url, excluded, sizeof excluded / sizeof *excluded)) {
        add_fault(reader, "must be s3://bucket/prefix?endpoint=…&region=…");
        return;
    }
    parts_r->bucket = copy_url_part(reader, url, CURLUPART_HOST);
    const char *path = copy_url_part(reader, url, CURLUPART_PATH);
    parts_r->prefix = path + (*path == '/');
    char *query = arena_string(reader->arena, copy_url_part(reader, url, CURLUPART_QUERY));
    for (char *parameter; (parameter = strsep(&query, "&"));) {
        if (*parameter) {
            read_url_parameter(reader, parts_r, parameter);
        }
    }
}

/* Accepts the bucket names that every S3 implementation accepts. */
static void check_bucket_name(struct settings_reader *reader, const char *bucket)
{
    size_t length = strlen(bucket);
    if (length < BUCKET_MIN || length > BUCKET_MAX ||
        bucket[strspn(bucket, "abcdefghijklmnopqrstuvwxyz0123456789.-")] ||
        !isalnum((unsigned char)*bucket) || !isalnum((unsigned char)bucket[length - 1]) ||
        strstr(bucket, "..")) {
        add_fault(reader, "the bucket must have 3 to 63 characters of a-z, 0-9, - and .");
    }
}

/* Returns the prefix with a slash at its end. Accepts only characters that need no encoding, and no
 * segments that a proxy could resolve as a relative path. */
static const char *read_prefix(struct settings_reader *reader, const char *path)
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
        add_fault(reader, "the prefix must be like path/in/bucket, of letters, digits, ., _ and -");
    }
    return length ? arena_format(reader->arena, "%s/", prefix) : "";
}

static const char *read_region(struct settings_reader *reader, const char *text)
{
    if (!text) {
        return standard_region;
    }
    if (strlen(text) > REGION_MAX ||
        text[strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-")]) {
        add_fault(reader, "region must be like eu-central-1");
    }
    return text;
}

static void check_access_keys(struct settings_reader *reader)
{
    const char *id = reader->config->aws_access_key_id;
    const char *secret = reader->config->aws_secret_access_key;
    if (!*id || !*secret) {
        add_fault(reader, "S3 needs AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY");
    }
    /* The id becomes a part of headers and URLs, separated by these characters. */
    for (; *id; id++) {
        if (!isgraph((unsigned char)*id) || strchr("/,&\"", *id)) {
            add_fault(reader, "AWS_ACCESS_KEY_ID has an invalid character");
            break;
        }
    }
    for (; *secret; secret++) {
        if (!isprint((unsigned char)*secret)) {
            add_fault(reader, "AWS_SECRET_ACCESS_KEY has an invalid character");
            break;
        }
    }
}

/* --- bucket addresses ------------------------------------------------------------------------- */

static struct s3_address address_bucket(struct settings_reader *reader,
                                        const struct endpoint *endpoint, const char *bucket,
                                        bool path_style)
{
    return (struct s3_address){
        .scheme = endpoint->scheme,
        .host = path_style ? endpoint->host
                           : arena_format(reader->arena, "%s.%s", bucket, endpoint->host),
        .path = path_style ? arena_format(reader->arena, "/%s", bucket) : "",
    };
}

static void read_addresses(struct settings_reader *reader, const struct url_parts *parts,
                           struct s3_settings *settings_r)
{
    struct endpoint endpoint = {0}, public_endpoint;
    bool path_style = parts->path_style && !strcmp(parts->path_style, "true");
    const char *text = parts->endpoint;
    if (parts->path_style && !path_style && strcmp(parts->path_style, "false") != 0) {
        add_fault(reader, "path_style must be true or false");
    }
    if (!text) {
        text = arena_format(reader->arena, "https://s3.%s.amazonaws.com", settings_r->region);
    }
    read_endpoint(reader, "endpoint", text, &endpoint);
    public_endpoint = endpoint;
    if (parts->public_endpoint) {
        read_endpoint(reader, "public_endpoint", parts->public_endpoint, &public_endpoint);
    }
    if (reader->faults.length) {
        return;
    }
    if (!path_style && strchr(parts->bucket, '.') &&
        (endpoint.is_https || public_endpoint.is_https)) {
        add_fault(reader, "a bucket with a dot in its name needs path_style=true: no certificate "
                          "covers its host");
    }
    settings_r->place = address_bucket(reader, &endpoint, parts->bucket, path_style);
    settings_r->public_place = address_bucket(reader, &public_endpoint, parts->bucket, path_style);
}

struct error *s3_read_settings(const struct config *config, struct arena *arena,
                               struct s3_settings *settings_r)
{
    struct settings_reader reader = {.config = config, .arena = arena, .faults.arena = arena};
    struct url_parts parts;
    split_storage_url(&reader, &parts);
    if (!reader.faults.length) {
        check_bucket_name(&reader, parts.bucket);
        settings_r->prefix = read_prefix(&reader, parts.prefix);
        settings_r->region = read_region(&reader, parts.region);
        check_access_keys(&reader);
        read_addresses(&reader, &parts, settings_r);
    }
    return reader.faults.length
               ? error_new(arena, ERR_STORAGE_UNAVAILABLE, "%s", reader.faults.bytes)
               : NULL;
}
