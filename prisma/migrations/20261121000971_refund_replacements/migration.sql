-- A refund that waits for cheaper gas is replaced: other bytes with the same nonce. One of them is mined, the others end as `replaced`.
ALTER TABLE "refund_transactions" ADD COLUMN "replacement" INTEGER NOT NULL DEFAULT 0;

ALTER TABLE refund_transactions
  DROP CONSTRAINT refund_transactions_state_known,
  ADD CONSTRAINT refund_transactions_state_known CHECK (state IN ('stored', 'sent', 'succeeded', 'reverted', 'replaced', 'dropped'));
-- A nonce has one refund and a refund one nonce: their first bytes say so, and those that replace them are of the same refund.
DROP INDEX refund_transactions_live_nonce;
DROP INDEX refund_transactions_live_refund;
CREATE UNIQUE INDEX refund_transactions_live_nonce ON refund_transactions (network, signer, evm_nonce, replacement) WHERE state <> 'dropped';
CREATE UNIQUE INDEX refund_transactions_live_refund ON refund_transactions (refund_id, replacement) WHERE state <> 'dropped';
CREATE UNIQUE INDEX refund_transactions_mined_refund ON refund_transactions (refund_id) WHERE state IN ('succeeded', 'reverted');

CREATE FUNCTION refund_transactions_replacement_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NEW.replacement > 0 AND NOT EXISTS (
    SELECT 1 FROM refund_transactions first WHERE first.refund_id = NEW.refund_id AND first.network = NEW.network
      AND first.signer = NEW.signer AND first.evm_nonce = NEW.evm_nonce AND first.replacement = 0 AND first.state IN ('stored', 'sent'))
  THEN
    RAISE EXCEPTION 'refund transaction %: it replaces nothing that is on its way', NEW.id USING ERRCODE = 'check_violation';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER refund_transactions_replacement_guard BEFORE INSERT ON refund_transactions FOR EACH ROW EXECUTE FUNCTION refund_transactions_replacement_guard();
