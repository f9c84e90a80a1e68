import { z } from 'zod';

/** What an installation takes as `setup_commands`; null when it takes none. */
export type SetupLimits = { readonly maxCommands: number; readonly maxCommandBytes: number } | null;

/** Every character that ends a line for a shell, a Dockerfile or a terminal, and NUL. */
const LINE_BREAKS = /[\0\n\v\f\r\u0085\u2028\u2029]/;
const LONE_SURROGATE = /\p{Surrogate}/u;

/** Shell lines that prepare the image. Each is one line: nothing may pass for a second instruction. */
export function setupCommandsSchema(limits: SetupLimits) {
  if (limits === null)
    return z
      .array(z.string())
      .max(0, 'setup_commands are not enabled here')
      .optional()
      .describe('Must be absent or empty: not enabled.');
  const { maxCommands, maxCommandBytes } = limits;
  const command = z
    .string()
    .refine((text) => text.trim() !== '', 'A setup command must not be empty')
    .refine((text) => !LINE_BREAKS.test(text), 'A setup command must be a single line')
    .refine((text) => !LONE_SURROGATE.test(text), 'A setup command must be well-formed Unicode')
    .refine((text) => Buffer.byteLength(text) <= maxCommandBytes, `A setup command must be at most ${maxCommandBytes} bytes`);
  return z
    .array(command)
    .max(maxCommands, `At most ${maxCommands} setup_commands`)
    .optional()
    .describe(
      `At most ${maxCommands} shell lines that prepare the image, for example "pip install numpy". The result is kept per wallet, so the same lines are quick the next time.`,
    );
}
