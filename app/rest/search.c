/* See search.h. */
#include "rest/search.h"

#include "base/arena.h"
#include "base/spelling.h"
#include "base/utf8.h"
#include "base/words.h"
#include "rest/phone.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>

/* Number of characters of a trigram. Shorter parts are found only at the beginning of a word. */
enum { TRIGRAM = 3 };

static const char before_word[] = "  ", delimiters[] = " (),", ace_prefix[] = "xn--";

/* --- words ------------------------------------------------------------------------------------ */

static bool is_ascii_only(const char *word)
{
    while (*word && !(*word & 0x80)) {
        word++;
    }
    return !*word;
}

/* True if the word has a letter, a digit or a symbol, not only characters such as "@" and "-". */
static bool has_letters(const char *word)
{
    return word[strspn(word, "@.-_+'&$")] != '\0';
}

/* Iterates over the words of a result of spelling_unify(). Unlike base/words.h, it does not split a
 * word at "xn--". */
struct splitter {
    struct arena *arena;
    const char *rest;
    struct words words;
};

static const char *next_word(struct splitter *splitter)
{
    for (;;) {
        const char *word = splitter->words.text ? words_next(&splitter->words) : NULL;
        splitter->rest += word ? 0 : strspn(splitter->rest, delimiters);
        if (word || !*splitter->rest) {
            return word;
        }
        size_t length = strcspn(splitter->rest, delimiters);
        char *chunk = arena_copy(splitter->arena, splitter->rest, length);
        splitter->rest += length;
        splitter->words.text = NULL;
        if (strstr(chunk, ace_prefix)) {
            while (length && strchr("-.'", chunk[length - 1])) {
                chunk[--length] = '\0';
            }
            return chunk + strspn(chunk, "-.'");
        }
        words_begin(&splitter->words, splitter->arena, chunk);
    }
}

/* Returns a copy with ё replaced by е. */
static char *replace_yo(struct arena *arena, const char *word)
{
    static const char yo[] = "ё", ye[] = "е"; /* of the same length */
    char *copy = arena_string(arena, word);
    for (char *at = copy; (at = strstr(at, yo));) {
        memcpy(at, ye, sizeof ye - 1);
    }
    return copy;
}

/* --- domains ---------------------------------------------------------------------------------- */

/* Returns the part of a word after "@", or the whole word if it has no "@". */
static const char *find_word_domain(const char *word)
{
    const char *at = strrchr(word, '@');
    return at ? at + 1 : word;
}

/* Returns a copy of the word with another domain; NULL if `domain` is NULL or the domain of the
 * word. */
static const char *replace_domain(struct arena *arena, const char *word, const char *domain)
{
    const char *old = find_word_domain(word);
    return domain && strcmp(domain, old) != 0
               ? arena_format(arena, "%.*s%s", (int)(old - word), word, domain)
               : NULL;
}

/* Returns the last label of a domain, the top-level domain. */
static const char *find_last_label(const char *word)
{
    const char *dot = strrchr(word, '.');
    return dot ? dot + 1 : word;
}

/* Returns the word with its domain in Unicode form. NULL if no label begins with "xn--", or if the
 * Unicode form contains delimiters, which would split the word. */
static const char *decode_word_domain(struct arena *arena, const char *word)
{
    const char *domain = find_word_domain(word);
    if (!strstr(domain, ace_prefix)) {
        return NULL;
    }
    const char *unicode = spelling_unicode_domain(arena, domain);
    const char *decoded = spelling_unify(arena, replace_domain(arena, word, unicode));
    return decoded && *decoded && !strpbrk(decoded, delimiters) ? decoded : NULL;
}

/* Returns the word with its domain in ASCII form. NULL if the word has no domain with non-ASCII
 * characters. A domain follows "@", or is a word whose last label is not ASCII: "договор.txt" is a
 * file name. */
static const char *encode_word_domain(struct arena *arena, const char *word)
{
    const char *domain = find_word_domain(word), *last = find_last_label(domain);
    bool is_domain = domain != word || (last != domain && !is_ascii_only(last));
    return is_domain && !is_ascii_only(domain)
               ? replace_domain(arena, word, spelling_ascii_domain(arena, domain))
               : NULL;
}

/* --- stored texts ----------------------------------------------------------------------------- */

static void add_form(struct buffer *search_text, const char *word)
{
    if (word) {
        buffer_format(search_text, "%s%s", before_word, replace_yo(search_text->arena, word));
    }
}

static void add_word(struct buffer *search_text, const char *word)
{
    if (has_letters(word)) {
        add_form(search_text, word);
        add_form(search_text, decode_word_domain(search_text->arena, word));
        add_form(search_text, encode_word_domain(search_text->arena, word));
    }
}

void search_add(struct buffer *search_text, const char *text)
{
    const char *unified = spelling_unify(search_text->arena, text);
    if (!unified) {
        return;
    }
    struct splitter splitter = {.arena = search_text->arena, .rest = unified};
    for (const char *word; (word = next_word(&splitter));) {
        add_word(search_text, word);
    }
    phone_add(search_text, unified, before_word);
}

/* --- searches --------------------------------------------------------------------------------- */

struct search {
    struct arena *arena;
    const char **parts;
    size_t count;
};

/* Returns the length in bytes of the first `characters` characters of a text. */
static size_t measure_characters(const char *text, size_t characters)
{
    size_t length = strlen(text), at = 0;
    for (size_t i = 0; i < characters && at < length; i++) {
        utf8_next(text, length, &at);
    }
    return at;
}

/* Adds the part that finds a word, unless the search has that part already. A word that is shorter
 * than a trigram only finds the beginning of a word. */
static void add_part(struct search *search, const char *word)
{
    size_t length = measure_characters(word, SEARCH_WORD_LENGTH);
    bool is_short = !word[measure_characters(word, TRIGRAM - 1)];
    const char *part =
        arena_format(search->arena, "%s%.*s", is_short ? before_word : "", (int)length, word);
    for (size_t i = 0; i < search->count; i++) {
        if (!strcmp(search->parts[i], part)) {
            return;
        }
    }
    if (search->count < SEARCH_WORDS) {
        search->parts[search->count++] = part;
    }
}

/* True if the last label of the word's domain begins with "xn--", or is itself a beginning of
 * "xn--". */
static bool may_end_encoded(const char *word)
{
    const char *last = find_last_label(find_word_domain(word));
    size_t length = strlen(last) < strlen(ace_prefix) ? strlen(last) : strlen(ace_prefix);
    return !strncmp(last, ace_prefix, length);
}

/* Adds a word. A word with xn-- labels is searched in Unicode form, unless its last label is
 * encoded too: that label may be incomplete, so the word is searched as it was typed, provided that
 * the Unicode form encodes to the typed domain. */
static void add_search_word(struct search *search, const char *word)
{
    struct arena *arena = search->arena;
    if (!has_letters(word)) {
        return;
    }
    const char *decoded = decode_word_domain(arena, word);
    if (decoded && is_ascii_only(word) && may_end_encoded(word)) {
        const char *stored = spelling_ascii_domain(arena, find_word_domain(decoded));
        decoded = stored && !strcmp(stored, find_word_domain(word)) ? NULL : decoded;
    }
    add_part(search, replace_yo(arena, decoded ? decoded : word));
}

static void add_search_words(struct search *search, const char *text, size_t length)
{
    struct splitter splitter = {
        .arena = search->arena,
        .rest = arena_copy(search->arena, text, length),
    };
    for (const char *word; (word = next_word(&splitter));) {
        add_search_word(search, word);
    }
}

/* --- tokens of searches ----------------------------------------------------------------------- */

enum {
    /* minimum numbers of digits */
    PHONE_MIN = 7,         /* of a number that may have a label or an extension */
    LONG_PHONE_MIN = 10,   /* of groups that are always one telephone number */
    PARTIAL_PHONE_MIN = 6, /* of three groups that are probably a part of one */
};

/* A word, or a number of one or more groups without white space: "8", "123-45-67", "+7". */
struct token {
    const char *text;
    size_t length;
    size_t digits;      /* 0: a word */
    bool follows;       /* only white space and brackets separate it from the token before it */
    bool after_bracket; /* a bracket is before it */
};

struct tokens {
    struct token *list;
    size_t count;
    size_t digits; /* number of digits of the last tokens, if these may form one telephone number */
    bool has_words;
};

static size_t count_digits(const char *text, size_t length)
{
    size_t count = 0;
    for (size_t i = 0; i < length; i++) {
        count += isdigit((unsigned char)text[i]) != 0;
    }
    return count;
}

static bool ends_token(const char *text)
{
    return !*text || strchr(delimiters, *text);
}

/* Skips the extension of a telephone number, such as "доб. 12". Returns the text after it; returns
 * `text` if that does not begin with an extension. */
static const char *skip_extension(const char *text)
{
    static const char *const names[] = {"доб", "вн", "ext", "x"};
    const char *name = text + strspn(text, delimiters);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        size_t length = strlen(names[i]);
        if (!strncmp(name, names[i], length)) {
            const char *number = name + length + strspn(name + length, ". ");
            const char *end = number + strspn(number, "0123456789");
            return end > number && ends_token(end) ? end : text;
        }
    }
    return text;
}

/* Returns the length of the number at the beginning of a text; 0 if there is none. A delimiter must
 * follow the number. An extension may follow it if the number and the digits before it may be a
 * telephone number. */
static size_t measure_number(const char *text, size_t digits_before)
{
    const char *begin = text + (*text == '+');
    if (begin != text && *begin == ' ') { /* "+ 7" */
        begin += strspn(begin, " (");
    }
    const char *end = begin + strspn(begin, "0123456789-.");
    size_t count = begin == text || isdigit((unsigned char)*begin)
                       ? count_digits(begin, (size_t)(end - begin))
                       : 0;
    bool ends =
        ends_token(end) || (digits_before + count >= PHONE_MIN && skip_extension(end) != end);
    return count && ends ? (size_t)(end - text) : 0;
}

/* Returns the length of a label directly before a telephone number, such as "тел." in
 * "тел.89161234567"; 0 if there is none. */
static size_t measure_label(const char *text)
{
    size_t length = strcspn(text, "+0123456789@_ (),");
    size_t number = length ? measure_number(text + length, 0) : 0;
    return count_digits(text + length, number) >= PHONE_MIN ? length : 0;
}

/* Reads the token at the beginning of the text, and returns the text after it. */
static const char *read_token(struct tokens *tokens, const char *text, bool follows, bool brackets)
{
    size_t before = follows && *text != '+' ? tokens->digits : 0;
    size_t number = measure_number(text, before);
    size_t label = number ? 0 : measure_label(text);
    struct token *token = &tokens->list[tokens->count++];
    *token = (struct token){.text = text, .follows = follows, .after_bracket = brackets};
    token->digits = count_digits(text, number);
    token->length = number ? number : label ? label : strcspn(text, delimiters);
    tokens->digits = number ? before + token->digits : 0;
    tokens->has_words = tokens->has_words || !number;
    text += token->length;
    return tokens->digits >= PHONE_MIN ? skip_extension(text) : text;
}

/* Splits the text of a search into tokens. Ignores hyphens and periods that stand alone. */
static struct tokens split_search(struct arena *arena, const char *text)
{
    struct tokens tokens = {.list = arena_array(arena, strlen(text) + 1, sizeof *tokens.list)};
    for (;;) {
        size_t gap = strspn(text, delimiters);
        bool follows = !memchr(text, ',', gap);
        bool brackets = memchr(text, '(', gap) || memchr(text, ')', gap);
        text += gap;
        size_t filler = strspn(text, "-.");
        if (!*text) {
            return tokens;
        }
        text = filler && ends_token(text + filler) ? text + filler
                                                   : read_token(&tokens, text, follows, brackets);
    }
}

/* --- numbers in searches ---------------------------------------------------------------------- */

/* Consecutive numbers with only white space or brackets between them. */
struct run {
    const struct token *list;
    size_t count;
    size_t digits;
    bool brackets;
    bool has_short; /* a number has fewer digits than a trigram */
};

/* Returns the run that begins at a token. The run is empty if the token is a word. */
static struct run read_run(const struct tokens *tokens, size_t from)
{
    const struct token *list = tokens->list + from;
    struct run run = {.list = list};
    for (; from + run.count < tokens->count && list[run.count].digits; run.count++) {
        const struct token *token = &list[run.count];
        if (run.count && (!token->follows || *token->text == '+')) {
            break;
        }
        run.digits += token->digits;
        run.brackets = run.brackets || token->after_bracket;
        run.has_short = run.has_short || token->digits < TRIGRAM;
    }
    return run;
}

/* True if the numbers are probably parts of one telephone number. True for "8 916 12"; false for
 * "125 2026", and for "5 2026" if the search also has words. */
static bool is_one_number(const struct run *run, bool has_words)
{
    bool is_partial = (run->count >= 3 || run->brackets) && run->digits >= PARTIAL_PHONE_MIN;
    return run->digits >= LONG_PHONE_MIN ||
           (run->digits >= TRIGRAM &&
            (*run->list->text == '+' || (run->has_short && (!has_words || is_partial))));
}

static void add_number(struct search *search, const struct phone_groups *groups, size_t from,
                       size_t count)
{
    const char *number = phone_join_digits(search->arena, groups, from, count);
    /* Some people write +8 instead of +7. Search such a number without "+": "89161234567" is
     * stored. */
    bool plus = !from && groups->plus && (*number != '8' || !phone_may_be_russian(groups, 0));
    if (number[strnlen(number, TRIGRAM - 1)]) {
        add_part(search, plus ? arena_format(search->arena, "+%s", number) : number);
    }
}

/* Adds each telephone number of the text; the last one may be incomplete. Ignores the digits after
 * a complete number if they are fewer than those of a trigram. */
static void add_numbers(struct search *search, const char *text, size_t length)
{
    struct phone_groups groups;
    (void)phone_read_groups(search->arena, arena_copy(search->arena, text, length), &groups);
    for (size_t from = 0, count; from < groups.count; from += count) {
        count = phone_count_russian(&groups, from);
        count = count ? count : groups.count - from;
        add_number(search, &groups, from, count);
    }
}

static void add_run(struct search *search, const struct run *run, bool has_words)
{
    const struct token *last = &run->list[run->count - 1];
    if (is_one_number(run, has_words)) {
        add_numbers(search, run->list->text, (size_t)(last->text + last->length - run->list->text));
        return;
    }
    for (size_t i = 0; i < run->count; i++) {
        const struct token *token = &run->list[i];
        if (token->digits >= TRIGRAM) {
            add_numbers(search, token->text, token->length);
        } else {
            add_search_words(search, token->text, token->length);
        }
    }
}

/* True if the token is a label before a telephone number, such as "тел.". */
static bool is_phone_label(const struct token *token, const struct run *run)
{
    static const char *const labels[] = {"т",   "тел",   "телефон", "моб", "факс",
                                         "tel", "phone", "mob",     "fax"};
    size_t length = token->length;
    while (length && strchr("-.", token->text[length - 1])) {
        length--;
    }
    bool is_phone = run->digits >= PHONE_MIN;
    for (size_t i = 0; is_phone && i < sizeof labels / sizeof *labels; i++) {
        if (strlen(labels[i]) == length && !memcmp(labels[i], token->text, length)) {
            return true;
        }
    }
    return false;
}

struct error *search_parse(struct arena *arena, const char *text, const char *parts_r[SEARCH_WORDS])
{
    struct search search = {.arena = arena, .parts = parts_r};
    struct tokens tokens = split_search(arena, spelling_unify(arena, text));
    for (size_t i = 0; i < tokens.count && search.count < SEARCH_WORDS; i++) {
        const struct token *token = &tokens.list[i];
        struct run run = read_run(&tokens, token->digits ? i : i + 1);
        if (token->digits) {
            add_run(&search, &run, tokens.has_words);
            i += run.count - 1;
        } else if (!is_phone_label(token, &run)) {
            add_search_words(&search, token->text, token->length);
        }
    }
    if (!search.count) {
        return error_field(arena, "search", FAULT_NO_WORDS, NULL);
    }
    for (size_t i = search.count; i < SEARCH_WORDS; i++) {
        parts_r[i] = parts_r[0];
    }
    return NULL;
}
