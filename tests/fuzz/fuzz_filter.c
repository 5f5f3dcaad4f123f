/*
 * Fuzzes filters. A text that is a filter has a bounded tree, whose terms have a field and a value;
 * a text that is none has one detail, with a position within the text.
 */
#include "fuzz.h"

#include "query/filter.h"

#include <stdlib.h>
#include <string.h>

static const struct field fields[] = {
    {.name = "name", .type = FIELD_STRING},
    {.name = "size", .type = FIELD_INTEGER},
    {.name = "amount", .type = FIELD_DECIMAL, .scale = 2},
    {.name = "active", .type = FIELD_BOOLEAN},
    {.name = "at", .type = FIELD_TIME},
    {.name = "day", .type = FIELD_STRING, .format = "date"},
    {.name = "tags", .type = FIELD_STRINGS},
    {.name = "total", .type = FIELD_INTEGER, .flags = FIELD_NOT_FILTERABLE},
    {.name = NULL},
};

/* A term with a date becomes two. */
enum { TERMS_MAX = 2 * FILTER_TERMS_MAX, DEPTH_MAX = TERMS_MAX + 2 * FILTER_DEPTH_MAX };

/* Returns the number of terms. */
static size_t check_node(const struct filter *node, size_t size, size_t depth)
{
    FUZZ_CHECK(depth < DEPTH_MAX);
    if (node->kind != FILTER_TERM) {
        return check_node(node->left, size, depth + 1) +
               (node->kind == FILTER_NOT ? 0 : check_node(node->right, size, depth + 1));
    }
    FUZZ_CHECK(node->field && node->position >= 1 && node->position <= size);
    FUZZ_CHECK(*filter_operator_name(node->operator));
    if (node->operator!= FILTER_PRESENT) {
        FUZZ_CHECK(node->value.state == VALUE_SET);
        bool text = node->field->type == FIELD_STRING || node->field->type == FIELD_STRINGS;
        FUZZ_CHECK(!text || (strlen(node->value.string.bytes) == node->value.string.length &&
                             utf8_valid(node->value.string.bytes, node->value.string.length)));
    }
    return 1;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *arena = arena_new();
    char *text = fuzz_string(data, size);
    const struct filter *filter;
    const struct error *error = filter_parse(arena, text, fields, &filter);
    if (error) {
        FUZZ_CHECK(error->details && !error->details->next);
        const char *argument = error->details->argument;
        long position = argument ? strtol(argument, NULL, 10) : 0;
        bool is_position = error->details->fault != FAULT_TOO_LONG;
        FUZZ_CHECK(position >= 0 && (!is_position || (size_t)position <= strlen(text) + 1));
    } else {
        size_t terms = check_node(filter, strlen(text), 0);
        FUZZ_CHECK(terms >= 1 && terms <= TERMS_MAX);
    }
    free(text);
    arena_free(&arena);
    return 0;
}
