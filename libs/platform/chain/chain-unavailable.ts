/** The chain did not answer, or answered nonsense. Never means that something did not happen. */
export class ChainUnavailableError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'ChainUnavailableError';
  }
}

/** The node understood the call and refused it. */
export class RpcRefusedError extends ChainUnavailableError {
  constructor(
    method: string,
    readonly code: number,
    message: string,
  ) {
    super(`${method} failed: ${message}`);
    this.name = 'RpcRefusedError';
  }
}
