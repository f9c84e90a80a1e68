import type { z } from 'zod';
import { TollboxError, type IssueDetail } from '../errors/tollbox-error';
import { didYouMean } from './near-names';
import { toIssueDetails } from './zod-issues';

type Issue = z.core.$ZodIssue;

const MAX_ECHO_LENGTH = 64;
const FORMATS: Readonly<Record<string, string>> = Object.freeze({
  uuid: 'a UUID, for example `019a0b5c-7d10-7c3e-9a51-2f6d8a1c4e90`',
  datetime: 'a time with its zone (ISO 8601), for example `2026-11-01T00:00:00Z`',
  date: 'a day, for example `2026-11-01`',
});

/**
 * What is wrong with the parameters of a query: each message names the parameter, what was given and what is allowed. A
 * schema's own message is the phrase behind `it must be`; for enumerations, UUIDs and times there is one here.
 * @param known names of the parameters that the route takes
 */
export function toParameterIssues(
  error: { readonly issues: readonly Issue[] },
  input: unknown,
  known: readonly string[],
): IssueDetail[] {
  return toIssueDetails(error, input).flatMap((detail, index): IssueDetail[] => {
    const issue = error.issues[index];
    if (issue === undefined) return [];
    if (issue.code === 'unrecognized_keys')
      return issue.keys.map((key) => ({ ...detail, message: unknownParameter(key, known) }));
    const name = String(issue.path[0] ?? '');
    const given = (input as Record<string, unknown> | undefined)?.[name];
    return [{ ...detail, message: `${subjectOf(name, given)}; it must be ${allowedBy(issue, given)}` }];
  });
}

/** One wrong parameter, found after the query was parsed. */
export function refusedParameter(name: string, given: unknown, allowed: string): TollboxError {
  const message = `${subjectOf(name, given)}; it must be ${allowed}`;
  return new TollboxError('invalid_query', { details: [{ code: 'custom', path: [name], message }] });
}

function subjectOf(name: string, given: unknown): string {
  if (given === undefined) return `\`${name}\` is missing`;
  if (Array.isArray(given)) return `\`${name}\` is given more than once`;
  return typeof given === 'string' && given.length <= MAX_ECHO_LENGTH
    ? `\`${name}\` is ${JSON.stringify(given)}`
    : `\`${name}\` is too long or no text`;
}

function unknownParameter(key: string, known: readonly string[]): string {
  const name = key.length <= MAX_ECHO_LENGTH ? `\`${key}\`` : 'One of the parameters';
  const taken = known.length === 0 ? 'which takes none' : `which takes ${known.join(', ')}`;
  return `${name} is no parameter of this route, ${taken}${didYouMean(key.slice(0, MAX_ECHO_LENGTH), known)}`;
}

function allowedBy(issue: Issue, given: unknown): string {
  if (issue.code === 'invalid_value') {
    const values = issue.values.map(String);
    return `one of ${values.join(', ')}${typeof given === 'string' && given.length <= MAX_ECHO_LENGTH ? didYouMean(given, values) : ''}`;
  }
  // What zod itself says begins so; everything else is a schema's own phrase.
  if (!/^(Invalid|Too (small|big))/.test(issue.message)) return issue.message;
  if (issue.code === 'invalid_format') return FORMATS[issue.format] ?? `in the format ${issue.format}`;
  if (issue.code === 'too_small') return `a text of ${issue.minimum} characters or more`;
  if (issue.code === 'too_big') return `a text of at most ${issue.maximum} characters`;
  if (issue.code === 'invalid_type') return 'given once, as a text';
  return issue.message;
}
