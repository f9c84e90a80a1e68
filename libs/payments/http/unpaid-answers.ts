import type { Terms } from '../domain/terms';
import { PreparedAnswer } from '@tollbox/platform/http/prepared-answer';
import { unpaidAnswer } from './payment-answers';

interface Template {
  readonly headers: Readonly<Record<string, string>>;
  readonly before: Buffer;
  readonly after: Buffer;
}

const MAX_TEMPLATES = 1_000;
const REQUEST_ID_MARK = '8a0b6f0e-request-id-7d2c';

/**
 * The 402 of an unpaid request, which is the same bytes for the same terms but for the request id. The `Host` header is
 * part of the terms and callers choose it, so the memory is bounded.
 */
export class UnpaidAnswers {
  private readonly templates = new Map<string, Template>();

  answer(terms: Terms, requestId: string): PreparedAnswer {
    const { before, after, headers } = this.templateFor(terms);
    return new PreparedAnswer(402, headers, Buffer.concat([before, Buffer.from(requestId, 'latin1'), after]));
  }

  get size(): number {
    return this.templates.size;
  }

  private templateFor(terms: Terms): Template {
    const key = `${terms.operation} ${terms.priceAtomic} ${terms.maxTimeoutSeconds} ${terms.resourceUrl}`;
    const known = this.templates.get(key);
    if (known !== undefined) return known;
    const { headers, body } = unpaidAnswer(terms, REQUEST_ID_MARK);
    const text = body.toString('utf8');
    const at = text.lastIndexOf(REQUEST_ID_MARK);
    const template: Template = {
      headers,
      before: Buffer.from(text.slice(0, at), 'utf8'),
      after: Buffer.from(text.slice(at + REQUEST_ID_MARK.length), 'utf8'),
    };
    if (this.templates.size >= MAX_TEMPLATES) this.templates.clear();
    this.templates.set(key, template);
    return template;
  }
}
