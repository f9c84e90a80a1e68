import type { PtyInfo } from './messages';

/** Runs a command on a terminal of its own and copies what goes in and comes out; the end of input becomes Ctrl-D. */
const SCRIPT = `
import errno, fcntl, os, pty, select, struct, sys, termios
rows, columns, argv = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3:]
pid, terminal = pty.fork()
if pid == 0:
    try:
        os.execvp(argv[0], argv)
    except OSError as error:
        os.write(2, f"{argv[0]}: {error.strerror}\\n".encode())
        os._exit(126 if error.errno == errno.EACCES else 127)
fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
sources = [0, terminal]
while True:
    for source in select.select(sources, [], [])[0]:
        try:
            data = os.read(source, 65536)
        except OSError:
            data = b""
        if source == terminal and not data:
            status = os.waitpid(pid, 0)[1]
            sys.exit(os.waitstatus_to_exitcode(status) if os.WIFEXITED(status) else 128 + os.WTERMSIG(status))
        if source == 0 and not data:
            sources.remove(0)
            data = b"\\x04"
        while data:
            data = data[os.write(terminal if source == 0 else 1, data):]
`;

export function terminalCommand(argv: readonly string[], { winszRows, winszCols }: PtyInfo): string[] {
  return ['python3', '-c', SCRIPT, String(winszRows), String(winszCols), ...argv];
}
