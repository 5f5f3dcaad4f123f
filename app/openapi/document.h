/* Internal: what the parts of the document's writer share. */
#ifndef OPENAPI_INTERNAL_H
#define OPENAPI_INTERNAL_H

#include "base/arena.h"
#include "base/error.h"
#include "base/jsonw.h"
#include "openapi/openapi.h"

/* A document that is being written. */
struct document {
    struct jsonw json;
    struct arena *arena;
    const struct resource *resources;
    const struct openapi_settings *settings;
};

/* A text in the document's language. */
const char *said(const struct document *document, const struct text *text);

/* A reference to a component: "#/components/KIND/NAME". */
void write_reference(struct document *document, const char *key, const char *kind,
                     const char *name);

/* Names of components that have been written. */
struct names {
    const char **list;
    size_t count, size;
};

/* Whether `name`, which outlives the document, is none of them; then it is from now on. */
bool is_new(struct document *document, struct names *names, const char *name);

/* --- schemas.c: field maps as JSON Schema ---------------------------------------------------- */

/* What a map describes: a body or a parameter has rules, an answer has all its fields. */
enum use { USE_BODY, USE_PARAMETER, USE_REPLY };

/* One field, with what it is about. */
void write_field(struct document *document, const char *key, const struct field *field,
                 enum use use);

/* An object; and its example, put together from those of its fields. */
void write_object(struct document *document, const char *key, const struct field *fields,
                  enum use use);
void write_example(struct document *document, const char *key, const struct field *fields,
                   enum use use);

/* What a field's example is for a person: without quotation marks; NULL if it has none. */
const char *example_text(struct document *document, const struct field *field);

/* The name of the schema of what a route answers; of an array, that of its items; NULL if it has
 * none. */
const char *reply_schema_name(struct document *document, const struct route *route);
void write_reply_example(struct document *document, const char *key, const struct route *route);

/* The members of components.schemas. */
void write_schemas(struct document *document);

/* --- failures.c: the errors that a call may be answered with ---------------------------------- */

struct failure {
    int status;
    const char *code, *message;
    enum error_id id; /* ERR_COUNT: nginx's own */
};

enum { FAILURES_MAX = 64 };

/* Those of a call, by status. */
struct failures {
    struct failure list[FAILURES_MAX];
    size_t count;
};

void find_failures(const struct document *document, const struct route *route,
                   struct failures *failures);

/* The answer with the status of the failure at `at` and of those that follow with the same; returns
 * where the next begin. */
size_t write_failure(struct document *document, const struct route *route,
                     const struct failures *failures, size_t at);

/* The members of components.responses. */
void write_failure_responses(struct document *document);

/* --- operations.c ---------------------------------------------------------------------------- */

/* Name of the component that describes a WWW-Authenticate header which may be absent. */
#define OPENAPI_OPTIONAL_CHALLENGE "WWW-Authenticate-Optional"

/* True if the call evaluates If-Match and If-None-Match. */
bool heeds_conditions(const struct route *route);

/* True if the call can be repeated under an Idempotency-Key. */
bool takes_key(const struct route *route);

void write_operation(struct document *document, const struct resource *resource,
                     const struct route *route);

/* The members of components.parameters and components.headers. */
void write_parameters(struct document *document);
void write_headers(struct document *document);

#endif
