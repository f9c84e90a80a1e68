import { refusedParameter } from '@tollbox/platform/http/parameter-issues';
import { didYouMean } from '@tollbox/platform/http/near-names';

/** @throws TollboxError `invalid_query` with all the names, and those that may have been meant */
export function refuseUnknownName(parameter: string, given: string | undefined, known: readonly string[]): void {
  if (given === undefined || known.includes(given)) return;
  throw refusedParameter(parameter, given, `one of ${known.join(', ')}${didYouMean(given, known)}`);
}
