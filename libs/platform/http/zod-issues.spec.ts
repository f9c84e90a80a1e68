import { z } from 'zod';
import { toIssueDetails } from './zod-issues';

const exec = z.object({
  sandbox_id: z.string().min(1),
  command: z.array(z.string()).min(1),
  timeout: z.number().int().max(60).optional(),
  gpu: z.enum(['T4', 'L4'], { error: 'Unsupported GPU type. Allowed: T4, L4' }).nullable().optional(),
  id: z.string().regex(/^sb-/).optional(),
});

function issuesOf(input: unknown) {
  const parsed = exec.safeParse(input);
  if (parsed.success) throw new Error('the input is valid');
  return toIssueDetails(parsed.error, input);
}

describe('zod issues in the shape of BlockRun', () => {
  it('names both missing fields of an empty exec body', () => {
    expect(issuesOf({})).toEqual([
      { code: 'invalid_type', expected: 'string', received: 'undefined', path: ['sandbox_id'], message: 'Required' },
      { code: 'invalid_type', expected: 'array', received: 'undefined', path: ['command'], message: 'Required' },
    ]);
  });

  it.each([
    [null, 'null'],
    [[1], 'array'],
    ['text', 'string'],
    [7, 'number'],
    [true, 'boolean'],
  ])('says what a body of %j is', (input, received) => {
    expect(issuesOf(input)).toEqual([
      { code: 'invalid_type', expected: 'object', received, path: [], message: `Expected object, received ${received}` },
    ]);
  });

  it.each([
    [null, 'null'],
    [{}, 'object'],
    [['a'], 'array'],
    [5, 'number'],
    [false, 'boolean'],
  ])('says what a sandbox_id of %j is', (sandbox_id, received) => {
    expect(issuesOf({ sandbox_id, command: ['ls'] })).toEqual([
      {
        code: 'invalid_type',
        expected: 'string',
        received,
        path: ['sandbox_id'],
        message: `Expected string, received ${received}`,
      },
    ]);
  });

  it('points into arrays', () => {
    expect(issuesOf({ sandbox_id: 'sb-1', command: ['ls', 3] })).toEqual([
      {
        code: 'invalid_type',
        expected: 'string',
        received: 'number',
        path: ['command', 1],
        message: 'Expected string, received number',
      },
    ]);
  });

  it('does not take an inherited property for an input', () => {
    const schema = z.object({ constructor: z.string() });
    const parsed = schema.safeParse({});
    expect(toIssueDetails(parsed.error!, {})).toMatchObject([{ received: 'undefined', message: 'Required' }]);
  });

  it('tells a number as text from a number, and a fraction from an integer', () => {
    expect(issuesOf({ sandbox_id: 'sb-1', command: ['ls'], timeout: '30' })).toMatchObject([
      { code: 'invalid_type', expected: 'number', received: 'string', path: ['timeout'] },
    ]);
    expect(issuesOf({ sandbox_id: 'sb-1', command: ['ls'], timeout: 1.5 })).toMatchObject([
      {
        code: 'invalid_type',
        expected: 'integer',
        received: 'float',
        path: ['timeout'],
        message: 'Expected integer, received float',
      },
    ]);
  });

  it("keeps the schema's own text, the bound that was passed and the format that was missed", () => {
    expect(issuesOf({ sandbox_id: 'sb-1', command: ['ls'], gpu: 't4', timeout: 61, id: 'x' })).toEqual([
      { code: 'too_big', path: ['timeout'], message: 'Too big: expected number to be <=60' },
      {
        code: 'invalid_enum_value',
        expected: "'T4' | 'L4'",
        received: 't4',
        path: ['gpu'],
        message: 'Unsupported GPU type. Allowed: T4, L4',
      },
      {
        code: 'invalid_string',
        expected: 'regex',
        received: 'x',
        path: ['id'],
        message: 'Invalid string: must match pattern /^sb-/',
      },
    ]);
  });

  it('never repeats a long input', () => {
    const [issue] = issuesOf({ sandbox_id: 'sb-1', command: ['ls'], gpu: 'x'.repeat(10_000) });
    expect(JSON.stringify(issue).length).toBeLessThan(300);
  });
});
