import type { z } from 'zod';
import type { IssueDetail } from '../errors/tollbox-error';

type Issue = z.core.$ZodIssue;

const MAX_ECHO_LENGTH = 64;

/** Name of a JSON value's type as zod 3 prints it. */
export function typeName(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'array';
  if (typeof value === 'number' && Number.isNaN(value)) return 'nan';
  return typeof value;
}

/** The value that the issue is about, or undefined where the input has none. Reads own properties only. */
function valueAt(input: unknown, path: readonly PropertyKey[]): unknown {
  let value = input;
  for (const key of path) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, key)) return undefined;
    value = (value as Record<PropertyKey, unknown>)[key];
  }
  return value;
}

const toPath = (path: readonly PropertyKey[]): (string | number)[] =>
  path.map((key) => (typeof key === 'number' ? key : String(key)));

/** A short text is echoed, anything else is named by its type: an error answer never repeats a large input. */
const echo = (value: unknown): string => (typeof value === 'string' && value.length <= MAX_ECHO_LENGTH ? value : typeName(value));

/** zod 4's own texts become zod 3's; a text that the schema states stays as it is. */
function typeMessage(message: string, expected: string, received: string): string {
  if (!message.startsWith('Invalid input: expected')) return message;
  return received === 'undefined' ? 'Required' : `Expected ${expected}, received ${received}`;
}

function toDetail(issue: Issue, value: unknown, path: (string | number)[]): IssueDetail {
  if (issue.code === 'invalid_type') {
    const expected = issue.expected === 'int' ? 'integer' : issue.expected;
    const received = expected === 'integer' && typeof value === 'number' ? 'float' : typeName(value);
    return { code: 'invalid_type', expected, received, path, message: typeMessage(issue.message, expected, received) };
  }
  if (issue.code === 'invalid_value') {
    const expected = issue.values.map((allowed) => `'${String(allowed)}'`).join(' | ');
    const code = issue.values.length === 1 ? 'invalid_literal' : 'invalid_enum_value';
    return { code, expected, received: echo(value), path, message: issue.message };
  }
  if (issue.code === 'invalid_format') {
    return { code: 'invalid_string', expected: issue.format, received: echo(value), path, message: issue.message };
  }
  return { code: issue.code, path, message: issue.message };
}

/**
 * A zod 4 error as the issues that BlockRun's clients know (zod 3): `code`, `expected`, `received`, `path`, `message`.
 * @param input the value that was parsed; `received` is read from it, because zod 4 does not report it.
 */
export function toIssueDetails(error: { readonly issues: readonly Issue[] }, input: unknown): IssueDetail[] {
  return error.issues.map((issue) => toDetail(issue, valueAt(input, issue.path), toPath(issue.path)));
}
