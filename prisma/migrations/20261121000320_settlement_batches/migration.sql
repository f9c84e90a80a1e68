-- A batch is one nonce of a signing key with the payments that it carries. It has a row for each price at which it was
-- signed (a fee bump replaces the bytes, not the nonce); the first row is the batch and lists its payments.
ALTER TABLE "settlement_transactions"
  ADD COLUMN "batch_id" UUID,
  ADD COLUMN "replacement" INTEGER NOT NULL DEFAULT 0,
  ADD COLUMN "payment_ids" UUID[] DEFAULT ARRAY[]::UUID[],
  ADD COLUMN "payment_rounds" INTEGER[] DEFAULT ARRAY[]::INTEGER[],
  ADD COLUMN "gas_limit" DECIMAL(78,0) NOT NULL DEFAULT 0,
  ADD COLUMN "max_fee_per_gas_wei" DECIMAL(78,0) NOT NULL DEFAULT 0,
  ADD COLUMN "max_priority_fee_per_gas_wei" DECIMAL(78,0) NOT NULL DEFAULT 0,
  ADD COLUMN "fee_wei" DECIMAL(78,0),
  ADD COLUMN "mined_count" INTEGER NOT NULL DEFAULT 0;
UPDATE settlement_transactions SET batch_id = id,
  fee_wei = gas_used * effective_gas_price_wei,
  mined_count = CASE WHEN state IN ('succeeded', 'reverted') THEN 1 ELSE 0 END,
  payment_ids = ARRAY(SELECT p.id FROM payments p WHERE p.settlement_transaction_id = settlement_transactions.id ORDER BY p.id),
  payment_rounds = ARRAY(SELECT p.round FROM payments p WHERE p.settlement_transaction_id = settlement_transactions.id ORDER BY p.id);
ALTER TABLE "settlement_transactions" ALTER COLUMN "batch_id" SET NOT NULL;

-- CreateIndex
CREATE INDEX "settlement_transactions_batch_id_idx" ON "settlement_transactions"("batch_id");

-- An operator's stop for new settlement transactions.
ALTER TABLE "installation" ADD COLUMN "settlement_paused_at" TIMESTAMPTZ(3), ADD COLUMN "settlement_paused_by" TEXT;

ALTER TABLE settlement_transactions
  DROP CONSTRAINT settlement_transactions_state_known,
  ADD CONSTRAINT settlement_transactions_state_known CHECK (state IN ('stored', 'sent', 'succeeded', 'reverted', 'replaced', 'dropped')),
  ADD CONSTRAINT settlement_transactions_first_is_batch CHECK ((replacement = 0) = (id = batch_id)),
  ADD CONSTRAINT settlement_transactions_payments_have_rounds
    CHECK (payment_ids IS NOT NULL AND payment_rounds IS NOT NULL AND cardinality(payment_ids) = cardinality(payment_rounds)),
  ADD CONSTRAINT settlement_transactions_mined_has_fee CHECK (state NOT IN ('succeeded', 'reverted') OR fee_wei IS NOT NULL),
  ADD CONSTRAINT settlement_transactions_batch_fkey FOREIGN KEY (batch_id) REFERENCES settlement_transactions (id);

-- A nonce of a key belongs to one batch, at each price once, and is mined once.
DROP INDEX settlement_transactions_live_nonce;
CREATE UNIQUE INDEX settlement_transactions_live_nonce ON settlement_transactions (network, signer, evm_nonce, replacement) WHERE state <> 'dropped';
CREATE UNIQUE INDEX settlement_transactions_mined_nonce ON settlement_transactions (network, signer, evm_nonce) WHERE state IN ('succeeded', 'reverted');
CREATE INDEX settlement_transactions_dropped ON settlement_transactions (resolved_at) WHERE state = 'dropped';

CREATE OR REPLACE FUNCTION settlement_transactions_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF (OLD.id, OLD.batch_id, OLD.replacement, OLD.network, OLD.signer, OLD.evm_nonce, OLD.fence, OLD.raw_transaction, OLD.transaction_hash, OLD.payment_ids)
     IS DISTINCT FROM
     (NEW.id, NEW.batch_id, NEW.replacement, NEW.network, NEW.signer, NEW.evm_nonce, NEW.fence, NEW.raw_transaction, NEW.transaction_hash, NEW.payment_ids)
  THEN
    RAISE EXCEPTION 'settlement transaction %: the signed bytes never change', OLD.id USING ERRCODE = 'check_violation';
  END IF;
  RETURN NEW;
END $$;

-- The queue in both orders, and what WatchReorgs looks at.
CREATE INDEX payments_queue_by_mode ON payments (settlement_mode, valid_before, id) WHERE state = 'queued';
CREATE INDEX payments_settled_by_others ON payments (block_number) WHERE state = 'settled' AND settlement_transaction_id IS NULL;
