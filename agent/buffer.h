/* A growing queue of bytes, and reading and writing the protocol's values. */
#ifndef TOLLBOX_BUFFER_H
#define TOLLBOX_BUFFER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buffer {
  uint8_t *data;
  size_t start, length, capacity;
};

/* Room for `length` more bytes, at the address that is returned; NULL when there is no memory. */
uint8_t *buffer_reserve(struct buffer *buffer, size_t length);
bool buffer_add(struct buffer *buffer, const void *data, size_t length);
void buffer_drop(struct buffer *buffer, size_t length);
void buffer_free(struct buffer *buffer);
static inline const uint8_t *buffer_bytes(const struct buffer *buffer) { return buffer->data + buffer->start; }

/* Reads values off a payload; `failed` is set, and zeros are returned, once there is too little left. */
struct reader {
  const uint8_t *next;
  size_t left;
  bool failed;
};

uint64_t read_number(struct reader *reader, unsigned bytes);
/* A copy with a NUL at its end that the caller frees; NULL when it is too long, holds a NUL or is not all there. */
char *read_text(struct reader *reader, size_t longest);
/* A NULL-terminated list of texts that the caller frees with free_texts. */
char **read_texts(struct reader *reader, size_t most, size_t longest);
void free_texts(char **texts);

void put_number(uint8_t *target, uint64_t value, unsigned bytes);

#endif
