/* What a gateway asks for. A request that is malformed ends its connection. */
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "agent.h"
#include "server.h"

#define MOST_TEXTS 65536
#define LONGEST_TEXT (1u << 20)
#define LONGEST_PATH 4096

static bool read_order(struct reader *reader, struct exec_order *order) {
  order->timeout_ms = (int64_t)read_number(reader, 4);
  unsigned flags = (unsigned)read_number(reader, 1);
  order->pty = (flags & EXEC_PTY) != 0;
  order->with_input = (flags & EXEC_STDIN) != 0;
  order->rows = (unsigned)read_number(reader, 2);
  order->columns = (unsigned)read_number(reader, 2);
  order->name = read_text(reader, MAX_NAME);
  order->workdir = read_text(reader, LONGEST_PATH);
  order->variables = read_texts(reader, MOST_TEXTS, LONGEST_TEXT);
  order->argv = read_texts(reader, MOST_TEXTS, LONGEST_TEXT);
  return !reader->failed && reader->left == 0 && order->argv[0] != NULL && order->timeout_ms > 0;
}

static void free_order(struct exec_order *order) {
  free(order->name);
  free(order->workdir);
  free_texts(order->variables);
  free_texts(order->argv);
}

static struct follower *find_follower(const struct connection *connection, uint32_t request) {
  for (size_t index = 0; index < MAX_FOLLOWERS; index++) {
    if (followers[index].connection == connection && followers[index].request == request) return &followers[index];
  }
  return NULL;
}

static bool is_in_use(const struct connection *connection, uint32_t request) {
  return find_attached(connection, request) != NULL || find_follower(connection, request) != NULL;
}

static bool exec_attached(struct connection *connection, uint32_t request, struct reader *reader) {
  struct exec_order order = {0};
  bool is_valid = read_order(reader, &order) && order.name[0] == '\0' && !is_in_use(connection, request);
  if (is_valid) {
    bool started = start_process(&order, connection, request) != NULL;
    if (started) reply(connection, REPLY_STARTED, request, NULL, 0);
    else refuse(connection, request, REFUSED_BUSY, "too many processes");
  }
  free_order(&order);
  return is_valid;
}

static bool start_named(struct connection *connection, uint32_t request, struct reader *reader) {
  struct exec_order order = {0};
  bool is_valid = read_order(reader, &order) && order.name[0] != '\0';
  if (is_valid) {
    if (find_named(order.name) != NULL) refuse(connection, request, REFUSED_TAKEN, "the process id is taken");
    else if (start_process(&order, NULL, 0) == NULL) refuse(connection, request, REFUSED_BUSY, "too many processes");
    else reply(connection, REPLY_DONE, request, NULL, 0);
  }
  free_order(&order);
  return is_valid;
}

static bool take_input(struct connection *connection, uint32_t request, const uint8_t *bytes, size_t length) {
  struct process *process = find_attached(connection, request);
  if (process == NULL) return true; /* it has ended meanwhile */
  if (process->pending_input.length + length > STDIN_WINDOW || !buffer_add(&process->pending_input, bytes, length)) return false;
  write_input(process);
  return true;
}

static void end_input(struct connection *connection, uint32_t request) {
  struct process *process = find_attached(connection, request);
  if (process == NULL) return;
  process->close_input = true;
  write_input(process);
}

static void add_credit(struct connection *connection, uint32_t request, struct reader *reader) {
  unsigned stream = (unsigned)read_number(reader, 1) & 1;
  uint32_t bytes = (uint32_t)read_number(reader, 4);
  struct process *process = find_attached(connection, request);
  struct follower *follower = find_follower(connection, request);
  uint32_t *credit = process != NULL ? &process->streams[stream].credit : follower != NULL ? &follower->credit[stream] : NULL;
  if (credit == NULL) return;
  *credit = bytes > OUTPUT_WINDOW - *credit ? OUTPUT_WINDOW : *credit + bytes;
}

static void cancel(struct connection *connection, uint32_t request) {
  struct process *process = find_attached(connection, request);
  struct follower *follower = find_follower(connection, request);
  if (process != NULL) {
    kill_group(process, SIGKILL);
    process->owner = NULL;
    process->close_input = true;
  }
  if (follower != NULL) follower->connection = NULL;
  reply(connection, REPLY_DONE, request, NULL, 0);
}

static void tell_status(struct connection *connection, uint32_t request, const struct process *process) {
  uint8_t payload[22];
  payload[0] = !process->ended;
  put_number(payload + 1, (uint32_t)process->code, 4);
  payload[5] = process->timed_out;
  put_number(payload + 6, process->streams[0].written, 8);
  put_number(payload + 14, process->streams[1].written, 8);
  reply(connection, REPLY_DONE, request, payload, sizeof payload);
}

static void follow(struct connection *connection, uint32_t request, struct process *process, struct reader *reader) {
  struct follower *place = NULL;
  for (size_t index = 0; index < MAX_FOLLOWERS && place == NULL; index++) {
    if (followers[index].connection == NULL) place = &followers[index];
  }
  uint64_t stdout_offset = read_number(reader, 8), stderr_offset = read_number(reader, 8);
  if (place == NULL || reader->failed) {
    refuse(connection, request, REFUSED_BUSY, "too many readers");
    return;
  }
  *place = (struct follower){.connection = connection,
                             .request = request,
                             .process = process,
                             .offset = {stdout_offset, stderr_offset},
                             .credit = {OUTPUT_WINDOW, OUTPUT_WINDOW}};
  reply(connection, REPLY_STARTED, request, NULL, 0);
}

static void write_named(struct connection *connection, uint32_t request, struct process *process, struct reader *reader) {
  bool close_after = read_number(reader, 1) != 0;
  size_t length = read_number(reader, 4);
  if (reader->failed || length > reader->left) {
    refuse(connection, request, REFUSED_INVALID, "malformed");
  } else if (process->input < 0 || process->close_input || !process->running) {
    refuse(connection, request, REFUSED_ENDED, "the standard input is closed");
  } else if (process->pending_input.length + length > STDIN_WINDOW) {
    refuse(connection, request, REFUSED_BUSY, "the process does not read its standard input");
  } else {
    buffer_add(&process->pending_input, reader->next, length);
    process->close_input = close_after;
    write_input(process);
    reply(connection, REPLY_DONE, request, NULL, 0);
  }
}

/* Requests about a process: by its name, or by the request that it belongs to, which is not answered. */
static bool about_process(struct connection *connection, unsigned type, uint32_t request, struct reader *reader) {
  uint64_t first = 0, second = 0;
  if (type == REQUEST_SIGNAL) first = read_number(reader, 1);
  if (type == REQUEST_RESIZE) {
    first = read_number(reader, 2);
    second = read_number(reader, 2);
  }
  char *name = read_text(reader, MAX_NAME);
  if (name == NULL) return false;
  bool is_named = name[0] != '\0';
  struct process *process = is_named ? find_named(name) : find_attached(connection, request);
  free(name);
  if (process == NULL) {
    if (is_named) refuse(connection, request, REFUSED_NOT_FOUND, "no such process");
    return true;
  }
  if (type == REQUEST_STATUS) tell_status(connection, request, process);
  if (type == REQUEST_FOLLOW) follow(connection, request, process, reader);
  if (type == REQUEST_WRITE) write_named(connection, request, process, reader);
  if (type == REQUEST_SIGNAL) kill_group(process, (int)first);
  if (type == REQUEST_RESIZE) resize_terminal(process, (unsigned)first, (unsigned)second);
  if ((type == REQUEST_SIGNAL || type == REQUEST_RESIZE) && is_named) reply(connection, REPLY_DONE, request, NULL, 0);
  return true;
}

bool handle_request(struct connection *connection, unsigned type, uint32_t request, const uint8_t *payload, size_t length) {
  struct reader reader = {.next = payload, .left = length};
  switch (type) {
    case REQUEST_EXEC: return exec_attached(connection, request, &reader);
    case REQUEST_START: return start_named(connection, request, &reader);
    case REQUEST_STDIN: return take_input(connection, request, payload, length);
    case REQUEST_STDIN_END: end_input(connection, request); return true;
    case REQUEST_CREDIT: add_credit(connection, request, &reader); return !reader.failed;
    case REQUEST_CANCEL: cancel(connection, request); return true;
    case REQUEST_PING: reply(connection, REPLY_PONG, request, NULL, 0); return true;
    case REQUEST_STATUS:
    case REQUEST_FOLLOW:
    case REQUEST_WRITE:
    case REQUEST_SIGNAL:
    case REQUEST_RESIZE: return about_process(connection, type, request, &reader);
    default: return false;
  }
}
