import { z } from 'zod';
import { TollboxError } from '../errors/tollbox-error';
import { toParameterIssues } from './parameter-issues';
import { toIssueDetails } from './zod-issues';

const MAX_ISSUES = 50;

/**
 * Parses what a caller sent.
 * @throws TollboxError `invalid_body` or `invalid_query`, its details in the shape of BlockRun's issues; those of a query say what is allowed
 */
export function parseOrRefuse<Schema extends z.ZodType>(
  schema: Schema,
  input: unknown,
  code: 'invalid_body' | 'invalid_query' = 'invalid_body',
): z.output<Schema> {
  const parsed = schema.safeParse(input);
  if (parsed.success) return parsed.data;
  const issues =
    code === 'invalid_query'
      ? toParameterIssues(parsed.error, input, schema instanceof z.ZodObject ? Object.keys(schema.shape) : [])
      : toIssueDetails(parsed.error, input);
  throw new TollboxError(code, { details: issues.slice(0, MAX_ISSUES) });
}
