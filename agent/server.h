/* What the server holds: connections of gateways, processes, and who follows which process. */
#ifndef TOLLBOX_SERVER_H
#define TOLLBOX_SERVER_H

#include <poll.h>
#include <sys/types.h>

#include "buffer.h"
#include "protocol.h"

#define MAX_CONNECTIONS 16
#define MAX_PROCESSES 256
#define MAX_FOLLOWERS 64
/* Above this much unsent output of a connection, no more is read for it. */
#define OUTPUT_QUEUE (256u << 10)
/* A peer that takes nothing while it goes on asking is cut off here. */
#define OUTPUT_LIMIT (8u << 20)
/* What is kept of each stream of a background process, and of how many that have ended. */
#define KEPT_OUTPUT (512u << 10)
#define KEPT_PROCESSES 32

struct connection {
  int control, in, out; /* -1: free */
  struct buffer incoming, outgoing;
};

struct stream {
  int fd;              /* -1: it has ended */
  uint64_t written;    /* bytes that were taken from the process */
  uint32_t credit;     /* of the attached gateway */
  int64_t left;        /* bytes still to be taken after the exit; -1 while it runs */
  struct buffer kept;  /* the last bytes, of a background process */
};

struct process {
  bool used, running, failed, pty, timed_out, announced, ended;
  char name[MAX_NAME + 1]; /* "": belongs to the request that started it */
  pid_t pid;
  int code;
  int64_t kill_at, drain_until, ended_at;
  struct stream streams[2];
  int input; /* -1: closed */
  struct buffer pending_input;
  bool close_input;
  struct connection *owner; /* NULL: in the background, or its connection has gone */
  uint32_t request;
};

struct follower {
  struct connection *connection; /* NULL: free */
  uint32_t request;
  struct process *process;
  uint64_t offset[2];
  uint32_t credit[2];
};

struct exec_order {
  int64_t timeout_ms;
  bool pty, with_input;
  unsigned rows, columns;
  char *name, *workdir, **variables, **argv;
};

extern struct connection connections[MAX_CONNECTIONS];
extern struct process processes[MAX_PROCESSES];
extern struct follower followers[MAX_FOLLOWERS];

/* connection.c */
void reply(struct connection *connection, enum reply_type type, uint32_t request, const void *payload, size_t length);
void refuse(struct connection *connection, uint32_t request, enum refusal reason, const char *message);
void send_output(struct connection *connection, uint32_t request, int stream, uint64_t offset, const void *bytes, size_t length);
void send_exit(struct connection *connection, uint32_t request, const struct process *process);
bool has_room(const struct connection *connection);
void accept_connection(int listener);
void receive(struct connection *connection);
void transmit(struct connection *connection);
void disconnect(struct connection *connection);

/* request.c */
bool handle_request(struct connection *connection, unsigned type, uint32_t request, const uint8_t *payload, size_t length);

/* process.c */
struct process *find_named(const char *name);
struct process *find_attached(const struct connection *connection, uint32_t request);
/* NULL when there is no room; a command that cannot be started is a process that fails. */
struct process *start_process(const struct exec_order *order, struct connection *owner, uint32_t request);
void kill_group(const struct process *process, int number);
void resize_terminal(const struct process *process, unsigned rows, unsigned columns);
void write_input(struct process *process);
void reap_processes(void);
void kill_overdue(int64_t now);
void release_process(struct process *process);

/* output.c */
bool wants_output(const struct process *process, int stream);
void take_output(struct process *process, int stream);
void note_exit(struct process *process);
void finish_processes(int64_t now);
void serve_followers(void);

#endif
