/* Terminal: reads passwords and formats text for output in columns. */
#ifndef CLI_TERMINAL_H
#define CLI_TERMINAL_H

struct arena;

/* Reads a new password from standard input, without its line break. On a terminal, asks for it
 * twice and does not show it. If there is none, or the two differ, prints the reason and returns
 * NULL. */
const char *terminal_read_password(struct arena *arena);

/* Returns the text with control characters replaced by spaces, because they would break the
 * columns; "-" for NULL. */
const char *terminal_column(struct arena *arena, const char *text);

#endif
