-- Money that came on a payment which was not charged is owed to its payer (`refunds_due`) before anybody asks. A refund pays it out.
ALTER TABLE "refunds" ADD COLUMN "owed_already" BOOLEAN NOT NULL DEFAULT false;

-- What the books owe the payer of a payment for transfers of his on it.
CREATE FUNCTION refunds_money_due(asked_payment UUID) RETURNS NUMERIC LANGUAGE sql STABLE SET search_path = pg_catalog, public, pg_temp AS $$
  SELECT coalesce(sum(CASE WHEN journal.credit_account = due.id THEN journal.amount ELSE -journal.amount END), 0)
  FROM payments
  JOIN chain_receipts ON chain_receipts.payment_id = payments.id AND chain_receipts.direction = 'in' AND chain_receipts.from_address = payments.payer
  JOIN journal ON journal.subject = chain_receipts.id
  JOIN ledger_accounts due ON due.code = 'refunds_due' AND due.id IN (journal.debit_account, journal.credit_account)
  WHERE payments.id = asked_payment
$$;

CREATE OR REPLACE FUNCTION refunds_start_guard() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  payment record;
  most numeric;
BEGIN
  SELECT payer, network, asset, price_atomic, operation_id, state INTO payment FROM payments WHERE id = NEW.payment_id FOR NO KEY UPDATE;
  IF NEW.state <> 'requested' OR NEW.round <> 1 THEN
    RAISE EXCEPTION 'refund %: a refund starts as a request', NEW.id USING ERRCODE = 'check_violation';
  END IF;
  IF (NEW.wallet, NEW.network, NEW.asset, NEW.operation_id) IS DISTINCT FROM (payment.payer, payment.network, payment.asset, payment.operation_id) THEN
    RAISE EXCEPTION 'refund %: only the payer of the payment is refunded', NEW.id USING ERRCODE = 'check_violation';
  END IF;
  IF NEW.owed_already AND payment.state = 'settled' THEN
    RAISE EXCEPTION 'refund %: what a settled payment paid is revenue until it is given back', NEW.id USING ERRCODE = 'check_violation';
  END IF;
  most := CASE WHEN NEW.owed_already THEN refunds_money_due(NEW.payment_id) ELSE payment.price_atomic END;
  IF NEW.amount_atomic + coalesce((SELECT sum(amount_atomic) FROM refunds WHERE payment_id = NEW.payment_id AND state NOT IN ('rejected', 'failed')), 0) > most
  THEN
    RAISE EXCEPTION 'refund %: more than was paid', NEW.id USING ERRCODE = 'check_violation';
  END IF;
  RETURN NEW;
END $$;

CREATE OR REPLACE FUNCTION refunds_guard() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  IF (OLD.id, OLD.payment_id, OLD.operation_id, OLD.network, OLD.asset, OLD.wallet, OLD.amount_atomic, OLD.kind, OLD.reason, OLD.needs_second_key, OLD.requested_by, OLD.idempotency_key, OLD.requested_at, OLD.owed_already)
     IS DISTINCT FROM
     (NEW.id, NEW.payment_id, NEW.operation_id, NEW.network, NEW.asset, NEW.wallet, NEW.amount_atomic, NEW.kind, NEW.reason, NEW.needs_second_key, NEW.requested_by, NEW.idempotency_key, NEW.requested_at, NEW.owed_already)
  THEN
    RAISE EXCEPTION 'refund %: what was requested never changes', OLD.id USING ERRCODE = 'check_violation';
  END IF;
  IF OLD.approved_at IS NOT NULL AND (OLD.approved_by, OLD.approved_at) IS DISTINCT FROM (NEW.approved_by, NEW.approved_at) THEN
    RAISE EXCEPTION 'refund %: an approval never changes', OLD.id USING ERRCODE = 'check_violation';
  END IF;
  IF OLD.state <> NEW.state AND (OLD.state || '>' || NEW.state) NOT IN (
    'requested>queued', 'requested>paid', 'requested>rejected',
    'queued>broadcast', 'queued>rejected',
    'broadcast>paid', 'broadcast>failed', 'broadcast>unknown', 'broadcast>queued',
    'unknown>paid', 'unknown>failed', 'unknown>queued',
    'paid>broadcast')
  THEN
    RAISE EXCEPTION 'refund %: % to % is not a legal change', OLD.id, OLD.state, NEW.state USING ERRCODE = 'check_violation';
  END IF;
  -- The block that brought the money can be lost between the request and the payout: then nothing is owed.
  IF NEW.owed_already AND OLD.state IN ('requested', 'queued') AND NEW.state IN ('paid', 'broadcast')
    AND (SELECT sum(amount_atomic) FROM refunds WHERE payment_id = NEW.payment_id AND state NOT IN ('rejected', 'failed')) > refunds_money_due(NEW.payment_id)
  THEN
    RAISE EXCEPTION 'refund %: the money is not there any more', OLD.id USING ERRCODE = 'check_violation';
  END IF;
  RETURN NEW;
END $$;
