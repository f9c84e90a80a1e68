// Runs one of our programs to its end in a process of its own and passes the signals on that end this one.
import { spawn } from 'node:child_process';
import os from 'node:os';

/** Returns the exit code; 128 + n when signal n ended the program. */
export function runNode(file, args, env = process.env) {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, ['--enable-source-maps', file, ...args], { stdio: 'inherit', env });
    const forward = (signal) => child.kill(signal);
    const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'];
    for (const signal of signals) process.on(signal, forward);
    child.once('error', reject);
    child.once('exit', (code, signal) => {
      for (const name of signals) process.off(name, forward);
      resolve(code ?? 128 + (os.constants.signals[signal] ?? 1));
    });
  });
}
