import type { ZodType } from 'zod';
import type { ErrorCode } from '../errors/registry';

/**
 * What a paid route sells, seen from both sides without either knowing the other: payments claims, completes and voids
 * by `operationId`; the library that does the work (sandboxes) records it under the same id.
 */

/** Lower-case EVM address of the wallet that pays, and therefore owns. */
export type Wallet = string;

export { AnswerBytes } from './answer-bytes';

/**
 * The answer of an operation. `body` is serialised to JSON once, and those bytes are what every replay gets; AnswerBytes
 * are stored and sent as they are, and an answer with status 204 has no body.
 */
export interface OperationAnswer {
  readonly status: number;
  readonly body: unknown;
}

/** A request body that is streamed to the handler in place of being parsed. */
export interface UploadTerms {
  readonly mediaTypes: readonly string[];
  readonly maxBytes: number;
}

/** What is known of an operation after its process died. `unknown` means that it may have run. */
export type OperationOutcome =
  { readonly kind: 'done'; readonly answer: OperationAnswer } | { readonly kind: 'not_started' } | { readonly kind: 'unknown' };

export interface AdmissionCall<Body> {
  readonly owner: Wallet;
  readonly body: Body;
}

/** What in a body decides the price. */
export interface PriceAttributes {
  /** GPU type; null or absent is none. */
  readonly gpu?: string | null;
  /** Lifetime that is bought. */
  readonly lifetimeS?: number;
  /** The amount that the buyer asks to pay, for operations that are priced by it (`credits.topup`). */
  readonly amountAtomic?: bigint;
}

export interface Operation<Body = unknown> {
  /** The key that `@Priced` names, for example `sandbox.exec`. */
  readonly name: string;
  /**
   * The input is validated against this schema before pricing and payment. Its limits come from the configuration. On a
   * route with path parameters or a query it is `{...query, ...body, ...path}`.
   */
  readonly body: ZodType<Body>;
  /** The answer, for /openapi.json. */
  readonly answer: ZodType;
  /** Status of the answer, and of the route: 200 when absent. */
  readonly status?: number;
  /** Media type of an answer of AnswerBytes. */
  readonly answerMediaType?: string;
  /** The request body is streamed to the handler (`PaidUpload`); `body` then describes path and query. */
  readonly upload?: UploadTerms;
  /** What the operation answers with beside what taking a payment does; for /openapi.json. */
  readonly errors?: readonly ErrorCode[];
  /** Prepaid credits do not pay it. */
  readonly onChainOnly?: boolean;
  /** What of this body decides its price; absent when every body costs the same. */
  priceAttributes?(body: Body): PriceAttributes;
  /**
   * Whether the answer may go out before its payment settles, to a wallet that has earned it: for what is cheap to lose.
   * Absent means no.
   */
  readonly mayAnswerEarly?: boolean;
  /** Longest time from claim to answer for this body, in milliseconds. */
  deadlineMs(body: Body): number;
  /** Rejects with a TollboxError (404, 410, 429, 503) when the owner may not run this now. Has no side effect. */
  admit(call: AdmissionCall<Body>): Promise<void>;
  /**
   * Asked only when the process that ran the operation is believed dead. It settles the matter: after `not_started` or
   * `unknown` the operation never completes later, and what it left behind is removed. A rejection settles nothing: ask
   * again later.
   */
  outcomeOf(operationId: string): Promise<OperationOutcome>;
  /** The answer will never be paid for: take back what it gave (a created sandbox ends as `unpaid`). Safe to repeat. */
  revoke(operationId: string): Promise<void>;
}

/** Nest token of the list of all operations of the process. */
export const OPERATIONS = Symbol('Operations');

export class OperationRegistry {
  private readonly byName = new Map<string, Operation>();

  constructor(operations: readonly Operation[]) {
    for (const operation of operations) this.register(operation);
  }

  /** Adds the operation of a library that is composed later. */
  register(operation: Operation): void {
    if (this.byName.has(operation.name)) throw new Error(`two operations are called ${operation.name}`);
    this.byName.set(operation.name, operation);
  }

  get(name: string): Operation {
    const operation = this.byName.get(name);
    if (operation === undefined) throw new Error(`no operation is registered as ${name}`);
    return operation;
  }

  names(): readonly string[] {
    return [...this.byName.keys()];
  }
}
