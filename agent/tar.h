/* The tar format: ustar, with GNU's entries for long names, and pax records when reading. */
#ifndef TOLLBOX_TAR_H
#define TOLLBOX_TAR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TAR_BLOCK 512
#define TAR_LONGEST_NAME 4096

struct tar_header {
  char name[100], mode[8], uid[8], gid[8], size[12], mtime[12], checksum[8], type, linkname[100];
  char magic[6], version[2], user[32], group[32], major[8], minor[8], prefix[155], unused[12];
};

unsigned tar_checksum(const struct tar_header *header);

#endif
