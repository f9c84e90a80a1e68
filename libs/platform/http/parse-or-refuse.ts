import type { z } from 'zod';
import { TollboxError } from '../errors/tollbox-error';
import { toIssueDetails } from './zod-issues';

const MAX_ISSUES = 50;

/**
 * Parses what a caller sent.
 * @throws TollboxError `invalid_body` or `invalid_query`, its details in the shape of BlockRun's issues
 */
export function parseOrRefuse<Schema extends z.ZodType>(
  schema: Schema,
  input: unknown,
  code: 'invalid_body' | 'invalid_query' = 'invalid_body',
): z.output<Schema> {
  const parsed = schema.safeParse(input);
  if (parsed.success) return parsed.data;
  throw new TollboxError(code, { details: toIssueDetails(parsed.error, input).slice(0, MAX_ISSUES) });
}
