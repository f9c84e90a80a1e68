import {
  ClaimDecisions,
  type AskedClaim,
  type ClaimRules,
  type KnownPayment,
  type PayerFacts,
  type ReservingPayment,
} from './claim-decision';
import type { Hex } from './networks';

const ALICE: Hex = '0xa1';
const BOB: Hex = '0xb0';
const RULES: ClaimRules = {
  maxInFlightPerPayer: 4,
  maxRefusedPerPayerPerHour: 2,
  optimisticCapPerPayerAtomic: 25n,
  optimisticCapTotalAtomic: 40n,
};

let nonces = 0;
function claim(change: Partial<AskedClaim> = {}): AskedClaim {
  return {
    payer: ALICE,
    nonce: `0x${++nonces}`,
    fingerprint: 'f',
    amountAtomic: 10n,
    payerKind: 'eoa',
    mayAnswerEarly: true,
    balanceAtomic: 1_000n,
    blockNumber: 7n,
    spentNonces: [],
    ...change,
  };
}
const facts = (change: Partial<PayerFacts> = {}): PayerFacts => ({
  reserving: [],
  refusedLastHour: 0,
  hasSettled: true,
  hasDebt: false,
  ...change,
});
const live = (change: Partial<ReservingPayment> = {}): ReservingPayment => ({
  nonce: '0xee',
  amountAtomic: 10n,
  settledAtBlock: null,
  settlementMode: 'confirm',
  ...change,
});
function decisions(alice: PayerFacts = facts(), exposure = 0n) {
  const desk = new ClaimDecisions(new Map([[ALICE, alice]]), exposure);
  return { decide: (asked: AskedClaim, known: KnownPayment | null) => desk.decide(asked, known, RULES) };
}
const mode = (decision: ReturnType<ClaimDecisions['decide']>) =>
  decision.kind === 'claim' ? decision.settlementMode : decision.kind;

describe('a claim', () => {
  it('is granted once for one nonce', () => {
    const desk = decisions();
    const twin = claim();
    expect(desk.decide(twin, null).kind).toBe('claim');
    expect(desk.decide(twin, null).kind).toBe('existing');
  });

  it('of a known payment is granted again only after a retryable void of the same request', () => {
    const known = { state: 'voided' as const, fingerprint: 'f', voidRetryable: true };
    expect(decisions().decide(claim(), known)).toMatchObject({ kind: 'claim', isAgain: true });
    for (const other of [{ state: 'queued' as const }, { fingerprint: 'g' }, { voidRetryable: false }])
      expect(decisions().decide(claim(), { ...known, ...other }).kind).toBe('existing');
  });

  it('counts what was granted before it against the balance', () => {
    const desk = decisions();
    const asked = () => claim({ balanceAtomic: 25n });
    expect([desk.decide(asked(), null), desk.decide(asked(), null), desk.decide(asked(), null)].map(({ kind }) => kind)).toEqual([
      'claim',
      'claim',
      'insufficient_funds',
    ]);
  });

  it('subtracts live payments and those that settled after the block, and nothing else', () => {
    const reserving = [
      live({ nonce: '0x1e' }),
      live({ nonce: '0x2e', settledAtBlock: 8n }),
      live({ nonce: '0x3e', settledAtBlock: 7n }),
    ];
    const asked = (balanceAtomic: bigint, spentNonces: Hex[] = []) => claim({ balanceAtomic, spentNonces });
    expect(decisions(facts({ reserving })).decide(asked(30n), null).kind).toBe('claim');
    expect(decisions(facts({ reserving })).decide(asked(29n), null)).toEqual({
      kind: 'insufficient_funds',
      liveNonces: ['0x1e', '0x2e'],
    });
    expect(decisions(facts({ reserving })).decide(asked(20n, ['0x1e']), null).kind).toBe('claim');
  });

  it('waits for the limits of its wallet, and other wallets do not', () => {
    const four = Array.from({ length: 4 }, (_, index) => live({ nonce: `0xe${index}` }));
    expect(decisions(facts({ reserving: four })).decide(claim(), null).kind).toBe('too_many_in_flight');
    expect(decisions(facts({ refusedLastHour: 2 })).decide(claim(), null).kind).toBe('too_many_refused');
    expect(decisions(facts({ reserving: four })).decide(claim({ payer: BOB }), null).kind).toBe('claim');
  });
});

describe('the answer before settlement', () => {
  it('is for a plain wallet that has paid before and owes nothing, where the operation allows it', () => {
    expect(mode(decisions().decide(claim(), null))).toBe('optimistic');
    expect(mode(decisions().decide(claim({ mayAnswerEarly: false }), null))).toBe('confirm');
    expect(mode(decisions().decide(claim({ payerKind: 'contract' }), null))).toBe('confirm');
    expect(mode(decisions(facts({ hasSettled: false })).decide(claim(), null))).toBe('confirm');
    expect(mode(decisions(facts({ hasDebt: true })).decide(claim(), null))).toBe('confirm');
    expect(mode(decisions().decide(claim({ payer: BOB }), null))).toBe('confirm');
  });

  it('ends at the cap of the wallet; only live answers that are out count', () => {
    const desk = decisions();
    expect([1, 2, 3].map(() => mode(desk.decide(claim(), null)))).toEqual(['optimistic', 'optimistic', 'confirm']);
    const reserving = [
      live({ nonce: '0x1e', settlementMode: 'optimistic' }),
      live({ nonce: '0x2e', settlementMode: 'optimistic', settledAtBlock: 9n }),
      live({ nonce: '0x3e' }),
    ];
    expect(mode(decisions(facts({ reserving })).decide(claim({ amountAtomic: 15n }), null))).toBe('optimistic');
    expect(mode(decisions(facts({ reserving })).decide(claim({ amountAtomic: 16n }), null))).toBe('confirm');
  });

  it('ends at the cap of the installation', () => {
    expect(mode(decisions(facts(), 30n).decide(claim(), null))).toBe('optimistic');
    expect(mode(decisions(facts(), 31n).decide(claim(), null))).toBe('confirm');
  });
});

describe('the name of a request', () => {
  it('is held by one payment of a wallet, also among claims of one batch', () => {
    const desk = new ClaimDecisions(new Map([[ALICE, facts()]]), 0n, new Map([[`${ALICE}:held`, '0xfe']]));
    const decide = (change: Partial<AskedClaim>, known: KnownPayment | null = null) =>
      desk.decide(claim(change), known, RULES).kind;
    expect(decide({ paymentIdentifier: 'held' })).toBe('identifier_taken');
    expect(decide({ paymentIdentifier: 'held', nonce: '0xfe' })).toBe('claim');
    expect(decide({ paymentIdentifier: 'held', payer: BOB })).toBe('claim');
    expect(decide({ paymentIdentifier: 'new' })).toBe('claim');
    expect(decide({ paymentIdentifier: 'new' })).toBe('identifier_taken');
    expect(decide({ paymentIdentifier: 'new' }, { state: 'queued', fingerprint: 'f', voidRetryable: false })).toBe('existing');
  });
});
