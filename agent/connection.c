#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "agent.h"
#include "server.h"

struct connection connections[MAX_CONNECTIONS];

static bool is_open(const struct connection *connection) { return connection->control >= 0; }

static void put_frame(struct connection *connection, unsigned type, uint32_t request, const uint8_t *head, size_t head_length,
                      const void *payload, size_t length) {
  if (!is_open(connection)) return;
  uint8_t *frame = NULL;
  if (connection->outgoing.length <= OUTPUT_LIMIT) frame = buffer_reserve(&connection->outgoing, FRAME_HEAD + head_length + length);
  if (frame == NULL) {
    disconnect(connection);
    return;
  }
  put_number(frame, 5 + head_length + length, 4);
  frame[4] = (uint8_t)type;
  put_number(frame + 5, request, 4);
  if (head_length > 0) memcpy(frame + FRAME_HEAD, head, head_length);
  if (length > 0) memcpy(frame + FRAME_HEAD + head_length, payload, length);
  connection->outgoing.length += FRAME_HEAD + head_length + length;
}

void reply(struct connection *connection, enum reply_type type, uint32_t request, const void *payload, size_t length) {
  put_frame(connection, type, request, NULL, 0, payload, length);
}

void refuse(struct connection *connection, uint32_t request, enum refusal reason, const char *message) {
  uint8_t head = (uint8_t)reason;
  put_frame(connection, REPLY_REFUSED, request, &head, 1, message, strlen(message));
}

void send_output(struct connection *connection, uint32_t request, int stream, uint64_t offset, const void *bytes, size_t length) {
  uint8_t head[8];
  put_number(head, offset, 8);
  put_frame(connection, stream == 0 ? REPLY_STDOUT : REPLY_STDERR, request, head, sizeof head, bytes, length);
}

void send_exit(struct connection *connection, uint32_t request, const struct process *process) {
  uint8_t payload[5];
  put_number(payload, (uint32_t)process->code, 4);
  payload[4] = process->timed_out;
  reply(connection, REPLY_EXITED, request, payload, sizeof payload);
}

bool has_room(const struct connection *connection) { return connection->outgoing.length < OUTPUT_QUEUE; }

/* The two streams that attach hands over; false when it did not. */
static bool receive_streams(int control, int streams[2]) {
  char byte;
  struct iovec data = {.iov_base = &byte, .iov_len = 1};
  union {
    struct cmsghdr header;
    char space[CMSG_SPACE(2 * sizeof(int))];
  } space;
  struct msghdr message = {
      .msg_iov = &data, .msg_iovlen = 1, .msg_control = space.space, .msg_controllen = sizeof space.space};
  struct timeval patience = {.tv_sec = 1};
  setsockopt(control, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  if (recvmsg(control, &message, MSG_CMSG_CLOEXEC) != 1) return false;
  struct cmsghdr *header = CMSG_FIRSTHDR(&message);
  if (header == NULL || header->cmsg_type != SCM_RIGHTS || header->cmsg_len != CMSG_LEN(2 * sizeof(int))) return false;
  memcpy(streams, CMSG_DATA(header), 2 * sizeof(int));
  return true;
}

static bool is_from_own_user(int control) {
  struct ucred peer;
  socklen_t length = sizeof peer;
  return getsockopt(control, SOL_SOCKET, SO_PEERCRED, &peer, &length) == 0 && peer.uid == geteuid();
}

static void close_if_open(int *fd) {
  if (*fd >= 0) close(*fd);
  *fd = -1;
}

void accept_connection(int listener) {
  int streams[2] = {-1, -1};
  int control = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
  if (control < 0) return;
  struct connection *free_one = NULL;
  for (size_t index = 0; index < MAX_CONNECTIONS; index++) {
    if (!is_open(&connections[index])) free_one = &connections[index];
  }
  if (free_one == NULL || !is_from_own_user(control) || !receive_streams(control, streams)) {
    close_if_open(&streams[0]);
    close_if_open(&streams[1]);
    close(control);
    return;
  }
  fcntl(control, F_SETFL, O_NONBLOCK);
  fcntl(streams[0], F_SETFL, fcntl(streams[0], F_GETFL) | O_NONBLOCK);
  fcntl(streams[1], F_SETFL, fcntl(streams[1], F_GETFL) | O_NONBLOCK);
  *free_one = (struct connection){.control = control, .in = streams[0], .out = streams[1]};
  uint8_t version[4];
  put_number(version, AGENT_VERSION, sizeof version);
  reply(free_one, REPLY_HELLO, 0, version, sizeof version);
}

/* Commands go on without their gateway until they end; a terminal is hung up. */
void disconnect(struct connection *connection) {
  if (!is_open(connection)) return;
  close_if_open(&connection->control);
  close_if_open(&connection->in);
  close_if_open(&connection->out);
  buffer_free(&connection->incoming);
  buffer_free(&connection->outgoing);
  for (size_t index = 0; index < MAX_FOLLOWERS; index++) {
    if (followers[index].connection == connection) followers[index].connection = NULL;
  }
  for (size_t index = 0; index < MAX_PROCESSES; index++) {
    struct process *process = &processes[index];
    if (!process->used || process->owner != connection) continue;
    process->owner = NULL;
    process->close_input = true;
    if (process->pty && process->running) kill_group(process, SIGHUP);
  }
}

static bool take_frames(struct connection *connection) {
  struct buffer *incoming = &connection->incoming;
  while (is_open(connection) && incoming->length >= FRAME_HEAD) {
    struct reader head = {.next = buffer_bytes(incoming), .left = FRAME_HEAD};
    size_t length = read_number(&head, 4);
    unsigned type = (unsigned)read_number(&head, 1);
    uint32_t request = (uint32_t)read_number(&head, 4);
    if (length < 5 || length > MAX_REQUEST) return false;
    if (incoming->length < 4 + length) return true;
    if (!handle_request(connection, type, request, buffer_bytes(incoming) + FRAME_HEAD, length - 5)) return false;
    if (is_open(connection)) buffer_drop(incoming, 4 + length);
  }
  return true;
}

void receive(struct connection *connection) {
  uint8_t *target = buffer_reserve(&connection->incoming, MAX_DATA);
  ssize_t count = target == NULL ? 0 : read(connection->in, target, MAX_DATA);
  if (count < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (count > 0) connection->incoming.length += (size_t)count;
  if (count <= 0 || !take_frames(connection)) disconnect(connection);
}

void transmit(struct connection *connection) {
  struct buffer *outgoing = &connection->outgoing;
  while (is_open(connection) && outgoing->length > 0) {
    ssize_t count = write(connection->out, buffer_bytes(outgoing), outgoing->length);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0 && errno == EAGAIN) return;
    if (count <= 0) disconnect(connection);
    else buffer_drop(outgoing, (size_t)count);
  }
}
