/*
 * Unpacks a tar. Every name is walked from the target directory on, one part at a time, and no link is followed: not one
 * of the tar's own and not one that was there before. Owners, devices and FIFOs of the tar are left out.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent.h"
#include "content.h"
#include "files.h"
#include "tar.h"

#define PIECE (64 * 1024)
#define LONGEST_RECORD (64 * 1024)

struct member {
  char type;
  unsigned mode;
  int64_t size, mtime;
  char name[TAR_LONGEST_NAME], link[TAR_LONGEST_NAME];
};

static const char *root;
static int root_fd;

_Noreturn static void fail_tar(const char *message) { fail_file_as(PROBLEM_NOT_SUPPORTED, root, message); }

static bool read_block(void *target, size_t length) {
  char *next = target;
  size_t left = length;
  while (left > 0) {
    ssize_t count = read_content(next, left);
    if (count < 0) fail_tar("the tar ended early");
    if (count == 0) {
      if (left == length) return false;
      fail_tar("the tar ended early");
    }
    next += count;
    left -= (size_t)count;
  }
  return true;
}

static void skip(int64_t length) {
  static char piece[PIECE];
  for (int64_t left = (length + TAR_BLOCK - 1) / TAR_BLOCK * TAR_BLOCK; left > 0;) {
    size_t wanted = left < PIECE ? (size_t)left : PIECE;
    if (!read_block(piece, wanted)) fail_tar("the tar ended early");
    left -= (int64_t)wanted;
  }
}

/* Octal text, or GNU's binary form for large numbers. */
static int64_t header_number(const char *field, size_t length) {
  int64_t value = 0;
  if ((unsigned char)field[0] == 0x80) {
    for (size_t index = length - 7; index < length; index++) value = value << 8 | (unsigned char)field[index];
    return value;
  }
  for (size_t index = 0; index < length && field[index] != '\0'; index++) {
    if (field[index] == ' ') continue;
    if (field[index] < '0' || field[index] > '7') fail_tar("a header is not one of tar");
    value = value << 3 | (field[index] - '0');
  }
  return value;
}

static void set_text(char target[TAR_LONGEST_NAME], const char *text, size_t length) {
  if (length >= TAR_LONGEST_NAME) fail_file_as(PROBLEM_INVALID_PATH, root, "a name in the tar is too long");
  memcpy(target, text, length);
  target[length] = '\0';
}

static char *read_record(int64_t size) {
  if (size < 0 || size > LONGEST_RECORD) fail_tar("a record of the tar is too long");
  size_t padded = (size_t)(size + TAR_BLOCK - 1) / TAR_BLOCK * TAR_BLOCK;
  char *text = calloc(1, padded + 1);
  if (text == NULL || (padded > 0 && !read_block(text, padded))) fail_tar("the tar ended early");
  text[size] = '\0';
  return text;
}

/* "LENGTH KEY=VALUE\n", again and again. */
static void apply_pax(struct member *next, const char *text, int64_t size) {
  const char *end = text + size;
  while (text < end) {
    char *key = NULL;
    long length = strtol(text, &key, 10);
    if (length <= 0 || length > end - text || *key != ' ' || text[length - 1] != '\n') fail_tar("a pax record is malformed");
    key++;
    const char *value = memchr(key, '=', (size_t)(text + length - key));
    if (value == NULL) fail_tar("a pax record is malformed");
    value++;
    size_t value_length = (size_t)(text + length - 1 - value);
    if (strncmp(key, "path=", 5) == 0) set_text(next->name, value, value_length);
    if (strncmp(key, "linkpath=", 9) == 0) set_text(next->link, value, value_length);
    if (strncmp(key, "size=", 5) == 0) next->size = strtoll(value, NULL, 10);
    text += length;
  }
}

/* The next member of the tar; false at its end. */
static bool read_member(struct member *member) {
  struct member given = {.size = -1};
  struct tar_header header;
  for (;;) {
    if (!read_block(&header, sizeof header)) return false;
    if (header.name[0] == '\0' && header.checksum[0] == '\0') return false;
    if ((unsigned)header_number(header.checksum, sizeof header.checksum) != tar_checksum(&header)) fail_tar("it is not a tar");
    int64_t size = header_number(header.size, sizeof header.size);
    if (header.type != 'L' && header.type != 'K' && header.type != 'x') {
      member->size = given.size >= 0 ? given.size : size;
      break;
    }
    char *record = read_record(size);
    if (header.type == 'L') set_text(given.name, record, strlen(record));
    if (header.type == 'K') set_text(given.link, record, strlen(record));
    if (header.type == 'x') apply_pax(&given, record, size);
    free(record);
  }
  if (member->size < 0) fail_tar("a size is negative");
  member->type = header.type;
  member->mode = (unsigned)header_number(header.mode, sizeof header.mode) & 0777;
  member->mtime = header_number(header.mtime, sizeof header.mtime);
  if (given.name[0] != '\0') {
    memcpy(member->name, given.name, sizeof member->name);
  } else {
    bool has_prefix = memcmp(header.magic, "ustar", 6) == 0 && header.prefix[0] != '\0';
    snprintf(member->name, sizeof member->name, "%.155s%s%.100s", has_prefix ? header.prefix : "", has_prefix ? "/" : "", header.name);
  }
  if (given.link[0] != '\0') memcpy(member->link, given.link, sizeof member->link);
  else snprintf(member->link, sizeof member->link, "%.100s", header.linkname);
  return true;
}

/* The parts of a name, one at a time; "." and slashes are passed over, ".." and "/..." are refused. */
static char *next_part(char **rest, const char *whole) {
  char *part;
  do part = strsep(rest, "/");
  while (part != NULL && (part[0] == '\0' || strcmp(part, ".") == 0));
  if (part != NULL && strcmp(part, "..") == 0) fail_file_as(PROBLEM_INVALID_PATH, whole, "leads out of the directory");
  return part;
}

/* The directory itself and never what a link points to; some kernels follow one in spite of O_NOFOLLOW. -1 with errno. */
static int open_directory(int parent, const char *name) {
  struct stat before, after;
  if (fstatat(parent, name, &before, AT_SYMLINK_NOFOLLOW) != 0) return -1;
  if (!S_ISDIR(before.st_mode)) {
    errno = ENOTDIR;
    return -1;
  }
  int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (fd < 0) return -1;
  if (fstat(fd, &after) == 0 && after.st_dev == before.st_dev && after.st_ino == before.st_ino) return fd;
  close(fd);
  errno = ENOTDIR;
  return -1;
}

/* The directory of a name, made where it is missing, and its last part (NULL for the target itself). */
static int open_parent(const char *name, char scratch[TAR_LONGEST_NAME], char **last) {
  if (name[0] == '/') fail_file_as(PROBLEM_INVALID_PATH, name, "is absolute");
  memcpy(scratch, name, strlen(name) + 1);
  char *rest = scratch;
  int fd = dup(root_fd);
  *last = next_part(&rest, name);
  for (char *following; *last != NULL && (following = next_part(&rest, name)) != NULL; *last = following) {
    if (mkdirat(fd, *last, 0755) != 0 && errno != EEXIST) fail_file(name, errno);
    int inner = open_directory(fd, *last);
    if (inner < 0) fail_file_as(PROBLEM_INVALID_PATH, name, "a link or a file is in its way");
    close(fd);
    fd = inner;
  }
  if (fd < 0) fail_file(name, errno);
  return fd;
}

static void set_time(int fd, int64_t mtime) {
  struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, {.tv_sec = mtime}};
  (void)!futimens(fd, times);
}

static void unpack_file(const struct member *member, int parent, const char *last) {
  static char piece[PIECE];
  if (unlinkat(parent, last, 0) != 0 && errno != ENOENT) fail_file(member->name, errno);
  int fd = openat(parent, last, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
  if (fd < 0) fail_file(member->name, errno);
  for (int64_t left = member->size; left > 0;) {
    size_t wanted = left < PIECE ? (size_t)left : PIECE;
    if (!read_block(piece, wanted)) fail_tar("the tar ended early");
    if (!write_all(fd, piece, wanted)) fail_file(member->name, errno);
    left -= (int64_t)wanted;
  }
  int64_t padding = (TAR_BLOCK - member->size % TAR_BLOCK) % TAR_BLOCK;
  if (padding > 0 && !read_block(piece, (size_t)padding)) fail_tar("the tar ended early");
  set_time(fd, member->mtime);
  if (fchmod(fd, member->mode) != 0 || close(fd) != 0) fail_file(member->name, errno);
}

static void unpack_directory(const struct member *member, int parent, const char *last) {
  if (last == NULL) return;
  if (mkdirat(parent, last, 0755) != 0 && errno != EEXIST) fail_file(member->name, errno);
  int fd = open_directory(parent, last);
  if (fd < 0) fail_file(member->name, errno);
  (void)!fchmod(fd, member->mode | 0700);
  close(fd);
}

static void unpack_hard_link(const struct member *member, int parent, const char *last) {
  char scratch[TAR_LONGEST_NAME], *target;
  int directory = open_parent(member->link, scratch, &target);
  if (target == NULL) fail_file(member->name, EINVAL);
  (void)!unlinkat(parent, last, 0);
  if (linkat(directory, target, parent, last, 0) != 0) fail_file(member->name, errno);
  close(directory);
}

static void unpack_member(const struct member *member) {
  char scratch[TAR_LONGEST_NAME], *last;
  bool is_file = member->type == '0' || member->type == '\0' || member->type == '7';
  if (!is_file && member->type != '1' && member->type != '2' && member->type != '5') {
    skip(member->size);
    return;
  }
  int parent = open_parent(member->name, scratch, &last);
  if (last == NULL && member->type != '5') fail_file(member->name, EISDIR);
  if (is_file) unpack_file(member, parent, last);
  else skip(member->size);
  if (member->type == '1') unpack_hard_link(member, parent, last);
  if (member->type == '5') unpack_directory(member, parent, last);
  if (member->type == '2') {
    (void)!unlinkat(parent, last, 0);
    if (symlinkat(member->link, parent, last) != 0) fail_file(member->name, errno);
  }
  close(parent);
}

int unpack_tar(const char *path) {
  static struct member member;
  char target[TAR_LONGEST_NAME];
  root = path;
  if (strlen(path) >= sizeof target) fail_file(path, ENAMETOOLONG);
  memcpy(target, path, strlen(path) + 1);
  if (!make_directories(target, 0755)) fail_file(path, errno);
  root_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (root_fd < 0) fail_file(path, errno);
  while (read_member(&member)) unpack_member(&member);
  static char rest[PIECE];
  ssize_t count;
  while ((count = read_content(rest, sizeof rest)) > 0) continue;
  if (count < 0) fail_tar("the tar ended early");
  return 0;
}
