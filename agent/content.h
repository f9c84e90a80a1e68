/*
 * What a caller sends on the standard input: pieces with a u32 length before each, one of no length at the end. An input
 * that ends before that was broken off, and nothing of it counts.
 */
#ifndef TOLLBOX_CONTENT_H
#define TOLLBOX_CONTENT_H

#include <stddef.h>
#include <sys/types.h>

/* Up to `most` bytes; 0 at the end; -1 when the input was broken off. */
ssize_t read_content(void *target, size_t most);

#endif
