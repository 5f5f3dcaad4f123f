/*
 * Fuzzes DIRECTORY_USER_ATTRIBUTES. Every accepted attribute is named in the setting, is bound to
 * the attribute of its name, and is accepted alone; a setting without faults has only such ones.
 */
#include "fuzz.h"

#include "base/config.h"
#include "base/field.h"
#include "directory/user_attributes.h"

static size_t parse(struct arena *arena, const char *setting, struct field *fields, bool *valid_r)
{
    const struct config config = {.directory_user_attributes = setting};
    struct buffer faults = {.arena = arena};
    size_t count = user_attributes_parse(&config, arena, fields, &faults);
    *valid_r = !faults.length;
    return count;
}

/* Formats the attribute as a setting. */
static const char *format_attribute(struct arena *arena, const struct field *field)
{
    switch (field->codec) {
    case CODEC_TEXT:
        return arena_format(arena, "%s:text:%lld", field->name, (long long)field->max);
    case CODEC_INTEGER:
        return arena_format(arena, "%s:integer", field->name);
    case CODEC_TRUTH:
        return arena_format(arena, "%s:boolean", field->name);
    default:
        FUZZ_CHECK(field->codec == CODEC_TIME);
        return arena_format(arena, "%s:time", field->name);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *arena = arena_new();
    struct field fields[USER_ATTRIBUTES_MAX], again[USER_ATTRIBUTES_MAX];
    char *setting = fuzz_string(data, size);
    bool valid;
    size_t count = parse(arena, setting, fields, &valid);
    FUZZ_CHECK(count <= USER_ATTRIBUTES_MAX);
    for (size_t i = 0; i < count; i++) {
        FUZZ_CHECK(strstr(setting, fields[i].name) && fields[i].attribute == fields[i].name);
        FUZZ_CHECK(fields[i].name[strspn(fields[i].name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMN"
                                                         "OPQRSTUVWXYZ0123456789-")] == '\0');
        FUZZ_CHECK(parse(arena, format_attribute(arena, &fields[i]), again, &valid) == 1 && valid);
        FUZZ_CHECK(again->max == fields[i].max && again->type == fields[i].type);
    }
    free(setting);
    arena_free(&arena);
    return 0;
}
