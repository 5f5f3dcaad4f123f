/* Terminal: passwords that are typed in, and text that is printed in columns. */
#ifndef CLI_TERMINAL_H
#define CLI_TERMINAL_H

struct arena;

/* Reads a new password from standard input, without its line end. On a terminal it is asked for
 * twice and not shown. Prints the reason and returns NULL if there is none. */
const char *terminal_read_password(struct arena *arena);

/* Returns the text without control characters, which would end the column or the line; "-" for
 * NULL. */
const char *terminal_column(struct arena *arena, const char *text);

#endif
