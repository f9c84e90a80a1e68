/**
 * The classes of differences. `event` ones tell of something that happened and stay open until a person decides (or a lost
 * block takes it back); `difference` ones close by themselves when a run no longer finds them.
 */
export const ITEM_CLASSES = {
  unmatched_receipt: 'event',
  dust_receipts: 'event',
  money_on_void: 'event',
  late_money: 'event',
  owner_move: 'event',
  unsettled_receipt: 'difference',
  missing_transfer: 'difference',
  payment_books: 'difference',
  treasury_balance: 'difference',
  chain_balance: 'difference',
  sum_not_zero: 'difference',
  credits_balance: 'difference',
  rollup_sums: 'difference',
  gas_books: 'difference',
  gas_balance: 'difference',
  provider_orphan: 'difference',
  provider_ghost: 'difference',
} as const;
export type ItemClass = keyof typeof ITEM_CLASSES;
export const ITEM_CLASS_NAMES = Object.keys(ITEM_CLASSES) as [ItemClass, ...ItemClass[]];

export const ITEM_STATES = ['open', 'resolved', 'ignored'] as const;
export type ItemState = (typeof ITEM_STATES)[number];

/** Something that a run found. */
export interface Finding {
  readonly class: ItemClass;
  /** Id of what it is about: a receipt, a payment, an account, a wallet, a provider's object. */
  readonly subject: string;
  readonly expected: string | null;
  readonly actual: string | null;
  readonly detail: Readonly<Record<string, unknown>>;
  /** Set when the run itself has dealt with it. */
  readonly resolution?: string;
}

/**
 * What a person may decide. `owner_money` and `refund_due` move what the item holds in the books; the others change no
 * balance.
 */
export const RESOLUTIONS = ['owner_money', 'refund_due', 'known', 'corrected', 'ignored'] as const;
export type Resolution = (typeof RESOLUTIONS)[number];

const ALLOWED: Readonly<Partial<Record<ItemClass, readonly Resolution[]>>> = {
  unmatched_receipt: ['owner_money', 'refund_due', 'ignored'],
  gas_balance: ['owner_money', 'corrected', 'ignored'],
};

export function resolutionsOf(itemClass: ItemClass): readonly Resolution[] {
  return ALLOWED[itemClass] ?? ['known', 'corrected', 'ignored'];
}

export function stateAfter(resolution: Resolution): ItemState {
  return resolution === 'ignored' ? 'ignored' : 'resolved';
}
