import { z } from 'zod';

/**
 * The schemas of the Modal Sandboxes OpenAPI document that `/v1/sandboxes` answers by. As there, a field need not be
 * present, more fields may be, and one that is present has its type.
 */
const STATES = ['created', 'scheduled', 'started', 'ready', 'finished', 'terminated'] as const;

export const seedSandbox = z.looseObject({
  sandbox_id: z.string().optional(),
  app_id: z.string().optional(),
  state: z.enum(STATES).optional(),
  image: z.string().optional(),
  gpu: z.string().optional(),
  cpu: z.number().optional(),
  memory: z.int().optional(),
  timeout: z.int().optional(),
  idle_timeout: z.int().optional(),
  tags: z.record(z.string(), z.string()).optional(),
  created_at: z.iso.datetime({ offset: true }).optional(),
});

export const seedSandboxPage = z.looseObject({ data: z.array(seedSandbox).optional() });

export const seedProcess = z.looseObject({
  process_id: z.string().optional(),
  sandbox_id: z.string().optional(),
  returncode: z.int().nullable().optional(),
});
