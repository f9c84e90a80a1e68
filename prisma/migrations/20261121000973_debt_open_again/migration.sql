-- What cleared a debt can be lost with its block. Then the books hold the debt again, and so does its payment.
CREATE FUNCTION payments_debt_stands(asked_payment UUID) RETURNS BOOLEAN LANGUAGE sql STABLE SET search_path = pg_catalog, public, pg_temp AS $$
  SELECT coalesce(sum(CASE WHEN journal.debit_account = debt.id THEN journal.amount ELSE -journal.amount END), 0) > 0
  FROM journal JOIN ledger_accounts debt ON debt.code = 'customer_debt' AND debt.id IN (journal.debit_account, journal.credit_account)
  WHERE journal.subject = asked_payment
$$;

CREATE OR REPLACE FUNCTION payments_guard() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
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
     AND (NEW.state <> 'failed' OR NEW.settlement_mode <> 'optimistic'
       OR (OLD.debt_cleared_at IS NOT NULL AND (NEW.debt_cleared_at IS NOT NULL OR NOT payments_debt_stands(OLD.id))))
  THEN
    RAISE EXCEPTION 'payment %: only a debt can be cleared, and once', OLD.id USING ERRCODE = 'check_violation';
  END IF;
  IF OLD.settlement_mode <> NEW.settlement_mode AND NEW.state <> 'claimed' THEN
    RAISE EXCEPTION 'payment %: the settlement mode is decided by the claim', OLD.id USING ERRCODE = 'check_violation';
  END IF;
  NEW.updated_at := now();
  RETURN NEW;
END $$;
