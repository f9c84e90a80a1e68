/*
 * `run TIMEOUT_MS COMMAND...`: one command whose process group is killed at the timeout. The container engine's own
 * exec uses it where there is no connection to the server.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "agent.h"

#define KILLED 137

static int wait_for(pid_t child, int64_t ends_at, const sigset_t *awaited) {
  for (;;) {
    int status;
    pid_t ended = waitpid(child, &status, WNOHANG);
    if (ended == child) return exit_code(status);
    int64_t left_ms = ends_at - now_ms();
    if (left_ms <= 0) {
      kill(-child, SIGKILL);
      waitpid(child, &status, 0);
      return KILLED;
    }
    struct timespec wait = {.tv_sec = left_ms / 1000, .tv_nsec = left_ms % 1000 * 1000000};
    sigtimedwait(awaited, NULL, &wait);
  }
}

int run_timed(int argc, char **argv) {
  int64_t timeout_ms = 0;
  if (argc < 2 || !parse_number(argv[0], 1, INT32_MAX, &timeout_ms)) {
    fputs("usage: tollbox-agent run TIMEOUT_MS COMMAND...\n", stderr);
    return 2;
  }
  int64_t ends_at = now_ms() + timeout_ms;
  sigset_t awaited;
  sigemptyset(&awaited);
  sigaddset(&awaited, SIGCHLD);
  sigprocmask(SIG_BLOCK, &awaited, NULL);
  pid_t child = fork();
  if (child < 0) fail_start("failed to run command", argv[1], errno);
  if (child == 0) {
    setsid();
    reset_signals();
    execute(argv + 1);
  }
  /* The output is the command's: what reads it must not wait for this process. */
  close(0);
  close(1);
  close(2);
  forbid_tracing();
  return wait_for(child, ends_at, &awaited);
}
