/* Output on its way from processes to the gateway, or into what is kept of it. */
#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "agent.h"
#include "server.h"

/* A terminal's last output can come a moment after the exit. */
#define TERMINAL_DRAIN_MS 100

struct follower followers[MAX_FOLLOWERS];

static size_t least(size_t one, size_t other) { return one < other ? one : other; }

bool wants_output(const struct process *process, int stream) {
  const struct stream *source = &process->streams[stream];
  if (!process->used || source->fd < 0) return false;
  return process->owner == NULL || (source->credit > 0 && has_room(process->owner));
}

static void end_stream(struct process *process, int stream) {
  close(process->streams[stream].fd);
  process->streams[stream].fd = -1;
  if (process->pty) process->input = -1;
}

static void keep(struct buffer *kept, const uint8_t *bytes, size_t length) {
  if (!buffer_add(kept, bytes, length)) buffer_drop(kept, kept->length); /* no memory: a gap in what is kept */
  if (kept->length > KEPT_OUTPUT) buffer_drop(kept, kept->length - KEPT_OUTPUT);
}

static void pass_on(struct process *process, int stream, const uint8_t *bytes, size_t length) {
  struct stream *source = &process->streams[stream];
  uint64_t offset = source->written;
  source->written += length;
  if (process->owner != NULL) {
    source->credit -= (uint32_t)length;
    send_output(process->owner, process->request, stream, offset, bytes, length);
  } else if (process->name[0] != '\0') {
    keep(&source->kept, bytes, length);
  }
}

void take_output(struct process *process, int stream) {
  static uint8_t bytes[MAX_DATA];
  struct stream *source = &process->streams[stream];
  size_t most = sizeof bytes;
  if (process->owner != NULL) most = least(most, source->credit);
  if (source->left >= 0) most = least(most, (size_t)source->left);
  ssize_t count = read(source->fd, bytes, most);
  if (count < 0 && errno == EINTR) return;
  if (count < 0 && errno == EAGAIN && source->left < 0) return;
  if (count <= 0) { /* also EIO: the terminal's last user has gone */
    end_stream(process, stream);
    return;
  }
  pass_on(process, stream, bytes, (size_t)count);
  if (source->left < 0) return;
  source->left -= count;
  if (source->left == 0) end_stream(process, stream);
}

static void announce(struct process *process) {
  if (process->announced) return;
  process->announced = true;
  if (process->owner != NULL) send_exit(process->owner, process->request, process);
}

/*
 * What the process wrote is in the pipe now. More could only come from processes that it left behind, and they are not
 * waited for.
 */
void note_exit(struct process *process) {
  announce(process);
  process->drain_until = now_ms() + TERMINAL_DRAIN_MS;
  for (int stream = 0; stream < 2; stream++) {
    struct stream *source = &process->streams[stream];
    int left = 0;
    if (source->fd < 0 || process->pty) continue;
    if (ioctl(source->fd, FIONREAD, &left) != 0) left = 0;
    source->left = left;
    if (left == 0) end_stream(process, stream);
  }
}

/* A shell's words when it cannot fork: the command's own failure. */
static void say_failure(struct process *process) {
  static const char message[] = "failed to run command: no more processes or files in this sandbox\n";
  if (process->failed) pass_on(process, 1, (const uint8_t *)message, sizeof message - 1);
  process->failed = false;
}

static void finish(struct process *process, int64_t now) {
  if (process->pty && process->streams[0].fd >= 0 && now >= process->drain_until) end_stream(process, 0);
  if (process->streams[0].fd >= 0 || process->streams[1].fd >= 0) return;
  say_failure(process);
  announce(process);
  process->ended = true;
  process->ended_at = now;
  if (process->owner != NULL) reply(process->owner, REPLY_END, process->request, NULL, 0);
  if (process->name[0] == '\0') release_process(process);
}

void finish_processes(int64_t now) {
  for (size_t index = 0; index < MAX_PROCESSES; index++) {
    struct process *process = &processes[index];
    if (process->used && !process->running && !process->ended) finish(process, now);
  }
}

/* True when everything that is there has been sent. */
static bool serve_stream(struct follower *follower, int stream) {
  const struct stream *source = &follower->process->streams[stream];
  uint64_t first_kept = source->written - source->kept.length;
  if (follower->offset[stream] < first_kept) follower->offset[stream] = first_kept;
  while (follower->offset[stream] < source->written) {
    size_t length = least(source->written - follower->offset[stream], least(MAX_DATA, follower->credit[stream]));
    if (length == 0 || !has_room(follower->connection)) return false;
    const uint8_t *bytes = buffer_bytes(&source->kept) + (follower->offset[stream] - first_kept);
    struct connection *connection = follower->connection;
    send_output(connection, follower->request, stream, follower->offset[stream], bytes, length);
    if (follower->connection == NULL) return false; /* it was cut off */
    follower->offset[stream] += length;
    follower->credit[stream] -= (uint32_t)length;
  }
  return true;
}

void serve_followers(void) {
  for (size_t index = 0; index < MAX_FOLLOWERS; index++) {
    struct follower *follower = &followers[index];
    if (follower->connection == NULL) continue;
    bool all = serve_stream(follower, 0);
    if (follower->connection == NULL) continue;
    all = serve_stream(follower, 1) && all;
    if (follower->connection == NULL || !all || !follower->process->ended) continue;
    send_exit(follower->connection, follower->request, follower->process);
    if (follower->connection != NULL) reply(follower->connection, REPLY_END, follower->request, NULL, 0);
    follower->connection = NULL;
  }
}
