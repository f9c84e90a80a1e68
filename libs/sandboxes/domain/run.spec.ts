import { createRunBodySchema, runExecutionId } from './run';

const schema = createRunBodySchema(
  {
    images: ['python:3.11'],
    maxCpu: 1,
    maxMemoryMiB: 1_024,
    defaultMemoryMiB: 512,
    maxLifetimeS: 300,
    maxExecTimeoutS: 60,
    maxArgvCount: 16,
    maxArgvBytes: 100,
    gpus: [],
    setup: null,
    network: { maxCidrs: 1, maxDomains: 1, allowedRanges: [] },
    maxPorts: 1,
  },
  { maxFiles: 2, maxFileBytes: 10, maxStdinBytes: 10, maxEnvVariables: 2, maxEnvBytes: 20 },
);

describe('the body of a run', () => {
  it('has its defaults', () => {
    expect(schema.parse({ code: 'print(1)' })).toEqual({
      image: 'python:3.11',
      cpu: 1,
      memory: 512,
      gpu: null,
      timeout: 60,
      code: 'print(1)',
      files: [],
      outputs: [],
    });
  });

  it.each([
    ['neither code nor command', {}],
    ['both', { code: '1', command: ['ls'] }],
    ['a relative path', { code: '1', outputs: ['a'] }],
    ['a path that climbs', { code: '1', outputs: ['/a/../b'] }],
    ['a directory as a file', { code: '1', outputs: ['/a/'] }],
    ['content that is not base64', { code: '1', files: [{ path: '/a', content: '%' }] }],
    ['files over the limit', { code: '1', files: [{ path: '/a', content: Buffer.alloc(11).toString('base64') }] }],
    ['a variable with a strange name', { code: '1', env: { 'A=B': '1' } }],
    ['code with a NUL', { code: 'a\0' }],
    ['an unknown image', { code: '1', image: 'busybox' }],
  ])('takes no body with %s', (_, body) => {
    expect(schema.safeParse(body).success).toBe(false);
  });

  it.each([
    ['code', { code: 'x'.repeat(101) }],
    ['input', { code: '1', stdin: 'x'.repeat(11) }],
    ['variables', { code: '1', env: { A: 'x'.repeat(20) } }],
    ['files', { code: '1', outputs: ['/a', '/b', '/c'] }],
  ])('has no more %s than the limit', (_, body) => {
    expect(schema.safeParse(body).success).toBe(false);
  });
});

it('the program of a run is recorded under a UUID that follows from the id of the run', () => {
  const id = runExecutionId('7645dfb7-a3bc-4758-a4bc-b5bbe3c36551');
  expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  expect(runExecutionId('7645dfb7-a3bc-4758-a4bc-b5bbe3c36551')).toBe(id);
  expect(runExecutionId('7645dfb7-a3bc-4758-a4bc-b5bbe3c36552')).not.toBe(id);
});
