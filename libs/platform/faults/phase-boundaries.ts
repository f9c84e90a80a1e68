/**
 * The places between two durable steps of a paid call at which a process can die (design 3.1). test/faults kills
 * gateway and worker at each of them and checks what a restart and the client's retry make of it.
 */
export const PHASE_BOUNDARIES = [
  /** Gateway: the authorization is claimed, the operation has not started. */
  'claimed',
  /** Gateway: the sandbox library has recorded the work and asked the provider, and has no answer yet. */
  'operation_running',
  /** Gateway: the operation is done and recorded; the payment is still claimed. */
  'operation_done',
  /** Gateway: answer stored, payment queued, nothing answered. */
  'queued',
  /** Worker: the signed transaction is stored and not sent. */
  'transaction_stored',
  /** Worker: the transaction is sent and its outcome not recorded. */
  'transaction_sent',
  /** Worker: bytes at a better price are stored and not sent. */
  'price_raised',
  /** Worker: the receipt of a transaction is read and nothing of it recorded. */
  'transaction_mined',
  /** Worker: the signed transaction of a refund is stored and not sent. */
  'refund_stored',
  /** Worker: it is sent, and that is not recorded. */
  'refund_sent',
] as const;
export type PhaseBoundary = (typeof PHASE_BOUNDARIES)[number];

/** Called at every boundary. Outside fault tests it does nothing. */
export interface PhaseObserver {
  reached(boundary: PhaseBoundary): void;
}

export const PHASE_OBSERVER = Symbol('PhaseObserver');

/** Kills this process, as `kill -9` does, when it reaches the boundary; configuration refuses it on Base. */
export function createPhaseObserver(killAt: string | undefined): PhaseObserver {
  if (killAt === undefined) return { reached: () => undefined };
  if (!PHASE_BOUNDARIES.some((boundary) => boundary === killAt))
    throw new Error(`FAULT_KILL_AT names no phase boundary: ${killAt}`);
  return {
    reached: (boundary) => {
      if (boundary === killAt) process.kill(process.pid, 'SIGKILL');
    },
  };
}
