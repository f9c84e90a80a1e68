-- A payment moves three times before it is through, and each move made a new entry in every index, because the indexes' conditions
-- named the state. Now they name what does not change before the end, so that the moves before it stay in their page and touch no
-- index (HOT updates). Each of these columns is what its expression says; nobody can write another value.
ALTER TABLE "payments"
  -- How it ended; empty while it is on its way.
  ADD COLUMN "outcome" TEXT GENERATED ALWAYS AS (CASE WHEN state IN ('settled', 'voided', 'failed', 'expired') THEN state END) STORED,
  -- The batch that it is settled by; on its way, the batch names its payments.
  ADD COLUMN "settled_in" UUID GENERATED ALWAYS AS (CASE WHEN state = 'settled' THEN settlement_transaction_id END) STORED,
  -- When the stored answer may be dropped.
  ADD COLUMN "answer_drop_at" TIMESTAMPTZ(3) GENERATED ALWAYS AS
    (CASE WHEN state IN ('settled', 'voided', 'failed', 'expired') AND answer_body IS NOT NULL THEN answer_expires_at END) STORED;

DROP INDEX payments_reserving, payments_queue, payments_queue_by_mode, payments_leased, payments_answer_expiry, payments_settlement_transaction,
  payments_settled_block, payments_settled_payer, payments_settled_by_others, payments_refused, payments_expired_payer, payments_not_paid,
  payments_to_revoke, payments_identifier;

-- What is on its way: of a payer, and in the two orders of the queue. Claims are few of them and have no index of their own.
-- The condition on the rail keeps the two of the queue out of the plans of those who ask for a payer.
CREATE INDEX payments_live ON payments (network, asset, payer) WHERE outcome IS NULL;
CREATE INDEX payments_queue ON payments (valid_before, id) WHERE outcome IS NULL AND rail = 'x402';
CREATE INDEX payments_queue_by_mode ON payments (settlement_mode, valid_before, id) WHERE outcome IS NULL AND rail = 'x402';

CREATE INDEX payments_answer_drop ON payments (answer_drop_at) WHERE answer_drop_at IS NOT NULL;
CREATE INDEX payments_settled_in ON payments (settled_in) WHERE settled_in IS NOT NULL;
CREATE INDEX payments_settled_payer ON payments (payer, block_number) WHERE outcome = 'settled';
CREATE INDEX payments_settled_by_others ON payments (block_number) WHERE outcome = 'settled' AND settled_in IS NULL;
CREATE INDEX payments_refused ON payments (payer, claimed_at) WHERE outcome = 'failed';
CREATE INDEX payments_expired_payer ON payments (payer, claimed_at) WHERE outcome = 'expired';
CREATE INDEX payments_not_paid ON payments (outcome, claimed_at, id) WHERE outcome IN ('voided', 'failed', 'expired');
CREATE INDEX payments_to_revoke ON payments (id) WHERE outcome IN ('failed', 'expired') AND revoked_at IS NULL;
CREATE UNIQUE INDEX payments_identifier ON payments (network, payer, payment_identifier)
  WHERE payment_identifier IS NOT NULL AND (outcome IS NULL OR outcome = 'settled' OR (outcome = 'voided' AND NOT void_retryable));

-- The nonce tells entries apart by itself, so it stands first: a search compares one column and not four of them.
DROP INDEX "payments_network_asset_payer_nonce_key";
CREATE UNIQUE INDEX "payments_nonce_payer_asset_network_key" ON "payments"("nonce", "payer", "asset", "network");

-- Room for the next version in the page of the one before.
ALTER TABLE "payments" SET (fillfactor = 50);
