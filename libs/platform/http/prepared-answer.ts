/**
 * An answer that is finished: status, headers and the exact bytes of its JSON body. Thrown where a handler must not run
 * or its result must not be sent; the error filter sends it as it is.
 */
export class PreparedAnswer extends Error {
  constructor(
    readonly status: number,
    readonly headers: Readonly<Record<string, string>>,
    readonly body: Buffer,
  ) {
    super(`prepared answer with status ${status}`);
    this.name = 'PreparedAnswer';
  }
}
