/** A context as the cell that took it finds it. */
export interface TakenContext {
  /** The process of its interpreter; null when it has none that can be used. */
  readonly processId: string | null;
  /** An interpreter whose cell nobody heard the end of: it may still be at it. */
  readonly leftProcessId: string | null;
}

/**
 * The interpreter contexts of sandboxes. A context runs one cell at a time: taking it is a compare-and-set, and one whose
 * taker died is free again after its time.
 */
export interface InterpreterStore {
  /** Makes the context when it is not there. */
  take(
    context: { readonly sandboxId: string; readonly name: string; readonly operationId: string },
    limits: { readonly holdMs: number; readonly maxContexts: number },
  ): Promise<TakenContext | 'busy' | 'too_many'>;
  /** Gives the context back with its process, or without one. Nothing happens for an operation that no longer holds it. */
  giveBack(operationId: string, processId: string | null): Promise<void>;
}
