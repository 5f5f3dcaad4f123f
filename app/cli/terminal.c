/* See terminal.h. */
#include "cli/terminal.h"

#include "base/arena.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

enum { LINE_SIZE = 1024 };

/* Reads one line of standard input without its line break; NULL at the end of input. */
static const char *read_input_line(struct arena *arena)
{
    char line[LINE_SIZE];
    if (!fgets(line, sizeof line, stdin)) {
        return NULL;
    }
    line[strcspn(line, "\n")] = '\0';
    const char *copy = arena_string(arena, line);
    explicit_bzero(line, sizeof line);
    return copy;
}

/* Reads one line. On a terminal, prints the prompt and does not show the input. */
static const char *read_hidden_line(struct arena *arena, const char *prompt)
{
    struct termios shown, hidden;
    bool terminal = tcgetattr(STDIN_FILENO, &shown) == 0;
    if (!terminal) {
        return read_input_line(arena);
    }
    hidden = shown;
    hidden.c_lflag &= ~(tcflag_t)ECHO;
    /* Disables echo before the prompt is printed, so that no input after it is shown or
     * discarded. */
    (void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &hidden);
    fputs(prompt, stderr);
    const char *line = read_input_line(arena);
    (void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &shown);
    fputc('\n', stderr);
    return line;
}

const char *terminal_read_password(struct arena *arena)
{
    const char *password = read_hidden_line(arena, "New password: ");
    if (password && isatty(STDIN_FILENO)) {
        const char *again = read_hidden_line(arena, "Repeat the password: ");
        if (!again || strcmp(password, again) != 0) {
            fputs("the passwords differ\n", stderr);
            return NULL;
        }
    }
    if (!password) {
        fputs("no password on standard input\n", stderr);
    }
    return password;
}

const char *terminal_column(struct arena *arena, const char *text)
{
    char *copy = arena_string(arena, text ? text : "-");
    for (char *c = copy; *c; c++) {
        if ((unsigned char)*c < ' ' || *c == '\x7f') {
            *c = ' ';
        }
    }
    return copy;
}
