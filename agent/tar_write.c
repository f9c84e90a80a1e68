#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent.h"
#include "files.h"
#include "tar.h"

#define DEEPEST 256
#define PIECE (64 * 1024)
#define LARGEST_SIZE 077777777777LL

static const char *root;

unsigned tar_checksum(const struct tar_header *header) {
  const unsigned char *bytes = (const unsigned char *)header;
  unsigned sum = 8 * ' ';
  for (size_t index = 0; index < TAR_BLOCK; index++) {
    bool is_sum = index >= offsetof(struct tar_header, checksum) && index < offsetof(struct tar_header, type);
    if (!is_sum) sum += bytes[index];
  }
  return sum;
}

static void emit(const void *data, size_t length) {
  if (!write_all(1, data, length)) fail_file(root, errno);
}

static void emit_padding(uint64_t length) {
  static const char zeros[TAR_BLOCK];
  emit(zeros, (size_t)(TAR_BLOCK - length % TAR_BLOCK) % TAR_BLOCK);
}

static void emit_header(const char *name, char type, unsigned mode, int64_t size, int64_t mtime, const char *link) {
  struct tar_header header;
  memset(&header, 0, sizeof header);
  memcpy(header.name, name, strnlen(name, sizeof header.name));
  memcpy(header.linkname, link, strnlen(link, sizeof header.linkname));
  snprintf(header.mode, sizeof header.mode, "%07o", mode & 07777);
  snprintf(header.uid, sizeof header.uid, "%07o", 0u);
  snprintf(header.gid, sizeof header.gid, "%07o", 0u);
  snprintf(header.size, sizeof header.size, "%011llo", (unsigned long long)size);
  snprintf(header.mtime, sizeof header.mtime, "%011llo", (unsigned long long)(mtime < 0 ? 0 : mtime) & LARGEST_SIZE);
  memcpy(header.magic, "ustar", 6);
  memcpy(header.version, "00", 2);
  header.type = type;
  snprintf(header.checksum, sizeof header.checksum, "%06o", tar_checksum(&header) & 0777777);
  emit(&header, sizeof header);
}

static void emit_long(char type, const char *text) {
  size_t length = strlen(text) + 1;
  if (length <= 100) return;
  emit_header("././@LongLink", type, 0644, (int64_t)length, 0, "");
  emit(text, length);
  emit_padding(length);
}

static void emit_entry(const char *name, char type, const struct stat *status, const char *link) {
  emit_long('K', link);
  emit_long('L', name);
  emit_header(name, type, status->st_mode, type == '0' ? status->st_size : 0, status->st_mtime, link);
}

/* As many bytes as the header says, whatever becomes of the file meanwhile. */
static void emit_file(int parent, const char *name, const char *shown) {
  static char piece[PIECE];
  int fd = openat(parent, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
  struct stat status;
  if (fd < 0 && errno == ENOENT) return;
  if (fd < 0 || fstat(fd, &status) != 0) fail_file(shown, errno);
  if (!S_ISREG(status.st_mode)) {
    close(fd);
    return;
  }
  if (status.st_size > LARGEST_SIZE) fail_file(shown, EFBIG);
  emit_entry(shown, '0', &status, "");
  for (int64_t left = status.st_size; left > 0;) {
    size_t wanted = left < PIECE ? (size_t)left : PIECE;
    ssize_t count = read(fd, piece, wanted);
    if (count < 0) fail_file(shown, errno);
    if (count == 0) {
      memset(piece, 0, wanted);
      count = (ssize_t)wanted;
    }
    emit(piece, (size_t)count);
    left -= count;
  }
  emit_padding((uint64_t)status.st_size);
  close(fd);
}

static void emit_directory(int fd, char *shown, size_t length, int depth);

static void emit_member(int parent, const char *name, char *shown, size_t length, int depth) {
  struct stat status;
  char link[TAR_LONGEST_NAME];
  if (fstatat(parent, name, &status, AT_SYMLINK_NOFOLLOW) != 0) return; /* removed meanwhile */
  if (S_ISREG(status.st_mode)) emit_file(parent, name, shown);
  if (S_ISLNK(status.st_mode)) {
    ssize_t count = readlinkat(parent, name, link, sizeof link - 1);
    if (count < 0) return;
    link[count] = '\0';
    emit_entry(shown, '2', &status, link);
  }
  if (!S_ISDIR(status.st_mode)) return;
  int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (fd < 0) fail_file(shown, errno);
  if (length + 1 >= TAR_LONGEST_NAME || depth >= DEEPEST) fail_file_as(PROBLEM_TOO_LARGE, root, "directories are nested too deeply");
  memcpy(shown + length, "/", 2);
  emit_entry(shown, '5', &status, "");
  emit_directory(fd, shown, length + 1, depth + 1);
}

/* Sockets, devices and FIFOs are left out. `shown` is the path of the directory, with a slash at its end. */
static void emit_directory(int fd, char *shown, size_t length, int depth) {
  DIR *directory = fdopendir(fd);
  if (directory == NULL) fail_file(root, errno);
  struct dirent *entry;
  while ((entry = readdir(directory)) != NULL) {
    size_t name_length = strlen(entry->d_name);
    if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) continue;
    if (length + name_length + 1 >= TAR_LONGEST_NAME) fail_file_as(PROBLEM_TOO_LARGE, root, "a path is too long");
    memcpy(shown + length, entry->d_name, name_length + 1);
    emit_member(fd, entry->d_name, shown, length + name_length, depth);
  }
  shown[length] = '\0';
  closedir(directory);
}

int write_tar(const char *path) {
  static const char end[2 * TAR_BLOCK];
  char shown[TAR_LONGEST_NAME + 1] = "";
  root = path;
  int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) fail_file(path, errno);
  emit_directory(fd, shown, 0, 0);
  emit(end, sizeof end);
  return 0;
}
