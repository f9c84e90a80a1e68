#include "buffer.h"

#include <stdlib.h>
#include <string.h>

uint8_t *buffer_reserve(struct buffer *buffer, size_t length) {
  if (buffer->start > 0 && buffer->start + buffer->length + length > buffer->capacity) {
    memmove(buffer->data, buffer->data + buffer->start, buffer->length);
    buffer->start = 0;
  }
  size_t needed = buffer->length + length;
  if (needed > buffer->capacity) {
    size_t capacity = buffer->capacity == 0 ? 4096 : buffer->capacity;
    while (capacity < needed) capacity *= 2;
    uint8_t *data = realloc(buffer->data, capacity);
    if (data == NULL) return NULL;
    buffer->data = data;
    buffer->capacity = capacity;
  }
  return buffer->data + buffer->start + buffer->length;
}

bool buffer_add(struct buffer *buffer, const void *data, size_t length) {
  uint8_t *target = buffer_reserve(buffer, length);
  if (target == NULL) return false;
  if (length > 0) memcpy(target, data, length);
  buffer->length += length;
  return true;
}

void buffer_drop(struct buffer *buffer, size_t length) {
  buffer->start += length;
  buffer->length -= length;
  if (buffer->length == 0) buffer->start = 0;
}

void buffer_free(struct buffer *buffer) {
  free(buffer->data);
  memset(buffer, 0, sizeof *buffer);
}

uint64_t read_number(struct reader *reader, unsigned bytes) {
  uint64_t value = 0;
  if (reader->failed || reader->left < bytes) {
    reader->failed = true;
    return 0;
  }
  for (unsigned index = 0; index < bytes; index++) value |= (uint64_t)reader->next[index] << (8 * index);
  reader->next += bytes;
  reader->left -= bytes;
  return value;
}

char *read_text(struct reader *reader, size_t longest) {
  size_t length = read_number(reader, 4);
  if (reader->failed || length > longest || length > reader->left || memchr(reader->next, 0, length) != NULL) {
    reader->failed = true;
    return NULL;
  }
  char *text = malloc(length + 1);
  if (text == NULL) {
    reader->failed = true;
    return NULL;
  }
  memcpy(text, reader->next, length);
  text[length] = '\0';
  reader->next += length;
  reader->left -= length;
  return text;
}

char **read_texts(struct reader *reader, size_t most, size_t longest) {
  size_t count = read_number(reader, 4);
  if (reader->failed || count > most || count > reader->left / 4) {
    reader->failed = true;
    return NULL;
  }
  char **texts = calloc(count + 1, sizeof *texts);
  for (size_t index = 0; texts != NULL && index < count; index++) {
    texts[index] = read_text(reader, longest);
    if (texts[index] == NULL) {
      free_texts(texts);
      texts = NULL;
    }
  }
  if (texts == NULL) reader->failed = true;
  return texts;
}

void free_texts(char **texts) {
  if (texts == NULL) return;
  for (char **text = texts; *text != NULL; text++) free(*text);
  free(texts);
}

void put_number(uint8_t *target, uint64_t value, unsigned bytes) {
  for (unsigned index = 0; index < bytes; index++) target[index] = (uint8_t)(value >> (8 * index));
}
