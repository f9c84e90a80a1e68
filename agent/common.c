#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "agent.h"

int64_t now_ms(void) {
  struct timespec now;
  if (clock_gettime(CLOCK_BOOTTIME, &now) != 0) clock_gettime(CLOCK_MONOTONIC, &now);
  return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

bool parse_number(const char *text, int64_t lowest, int64_t highest, int64_t *value) {
  char *end = NULL;
  errno = 0;
  long long number = strtoll(text, &end, 10);
  if (errno != 0 || end == text || *end != '\0' || number < lowest || number > highest) return false;
  *value = number;
  return true;
}

void forbid_tracing(void) { prctl(PR_SET_DUMPABLE, 0, 0, 0, 0); }

void reset_signals(void) {
  sigset_t none;
  for (int number = 1; number < NSIG; number++) signal(number, SIG_DFL);
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, NULL);
}

void fail_start(const char *what, const char *name, int error) {
  fprintf(stderr, "%s '%s': %s\n", what, name, strerror(error));
  fflush(stderr);
  _exit(error == ENOENT || error == ENOTDIR ? 127 : 126);
}

void execute(char **argv) {
  execvp(argv[0], argv);
  fail_start("failed to run command", argv[0], errno);
}

int exit_code(int status) {
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

bool write_all(int fd, const void *data, size_t length) {
  const char *next = data;
  while (length > 0) {
    ssize_t written = write(fd, next, length);
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return false;
    next += written;
    length -= (size_t)written;
  }
  return true;
}
