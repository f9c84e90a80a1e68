/* tollbox-agent: what runs inside every sandbox. One static program with several roles. */
#include <stdio.h>
#include <string.h>

#include "agent.h"

int main(int argc, char **argv) {
  const char *role = argc > 1 ? argv[1] : "";
  if (strcmp(role, "init") == 0) return run_init(argc - 2, argv + 2);
  if (strcmp(role, "attach") == 0) return run_attach();
  if (strcmp(role, "run") == 0) return run_timed(argc - 2, argv + 2);
  if (strcmp(role, "file") == 0) return run_file_command(argc - 2, argv + 2);
  if (strcmp(role, "version") == 0) {
    printf("tollbox-agent %d\n", AGENT_VERSION);
    return 0;
  }
  fputs("usage: tollbox-agent init LIFETIME_MS | attach | run TIMEOUT_MS COMMAND... | file OPERATION... | version\n", stderr);
  return 2;
}
