/* S3 without a server: signed URLs, valid and invalid settings, and valid and hostile replies.
 * Tests against a real server are in tests/faults/test_s3.py. */
#include "unit.h"

#include "base/config.h"
#include "objects/s3.h"
#include "objects/sigv4.h"

#define SECRET "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"

/* Key and request of the examples that AWS has published. */
static const struct sigv4_key example_key = {"AKIAIOSFODNN7EXAMPLE", SECRET, "us-east-1"};
static const struct sigv4_request example = {
    .scheme = "https",
    .host = "examplebucket.s3.amazonaws.com",
    .path = "/test.txt",
    .parameters = NULL,
    .signed_at = 1369353600,
    .seconds = 86400,
};

/* --- signed URLs ------------------------------------------------------------------------------ */

static void presigned_url_matches_the_published_aws_example(void **state)
{
    const char *url;
    assert_null(sigv4_presign(*state, &example_key, &example, &url));
    assert_string_equal(
        url, "https://examplebucket.s3.amazonaws.com/test.txt?X-Amz-Algorithm=AWS4-HMAC-SHA256"
             "&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request"
             "&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host"
             "&X-Amz-Signature="
             "aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404");
}

static const char *sign_request(struct arena *arena, const struct sigv4_key *key,
                                const struct sigv4_request *request)
{
    const char *url;
    assert_null(sigv4_presign(arena, key, request, &url));
    return arena_string(arena, strstr(url, "X-Amz-Signature="));
}

static void signature_covers_every_part_of_the_request(void **state)
{
    static const struct sigv4_parameter one[] = {{"response-content-type", "text/plain"}};
    static const struct sigv4_parameter other[] = {{"response-content-type", "text/html"}};
    const struct sigv4_key keys[] = {
        {"another", SECRET, "us-east-1"},
        {"AKIAIOSFODNN7EXAMPLE", "another", "us-east-1"},
        {"AKIAIOSFODNN7EXAMPLE", SECRET, "eu-central-1"},
    };
    struct sigv4_request requests[] = {example, example, example, example, example, example};
    requests[0].host = "another.s3.amazonaws.com";
    requests[1].path = "/test.txu";
    requests[2].signed_at++;
    requests[3].seconds++;
    requests[4].parameters = one;
    requests[5].parameters = other;
    requests[4].parameter_count = requests[5].parameter_count = 1;
    const char *signatures[1 + COUNT_OF(keys) + COUNT_OF(requests)];
    size_t count = 0;
    signatures[count++] = sign_request(*state, &example_key, &example);
    for (size_t i = 0; i < COUNT_OF(keys); i++) {
        signatures[count++] = sign_request(*state, &keys[i], &example);
    }
    for (size_t i = 0; i < COUNT_OF(requests); i++) {
        signatures[count++] = sign_request(*state, &example_key, &requests[i]);
    }
    for (size_t i = 0; i < count; i++) {
        for (size_t j = 0; j < i; j++) {
            assert_string_not_equal(signatures[i], signatures[j]);
        }
    }
}

static void query_is_encoded_and_sorted(void **state)
{
    const struct sigv4_parameter parameters[] = {
        {"response-content-type", "a/b; c=\"d\"+e"},
        {"X-Amz-Date", "x"},
        {"prefix", ""},
        {"list-type", "2"},
        {"name", "ф~._-*"},
    };
    assert_string_equal(sigv4_query(*state, parameters, COUNT_OF(parameters)),
                        "X-Amz-Date=x&list-type=2&name=%D1%84~._-%2A&prefix="
                        "&response-content-type=a%2Fb%3B%20c%3D%22d%22%2Be");
    assert_string_equal(sigv4_query(*state, parameters, 0), "");
}

/* --- settings --------------------------------------------------------------------------------- */

static struct config make_config(const char *url)
{
    return (struct config){
        .environment = ENVIRONMENT_PRODUCTION,
        .storage_url = url,
        .aws_access_key_id = "AKIAIOSFODNN7EXAMPLE",
        .aws_secret_access_key = SECRET,
    };
}

static void storage_url_yields_hosts_prefix_and_region(void **state)
{
    static const struct {
        const char *url, *prefix, *region;
        struct s3_address place, public_place;
    } cases[] = {
        {"s3://files",
         "",
         "us-east-1",
         {"https", "files.s3.us-east-1.amazonaws.com", ""},
         {"https", "files.s3.us-east-1.amazonaws.com", ""}},
        {"s3://files/kontora/one?region=eu-central-1",
         "kontora/one/",
         "eu-central-1",
         {"https", "files.s3.eu-central-1.amazonaws.com", ""},
         {"https", "files.s3.eu-central-1.amazonaws.com", ""}},
        {"s3://files/?endpoint=https://S3.Example.com:443/&path_style=true",
         "",
         "us-east-1",
         {"https", "s3.example.com", "/files"},
         {"https", "s3.example.com", "/files"}},
        {"s3://my.files/a/?endpoint=http%3A%2F%2F127.0.0.1%3A7480&path_style=true"
         "&public_endpoint=https://files.example.com:8443",
         "a/",
         "us-east-1",
         {"http", "127.0.0.1:7480", "/my.files"},
         {"https", "files.example.com:8443", "/my.files"}},
        {"s3://files?endpoint=http://[::1]:80&path_style=false",
         "",
         "us-east-1",
         {"http", "files.[::1]", ""},
         {"http", "files.[::1]", ""}},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct s3_settings settings = {0};
        struct config config = make_config(cases[i].url);
        const struct error *error = s3_read_settings(&config, *state, &settings);
        assert_string_equal(error ? error->cause : "", "");
        const struct s3_address *got[] = {&settings.place, &settings.public_place};
        const struct s3_address *expected[] = {&cases[i].place, &cases[i].public_place};
        assert_string_equal(settings.prefix, cases[i].prefix);
        assert_string_equal(settings.region, cases[i].region);
        for (size_t j = 0; j < COUNT_OF(got); j++) {
            assert_string_equal(got[j]->scheme, expected[j]->scheme);
            assert_string_equal(got[j]->host, expected[j]->host);
            assert_string_equal(got[j]->path, expected[j]->path);
        }
    }
}

static const char *read_faults(struct arena *arena, const struct config *config)
{
    struct s3_settings settings = {0};
    const struct error *error = s3_read_settings(config, arena, &settings);
    assert_non_null(error);
    assert_null(strstr(error->cause, SECRET));
    assert_null(strstr(error->cause, "hidden"));
    return error->cause;
}

static void error_names_the_fault_of_the_storage_url(void **state)
{
    static const struct {
        const char *url, *fault;
    } cases[] = {
        {"s3:", "must be s3://bucket"},
        {"s3://", "must be s3://bucket"},
        {"s3://files:9000", "must be s3://bucket"},
        {"s3://key:hidden@files", "must be s3://bucket"},
        {"s3://files#part", "must be s3://bucket"},
        {"s3://ab", "3 to 63 characters"},
        {"s3://Files", "3 to 63 characters"},
        {"s3://files_1", "3 to 63 characters"},
        {"s3://-files", "3 to 63 characters"},
        {"s3://a..b", "3 to 63 characters"},
        {"s3://files//a", "prefix"},
        {"s3://files/a/../b", "prefix"},
        {"s3://files/a%20b", "prefix"},
        {"s3://files/a/b//", "prefix"},
        {"s3://my.files", "path_style=true"},
        {"s3://files?path_style=yes", "path_style"},
        {"s3://files?region=", "region"},
        {"s3://files?region=eu/central", "region"},
        {"s3://files?region=a&region=b", "region"},
        {"s3://files?endpont=https://host", "endpont: no such parameter"},
        {"s3://files?endpoint", "endpoint"},
        {"s3://files?endpoint=host", "endpoint"},
        {"s3://files?endpoint=host:443", "endpoint"},
        {"s3://files?endpoint=ftp://host", "endpoint"},
        {"s3://files?endpoint=https://", "endpoint"},
        {"s3://files?endpoint=https://host/s3", "endpoint"},
        {"s3://files?endpoint=https://host/?a=b", "endpoint"},
        {"s3://files?endpoint=https://a:hidden@host", "endpoint"},
        {"s3://files?endpoint=https://host%00", "endpoint"},
        {"s3://files?endpoint=http://storage.example.com", "endpoint must be https://"},
        {"s3://files?endpoint=http://127.example.com", "endpoint must be https://"},
        {"s3://files?endpoint=http://127.0.0.1&public_endpoint=http://storage.example.com",
         "public_endpoint must be https://"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct config config = make_config(cases[i].url);
        const char *faults = read_faults(*state, &config);
        if (!strstr(faults, cases[i].fault)) {
            FAIL("%s: %s", cases[i].url, faults);
        }
    }
}

static void all_faults_of_the_s3_settings_are_reported_together(void **state)
{
    struct config config = make_config("s3://X?a=b&region=%20");
    config.aws_secret_access_key = "";
    const char *faults = read_faults(*state, &config);
    assert_non_null(strstr(faults, "a: no such parameter"));
    config.storage_url = "s3://X?region=%20&path_style=1";
    faults = read_faults(*state, &config);
    assert_non_null(strstr(faults, "3 to 63"));
    assert_non_null(strstr(faults, "region"));
    assert_non_null(strstr(faults, "AWS_SECRET_ACCESS_KEY"));
    assert_non_null(strstr(faults, "path_style"));
}

static void missing_or_malformed_aws_keys_are_rejected(void **state)
{
    static const struct {
        const char *id, *secret;
    } cases[] = {{"", SECRET},     {"id", ""},      {"i d", SECRET},    {"i/d", SECRET},
                 {"i\nd", SECRET}, {"i,d", SECRET}, {"id", "hid\nden"}, {"id", "\xd1\x84"}};
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct config config = make_config("s3://files");
        config.aws_access_key_id = cases[i].id;
        config.aws_secret_access_key = cases[i].secret;
        assert_non_null(strstr(read_faults(*state, &config), "AWS_"));
    }
}

static void development_accepts_an_unencrypted_endpoint(void **state)
{
    struct s3_settings settings = {0};
    struct config config = make_config("s3://files?endpoint=http://storage.example.com");
    config.environment = ENVIRONMENT_DEVELOPMENT;
    assert_null(s3_read_settings(&config, *state, &settings));
}

/* --- object lists ----------------------------------------------------------------------------- */

#define KEY(digits) "0123456789abcdef0123456789abcd" digits
#define OBJECT(key)                                                                                \
    "<Contents><Key>" key "</Key><LastModified>2026-11-20T12:34:56.789Z</LastModified>"            \
    "<ETag>&quot;5d41402abc4b2a76b9719d911017c592&quot;</ETag><Size>5</Size>"                      \
    "<StorageClass>STANDARD</StorageClass><Owner><ID>a</ID></Owner></Contents>"
#define LIST(inside)                                                                               \
    "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"                                                 \
    "<ListBucketResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">\n" inside                \
    "\n</ListBucketResult>"
#define TRUNCATED(token)                                                                           \
    "<IsTruncated>true</IsTruncated><NextContinuationToken>" token "</NextContinuationToken>"

enum { ROOM = 3 };

struct reading {
    struct object_info infos[ROOM];
    struct s3_page page;
    bool good;
};

static struct reading *read_bytes(struct arena *arena, const char *prefix, const char *after,
                                  const char *xml, size_t length)
{
    struct reading *reading = arena_alloc(arena, sizeof *reading);
    struct buffer body = {.arena = arena};
    buffer_add(&body, xml, length);
    reading->page = (struct s3_page){.prefix = prefix, .infos = reading->infos, .max = ROOM};
    snprintf(reading->page.last, sizeof reading->page.last, "%s", after);
    reading->good = s3_read_list(arena, &body, &reading->page);
    return reading;
}

static struct reading *read_list(struct arena *arena, const char *prefix, const char *xml)
{
    return read_bytes(arena, prefix, "", xml, strlen(xml));
}

static void object_list_is_parsed(void **state)
{
    const struct reading *reading =
        read_list(*state, "",
                  LIST("<Name>files</Name><Prefix/><KeyCount>2</KeyCount><MaxKeys>3</MaxKeys>"
                       "<IsTruncated>false</IsTruncated>" OBJECT(KEY("00")) OBJECT(KEY("0f"))));
    assert_true(reading->good);
    assert_int_equal(reading->page.count, 2);
    assert_string_equal(reading->infos[0].key, KEY("00"));
    assert_string_equal(reading->infos[1].key, KEY("0f"));
    assert_string_equal(reading->page.last, KEY("0f"));
    assert_int_equal(reading->infos[0].size, 5);
    assert_int_equal(reading->infos[0].modified_ms, 1795178096789);
    assert_null(reading->page.next);
}

static void empty_and_continued_object_lists_are_parsed(void **state)
{
    const struct reading *reading = read_list(*state, "", LIST(""));
    assert_true(reading->good && !reading->page.count && !reading->page.next);
    reading = read_list(*state, "", LIST(OBJECT(KEY("00")) TRUNCATED("1&amp;2/&#x3d;")));
    assert_true(reading->good);
    assert_string_equal(reading->page.next, "1&2/=");
    reading = read_list(*state, "", LIST(TRUNCATED("foreign")));
    assert_true(reading->good && !reading->page.count);
    assert_string_equal(reading->page.next, "foreign");
}

static void foreign_objects_are_omitted_from_the_list(void **state)
{
    const struct reading *reading = read_list(
        *state, "a/b/",
        LIST(OBJECT(KEY("00")) OBJECT("a/b/README") OBJECT("a%2Fb%2F" KEY("01")) OBJECT(
            "a/b/" KEY("02") ".bak") OBJECT("a/b/" KEY("03") "%00") OBJECT("a/c/" KEY("04"))
                 OBJECT("a/b/0123456789ABCDEF0123456789ABCDEF") OBJECT("a/b/" KEY("05"))
                     OBJECT("%zz%2") "<CommonPrefixes><Prefix>a/b/c/</Prefix></CommonPrefixes>"));
    assert_true(reading->good);
    assert_int_equal(reading->page.count, 2);
    assert_string_equal(reading->infos[0].key, KEY("01"));
    assert_string_equal(reading->infos[1].key, KEY("05"));
}

static void incomplete_or_inconsistent_lists_are_rejected(void **state)
{
    static const char *const lists[] = {
        "",
        "no XML",
        "<Error><Code>SlowDown</Code></Error>",
        "<html><ListBucketResult/></html>",
        LIST("<IsTruncated>true</IsTruncated>"),
        LIST(TRUNCATED("")),
        LIST(OBJECT(KEY("00")) OBJECT(KEY("00"))),
        LIST(OBJECT(KEY("01")) OBJECT(KEY("00"))),
        LIST(OBJECT(KEY("00")) OBJECT(KEY("01")) OBJECT(KEY("02")) OBJECT(KEY("03"))),
        LIST("<Contents><Key>" KEY("00") "</Key><Size>5</Size></Contents>"),
        LIST(
            "<Contents><Size>5</Size><LastModified>2026-11-20T12:34:56Z</LastModified></Contents>"),
        LIST("<Contents><Key>" KEY(
            "00") "</Key><Size>-5</Size>"
                  "<LastModified>2026-11-20T12:34:56Z</LastModified></Contents>"),
        LIST("<Contents><Key>" KEY(
            "00") "</Key><Size>99999999999999999999</Size>"
                  "<LastModified>2026-11-20T12:34:56Z</LastModified></Contents>"),
        LIST("<Contents><Key>" KEY("00") "</Key><Size>5</Size>"
                                         "<LastModified>yesterday</LastModified></Contents>"),
    };
    for (size_t i = 0; i < COUNT_OF(lists); i++) {
        if (read_list(*state, "", lists[i])->good) {
            FAIL("%s", lists[i]);
        }
    }
}

static void list_not_continuing_after_the_last_key_is_rejected(void **state)
{
    static const char xml[] = LIST(OBJECT(KEY("05")));
    assert_true(read_bytes(*state, "", KEY("04"), BYTES(xml))->good);
    assert_false(read_bytes(*state, "", KEY("05"), BYTES(xml))->good);
}

static void truncated_list_xml_is_rejected(void **state)
{
    static const char xml[] = LIST(OBJECT(KEY("00")) TRUNCATED("next"));
    for (size_t length = 0; length < sizeof xml - 1; length++) {
        assert_false(read_bytes(*state, "", "", xml, length)->good);
    }
}

static void hostile_xml_is_rejected(void **state)
{
    struct buffer deep = {.arena = *state}, long_text = {.arena = *state};
    for (int i = 0; i < 100000; i++) {
        buffer_add_string(&deep, "<a>");
        buffer_add_string(&long_text, "0");
    }
    const char *const lists[] = {
        "<!DOCTYPE ListBucketResult><ListBucketResult/>",
        "<!DOCTYPE a [<!ENTITY x \"xx\"><!ENTITY y \"&x;&x;\">]><ListBucketResult>&y;"
        "</ListBucketResult>",
        "<!DOCTYPE a [<!ENTITY x SYSTEM \"file:///etc/passwd\">]><ListBucketResult><Contents>"
        "<Key>&x;</Key></Contents></ListBucketResult>",
        LIST("&undefined;"),
        LIST("<Contents><Key>\x01</Key></Contents>"),
        LIST("<Contents><Key>\xff\xfe</Key></Contents>"),
        LIST("</ListBucketResult><ListBucketResult>"),
        deep.bytes,
        arena_format(*state, LIST("<Contents><Key>%s</Key></Contents>"), long_text.bytes),
        arena_format(*state, LIST(TRUNCATED("%s")), long_text.bytes),
    };
    for (size_t i = 0; i < COUNT_OF(lists); i++) {
        if (read_list(*state, "", lists[i])->good) {
            FAIL("%.200s", lists[i]);
        }
    }
    assert_false(
        read_bytes(*state, "", "", BYTES("<ListBucketResult>\0</ListBucketResult>"))->good);
}

/* --- errors ----------------------------------------------------------------------------------- */

static struct s3_failure read_failure(struct arena *arena, const char *xml)
{
    struct s3_failure failure;
    struct buffer body = {.arena = arena};
    buffer_add(&body, xml, strlen(xml));
    s3_read_failure(arena, &body, &failure);
    return failure;
}

static void error_reply_is_parsed_without_its_secrets(void **state)
{
    struct s3_failure failure = read_failure(
        *state, "<?xml version=\"1.0\"?><Error><Code>SignatureDoesNotMatch</Code>"
                "<Message>The signature &amp; more</Message><AWSAccessKeyId>hidden</AWSAccessKeyId>"
                "<StringToSign>hidden</StringToSign><RequestId>tx1</RequestId><HostId>h</HostId>"
                "<Details><Code>Nested</Code></Details></Error>");
    assert_string_equal(failure.code, "SignatureDoesNotMatch");
    assert_string_equal(failure.message, "The signature & more");
    assert_string_equal(failure.request_id, "tx1");
}

static void unparsable_error_reply_yields_empty_texts(void **state)
{
    static const char *const bodies[] = {"", "<html>502 Bad Gateway</html>", "<Error><Code>Cut",
                                         "<!DOCTYPE Error><Error><Code>a</Code></Error>",
                                         "{\"code\": \"a\"}"};
    for (size_t i = 0; i < COUNT_OF(bodies); i++) {
        struct s3_failure failure = read_failure(*state, bodies[i]);
        assert_string_equal(failure.code, "");
        assert_string_equal(failure.message, "");
        assert_string_equal(failure.request_id, "");
    }
}

static void long_error_message_is_truncated_between_characters(void **state)
{
    struct buffer message = {.arena = *state};
    for (int i = 0; i < 500; i++) {
        buffer_add_string(&message, i ? "ф" : "a");
    }
    struct s3_failure failure = read_failure(
        *state, arena_format(*state, "<Error><Message>%s</Message></Error>", message.bytes));
    assert_int_equal(strlen(failure.message), 199);
    assert_memory_equal(failure.message, message.bytes, 199);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ARENA_TEST(presigned_url_matches_the_published_aws_example),
        ARENA_TEST(signature_covers_every_part_of_the_request),
        ARENA_TEST(query_is_encoded_and_sorted),
        ARENA_TEST(storage_url_yields_hosts_prefix_and_region),
        ARENA_TEST(error_names_the_fault_of_the_storage_url),
        ARENA_TEST(all_faults_of_the_s3_settings_are_reported_together),
        ARENA_TEST(missing_or_malformed_aws_keys_are_rejected),
        ARENA_TEST(development_accepts_an_unencrypted_endpoint),
        ARENA_TEST(object_list_is_parsed),
        ARENA_TEST(empty_and_continued_object_lists_are_parsed),
        ARENA_TEST(foreign_objects_are_omitted_from_the_list),
        ARENA_TEST(incomplete_or_inconsistent_lists_are_rejected),
        ARENA_TEST(list_not_continuing_after_the_last_key_is_rejected),
        ARENA_TEST(truncated_list_xml_is_rejected),
        ARENA_TEST(hostile_xml_is_rejected),
        ARENA_TEST(error_reply_is_parsed_without_its_secrets),
        ARENA_TEST(unparsable_error_reply_yields_empty_texts),
        ARENA_TEST(long_error_message_is_truncated_between_characters),
    };
    return cmocka_run_group_tests_name("objects/s3", tests, NULL, NULL);
}
