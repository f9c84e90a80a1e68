import { toIssueDetails } from '@tollbox/platform/http/zod-issues';
import type { ZodType } from 'zod';
import { createBodySchemas, orderOf, type BodyLimits } from './bodies';

const limits: BodyLimits = {
  images: ['python:3.11'],
  maxCpu: 1,
  maxMemoryMiB: 1024,
  defaultMemoryMiB: 512,
  maxLifetimeS: 300,
  maxExecTimeoutS: 60,
  maxArgvCount: 8,
  maxArgvBytes: 64,
  network: { maxCidrs: 4, maxDomains: 4, allowedRanges: [] },
  maxPorts: 2,
  gpus: [],
  setup: null,
};
const { create, exec, status } = createBodySchemas(limits);

function issues(schema: ZodType, body: unknown) {
  const parsed = schema.safeParse(body);
  return parsed.success ? [] : toIssueDetails(parsed.error, body);
}

describe('the create body', () => {
  it('has the defaults of the public beta', () => {
    expect(create.parse({})).toEqual({ image: 'python:3.11', timeout: 300, cpu: 1, memory: 512, gpu: null });
    expect(orderOf(create.parse({ timeout: 60, cpu: 0.25, memory: 128 }))).toEqual({
      image: 'python:3.11',
      cpuMillis: 250,
      memoryMiB: 128,
      gpu: null,
      lifetimeMs: 60_000,
    });
  });

  it('accepts what changes nothing: unknown keys, no GPU, no setup commands', () => {
    expect(issues(create, { gpu: null, setup_commands: [], name: 'x', tags: { a: 1 } })).toEqual([]);
  });

  it.each([
    [{ timeout: '300' }, 'timeout'],
    [{ timeout: 301 }, 'timeout'],
    [{ timeout: 0 }, 'timeout'],
    [{ timeout: 1.5 }, 'timeout'],
    [{ timeout: null }, 'timeout'],
    [{ cpu: '1' }, 'cpu'],
    [{ cpu: 1.1 }, 'cpu'],
    [{ cpu: 0 }, 'cpu'],
    [{ cpu: -1 }, 'cpu'],
    [{ memory: 1025 }, 'memory'],
    [{ memory: 63 }, 'memory'],
    [{ memory: '512' }, 'memory'],
    [{ memory: 512.5 }, 'memory'],
    [{ image: 7 }, 'image'],
    [{ image: 'python:3.12' }, 'image'],
    [{ image: ' python:3.11' }, 'image'],
    [{ setup_commands: ['pip install x'] }, 'setup_commands'],
    [{ setup_commands: 'pip install x' }, 'setup_commands'],
    [{ gpu: 7 }, 'gpu'],
  ])('refuses %j', (body, field) => {
    const found = issues(create, body);
    expect(found.length).toBeGreaterThan(0);
    for (const issue of found) expect(issue.path).toEqual([field]);
  });

  it('names the image that is sold', () => {
    expect(issues(create, { image: 'ubuntu' })[0]?.message).toContain('python:3.11');
  });

  it.each(['t4', 'B200', '', 'T4:2'])('refuses the GPU %j with the list of types', (gpu) => {
    expect(issues(create, { gpu })).toMatchObject([
      { path: ['gpu'], message: 'Unsupported GPU type. Allowed: T4, L4, A10G, A100, H100' },
    ]);
  });

  it('refuses a known GPU where none is sold, and takes it trimmed where they are', () => {
    expect(issues(create, { gpu: 'T4' })).toMatchObject([{ path: ['gpu'], message: 'GPU sandboxes are not enabled here' }]);
    const { create: selling } = createBodySchemas({ ...limits, gpus: ['A10G', 'T4'] });
    expect(selling.parse({ gpu: ' A10G ' }).gpu).toBe('A10G');
    expect(issues(selling, { gpu: 'H100' })).toMatchObject([
      { path: ['gpu'], message: 'This GPU type is not sold here. Sold: A10G, T4' },
    ]);
  });

  it('follows the limits of the installation', () => {
    const wide = createBodySchemas({ ...limits, images: ['python:3.11', 'node:22'], maxCpu: 8, maxLifetimeS: 3600 }).create;
    expect(wide.parse({ image: 'node:22', cpu: 8, timeout: 3600 })).toMatchObject({ image: 'node:22', cpu: 8, timeout: 3600 });
    expect(wide.parse({}).cpu).toBe(1);
  });
});

describe('the exec body', () => {
  const valid = { sandbox_id: 'sb-1', command: ['python', '-c', 'print(1)'] };

  it('defaults to the longest timeout', () => {
    expect(exec.parse(valid)).toEqual({ ...valid, timeout: 60 });
  });

  it('names both fields of an empty body', () => {
    expect(issues(exec, {})).toMatchObject([
      { path: ['sandbox_id'], expected: 'string', code: 'invalid_type' },
      { path: ['command'], expected: 'array', code: 'invalid_type' },
    ]);
  });

  it.each([
    [{ command: 'ls -la' }],
    [{ command: [] }],
    [{ command: [''] }],
    [{ command: ['ls', 1] }],
    [{ command: ['ls', 'a\0b'] }],
    [{ command: ['ls', '\ud800'] }],
    [{ command: ['é'.repeat(33)] }],
    [{ command: Array<string>(9).fill('a') }],
    [{ command: null }],
    [{ timeout: 61 }],
    [{ timeout: 0 }],
    [{ timeout: '5' }],
    [{ sandbox_id: '' }],
    [{ sandbox_id: 7 }],
    [{ sandbox_id: 'x'.repeat(129) }],
  ])('refuses %j', (change) => {
    expect(issues(exec, { ...valid, ...change }).length).toBeGreaterThan(0);
  });

  it('takes what only looks odd', () => {
    for (const command of [['ls', ''], ['echo', '😀', '$(reboot)', '\n'], ['é'.repeat(32)]])
      expect(issues(exec, { ...valid, command })).toEqual([]);
  });
});

it.each([null, [], 'text', 7, true])('a body of %j is refused', (body) => {
  for (const schema of [create, exec, status]) expect(issues(schema, body)).toMatchObject([{ path: [], expected: 'object' }]);
});
