/*
 * `attach`: the gateway's connection to the server of this sandbox. It starts the server where there is none, hands it
 * its own standard input and output, and stays as long as the server holds the connection.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "agent.h"

#define ATTEMPTS 400
#define RETRY_NS 5000000
#define BACKLOG 16

static socklen_t server_address(struct sockaddr_un *address) {
  memset(address, 0, sizeof *address);
  address->sun_family = AF_UNIX;
  memcpy(address->sun_path + 1, SERVER_NAME, sizeof SERVER_NAME - 1);
  return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + sizeof SERVER_NAME);
}

static int connect_server(void) {
  struct sockaddr_un address;
  socklen_t length = server_address(&address);
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd >= 0 && connect(fd, (struct sockaddr *)&address, length) == 0) return fd;
  if (fd >= 0) close(fd);
  return -1;
}

/* Only one of several servers that start at the same time gets the name; the others end. */
static int listen_as_server(void) {
  struct sockaddr_un address;
  socklen_t length = server_address(&address);
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0 || bind(fd, (struct sockaddr *)&address, length) != 0 || listen(fd, BACKLOG) != 0) _exit(1);
  return fd;
}

/* The server belongs to process 1, not to this exec, and keeps none of its files open. */
static void start_server(void) {
  pid_t between = fork();
  if (between < 0) return;
  if (between > 0) {
    waitpid(between, NULL, 0);
    return;
  }
  setsid();
  if (fork() != 0) _exit(0);
  int null = open("/dev/null", O_RDWR | O_CLOEXEC);
  for (int fd = 0; fd < 3; fd++) {
    if (null < 0 || dup2(null, fd) < 0) _exit(1);
  }
  if (null > 2) close(null);
  _exit(run_server(listen_as_server()));
}

static bool hand_over(int fd) {
  int streams[2] = {0, 1};
  char byte = AGENT_VERSION;
  struct iovec data = {.iov_base = &byte, .iov_len = 1};
  union {
    struct cmsghdr header;
    char space[CMSG_SPACE(sizeof streams)];
  } control;
  memset(&control, 0, sizeof control);
  struct msghdr message = {
      .msg_iov = &data, .msg_iovlen = 1, .msg_control = control.space, .msg_controllen = sizeof control.space};
  struct cmsghdr *header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(sizeof streams);
  memcpy(CMSG_DATA(header), streams, sizeof streams);
  return sendmsg(fd, &message, MSG_NOSIGNAL) == 1;
}

int run_attach(void) {
  forbid_tracing();
  int server = connect_server();
  if (server < 0) start_server();
  for (int attempt = 0; server < 0 && attempt < ATTEMPTS; attempt++) {
    struct timespec pause = {.tv_nsec = attempt == 0 ? 200000 : RETRY_NS};
    nanosleep(&pause, NULL);
    server = connect_server();
  }
  if (server < 0 || !hand_over(server)) {
    fputs("tollbox-agent: no server\n", stderr);
    return 1;
  }
  close(0);
  close(1);
  char ignored;
  while (read(server, &ignored, 1) > 0 || errno == EINTR) errno = 0;
  return 0;
}
