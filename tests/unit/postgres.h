/*
 * Starts a private PostgreSQL server in the temporary folder of the test, without TCP and without
 * fsync. PostgreSQL refuses to run as root, so the server then runs as the user of its package. The
 * server ends with the test.
 */
#ifndef TESTS_POSTGRES_H
#define TESTS_POSTGRES_H

#include "unit.h"

#include <glob.h>
#include <grp.h>
#include <pwd.h>
#include <sys/prctl.h>
#include <sys/stat.h>

enum {
    POSTGRES_TRIES = 1500,
    POSTGRES_PAUSE_US = 10 * 1000,
    POSTGRES_CHILDREN = 64,
    POSTGRES_PATH = 2 * PATH_MAX
};

struct postgres_server {
    char folder[PATH_MAX + sizeof "/pg"];
    char programs[PATH_MAX];
    pid_t pid; /* process id of the postmaster; 0 if the server does not run */
};

/* Switches the child process to the user that PostgreSQL runs as; the kernel kills it when the
 * test ends. */
static inline void postgres_become_user(void)
{
    const struct passwd *user = geteuid() == 0 ? getpwnam("postgres") : NULL;
    if (user && (setgroups(0, NULL) < 0 || setgid(user->pw_gid) < 0 || setuid(user->pw_uid) < 0)) {
        _exit(EXIT_FAILURE);
    }
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    signal(SIGXFSZ, SIG_DFL);
}

/* Starts the PostgreSQL program that arguments[0] names and appends its output to a log file.
 * Uses its full path, because PostgreSQL 17 looks for its other programs in the same folder. */
static inline pid_t postgres_spawn(const struct postgres_server *server, char *arguments[])
{
    char path[POSTGRES_PATH], log[POSTGRES_PATH];
    snprintf(path, sizeof path, "%s/%s", server->programs, arguments[0]);
    snprintf(log, sizeof log, "%s/log", server->folder);
    pid_t child = fork();
    if (child == 0) {
        postgres_become_user();
        int fd = open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, S_IRUSR | S_IWUSR);
        if (fd >= 0 && dup2(fd, STDOUT_FILENO) >= 0 && dup2(fd, STDERR_FILENO) >= 0) {
            arguments[0] = path;
            execv(path, arguments);
        }
        _exit(EXIT_FAILURE);
    }
    return child;
}

static inline bool postgres_run(const struct postgres_server *server, char *arguments[])
{
    int status = EXIT_FAILURE;
    pid_t child = postgres_spawn(server, arguments);
    return child > 0 && waitpid(child, &status, 0) == child && status == 0;
}

static inline bool postgres_answers(const struct postgres_server *server)
{
    char *arguments[] = {"pg_isready", "-q", "-h", (char *)(uintptr_t)server->folder, NULL};
    return postgres_run(server, arguments);
}

/* Starts the server; may be called again after postgres_kill(). */
static inline bool postgres_start(struct postgres_server *server)
{
    char data[POSTGRES_PATH], sockets[POSTGRES_PATH];
    snprintf(data, sizeof data, "%s/data", server->folder);
    snprintf(sockets, sizeof sockets, "unix_socket_directories=%s", server->folder);
    char *arguments[] = {"postgres", "-D", data,        "-c", "listen_addresses=",   "-c",
                         sockets,    "-c", "fsync=off", "-c", "shared_buffers=16MB", NULL};
    server->pid = postgres_spawn(server, arguments);
    for (int i = 0; i < POSTGRES_TRIES; i++) {
        if (postgres_answers(server)) {
            return true;
        }
        usleep(POSTGRES_PAUSE_US);
    }
    return false;
}

/* Finds the newest installed version that includes a server: a client package alone also creates
 * a version folder. */
static inline bool postgres_find(struct postgres_server *server)
{
    glob_t found = {0};
    const char *newest = "";
    if (glob("/usr/lib/postgresql/*/bin/postgres", 0, NULL, &found) != 0) {
        return false;
    }
    for (size_t i = 0; i < found.gl_pathc; i++) {
        newest = strverscmp(found.gl_pathv[i], newest) > 0 ? found.gl_pathv[i] : newest;
    }
    int length = (int)(strlen(newest) - strlen("/postgres"));
    snprintf(server->programs, sizeof server->programs, "%.*s", length, newest);
    globfree(&found);
    return true;
}

/* Creates a database cluster in the folder of enter_temporary() and starts the server. Opens
 * that folder to other users, because the server may run as one. */
static inline bool postgres_create(struct postgres_server *server, const char *temporary)
{
    char data[POSTGRES_PATH];
    if (!postgres_find(server)) {
        return false;
    }
    snprintf(server->folder, sizeof server->folder, "%s/pg", temporary);
    snprintf(data, sizeof data, "%s/data", server->folder);
    const struct passwd *user = geteuid() == 0 ? getpwnam("postgres") : NULL;
    if (chmod(temporary, S_IRWXU | S_IXGRP | S_IXOTH) < 0 || mkdir(server->folder, S_IRWXU) < 0 ||
        (user && chown(server->folder, user->pw_uid, user->pw_gid) < 0)) {
        return false;
    }
    char *arguments[] = {"initdb", "-D",    data, "-U",   "postgres",
                         "-A",     "trust", "-E", "UTF8", "--locale=C.UTF-8",
                         "-N",     NULL};
    return postgres_run(server, arguments) && postgres_start(server);
}

static inline const char *postgres_url(struct arena *arena, const struct postgres_server *server)
{
    return arena_format(arena, "postgresql:///postgres?host=%s&user=postgres", server->folder);
}

/* Returns the process ids of the server and of the child processes that serve its sessions. */
static inline size_t postgres_processes(const struct postgres_server *server,
                                        pid_t pids[POSTGRES_CHILDREN])
{
    char path[PATH_MAX], text[PATH_MAX] = "";
    size_t count = 0;
    snprintf(path, sizeof path, "/proc/%d/task/%d/children", (int)server->pid, (int)server->pid);
    FILE *file = fopen(path, "re");
    pids[count++] = server->pid;
    if (file) {
        text[fread(text, 1, sizeof text - 1, file)] = '\0';
        fclose(file);
    }
    for (char *word = text, *end; count < POSTGRES_CHILDREN; word = end) {
        pid_t pid = (pid_t)strtol(word, &end, 10);
        if (end == word) {
            break;
        }
        pids[count++] = pid;
    }
    return count;
}

/* Signals the server and its sessions. SIGSTOP: connections stay open, but get no answer;
 * SIGCONT: the server continues. */
static inline void postgres_signal(const struct postgres_server *server, int number)
{
    pid_t pids[POSTGRES_CHILDREN];
    size_t count = postgres_processes(server, pids);
    for (size_t i = 0; i < count; i++) {
        kill(pids[i], number);
    }
}

/* Kills all processes of the server at once, as a power failure would. */
static inline void postgres_kill(struct postgres_server *server)
{
    pid_t pids[POSTGRES_CHILDREN];
    size_t count = server->pid ? postgres_processes(server, pids) : 0;
    for (size_t i = 0; i < count; i++) {
        kill(pids[i], SIGKILL);
    }
    if (server->pid) {
        waitpid(server->pid, NULL, 0);
    }
    for (size_t i = 1; i < count; i++) {
        while (kill(pids[i], 0) == 0) {
            usleep(POSTGRES_PAUSE_US);
        }
    }
    server->pid = 0;
}

#endif
