#include "content.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <unistd.h>

#include "buffer.h"

#define LONGEST_PIECE (1u << 20)

static bool read_all(void *target, size_t length) {
  char *next = target;
  while (length > 0) {
    ssize_t count = read(0, next, length);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return false;
    next += count;
    length -= (size_t)count;
  }
  return true;
}

ssize_t read_content(void *target, size_t most) {
  static size_t left;
  static bool is_over;
  if (is_over || most == 0) return 0;
  if (left == 0) {
    uint8_t head[4];
    if (!read_all(head, sizeof head)) return -1;
    struct reader reader = {.next = head, .left = sizeof head};
    left = read_number(&reader, 4);
    if (left > LONGEST_PIECE) return -1;
    if (left == 0) {
      is_over = true;
      return 0;
    }
  }
  size_t length = left < most ? left : most;
  if (!read_all(target, length)) return -1;
  left -= length;
  return (ssize_t)length;
}
