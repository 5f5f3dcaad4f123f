/* See error.h. */
#include "base/error.h"

#include "base/arena.h"

#include <inttypes.h>
#include <stdarg.h>

struct error *error_new(struct arena *arena, enum error_id id, const char *cause, ...)
{
    struct error *error = arena_alloc(arena, sizeof *error);
    error->id = id;
    error->arena = arena;
    error->end = &error->details;
    if (cause) {
        va_list arguments;
        va_start(arguments, cause);
        error->cause = arena_format_v(arena, cause, arguments);
        va_end(arguments);
    }
    return error;
}

struct error *error_detail(struct error *error, const char *field, enum fault_id fault,
                           const char *argument)
{
    struct error_detail *detail = arena_alloc(error->arena, sizeof *detail);
    *detail = (struct error_detail){.field = field, .fault = fault, .argument = argument};
    *error->end = detail;
    error->end = &detail->next;
    return error;
}

static struct error *link_member(struct error *error, struct error_member content)
{
    struct error_member *member = arena_alloc(error->arena, sizeof *member);
    *member = content;
    member->next = error->members;
    error->members = member;
    return error;
}

struct error *error_member_strings(struct error *error, const char *name, const char *const *items)
{
    return link_member(error, (struct error_member){.name = name, .items = items});
}

struct error *error_member_integer(struct error *error, const char *name, int64_t integer)
{
    return link_member(error, (struct error_member){.name = name, .integer = integer});
}

struct error *error_about_object(struct arena *arena, enum error_id id, const char *field,
                                 enum fault_id fault, int64_t other)
{
    struct error *error = error_detail(error_new(arena, id, NULL), field, fault,
                                       arena_format(arena, "%" PRId64, other));
    error->details->id = other;
    return error;
}

struct error *error_field(struct arena *arena, const char *field, enum fault_id fault,
                          const char *argument)
{
    return error_detail(error_new(arena, ERR_VALIDATION, NULL), field, fault, argument);
}

static void copy_details(struct error *error, const struct error *source)
{
    for (const struct error_detail *detail = source->details; detail; detail = detail->next) {
        error_detail(error, detail->field, detail->fault, detail->argument);
    }
}

bool error_may_follow_change(const struct error *error)
{
    return error && (error->id == ERR_OUTCOME_UNKNOWN || error->id == ERR_RESULT_UNREAD ||
                     error->id == ERR_PARTIALLY_APPLIED || error->id == ERR_INTERNAL);
}

struct error *error_merge(struct error *one, struct error *other)
{
    if (!one || !other || one->id != ERR_VALIDATION || other->id != ERR_VALIDATION) {
        return one ? one : other;
    }
    struct error *both = error_new(one->arena, ERR_VALIDATION, NULL);
    copy_details(both, one);
    copy_details(both, other);
    return both;
}
