import type { PtySize } from '../../application/ports/provider';

/**
 * Modal's terminals are 24 by 80 and cannot be resized from outside. The command sets the size of its own one before it
 * starts; an image without `stty` keeps 24 by 80.
 */
export function onTerminal(argv: readonly string[], size: PtySize): string[] {
  const script = 'stty rows "$1" cols "$2" 2>/dev/null; shift 2; exec "$@"';
  return ['sh', '-c', script, 'sh', String(size.rows), String(size.columns), ...argv];
}
