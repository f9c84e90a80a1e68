/*
 * The server of a sandbox: one thread, one loop. It holds every process that gateways start, and talks to them over the
 * streams that `attach` hands over. It belongs to the same user as the commands, so a command can end it; the gateway
 * then goes back to the engine's own exec.
 */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "agent.h"
#include "server.h"

#define MAX_POLLED (2 + 3 * MAX_CONNECTIONS + 3 * MAX_PROCESSES)

static struct pollfd polled[MAX_POLLED];
static size_t polled_count;

static void watch(int fd, short events) {
  polled[polled_count++] = (struct pollfd){.fd = fd, .events = events};
}

static short events_of(int fd) {
  for (size_t index = 0; index < polled_count; index++) {
    if (polled[index].fd == fd) return polled[index].revents;
  }
  return 0;
}

static void watch_all(int listener, int signals) {
  polled_count = 0;
  watch(signals, POLLIN);
  watch(listener, POLLIN);
  for (size_t index = 0; index < MAX_CONNECTIONS; index++) {
    const struct connection *connection = &connections[index];
    if (connection->control < 0) continue;
    watch(connection->control, POLLIN);
    watch(connection->in, POLLIN);
    if (connection->outgoing.length > 0) watch(connection->out, POLLOUT);
  }
  for (size_t index = 0; index < MAX_PROCESSES; index++) {
    const struct process *process = &processes[index];
    if (!process->used) continue;
    bool has_input = process->input >= 0 && process->pending_input.length > 0;
    short input = has_input ? POLLOUT : 0;
    if (process->pty) {
      short output = wants_output(process, 0) ? POLLIN : 0;
      if ((input | output) != 0) watch(process->streams[0].fd, input | output);
      continue;
    }
    if (has_input) watch(process->input, POLLOUT);
    for (int stream = 0; stream < 2; stream++) {
      if (wants_output(process, stream)) watch(process->streams[stream].fd, POLLIN);
    }
  }
}

static int timeout_ms(int64_t now) {
  int64_t next = now + 60000;
  for (size_t index = 0; index < MAX_PROCESSES; index++) {
    const struct process *process = &processes[index];
    if (!process->used || process->ended) continue;
    int64_t due = process->running ? process->kill_at : process->pty ? process->drain_until : INT64_MAX;
    if (due < next) next = due;
  }
  return next <= now ? 1 : (int)(next - now);
}

static void serve_process(struct process *process) {
  if (process->input >= 0 && process->pending_input.length > 0 && events_of(process->input) != 0) write_input(process);
  for (int stream = 0; stream < 2; stream++) {
    if (wants_output(process, stream) && (events_of(process->streams[stream].fd) & ~POLLOUT) != 0) take_output(process, stream);
  }
}

static void serve_connection(struct connection *connection) {
  /* attach writes nothing more: its end is the end of the engine's exec */
  if (events_of(connection->control) != 0) disconnect(connection);
  if (connection->control >= 0 && events_of(connection->in) != 0) receive(connection);
}

int run_server(int listener) {
  forbid_tracing();
  signal(SIGPIPE, SIG_IGN);
  sigset_t ended;
  sigemptyset(&ended);
  sigaddset(&ended, SIGCHLD);
  sigprocmask(SIG_BLOCK, &ended, NULL);
  int signals = signalfd(-1, &ended, SFD_CLOEXEC | SFD_NONBLOCK);
  if (signals < 0) return 1;
  for (size_t index = 0; index < MAX_CONNECTIONS; index++) connections[index].control = -1;
  for (;;) {
    watch_all(listener, signals);
    if (poll(polled, polled_count, timeout_ms(now_ms())) < 0 && errno != EINTR) return 1;
    struct signalfd_siginfo ignored;
    while (read(signals, &ignored, sizeof ignored) > 0) continue;
    for (size_t index = 0; index < MAX_PROCESSES; index++) {
      if (processes[index].used) serve_process(&processes[index]);
    }
    reap_processes();
    for (size_t index = 0; index < MAX_CONNECTIONS; index++) {
      if (connections[index].control >= 0) serve_connection(&connections[index]);
    }
    if (events_of(listener) != 0) accept_connection(listener);
    int64_t now = now_ms();
    kill_overdue(now);
    finish_processes(now);
    serve_followers();
    for (size_t index = 0; index < MAX_CONNECTIONS; index++) transmit(&connections[index]);
  }
}
