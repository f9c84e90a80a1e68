import { z } from 'zod';
import type { BodyLimits, BodySchemas } from './bodies';
import { orderOf } from './bodies';
import type { SandboxOrder } from './sandbox';

/** What the bodies of `/v1/sandboxes` may ask for beyond those of the BlockRun routes. */
export interface ResourceLimits extends BodyLimits {
  readonly maxTags: number;
  readonly maxEnvBytes: number;
  readonly maxStdinBytes: number;
}

const MAX_NAME_LENGTH = 64;
const MAX_TAG_VALUE_LENGTH = 256;
const MAX_PATH_LENGTH = 4_096;
const MAX_PORT = 65_535;
const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]*$/;
const VARIABLE = /^[A-Za-z_][A-Za-z0-9_]*$/;
/** What no text column and no process takes. */
const isPlainText = (text: string): boolean => !text.includes('\0') && !/\p{Surrogate}/u.test(text);

const tagName = z.string().max(MAX_NAME_LENGTH).regex(NAME, 'Letters, digits, dots, hyphens and underscores');
const tagValue = z.string().max(MAX_TAG_VALUE_LENGTH).refine(isPlainText, 'A tag must be well-formed text');
const sandboxId = z.string().min(1).max(128).describe('Id of the sandbox.');
const ports = z.array(z.number().int().min(1).max(MAX_PORT)).default([]);

export const sandboxName = z
  .string()
  .max(MAX_NAME_LENGTH)
  .regex(NAME, 'Letters, digits, dots, hyphens and underscores, the first one a letter or digit');

function envSchema({ maxEnvBytes }: ResourceLimits) {
  return z
    .record(z.string().regex(VARIABLE, 'Not the name of a variable'), z.string().refine(isPlainText, 'Not a value of a variable'))
    .refine(
      (env) => Object.entries(env).reduce((sum, pair) => sum + Buffer.byteLength(pair.join('=')), 0) <= maxEnvBytes,
      `Variables are at most ${maxEnvBytes} bytes together`,
    )
    .default({})
    .describe('Variables. Their values are kept nowhere.');
}

function createSchema(limits: ResourceLimits, create: BodySchemas['create']) {
  return create.extend({
    name: sandboxName.optional().describe('Unique among your live sandboxes.'),
    tags: z
      .record(tagName, tagValue)
      .refine((tags) => Object.keys(tags).length <= limits.maxTags, `At most ${limits.maxTags} tags`)
      .default({}),
    env: envSchema(limits),
    idle_timeout: z
      .number()
      .int()
      .min(1)
      .max(limits.maxLifetimeS)
      .optional()
      .describe('Ends the sandbox after this many seconds without a command.'),
    encrypted_ports: ports.describe('Ports that a tunnel may reach.'),
    unencrypted_ports: ports.describe('The same as encrypted_ports: how a tunnel is reached is up to the installation.'),
    entrypoint: z.array(z.string()).optional().describe('Must be absent or empty: a sandbox runs until it is ended.'),
  });
}

const base64 = z.base64({ error: 'Not base64' });

function execSchema(limits: ResourceLimits, exec: BodySchemas['exec']) {
  return exec.extend({
    sandbox_id: sandboxId,
    workdir: z
      .string()
      .max(MAX_PATH_LENGTH)
      .regex(/^\//, 'An absolute path')
      .refine(isPlainText, 'Not a path')
      .optional()
      .describe("Absolute path; the image's own working directory when absent."),
    stdin: base64
      .max(Math.ceil(limits.maxStdinBytes / 3) * 4, `At most ${limits.maxStdinBytes} bytes`)
      .optional()
      .describe('Standard input, as base64.'),
    env: envSchema(limits),
  });
}

/** The schemas of the priced calls of `/v1/sandboxes`. */
export function createResourceSchemas(limits: ResourceLimits, bodies: BodySchemas) {
  return {
    create: createSchema(limits, bodies.create),
    exec: execSchema(limits, bodies.exec),
    delete: z.object({ sandbox_id: sandboxId }),
    tags: z.object({
      sandbox_id: sandboxId,
      tags: z
        .record(tagName, tagValue.nullable())
        .refine((tags) => Object.keys(tags).length <= limits.maxTags, `At most ${limits.maxTags} tags`)
        .describe('Tags to set; null removes one.'),
    }),
  } as const;
}

export type ResourceSchemas = ReturnType<typeof createResourceSchemas>;
export type ResourceCreateBody = z.output<ResourceSchemas['create']>;
export type ResourceExecBody = z.output<ResourceSchemas['exec']>;
export type DeleteBody = z.output<ResourceSchemas['delete']>;
export type TagsBody = z.output<ResourceSchemas['tags']>;

export function resourceOrderOf(body: ResourceCreateBody): SandboxOrder {
  const asked = [...new Set([...(body.ports ?? []), ...body.encrypted_ports, ...body.unencrypted_ports])];
  return {
    ...orderOf(body),
    tags: body.tags,
    ...(body.name === undefined ? {} : { name: body.name }),
    ...(body.idle_timeout === undefined ? {} : { idleTimeoutMs: body.idle_timeout * 1_000 }),
    ...(asked.length === 0 ? {} : { ports: asked }),
    ...(Object.keys(body.env).length === 0 ? {} : { env: body.env }),
  };
}
