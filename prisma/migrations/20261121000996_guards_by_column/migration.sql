-- Every call moves its payment three times. A rule about columns that such a move does not touch is asked only when one of
-- them is written; the rules themselves are the ones that stood in payments_guard.
CREATE FUNCTION payments_refuse() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  RAISE EXCEPTION 'payment %: %', OLD.id, TG_ARGV[0] USING ERRCODE = 'check_violation';
END $$;

CREATE TRIGGER payments_authorization_guard
  BEFORE UPDATE OF id, network, asset, payer, nonce, pay_to, amount_atomic, valid_after, valid_before, fingerprint ON payments FOR EACH ROW
  WHEN ((OLD.id, OLD.network, OLD.asset, OLD.payer, OLD.nonce, OLD.pay_to, OLD.amount_atomic, OLD.valid_after, OLD.valid_before, OLD.fingerprint)
    IS DISTINCT FROM
    (NEW.id, NEW.network, NEW.asset, NEW.payer, NEW.nonce, NEW.pay_to, NEW.amount_atomic, NEW.valid_after, NEW.valid_before, NEW.fingerprint))
  EXECUTE FUNCTION payments_refuse('the authorization of a payment never changes');

CREATE TRIGGER payments_answer_guard BEFORE UPDATE OF answer_body ON payments FOR EACH ROW
  WHEN (OLD.answer_body IS NOT NULL AND OLD.state <> 'voided' AND NEW.answer_body IS NOT NULL AND NEW.answer_body <> OLD.answer_body)
  EXECUTE FUNCTION payments_refuse('a stored answer never changes');

CREATE TRIGGER payments_mode_guard BEFORE UPDATE OF settlement_mode ON payments FOR EACH ROW
  WHEN (OLD.settlement_mode <> NEW.settlement_mode AND NEW.state <> 'claimed')
  EXECUTE FUNCTION payments_refuse('the settlement mode is decided by the claim');

CREATE FUNCTION payments_debt_guard() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  IF NEW.state <> 'failed' OR NEW.settlement_mode <> 'optimistic'
     OR (OLD.debt_cleared_at IS NOT NULL AND (NEW.debt_cleared_at IS NOT NULL OR NOT payments_debt_stands(OLD.id)))
  THEN
    RAISE EXCEPTION 'payment %: only a debt can be cleared, and once', OLD.id USING ERRCODE = 'check_violation';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER payments_debt_guard BEFORE UPDATE OF debt_cleared_at ON payments FOR EACH ROW
  WHEN (OLD.debt_cleared_at IS DISTINCT FROM NEW.debt_cleared_at) EXECUTE FUNCTION payments_debt_guard();

-- What is left is asked of every move.
CREATE OR REPLACE FUNCTION payments_guard() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
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
  NEW.updated_at := now();
  RETURN NEW;
END $$;

-- Old answers are looked for only where they may be dropped: two of three versions of a payment need no entry.
DROP INDEX payments_answer_expiry;
CREATE INDEX payments_answer_expiry ON payments (answer_expires_at)
  WHERE answer_body IS NOT NULL AND state NOT IN ('claimed', 'queued', 'broadcast', 'unknown');

-- The sum of early answers in flight is found by the index of all live payments.
DROP INDEX payments_exposed;
