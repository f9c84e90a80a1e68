const ITEM_FAULT_CLASSES = new Set(['22', '23', '40']);
const COMPLETION_UNKNOWN = '40003';

/**
 * Whether the database refused the data of a statement (class 22 and 23), or gave the transaction up for another one
 * (class 40). Either way it says itself that nothing was done. A lost connection or a timeout says no such thing.
 */
export function isRefusedByData(error: unknown): boolean {
  if (!(error instanceof Error) || !('code' in error) || typeof error.code !== 'string') return false;
  return error.code.length === 5 && error.code !== COMPLETION_UNKNOWN && ITEM_FAULT_CLASSES.has(error.code.slice(0, 2));
}
