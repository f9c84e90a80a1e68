#include "files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent.h"
#include "buffer.h"
#include "content.h"

#define PIECE (64 * 1024)
#define MAX_ENTRIES 100000
#define UNFINISHED ".tollbox-unfinished-XXXXXX"

static enum file_problem problem_of(int error) {
  switch (error) {
    case ENOENT: return PROBLEM_NOT_FOUND;
    case EISDIR: return PROBLEM_IS_DIRECTORY;
    case ENOTDIR: return PROBLEM_NOT_DIRECTORY;
    case EACCES:
    case EPERM:
    case EROFS:
    case EBUSY:
    case ETXTBSY: return PROBLEM_PERMISSION_DENIED;
    case EEXIST: return PROBLEM_ALREADY_EXISTS;
    case ENOTEMPTY: return PROBLEM_DIRECTORY_NOT_EMPTY;
    case EFBIG: return PROBLEM_TOO_LARGE;
    case ENOSPC:
    case EDQUOT: return PROBLEM_NO_SPACE;
    case ENAMETOOLONG:
    case EINVAL:
    case ELOOP: return PROBLEM_INVALID_PATH;
    case EXDEV:
    case ENOTSUP:
    case ENXIO: return PROBLEM_NOT_SUPPORTED;
    default: return PROBLEM_OTHER;
  }
}

void fail_file_as(enum file_problem problem, const char *path, const char *message) {
  fprintf(stderr, "%s: %s", path, message);
  fflush(stderr);
  _exit((int)problem);
}

void fail_file(const char *path, int error) { fail_file_as(problem_of(error), path, strerror(error)); }

/* Never waits: a FIFO that nobody writes to is not a file. */
static int open_regular(const char *path) {
  int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  struct stat status;
  if (fd < 0 || fstat(fd, &status) != 0) fail_file(path, errno);
  if (S_ISDIR(status.st_mode)) fail_file(path, EISDIR);
  if (!S_ISREG(status.st_mode)) fail_file_as(PROBLEM_NOT_SUPPORTED, path, "is not a regular file");
  return fd;
}

static int read_file(const char *path, int64_t offset, int64_t most) {
  static char piece[PIECE];
  int fd = open_regular(path);
  while (most > 0) {
    ssize_t count = pread(fd, piece, most < PIECE ? (size_t)most : PIECE, offset);
    if (count < 0) fail_file(path, errno);
    if (count == 0) break;
    if (!write_all(1, piece, (size_t)count)) return PROBLEM_OTHER;
    offset += count;
    most -= count;
  }
  return 0;
}

/* False when the input was broken off. */
static bool receive_content(int fd, const char *path, const char *unfinished) {
  static char piece[PIECE];
  ssize_t count;
  while ((count = read_content(piece, sizeof piece)) > 0) {
    if (write_all(fd, piece, (size_t)count)) continue;
    int error = errno;
    unlink(unfinished);
    fail_file(path, error);
  }
  return count == 0;
}

/* The file appears as a whole, under its name, or not at all. */
static int write_file(const char *path, unsigned mode) {
  struct stat status;
  char target[PATH_MAX], unfinished[PATH_MAX + sizeof UNFINISHED + 1];
  /* A link is written through, as every program does. */
  if (lstat(path, &status) == 0 && S_ISLNK(status.st_mode)) {
    if (realpath(path, target) == NULL) fail_file(path, errno);
  } else {
    snprintf(target, sizeof target, "%s", path);
  }
  if (stat(target, &status) == 0 && S_ISDIR(status.st_mode)) fail_file(path, EISDIR);
  if (stat(target, &status) == 0 && !S_ISREG(status.st_mode)) fail_file_as(PROBLEM_NOT_SUPPORTED, path, "is not a regular file");
  const char *slash = strrchr(target, '/');
  if (slash == NULL || slash[1] == '\0') fail_file(path, EISDIR);
  snprintf(unfinished, sizeof unfinished, "%.*s/%s", (int)(slash - target), target, UNFINISHED);
  int fd = mkostemp(unfinished, O_CLOEXEC);
  if (fd < 0) fail_file(path, errno);
  if (!receive_content(fd, path, unfinished)) {
    unlink(unfinished);
    fail_file_as(PROBLEM_OTHER, path, "the content ended early");
  }
  if (fchmod(fd, mode) != 0 || close(fd) != 0 || rename(unfinished, target) != 0) {
    int error = errno;
    unlink(unfinished);
    fail_file(path, error);
  }
  return 0;
}

/* u8 type, u32 mode, u32 uid, u32 gid, u64 size, u64 seconds, name, link target; each text with a u32 length. */
static void print_entry(int directory, const char *name, const char *shown) {
  struct stat status;
  char link[PATH_MAX + 1] = "";
  if (fstatat(directory, name, &status, AT_SYMLINK_NOFOLLOW) != 0) {
    if (directory != AT_FDCWD && errno == ENOENT) return; /* it was removed meanwhile */
    fail_file(shown, errno);
  }
  ssize_t link_length = 0;
  if (S_ISLNK(status.st_mode)) link_length = readlinkat(directory, name, link, PATH_MAX);
  if (link_length < 0) link_length = 0;
  uint8_t head[29];
  head[0] = S_ISREG(status.st_mode) ? 'f' : S_ISDIR(status.st_mode) ? 'd' : S_ISLNK(status.st_mode) ? 'l' : 'o';
  put_number(head + 1, status.st_mode & 07777, 4);
  put_number(head + 5, status.st_uid, 4);
  put_number(head + 9, status.st_gid, 4);
  put_number(head + 13, (uint64_t)status.st_size, 8);
  put_number(head + 21, status.st_mtime < 0 ? 0 : (uint64_t)status.st_mtime, 8);
  uint8_t length[4];
  fwrite(head, 1, sizeof head, stdout);
  put_number(length, strlen(shown), 4);
  fwrite(length, 1, 4, stdout);
  fwrite(shown, 1, strlen(shown), stdout);
  put_number(length, (uint64_t)link_length, 4);
  fwrite(length, 1, 4, stdout);
  fwrite(link, 1, (size_t)link_length, stdout);
}

static int list_directory(const char *path) {
  DIR *directory = opendir(path);
  if (directory == NULL) fail_file(path, errno);
  struct dirent *entry;
  int count = 0;
  while ((entry = readdir(directory)) != NULL) {
    if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) continue;
    if (++count > MAX_ENTRIES) fail_file_as(PROBLEM_TOO_LARGE, path, "too many entries");
    print_entry(dirfd(directory), entry->d_name, entry->d_name);
  }
  return fflush(stdout) == 0 ? 0 : PROBLEM_OTHER;
}

bool make_directories(char *path, unsigned mode) {
  for (char *slash = path + 1; (slash = strchr(slash, '/')) != NULL; slash++) {
    *slash = '\0';
    bool made = mkdir(path, mode) == 0 || errno == EEXIST;
    *slash = '/';
    if (!made) return false;
  }
  struct stat status;
  if (mkdir(path, mode) == 0) return true;
  int error = errno;
  if (error == EEXIST && stat(path, &status) == 0 && S_ISDIR(status.st_mode)) return true;
  errno = error;
  return false;
}

bool remove_tree(int parent, const char *name) {
  if (unlinkat(parent, name, 0) == 0) return true;
  if (errno != EISDIR && errno != EPERM) return false;
  int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  DIR *directory = fd < 0 ? NULL : fdopendir(fd);
  if (directory == NULL) return false;
  struct dirent *entry;
  bool all = true;
  while (all && (entry = readdir(directory)) != NULL) {
    if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) all = remove_tree(fd, entry->d_name);
  }
  int error = errno;
  closedir(directory);
  errno = error;
  return all && unlinkat(parent, name, AT_REMOVEDIR) == 0;
}

static int remove_path(const char *path, bool recursive) {
  struct stat status;
  if (lstat(path, &status) != 0) fail_file(path, errno);
  bool removed = recursive ? remove_tree(AT_FDCWD, path) : S_ISDIR(status.st_mode) ? rmdir(path) == 0 : unlink(path) == 0;
  if (!removed) fail_file(path, errno);
  return 0;
}

/* rename, and across file systems what a shell would do is refused rather than done in halves. */
static int move_path(const char *from, const char *to) {
  if (rename(from, to) != 0) fail_file(errno == ENOENT ? from : to, errno);
  return 0;
}

int run_file_command(int argc, char **argv) {
  const char *operation = argc > 1 ? argv[0] : "";
  char *path = argc > 1 ? argv[1] : NULL;
  int64_t first = 0, second = 0;
  if (path == NULL || path[0] != '/') fail_file_as(PROBLEM_INVALID_PATH, path == NULL ? "" : path, "is not an absolute path");
  umask(022);
  if (strcmp(operation, "read") == 0 && argc == 4 && parse_number(argv[2], 0, INT64_MAX, &first) &&
      parse_number(argv[3], 0, INT64_MAX, &second))
    return read_file(path, first, second);
  if (strcmp(operation, "write") == 0 && argc == 3 && parse_number(argv[2], 0, 07777, &first)) return write_file(path, (unsigned)first);
  if (strcmp(operation, "list") == 0) return list_directory(path);
  if (strcmp(operation, "stat") == 0) {
    print_entry(AT_FDCWD, path, path);
    return fflush(stdout) == 0 ? 0 : PROBLEM_OTHER;
  }
  if (strcmp(operation, "mkdir") == 0) {
    bool made = argc == 3 ? make_directories(path, 0755) : mkdir(path, 0755) == 0;
    if (!made) fail_file(path, errno);
    return 0;
  }
  if (strcmp(operation, "remove") == 0) return remove_path(path, argc == 3);
  if (strcmp(operation, "move") == 0 && argc == 3) return move_path(path, argv[2]);
  if (strcmp(operation, "tar-read") == 0) return write_tar(path);
  if (strcmp(operation, "tar-write") == 0) return unpack_tar(path);
  fail_file_as(PROBLEM_NOT_SUPPORTED, path, "no such operation");
}
