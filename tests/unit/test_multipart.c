/* Multipart forms: parts, file names and malformed forms, in pieces of any size. */
#include "http/multipart.h"
#include "unit.h"

/* A request body that arrives in pieces. */
struct source {
    const char *bytes;
    size_t length, at, piece;
};

static size_t read_piece(void *context, char *bytes, size_t size)
{
    struct source *source = context;
    size_t left = source->length - source->at;
    size_t length = source->piece < size ? source->piece : size;
    length = length < left ? length : left;
    memcpy(bytes, source->bytes + source->at, length);
    source->at += length;
    return length;
}

static struct request make_request(struct arena *arena, const char *content_type,
                                   struct source *source)
{
    return (struct request){
        .arena = arena,
        .headers = {.content_type = content_type},
        .input = {read_piece, source},
    };
}

/* Reads a form and writes one line per part: name, file name in brackets, content. */
static struct error *read_all(struct arena *arena, const char *content_type, const char *body,
                              size_t length, size_t piece, struct buffer *out)
{
    struct source source = {body, length, 0, piece};
    struct request request = make_request(arena, content_type, &source);
    struct multipart *form;
    struct multipart_part part;
    bool found = true;
    *out = (struct buffer){.arena = arena};
    buffer_add_string(out, "");
    struct error *error = multipart_open(&request, &form);
    while (!error && !(error = multipart_next(form, &part, &found)) && found) {
        const char *bytes;
        size_t got;
        buffer_add(out, part.name.bytes, part.name.length);
        if (part.is_file) {
            buffer_add_char(out, '[');
            buffer_add(out, part.file_name.bytes, part.file_name.length);
            buffer_add_char(out, ']');
        }
        buffer_add_char(out, '=');
        while (!(error = multipart_read(form, &bytes, &got)) && got) {
            buffer_add(out, bytes, got);
        }
        buffer_add_char(out, '\n');
    }
    return error;
}

#define TYPE "multipart/form-data; boundary=xyz"
#define PART(disposition, content)                                                                 \
    "--xyz\r\nContent-Disposition: form-data; " disposition "\r\n\r\n" content "\r\n"
#define END "--xyz--\r\n"

static const size_t pieces[] = {1, 2, 3, 7, 64, 8192, 100000};

/* A form with one part: the header lines in addition to its name, and its encoded content. */
static struct buffer write_part(struct arena *arena, const char *lines, const char *content,
                                size_t length)
{
    struct buffer body = {.arena = arena};
    buffer_format(&body, "--xyz\r\nContent-Disposition: form-data; name=a\r\n%s\r\n", lines);
    buffer_add(&body, content, length);
    buffer_add_string(&body, "\r\n" END);
    return body;
}

/* Asserts the parts of a form for every size of the pieces. */
static void assert_form(struct arena *arena, const char *body, size_t length, const char *expected,
                        size_t expected_length)
{
    for (size_t i = 0; i < COUNT_OF(pieces); i++) {
        struct buffer out;
        struct error *error = read_all(arena, TYPE, body, length, pieces[i], &out);
        if (error) {
            FAIL("pieces of %zu: %s", pieces[i], error->cause);
        }
        assert_int_equal(out.length, expected_length);
        assert_memory_equal(out.bytes, expected, expected_length);
    }
}

static void assert_rejected(struct arena *arena, const char *body, size_t length)
{
    for (size_t i = 0; i < COUNT_OF(pieces); i++) {
        struct buffer out;
        struct error *error = read_all(arena, TYPE, body, length, pieces[i], &out);
        assert_non_null(error);
        assert_int_equal(error->id, ERR_INVALID_MULTIPART);
    }
}

static void parts_are_separated_by_the_boundary(void **state)
{
    assert_form(*state, BYTES(END), BYTES(""));
    assert_form(*state, BYTES(PART("name=\"a\"", "1") END), BYTES("a=1\n"));
    assert_form(*state,
                BYTES(PART("name=a", "") PART("name=\"b\"; filename=\"f.txt\"", "x\r\n") END),
                BYTES("a=\nb[f.txt]=x\r\n\n"));
    assert_form(*state, BYTES("preamble\r\n" PART("name=a", "1") END "epilogue"), BYTES("a=1\n"));
    assert_form(
        *state,
        BYTES("--xyz  \t\r\ncontent-disposition:form-data;name=a\r\nX-Y: z\r\n\r\n1\r\n--xyz--"),
        BYTES("a=1\n"));
}

static void content_resembling_a_delimiter_is_kept(void **state)
{
    assert_form(*state, BYTES(PART("name=a", "\r\n--xy\r\n-\r\n--\r\r\n--xy") END),
                BYTES("a=\r\n--xy\r\n-\r\n--\r\r\n--xy\n"));
    assert_form(*state, BYTES(PART("name=a", "--xyz\n--xyz--\n") END),
                BYTES("a=--xyz\n--xyz--\n\n"));
    assert_form(*state, BYTES(PART("name=a", "\0\r\n\0") END), BYTES("a=\0\r\n\0\n"));
}

static void content_is_decoded_by_its_transfer_encoding(void **state)
{
    static const struct {
        const char *encoding;
        const char *content;
        size_t length;
        const char *decoded;
        size_t decoded_length;
    } cases[] = {
        {"base64", BYTES(""), BYTES("")},
        {"base64", BYTES("QQ=="), BYTES("A")},
        {"BASE64", BYTES("QUI="), BYTES("AB")},
        {"base64\t ", BYTES("QUJD\r\nRA==\r\n"), BYTES("ABCD")},
        {"base64", BYTES(" Q U\tJ\nD "), BYTES("ABC")},
        {"base64", BYTES("/+8AAP8="), BYTES("\xff\xef\0\0\xff")},
        {"quoted-printable", BYTES(""), BYTES("")},
        {"Quoted-Printable", BYTES("a=3Db=3db=00=FF"), BYTES("a=b=b\0\xff")},
        {"quoted-printable", BYTES("a=\r\nb=\nc= \t\r\nd"), BYTES("abcd")},
        {"quoted-printable", BYTES("a b\tc=20\r\nd\ne\r\n"), BYTES("a b\tc \r\nd\ne\r\n")},
        {"7bit", BYTES("QQ== =41"), BYTES("QQ== =41")},
        {"8bit", BYTES("\xff\0"), BYTES("\xff\0")},
        {"binary", BYTES("\xff\0"), BYTES("\xff\0")},
        {"", BYTES("QQ=="), BYTES("QQ==")},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        const char *line =
            arena_format(*state, "content-transfer-ENCODING: %s\r\n", cases[i].encoding);
        struct buffer body = write_part(*state, line, cases[i].content, cases[i].length);
        struct buffer expected = {.arena = *state};
        buffer_add_string(&expected, "a=");
        buffer_add(&expected, cases[i].decoded, cases[i].decoded_length);
        buffer_add_char(&expected, '\n');
        assert_form(*state, body.bytes, body.length, expected.bytes, expected.length);
    }
}

static void content_that_cannot_be_decoded_is_rejected(void **state)
{
    static const struct {
        const char *encoding;
        const char *content;
        size_t length;
    } cases[] = {
        {"base64", BYTES("Q")},
        {"base64", BYTES("QQ")},
        {"base64", BYTES("QQ=")},
        {"base64", BYTES("Q===")},
        {"base64", BYTES("=QQ=")},
        {"base64", BYTES("====")},
        {"base64", BYTES("QQ==QQ==")},
        {"base64", BYTES("QUJD=")},
        {"base64", BYTES("QUJD-")},
        {"base64", BYTES("QU_D")},
        {"base64", BYTES("QU\0D")},
        {"quoted-printable", BYTES("=")},
        {"quoted-printable", BYTES("=4")},
        {"quoted-printable", BYTES("=4G")},
        {"quoted-printable", BYTES("=G4")},
        {"quoted-printable", BYTES("= a")},
        {"quoted-printable", BYTES("=\ra")},
        {"quoted-printable", BYTES("=\r\r\n")},
        {"quoted-printable", BYTES("a \r\n")},
        {"quoted-printable", BYTES("a\t\nb")},
        {"quoted-printable", BYTES("a ")},
        {"quoted-printable", BYTES("\xd0\x96")},
        {"quoted-printable", BYTES("\0")},
        {"quoted-printable", BYTES("\x7f")},
        {"x-uuencode", BYTES("")},
        {"base64 base64", BYTES("")},
        {"base 64", BYTES("")},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        const char *line =
            arena_format(*state, "Content-Transfer-Encoding: %s\r\n", cases[i].encoding);
        struct buffer body = write_part(*state, line, cases[i].content, cases[i].length), out;
        for (size_t piece = 0; piece < COUNT_OF(pieces); piece++) {
            struct error *error =
                read_all(*state, TYPE, body.bytes, body.length, pieces[piece], &out);
            assert_non_null(error);
            assert_int_equal(error->id, ERR_PART_ENCODING);
        }
    }
    assert_rejected(*state, BYTES("--xyz\r\nContent-Disposition: form-data; name=a\r\n"
                                  "Content-Transfer-Encoding: 8bit\r\n"
                                  "Content-Transfer-Encoding: 8bit\r\n\r\n1\r\n" END));
}

static void folded_header_lines_are_joined(void **state)
{
    assert_form(*state,
                BYTES("--xyz\r\nContent-Disposition: form-data;\r\n name=a;\r\n\t filename=\"b\r\n "
                      "c\"\r\n\r\n 1\r\n" END),
                BYTES("a[b c]= 1\n"));
    assert_form(
        *state,
        BYTES("--xyz\r\nContent-Disposition:\r\n \r\n \r\n form-data; name=a\r\n\r\n\r\n" END),
        BYTES("a=\n"));
    assert_form(*state,
                BYTES("--xyz\r\nX: y\r\n Content-Disposition: form-data; name=b\r\n"
                      "Content-Disposition: form-data; name=a\r\n\r\n1\r\n" END),
                BYTES("a=1\n"));
    assert_rejected(*state, BYTES("--xyz\r\nContent-Disposition: form-data; name=a\r\n"));
    assert_rejected(*state, BYTES("--xyz\r\nContent-Disposition: form-data; name=a\r\n "));
    assert_rejected(*state,
                    BYTES("--xyz\r\n Content-Disposition: form-data; name=a\r\n\r\n1\r\n" END));
}

static void file_names_are_decoded(void **state)
{
    static const struct {
        const char *parameter;
        const char *name;
        size_t length;
    } cases[] = {
        {"filename=\"Договор № 5.pdf\"", BYTES("Договор № 5.pdf")},
        {"filename=\"a%22b%0D%0Ac.txt\"", BYTES("a\"b\r\nc.txt")},
        {"filename=\"a\\\"b\\\\c.txt\"", BYTES("a\"b\\c.txt")},
        {"filename=\"C:\\dir\\a.txt\"", BYTES("C:\\dir\\a.txt")},
        {"filename=\"100%25 %zz %2.txt\"", BYTES("100%25 %zz %2.txt")},
        {"filename=\"a%00b.txt\"", BYTES("a\0b.txt")},
        {"filename=\"../../etc/passwd\"", BYTES("../../etc/passwd")},
        {"filename=\"a;b=c.txt\"", BYTES("a;b=c.txt")},
        {"filename=plain.txt", BYTES("plain.txt")},
        {"filename=\"\"", BYTES("")},
        {"filename=\"a.txt\"; filename*=UTF-8''%D0%B0%00.txt", BYTES("а\0.txt")},
        {"filename*=utf-8'ru'%e2%82%ac.txt; filename=\"x.txt\"", BYTES("€.txt")},
        {"filename*=utf8''%D0%B0.txt; filename=\"x.txt\"", BYTES("а.txt")},
        {"filename*=us-ascii'en'a%20b.txt; filename=\"x.txt\"", BYTES("a b.txt")},
        {"filename*=utf8'%D0%B0.txt; filename=\"x.txt\"", BYTES("x.txt")},
        {"filename*=''%D0%B0.txt; filename=\"x.txt\"", BYTES("x.txt")},
        {"filename*=iso-8859-1''%A3.txt; filename=\"x.txt\"", BYTES("x.txt")},
        {"filename*=UTF-8''%ff.txt; filename=\"x.txt\"", BYTES("x.txt")},
        {"filename*=UTF-8''%4; filename=\"x.txt\"", BYTES("x.txt")},
        {"filename*=UTF-8''a.txt; filename=\"=?UTF-8?Q?x?=\"", BYTES("a.txt")},
        {"filename=\"=?UTF-8?B?0JbQuy50eHQ=?=\"", BYTES("Жл.txt")},
        {"filename==?utf-8?q?=d0=96=D0=BB.txt?=", BYTES("Жл.txt")},
        {"filename=\"=?UTF-8?Q?=D0?= =?UTF-8?Q?=96?=\"", BYTES("Ж")},
        {"filename=\"=?UTF-8?Q?a_b?= \t=?us-ascii*en?Q?=5F?= c\"", BYTES("a b_ c")},
        {"filename=\"x =?UTF-8?Q?a?=.txt\"", BYTES("x a.txt")},
        {"filename=\"=?windows-1251?B?xuv5?=\"", BYTES("Жлщ")},
        {"filename=\"=?KOI8-R?Q?=F6=CC?=\"", BYTES("Жл")},
        {"filename=\"=?ISO-8859-1?Q?=E9=22?=\"", BYTES("é\"")},
        {"filename=\"=?cp866?Q?=86?=\"", BYTES("Ж")},
        {"filename=\"=?UTF-8?Q?=00%22?=\"", BYTES("\0%22")},
        {"filename=\"=?UTF-8?B?\?=\"", BYTES("")},
        {"filename=\"=?UTF-8?B?QQ?=\"", BYTES("=?UTF-8?B?QQ?=")},
        {"filename=\"=?UTF-8?Q?=4?=\"", BYTES("=?UTF-8?Q?=4?=")},
        {"filename=\"=?UTF-8?X?a?=%22\"", BYTES("=?UTF-8?X?a?=\"")},
        {"filename=\"=?UTF-16//TRANSLIT?Q?a?=\"", BYTES("=?UTF-16//TRANSLIT?Q?a?=")},
        {"filename=\"=?../../a?Q?a?=\"", BYTES("=?../../a?Q?a?=")},
        {"filename=\"=?\"", BYTES("=?")},
        {"filename=\"=?a\"", BYTES("=?a")},
        {"filename=\"=?a?\"", BYTES("=?a?")},
        {"filename=\"=?a?Q\"", BYTES("=?a?Q")},
        {"filename=\"=?a?Q?\"", BYTES("=?a?Q?")},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct buffer body = {.arena = *state}, expected = {.arena = *state};
        buffer_format(&body,
                      "--xyz\r\nContent-Disposition: form-data; name=\"file\"; %s\r\n\r\n1\r\n" END,
                      cases[i].parameter);
        buffer_add_string(&expected, "file[");
        buffer_add(&expected, cases[i].name, cases[i].length);
        buffer_add_string(&expected, "]=1\n");
        assert_form(*state, body.bytes, body.length, expected.bytes, expected.length);
    }
}

static void truncated_form_is_rejected(void **state)
{
    static const char whole[] = PART("name=a", "1") PART("name=b", "2") "--xyz--";
    for (size_t length = 0; length < sizeof whole - 1; length++) {
        assert_rejected(*state, whole, length);
    }
}

static void malformed_form_is_rejected(void **state)
{
    assert_rejected(*state, BYTES("--xyz\r\n\r\n1\r\n" END));
    assert_rejected(*state, BYTES("--xyz\r\nContent-Disposition: form-data\r\n\r\n1\r\n" END));
    assert_rejected(*state,
                    BYTES("--xyz\r\nContent-Disposition: attachment; name=a\r\n\r\n1\r\n" END));
    assert_rejected(*state,
                    BYTES("--xyz\r\nContent-Disposition: form-data; name=\"a\r\n\r\n1\r\n" END));
    assert_rejected(*state, BYTES("--xyz\r\nContent-Disposition: form-data; name=a\r\n"
                                  "Content-Disposition: form-data; name=b\r\n\r\n1\r\n" END));
    assert_rejected(
        *state, BYTES("--xyz\r\nContent-Disposition: form-data; name=\"a\0\"\r\n\r\n1\r\n" END));
    assert_rejected(*state,
                    BYTES("--xyzz\r\nContent-Disposition: form-data; name=a\r\n\r\n1\r\n" END));
    assert_rejected(*state, BYTES("--xyz\nContent-Disposition: form-data; name=a\n\n1\n--xyz--\n"));
}

static void number_of_parts_and_header_length_are_limited(void **state)
{
    struct buffer many = {.arena = *state}, length = {.arena = *state}, endless = {.arena = *state};
    for (size_t i = 0; i <= MULTIPART_PARTS_MAX; i++) {
        buffer_add_string(&many, PART("name=a", ""));
    }
    buffer_add_string(&many, END);
    assert_rejected(*state, many.bytes, many.length);
    buffer_add_string(&length, "--xyz\r\nContent-Disposition: form-data; name=");
    buffer_add_string(&endless, "--xyz\r\n");
    for (size_t i = 0; i < MULTIPART_HEADER_MAX; i++) {
        buffer_add_char(&length, 'a');
        buffer_add_string(&endless, "X: y\r\n");
    }
    assert_rejected(*state, endless.bytes, endless.length);
    buffer_add_string(&length, "\r\n\r\n" END);
    assert_rejected(*state, length.bytes, length.length);
}

static void large_content_is_read_completely(void **state)
{
    size_t size = 3 * MULTIPART_BUFFER + 5;
    struct buffer body = {.arena = *state}, expected = {.arena = *state};
    buffer_add_string(&body, "--xyz\r\nContent-Disposition: form-data; name=a\r\n\r\n");
    buffer_add_string(&expected, "a=");
    for (size_t i = 0; i < size; i++) {
        char c = "\r\n-xyz"[i * i % 6];
        buffer_add_char(&body, c);
        buffer_add_char(&expected, c);
    }
    buffer_add_string(&body, "\r\n" END);
    buffer_add_char(&expected, '\n');
    struct buffer out;
    assert_null(read_all(*state, TYPE, body.bytes, body.length, 8192, &out));
    assert_int_equal(out.length, expected.length);
    assert_memory_equal(out.bytes, expected.bytes, expected.length);
}

static void unread_parts_are_skipped(void **state)
{
    static const char body[] = PART("name=a", "long content") PART("name=b", "2") END;
    struct source source = {body, sizeof body - 1, 0, 5};
    struct request request = make_request(*state, TYPE, &source);
    struct multipart *form;
    struct multipart_part part;
    bool found;
    assert_null(multipart_open(&request, &form));
    assert_null(multipart_next(form, &part, &found));
    assert_null(multipart_next(form, &part, &found));
    assert_true(found);
    assert_string_equal(part.name.bytes, "b");
    assert_null(multipart_next(form, &part, &found));
    assert_false(found);
    assert_null(multipart_next(form, &part, &found));
    assert_false(found);
}

static enum error_id open_error(struct arena *arena, const char *content_type)
{
    struct source source = {"", 0, 0, 1};
    struct request request = make_request(arena, content_type, &source);
    struct multipart *form;
    struct error *error = multipart_open(&request, &form);
    return error ? error->id : ERR_COUNT;
}

static void content_type_must_be_multipart_with_valid_boundary(void **state)
{
    assert_int_equal(open_error(*state, ""), ERR_UNSUPPORTED_MEDIA_TYPE);
    assert_int_equal(open_error(*state, "application/json"), ERR_UNSUPPORTED_MEDIA_TYPE);
    assert_int_equal(open_error(*state, "multipart/form-database; boundary=a"),
                     ERR_UNSUPPORTED_MEDIA_TYPE);
    assert_int_equal(open_error(*state, "multipart/form-data"), ERR_INVALID_MULTIPART);
    assert_int_equal(open_error(*state, "multipart/form-data; boundary="), ERR_INVALID_MULTIPART);
    assert_int_equal(open_error(*state, "multipart/form-data; boundary=\"a\\n\""),
                     ERR_INVALID_MULTIPART);
    assert_int_equal(open_error(*state, "multipart/form-data; boundary=\"a \""),
                     ERR_INVALID_MULTIPART);
    assert_int_equal(open_error(*state, "multipart/form-data; boundary=\"a\\\"\""),
                     ERR_INVALID_MULTIPART);
    assert_int_equal(open_error(*state, "multipart/form-data; boundary=\xd0\x96"),
                     ERR_INVALID_MULTIPART);
    assert_int_equal(open_error(*state, "multipart/form-data; boundary=a\x7f"),
                     ERR_INVALID_MULTIPART);
    assert_int_equal(open_error(*state, "multipart/form-data; boundary=*****"), ERR_COUNT);
    assert_int_equal(open_error(*state, "multipart/form-data; boundary={1-2}"), ERR_COUNT);
    assert_int_equal(open_error(*state, "multipart/form-data; boundary=!#$%&'+-.^_`|~[]<>@"),
                     ERR_COUNT);
    char long_one[MULTIPART_BOUNDARY_MAX + 2] = {0};
    memset(long_one, 'a', MULTIPART_BOUNDARY_MAX);
    assert_int_equal(
        open_error(*state, arena_format(*state, "multipart/form-data; boundary=%s", long_one)),
        ERR_COUNT);
    long_one[MULTIPART_BOUNDARY_MAX] = 'a';
    assert_int_equal(
        open_error(*state, arena_format(*state, "multipart/form-data; boundary=%s", long_one)),
        ERR_INVALID_MULTIPART);
    assert_int_equal(open_error(*state, " Multipart/Form-Data ; charset=utf-8; Boundary=\"a b'\""),
                     ERR_COUNT);
}

/* --- Content-Disposition ---------------------------------------------------------------------- */

static void attachment_header_contains_the_encoded_file_name(void **state)
{
    static const struct {
        const char *name;
        size_t length;
        const char *expected;
    } cases[] = {
        {BYTES("a.txt"), "attachment; filename=\"a.txt\"; filename*=UTF-8''a.txt"},
        {BYTES("Док \"1\".pdf"),
         "attachment; filename=\"___ _1_.pdf\"; filename*=UTF-8''%D0%94%D0%BE%D0%BA%20%221%22.pdf"},
        {BYTES("../a\\b\r\n%41\0.txt"), "attachment; filename=\".._a_b___41_.txt\"; "
                                        "filename*=UTF-8''..%2Fa%5Cb%0D%0A%2541%00.txt"},
        {BYTES(""), "attachment; filename=\"\"; filename*=UTF-8''"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        assert_string_equal(parameters_format_attachment(*state, cases[i].name, cases[i].length),
                            cases[i].expected);
    }
}

/* A file name that was written to Content-Disposition is parsed back unchanged. */
static void written_file_name_can_be_parsed(void **state)
{
    static const char name[] = "Ёж \"%22\" \t\x01;=' \\ /.docx";
    struct parameter value;
    const char *field = parameters_format_attachment(*state, name, sizeof name - 1);
    assert_true(parameters_find_extended(*state, field, "filename", &value));
    assert_string_equal(value.bytes, name);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ARENA_TEST(parts_are_separated_by_the_boundary),
        ARENA_TEST(content_resembling_a_delimiter_is_kept),
        ARENA_TEST(content_is_decoded_by_its_transfer_encoding),
        ARENA_TEST(content_that_cannot_be_decoded_is_rejected),
        ARENA_TEST(folded_header_lines_are_joined),
        ARENA_TEST(file_names_are_decoded),
        ARENA_TEST(truncated_form_is_rejected),
        ARENA_TEST(malformed_form_is_rejected),
        ARENA_TEST(number_of_parts_and_header_length_are_limited),
        ARENA_TEST(large_content_is_read_completely),
        ARENA_TEST(unread_parts_are_skipped),
        ARENA_TEST(content_type_must_be_multipart_with_valid_boundary),
        ARENA_TEST(attachment_header_contains_the_encoded_file_name),
        ARENA_TEST(written_file_name_can_be_parsed),
    };
    return cmocka_run_group_tests_name("multipart", tests, NULL, NULL);
}
