-- The gateway's path (docs/adr/0008): claims and conclusions come in batches, and done work is queued at once.

-- `executed` is an event and no longer a state: claimed goes to queued in one update.
UPDATE payments SET state = 'queued', queued_at = now() WHERE state = 'executed';

CREATE OR REPLACE FUNCTION payments_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF (OLD.id, OLD.network, OLD.asset, OLD.payer, OLD.nonce, OLD.pay_to, OLD.amount_atomic, OLD.valid_after, OLD.valid_before, OLD.fingerprint)
     IS DISTINCT FROM
     (NEW.id, NEW.network, NEW.asset, NEW.payer, NEW.nonce, NEW.pay_to, NEW.amount_atomic, NEW.valid_after, NEW.valid_before, NEW.fingerprint)
  THEN
    RAISE EXCEPTION 'payment %: the authorization of a payment never changes', OLD.id USING ERRCODE = 'check_violation';
  END IF;
  IF OLD.state <> NEW.state AND (OLD.state || '>' || NEW.state) NOT IN (
    'claimed>queued', 'claimed>voided', 'voided>claimed',
    'queued>broadcast', 'queued>settled', 'queued>failed', 'queued>expired',
    'broadcast>settled', 'broadcast>failed', 'broadcast>expired', 'broadcast>unknown', 'broadcast>queued',
    'unknown>settled', 'unknown>failed', 'unknown>expired', 'unknown>queued',
    'settled>queued', 'settled>expired')
  THEN
    RAISE EXCEPTION 'payment %: % to % is not a legal change', OLD.id, OLD.state, NEW.state USING ERRCODE = 'check_violation';
  END IF;
  IF OLD.state = 'voided' AND NEW.state = 'claimed' AND NOT (OLD.void_retryable AND NEW.attempt = OLD.attempt + 1) THEN
    RAISE EXCEPTION 'payment %: only a retryable void may be claimed again, as the next attempt', OLD.id USING ERRCODE = 'check_violation';
  END IF;
  IF OLD.answer_body IS NOT NULL AND OLD.state <> 'voided' AND NEW.answer_body IS DISTINCT FROM OLD.answer_body AND NEW.answer_body IS NOT NULL THEN
    RAISE EXCEPTION 'payment %: a stored answer never changes', OLD.id USING ERRCODE = 'check_violation';
  END IF;
  IF OLD.debt_cleared_at IS DISTINCT FROM NEW.debt_cleared_at
     AND (OLD.debt_cleared_at IS NOT NULL OR NEW.state <> 'failed' OR NEW.settlement_mode <> 'optimistic')
  THEN
    RAISE EXCEPTION 'payment %: only a debt can be cleared, and once', OLD.id USING ERRCODE = 'check_violation';
  END IF;
  IF OLD.settlement_mode <> NEW.settlement_mode AND NEW.state <> 'claimed' THEN
    RAISE EXCEPTION 'payment %: the settlement mode is decided by the claim', OLD.id USING ERRCODE = 'check_violation';
  END IF;
  NEW.updated_at := now();
  RETURN NEW;
END $$;

ALTER TABLE payments DROP CONSTRAINT payments_state_known, DROP CONSTRAINT payments_done_has_answer;
ALTER TABLE payments
  ADD CONSTRAINT payments_state_known CHECK (state IN
    ('claimed', 'queued', 'broadcast', 'settled', 'voided', 'failed', 'expired', 'unknown')),
  ADD CONSTRAINT payments_done_has_answer CHECK (state NOT IN ('queued', 'broadcast', 'settled', 'unknown', 'failed', 'expired')
    OR (answer_status IS NOT NULL AND answer_expires_at IS NOT NULL));

-- A debt is a payment that the chain refused after its answer was released: failed, optimistic, and not cleared.
ALTER TABLE "payments" ADD COLUMN "debt_cleared_at" TIMESTAMPTZ(3);

-- Every index costs each of the three or four versions that a payment's row has, so there is one for each question that is
-- asked on the way of a call, and none besides.
-- Nobody asks for payments in flight by their last change: the settler goes from its transactions to their payments.
DROP INDEX payments_in_flight;
DROP INDEX payments_reserving;
-- Balance: what of this payer is live.
CREATE INDEX payments_reserving ON payments (network, asset, payer) WHERE state IN ('claimed', 'queued', 'broadcast', 'unknown');
-- Balance: what of this payer settled after the block that was read; trust: whether anything of him ever settled.
CREATE INDEX payments_settled_payer ON payments (payer, block_number) WHERE state = 'settled';
-- Refusals of the last hour and open debts. Few rows; without it a busy wallet's claims read all that it bought in an hour.
CREATE INDEX payments_refused ON payments (payer, claimed_at) WHERE state = 'failed';
-- Answers that are out and not settled, of all wallets: the exposure of the installation.
CREATE INDEX payments_exposed ON payments (network, asset) WHERE settlement_mode = 'optimistic' AND state IN ('claimed', 'queued', 'broadcast', 'unknown');
