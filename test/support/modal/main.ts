import { LocalControlPlane } from './control-plane';

/**
 * The local control plane as a process of its own. Prints one line of JSON, the environment for its clients, when it
 * serves; ends its sandboxes and itself on SIGTERM and SIGINT, and with `--with-parent` also when its standard input is
 * closed. PORT chooses the port.
 */
async function main(): Promise<void> {
  const plane = await LocalControlPlane.start({ port: Number(process.env['PORT'] ?? 0) });
  process.stdout.write(`${JSON.stringify({ pid: process.pid, environment: plane.environment })}\n`);
  await new Promise<void>((resolve) => {
    process.once('SIGTERM', resolve);
    process.once('SIGINT', resolve);
    if (process.argv.includes('--with-parent')) process.stdin.once('end', resolve).resume();
  });
  await plane.stop();
}

main().then(
  () => process.exit(0),
  (error: unknown) => {
    console.error(error);
    process.exit(1);
  },
);
