/*
 * Process 1 of a sandbox. It takes over processes whose parents have ended, and ends, with everything in the sandbox,
 * after the lifetime. It belongs to another user than the commands, which therefore cannot stop or kill it.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "agent.h"

#define LONGEST_LIFETIME_MS (366LL * 86400 * 1000)

int run_init(int argc, char **argv) {
  int64_t lifetime_ms = 0;
  if (argc != 1 || !parse_number(argv[0], 1, LONGEST_LIFETIME_MS, &lifetime_ms)) {
    fputs("usage: tollbox-agent init LIFETIME_MS\n", stderr);
    return 2;
  }
  forbid_tracing();
  sigset_t awaited;
  sigemptyset(&awaited);
  sigaddset(&awaited, SIGCHLD);
  sigaddset(&awaited, SIGTERM);
  sigaddset(&awaited, SIGINT);
  sigprocmask(SIG_BLOCK, &awaited, NULL);
  int64_t ends_at = now_ms() + lifetime_ms;
  for (;;) {
    while (waitpid(-1, NULL, WNOHANG) > 0) continue;
    int64_t left_ms = ends_at - now_ms();
    if (left_ms <= 0) return 0;
    struct timespec wait = {.tv_sec = left_ms / 1000, .tv_nsec = left_ms % 1000 * 1000000};
    int received = sigtimedwait(&awaited, NULL, &wait);
    if (received == SIGTERM || received == SIGINT) return 0;
  }
}
