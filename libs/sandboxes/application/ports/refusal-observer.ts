/** Told when a wallet asks for a sandbox of another one. Must not throw, and must not make the answer wait. */
export interface RefusalObserver {
  foreignSandbox(attempt: { readonly owner: string; readonly sandboxId: string; readonly operation: string }): void;
}
