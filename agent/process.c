#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent.h"
#include "server.h"

#define KILLED 137
#define CANNOT_START 126

struct process processes[MAX_PROCESSES];

struct process *find_named(const char *name) {
  for (size_t index = 0; index < MAX_PROCESSES; index++) {
    if (processes[index].used && strcmp(processes[index].name, name) == 0) return &processes[index];
  }
  return NULL;
}

struct process *find_attached(const struct connection *connection, uint32_t request) {
  for (size_t index = 0; index < MAX_PROCESSES; index++) {
    struct process *process = &processes[index];
    if (process->used && process->owner == connection && process->request == request) return process;
  }
  return NULL;
}

/* A free place; the background process that ended first is forgotten for it where too many are kept. */
static struct process *free_place(void) {
  struct process *free_one = NULL, *oldest = NULL;
  unsigned kept = 0;
  for (size_t index = 0; index < MAX_PROCESSES; index++) {
    struct process *process = &processes[index];
    if (!process->used) free_one = process;
    if (!process->used || !process->ended) continue;
    kept++;
    if (oldest == NULL || process->ended_at < oldest->ended_at) oldest = process;
  }
  if (oldest == NULL || (free_one != NULL && kept < KEPT_PROCESSES)) return free_one;
  release_process(oldest);
  return oldest;
}

void release_process(struct process *process) {
  for (size_t index = 0; index < MAX_FOLLOWERS; index++) {
    struct follower *follower = &followers[index];
    if (follower->connection == NULL || follower->process != process) continue;
    reply(follower->connection, REPLY_END, follower->request, NULL, 0);
    follower->connection = NULL;
  }
  for (int stream = 0; stream < 2; stream++) {
    if (process->streams[stream].fd >= 0 && (stream == 0 || !process->pty)) close(process->streams[stream].fd);
    buffer_free(&process->streams[stream].kept);
  }
  if (process->input >= 0 && !process->pty) close(process->input);
  buffer_free(&process->pending_input);
  memset(process, 0, sizeof *process);
}

/* The ends of a process's streams: [0] its own, [1] ours. -1 where there is none. */
struct ends {
  int input[2], output[2], errors[2];
};

static void close_pair(int pair[2]) {
  for (int end = 0; end < 2; end++) {
    if (pair[end] >= 0) close(pair[end]);
    pair[end] = -1;
  }
}

static void close_ends(struct ends *ends) {
  close_pair(ends->input);
  close_pair(ends->output);
  close_pair(ends->errors);
}

/* Pipes with the process's end first, whichever way they run. */
static bool open_pipe(int pair[2], bool process_reads) {
  int both[2];
  if (pipe2(both, O_CLOEXEC) != 0) return false;
  pair[0] = both[process_reads ? 0 : 1];
  pair[1] = both[process_reads ? 1 : 0];
  fcntl(pair[1], F_SETFL, O_NONBLOCK);
  return true;
}

static bool open_pipes(struct ends *ends, bool with_input) {
  if (with_input) {
    if (!open_pipe(ends->input, true)) return false;
  } else if ((ends->input[0] = open("/dev/null", O_RDONLY | O_CLOEXEC)) < 0) {
    return false;
  }
  return open_pipe(ends->output, false) && open_pipe(ends->errors, false);
}

static bool open_terminal(struct ends *ends, unsigned rows, unsigned columns) {
  int ours = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
  if (ours < 0) return false;
  ends->output[1] = ours;
  char path[64];
  struct winsize size = {.ws_row = (unsigned short)rows, .ws_col = (unsigned short)columns};
  if (grantpt(ours) != 0 || unlockpt(ours) != 0 || ptsname_r(ours, path, sizeof path) != 0) return false;
  ends->output[0] = open(path, O_RDWR | O_NOCTTY | O_CLOEXEC);
  if (ends->output[0] < 0) return false;
  ioctl(ours, TIOCSWINSZ, &size);
  fcntl(ours, F_SETFL, O_NONBLOCK);
  return true;
}

_Noreturn static void become(const struct exec_order *order, const struct ends *ends) {
  reset_signals();
  setsid();
  int input = order->pty ? ends->output[0] : ends->input[0];
  int errors = order->pty ? ends->output[0] : ends->errors[0];
  if (order->pty) ioctl(ends->output[0], TIOCSCTTY, 0);
  if (dup2(input, 0) < 0 || dup2(ends->output[0], 1) < 0 || dup2(errors, 2) < 0) _exit(CANNOT_START);
  for (char **variable = order->variables; *variable != NULL; variable++) {
    if (putenv(*variable) != 0) fail_start("failed to set", *variable, errno);
  }
  if (order->workdir[0] != '\0' && chdir(order->workdir) != 0) {
    int reason = errno == ENOENT ? ENOTDIR : errno;
    fail_start("cannot change to directory", order->workdir, reason == ENOTDIR ? EACCES : reason);
  }
  execute(order->argv);
}

static void adopt(struct process *process, const struct exec_order *order, const struct ends *ends, pid_t pid) {
  process->pid = pid;
  process->running = true;
  process->pty = order->pty;
  process->streams[0].fd = ends->output[1];
  process->streams[1].fd = order->pty ? -1 : ends->errors[1];
  process->input = order->pty ? ends->output[1] : ends->input[1];
  process->close_input = !order->pty && !order->with_input;
}

struct process *start_process(const struct exec_order *order, struct connection *owner, uint32_t request) {
  struct process *process = free_place();
  if (process == NULL) return NULL;
  struct ends ends = {{-1, -1}, {-1, -1}, {-1, -1}};
  *process = (struct process){.used = true, .input = -1, .owner = owner, .request = request};
  strncpy(process->name, order->name, MAX_NAME);
  process->kill_at = now_ms() + order->timeout_ms;
  for (int stream = 0; stream < 2; stream++) {
    process->streams[stream] = (struct stream){.fd = -1, .left = -1, .credit = OUTPUT_WINDOW};
  }
  bool ready = order->pty ? open_terminal(&ends, order->rows, order->columns) : open_pipes(&ends, order->with_input);
  pid_t pid = ready ? fork() : -1;
  if (pid == 0) become(order, &ends);
  if (pid < 0) {
    close_ends(&ends);
    process->code = CANNOT_START;
    process->failed = true;
    return process;
  }
  adopt(process, order, &ends, pid);
  ends.output[1] = ends.errors[1] = ends.input[1] = -1;
  close_ends(&ends);
  return process;
}

/* After the exit the number may belong to somebody else; just after the fork there is no group yet. */
void kill_group(const struct process *process, int number) {
  if (process->running && kill(-process->pid, number) != 0) kill(process->pid, number);
}

void resize_terminal(const struct process *process, unsigned rows, unsigned columns) {
  struct winsize size = {.ws_row = (unsigned short)rows, .ws_col = (unsigned short)columns};
  pid_t foreground = 0;
  if (!process->pty || process->streams[0].fd < 0) return;
  ioctl(process->streams[0].fd, TIOCSWINSZ, &size);
  /* Linux tells the foreground processes by itself, gVisor does not. */
  if (ioctl(process->streams[0].fd, TIOCGPGRP, &foreground) == 0 && foreground > 1) kill(-foreground, SIGWINCH);
  else kill_group(process, SIGWINCH);
}

static void close_input(struct process *process) {
  if (process->input >= 0 && !process->pty) close(process->input);
  process->input = -1;
}

void write_input(struct process *process) {
  struct buffer *pending = &process->pending_input;
  size_t before = pending->length;
  while (process->input >= 0 && pending->length > 0) {
    ssize_t count = write(process->input, buffer_bytes(pending), pending->length);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0 && errno == EAGAIN) break;
    if (count < 0) close_input(process); /* it reads no more */
    else buffer_drop(pending, (size_t)count);
  }
  if (process->input < 0) buffer_drop(pending, pending->length);
  uint32_t taken = (uint32_t)(before - pending->length);
  if (taken > 0 && process->owner != NULL) {
    uint8_t payload[4];
    put_number(payload, taken, sizeof payload);
    reply(process->owner, REPLY_STDIN_CREDIT, process->request, payload, sizeof payload);
  }
  if (process->close_input && pending->length == 0) {
    static const char end_of_input = 4;
    if (process->pty && process->input >= 0) (void)!write(process->input, &end_of_input, 1);
    close_input(process);
  }
}

void reap_processes(void) {
  int status;
  pid_t pid;
  while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
    for (size_t index = 0; index < MAX_PROCESSES; index++) {
      struct process *process = &processes[index];
      if (!process->used || !process->running || process->pid != pid) continue;
      process->running = false;
      process->code = process->timed_out ? KILLED : exit_code(status);
      note_exit(process);
    }
  }
}

void kill_overdue(int64_t now) {
  for (size_t index = 0; index < MAX_PROCESSES; index++) {
    struct process *process = &processes[index];
    if (!process->used || !process->running || now < process->kill_at) continue;
    process->timed_out = true;
    process->kill_at = INT64_MAX;
    kill_group(process, SIGKILL);
  }
}
