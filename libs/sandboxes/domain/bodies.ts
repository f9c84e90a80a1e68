import { z } from 'zod';
import { networkOrderSchema, type NetworkLimits } from './network-order';
import type { SandboxOrder } from './sandbox';
import { setupCommandsSchema, type SetupLimits } from './setup-commands';

/** What the bodies of this installation may ask for. */
export interface BodyLimits {
  /** Images that are sold; the first is the default. */
  readonly images: readonly string[];
  readonly maxCpu: number;
  readonly maxMemoryMiB: number;
  readonly defaultMemoryMiB: number;
  /** Longest and default lifetime. */
  readonly maxLifetimeS: number;
  /** Longest and default timeout of a command. */
  readonly maxExecTimeoutS: number;
  readonly maxArgvCount: number;
  readonly maxArgvBytes: number;
  readonly network: NetworkLimits;
  readonly maxPorts: number;
  /** GPU types that are sold. */
  readonly gpus: readonly string[];
  readonly setup: SetupLimits;
}

export const GPU_TYPES = ['T4', 'L4', 'A10G', 'A100', 'H100'] as const;
const UNSUPPORTED_GPU = `Unsupported GPU type. Allowed: ${GPU_TYPES.join(', ')}`;
const MIN_CPU = 0.125;
const MIN_MEMORY_MIB = 64;
const DEFAULT_CPU = 1;
const MAX_ID_LENGTH = 128;
/** A surrogate without its partner: no UTF-8 and no JSON column can hold it. */
const LONE_SURROGATE = /\p{Surrogate}/u;
export const isWellFormed = (text: string): boolean => !LONE_SURROGATE.test(text);

const gpuType = z
  .string()
  .trim()
  .pipe(z.enum(GPU_TYPES, { error: UNSUPPORTED_GPU }));

function soldGpu(sold: readonly string[]) {
  if (sold.length === 0) return gpuType.refine(() => false, 'GPU sandboxes are not enabled here');
  return gpuType.refine((type) => sold.includes(type), `This GPU type is not sold here. Sold: ${sold.join(', ')}`);
}

const MAX_PORT = 65_535;
function portsSchema(maxPorts: number) {
  return z
    .array(z.number().int().min(1).max(MAX_PORT))
    .max(maxPorts)
    .refine((ports) => new Set(ports).size === ports.length, 'A port is named twice')
    .optional()
    .describe('TCP ports inside the sandbox that tunnels may reach later.');
}

const sandboxId = z.string().min(1).max(MAX_ID_LENGTH).describe('The sandbox_id of the create answer.');

const argument = z
  .string()
  .refine((text) => !text.includes('\0'), 'An argument must not contain a NUL character')
  .refine((text) => isWellFormed(text), 'An argument must be well-formed Unicode');

function createSchema(limits: BodyLimits) {
  const [defaultImage = ''] = limits.images;
  const images = limits.images.join(', ');
  return z.object({
    image: z
      .enum([defaultImage, ...limits.images.slice(1)], { error: `Unsupported image. Allowed: ${images}` })
      .default(defaultImage)
      .describe(`One of: ${images}.`),
    timeout: z
      .number()
      .int()
      .min(1)
      .max(limits.maxLifetimeS)
      .default(limits.maxLifetimeS)
      .describe('Lifetime of the sandbox in seconds. It ends by itself when it is over.'),
    cpu: z.number().min(MIN_CPU).max(limits.maxCpu).default(Math.min(DEFAULT_CPU, limits.maxCpu)).describe('vCPUs.'),
    memory: z
      .number()
      .int()
      .min(MIN_MEMORY_MIB)
      .max(limits.maxMemoryMiB)
      .default(limits.defaultMemoryMiB)
      .describe('Memory in MiB.'),
    gpu: soldGpu(limits.gpus)
      .nullable()
      .default(null)
      .describe(limits.gpus.length > 0 ? `One of: ${limits.gpus.join(', ')}; or null.` : 'Must be null: GPUs are not enabled.'),
    setup_commands: setupCommandsSchema(limits.setup),
    network: networkOrderSchema(limits.network)
      .optional()
      .describe('What the sandbox may reach. Without it, the `network` of the answer says what the provider gives.'),
    ports: portsSchema(limits.maxPorts),
  });
}

function execSchema(limits: BodyLimits) {
  const totalBytes = (command: readonly string[]) => command.reduce((sum, text) => sum + Buffer.byteLength(text), 0);
  return z.object({
    sandbox_id: sandboxId,
    command: z
      .array(argument)
      .min(1)
      .max(limits.maxArgvCount)
      .refine((command) => command[0] !== '', 'The command must name a program')
      .refine((command) => totalBytes(command) <= limits.maxArgvBytes, `The command must be at most ${limits.maxArgvBytes} bytes`)
      .describe('Program and arguments, for example ["python", "-c", "print(1)"]. Never run through a shell.'),
    timeout: z
      .number()
      .int()
      .min(1)
      .max(limits.maxExecTimeoutS)
      .default(limits.maxExecTimeoutS)
      .describe('Seconds after which the command is killed; the answer then has its output so far.'),
  });
}

const byId = z.object({ sandbox_id: sandboxId });

/** The schemas of the four bodies. Unknown keys are dropped; wrong types are never converted. */
export function createBodySchemas(limits: BodyLimits) {
  return { create: createSchema(limits), exec: execSchema(limits), status: byId, terminate: byId } as const;
}

export type BodySchemas = ReturnType<typeof createBodySchemas>;
export type CreateBody = z.output<BodySchemas['create']>;
export type ExecBody = z.output<BodySchemas['exec']>;
export type StatusBody = z.output<BodySchemas['status']>;
export type TerminateBody = z.output<BodySchemas['terminate']>;

export function orderOf(body: CreateBody): SandboxOrder {
  return {
    image: body.image,
    cpuMillis: Math.round(body.cpu * 1_000),
    memoryMiB: body.memory,
    gpu: body.gpu,
    lifetimeMs: body.timeout * 1_000,
    ...(body.network === undefined ? {} : { network: body.network }),
    ...(body.ports === undefined ? {} : { ports: body.ports }),
    ...(body.setup_commands === undefined || body.setup_commands.length === 0 ? {} : { setupCommands: body.setup_commands }),
  };
}
