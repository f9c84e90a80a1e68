/* `file OPERATION...`: one operation on the files of the sandbox, with its problem as the exit code. */
#ifndef TOLLBOX_FILES_H
#define TOLLBOX_FILES_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

/* In the order of FILE_PROBLEMS of the gateway. */
enum file_problem {
  PROBLEM_NOT_FOUND = 10,
  PROBLEM_IS_DIRECTORY,
  PROBLEM_NOT_DIRECTORY,
  PROBLEM_PERMISSION_DENIED,
  PROBLEM_ALREADY_EXISTS,
  PROBLEM_DIRECTORY_NOT_EMPTY,
  PROBLEM_TOO_LARGE,
  PROBLEM_NO_SPACE,
  PROBLEM_INVALID_PATH,
  PROBLEM_NOT_SUPPORTED,
  PROBLEM_OTHER
};

/* Says what is wrong with `path` on stderr and ends the process with the problem. */
_Noreturn void fail_file(const char *path, int error);
_Noreturn void fail_file_as(enum file_problem problem, const char *path, const char *message);

/* Removes what is at `name` in the directory `parent`, with all that is in it; false with errno. */
bool remove_tree(int parent, const char *name);
/* mkdir -p; false with errno. */
bool make_directories(char *path, unsigned mode);

int write_tar(const char *path);   /* the directory's content to stdout */
int unpack_tar(const char *path);  /* stdin into the directory */

#endif
