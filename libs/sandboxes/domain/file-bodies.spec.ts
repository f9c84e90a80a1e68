import { createFileSchemas, sandboxPath } from './file-bodies';

describe('a path in a sandbox', () => {
  it.each([
    ['/', '/'],
    ['/a', '/a'],
    ['//a///b/./c/', '/a/b/c'],
    ['/a b/\n/ż🐢/..a/b..', '/a b/\n/ż🐢/..a/b..'],
    [`/${'x'.repeat(255)}`, `/${'x'.repeat(255)}`],
  ])('%j is %j', (path, normal) => expect(sandboxPath.parse(path)).toBe(normal));

  it.each([
    '',
    'a',
    './a',
    '../a',
    '/a/../b',
    '/..',
    '/a/..',
    '/a\0b',
    '/\ud800',
    `/${'x'.repeat(256)}`,
    `/${'ż'.repeat(128)}`,
    '/a'.repeat(2_048),
    `/${'ż/'.repeat(1_400)}`,
  ])('%j is none', (path) => expect(sandboxPath.safeParse(path).success).toBe(false));
});

describe('inputs of the operations on files', () => {
  const schemas = createFileSchemas({ maxAnswerBytes: 100 });
  const base = { sandbox_id: 'sb-1', path: '/f' };

  it('take numbers, modes and truths from a query, and nothing that only looks like them', () => {
    expect(schemas.read.parse({ ...base, offset: '7', limit: '100' })).toEqual({ ...base, offset: 7, limit: 100 });
    expect(schemas.read.parse(base)).toEqual({ ...base, offset: 0 });
    expect(schemas.write.parse({ ...base, mode: '0755' })).toEqual({ ...base, mode: 0o755 });
    expect(schemas.remove.parse({ ...base, recursive: 'true' })).toEqual({ ...base, recursive: true });
    for (const bad of [{ offset: '-1' }, { offset: '1e3' }, { limit: '101' }, { limit: '' }, { offset: ['1', '2'] }])
      expect(schemas.read.safeParse({ ...base, ...bad }).success).toBe(false);
    for (const mode of ['4755', '888', 'rwx', '']) expect(schemas.write.safeParse({ ...base, mode }).success).toBe(false);
    expect(schemas.remove.safeParse({ ...base, recursive: '1' }).success).toBe(false);
  });

  it('never touch the root itself', () => {
    for (const name of ['write', 'remove'] as const)
      expect(schemas[name].safeParse({ ...base, path: '//.' }).success).toBe(false);
    expect(schemas.move.safeParse({ sandbox_id: 'sb-1', from: '/', to: '/a' }).success).toBe(false);
  });
});
