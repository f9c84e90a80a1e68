/* The parts of the agent, and what they share. README.md says how they fit together. */
#ifndef TOLLBOX_AGENT_H
#define TOLLBOX_AGENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define AGENT_VERSION 1
#define SERVER_NAME "tollbox-agent" /* in the abstract namespace of the sandbox's own network namespace */

int run_init(int argc, char **argv);
int run_attach(void);
int run_timed(int argc, char **argv);
int run_file_command(int argc, char **argv);
int run_server(int listener);

/* Milliseconds of a clock that never goes back and goes on while the machine sleeps. */
int64_t now_ms(void);
/* A whole number from decimal text; false for anything else. */
bool parse_number(const char *text, int64_t lowest, int64_t highest, int64_t *value);
/* No process of the sandbox may look into the agent's memory, and it dumps no core. */
void forbid_tracing(void);
/* An unnamed or a fresh process's signals: nothing blocked, nothing ignored. */
void reset_signals(void);
/* Runs argv in place of this process; otherwise says why not on stderr and ends with 126 or 127, as a shell does. */
_Noreturn void execute(char **argv);
_Noreturn void fail_start(const char *what, const char *name, int error);
/* Exit code of a shell for a wait status. */
int exit_code(int status);
bool write_all(int fd, const void *data, size_t length);

#endif
