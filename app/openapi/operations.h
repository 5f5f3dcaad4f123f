/* Operations: writes the API calls, and the headers and parameters that they share. */
#ifndef OPENAPI_OPERATIONS_H
#define OPENAPI_OPERATIONS_H

struct document;
struct resource;
struct route;

/* Writes one call as an operation object. */
void operations_write(struct document *document, const struct resource *resource,
                      const struct route *route);

/* Write the members of components.parameters and components.headers. */
void operations_write_parameters(struct document *document);
void operations_write_headers(struct document *document);

#endif
