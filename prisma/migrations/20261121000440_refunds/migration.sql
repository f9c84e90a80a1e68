-- Money that is given back. A refund goes to the payer of its payment, by a transfer from the refund wallet or as credit.
CREATE TABLE "refunds" (
    "id" UUID NOT NULL,
    "payment_id" UUID NOT NULL,
    "operation_id" UUID NOT NULL,
    "network" TEXT NOT NULL,
    "asset" TEXT NOT NULL,
    "wallet" TEXT NOT NULL,
    "amount_atomic" DECIMAL(78,0) NOT NULL,
    "kind" TEXT NOT NULL,
    "reason" TEXT NOT NULL,
    "state" TEXT NOT NULL,
    "round" INTEGER NOT NULL DEFAULT 1,
    "needs_second_key" BOOLEAN NOT NULL,
    "requested_by" UUID NOT NULL,
    "idempotency_key" TEXT,
    "approved_by" UUID,
    "rejected_by" UUID,
    "rejection_reason" TEXT,
    "waiting_reason" TEXT,
    "next_try_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "fail_reason" TEXT,
    "transaction_hash" TEXT,
    "block_number" BIGINT,
    "requested_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "approved_at" TIMESTAMPTZ(3),
    "ended_at" TIMESTAMPTZ(3),

    CONSTRAINT "refunds_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "refund_events" (
    "id" BIGSERIAL NOT NULL,
    "refund_id" UUID NOT NULL,
    "kind" TEXT NOT NULL,
    "from_state" TEXT,
    "to_state" TEXT,
    "actor" TEXT NOT NULL,
    "detail" JSONB NOT NULL DEFAULT '{}',
    "at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "refund_events_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "refund_transactions" (
    "id" UUID NOT NULL,
    "refund_id" UUID NOT NULL,
    "network" TEXT NOT NULL,
    "signer" TEXT NOT NULL,
    "evm_nonce" BIGINT NOT NULL,
    "fence" BIGINT NOT NULL,
    "raw_transaction" TEXT NOT NULL,
    "transaction_hash" TEXT NOT NULL,
    "state" TEXT NOT NULL,
    "block_number" BIGINT,
    "block_hash" TEXT,
    "gas_used" DECIMAL(78,0),
    "effective_gas_price_wei" DECIMAL(78,0),
    "stored_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "sent_at" TIMESTAMPTZ(3),
    "displaced_at" TIMESTAMPTZ(3),
    "resolved_at" TIMESTAMPTZ(3),

    CONSTRAINT "refund_transactions_pkey" PRIMARY KEY ("id")
);

-- CreateIndex
CREATE INDEX "refunds_payment_id_idx" ON "refunds"("payment_id");

-- CreateIndex
CREATE INDEX "refunds_requested_at_id_idx" ON "refunds"("requested_at", "id");

-- CreateIndex
CREATE UNIQUE INDEX "refunds_requested_by_idempotency_key_key" ON "refunds"("requested_by", "idempotency_key");

-- CreateIndex
CREATE INDEX "refund_events_refund_id_id_idx" ON "refund_events"("refund_id", "id");

-- CreateIndex
CREATE UNIQUE INDEX "refund_transactions_transaction_hash_key" ON "refund_transactions"("transaction_hash");

-- CreateIndex
CREATE INDEX "refund_transactions_refund_id_idx" ON "refund_transactions"("refund_id");

-- AddForeignKey
ALTER TABLE "refunds" ADD CONSTRAINT "refunds_payment_id_fkey" FOREIGN KEY ("payment_id") REFERENCES "payments"("id") ON DELETE NO ACTION ON UPDATE NO ACTION;

-- AddForeignKey
ALTER TABLE "refund_events" ADD CONSTRAINT "refund_events_refund_id_fkey" FOREIGN KEY ("refund_id") REFERENCES "refunds"("id") ON DELETE NO ACTION ON UPDATE NO ACTION;

-- AddForeignKey
ALTER TABLE "refund_transactions" ADD CONSTRAINT "refund_transactions_refund_id_fkey" FOREIGN KEY ("refund_id") REFERENCES "refunds"("id") ON DELETE NO ACTION ON UPDATE NO ACTION;

ALTER TABLE refunds
  ADD CONSTRAINT refunds_amount_positive CHECK (amount_atomic > 0),
  ADD CONSTRAINT refunds_state_known CHECK (state IN ('requested', 'queued', 'broadcast', 'unknown', 'paid', 'rejected', 'failed')),
  ADD CONSTRAINT refunds_kind_known CHECK (kind IN ('onchain', 'credit')),
  ADD CONSTRAINT refunds_credit_has_no_payout CHECK (kind = 'onchain' OR state IN ('requested', 'paid', 'rejected')),
  ADD CONSTRAINT refunds_second_key_differs CHECK (approved_by <> requested_by),
  ADD CONSTRAINT refunds_second_key_was_given CHECK (NOT needs_second_key OR approved_by IS NOT NULL OR state IN ('requested', 'rejected')),
  ADD CONSTRAINT refunds_approval_is_dated CHECK (state IN ('requested', 'rejected') OR approved_at IS NOT NULL),
  ADD CONSTRAINT refunds_payout_has_transaction CHECK (kind = 'credit' OR state <> 'paid' OR (transaction_hash IS NOT NULL AND block_number IS NOT NULL)),
  ADD CONSTRAINT refunds_wallet_lower CHECK (wallet = lower(wallet));
CREATE INDEX refunds_queue ON refunds (requested_at, id) WHERE state = 'queued';
CREATE INDEX refunds_without_second_key ON refunds (requested_at) WHERE NOT needs_second_key;

-- The payer of a settled payment, and all refunds of it together no more than its price.
CREATE FUNCTION refunds_start_guard() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  payment record;
BEGIN
  SELECT payer, network, asset, price_atomic, operation_id INTO payment FROM payments WHERE id = NEW.payment_id FOR NO KEY UPDATE;
  IF NEW.state <> 'requested' OR NEW.round <> 1 THEN
    RAISE EXCEPTION 'refund %: a refund starts as a request', NEW.id USING ERRCODE = 'check_violation';
  END IF;
  IF (NEW.wallet, NEW.network, NEW.asset, NEW.operation_id) IS DISTINCT FROM (payment.payer, payment.network, payment.asset, payment.operation_id) THEN
    RAISE EXCEPTION 'refund %: only the payer of the payment is refunded', NEW.id USING ERRCODE = 'check_violation';
  END IF;
  IF NEW.amount_atomic + coalesce((SELECT sum(amount_atomic) FROM refunds WHERE payment_id = NEW.payment_id AND state NOT IN ('rejected', 'failed')), 0)
     > payment.price_atomic
  THEN
    RAISE EXCEPTION 'refund %: more than was paid', NEW.id USING ERRCODE = 'check_violation';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER refunds_start_guard BEFORE INSERT ON refunds FOR EACH ROW EXECUTE FUNCTION refunds_start_guard();

CREATE FUNCTION refunds_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF (OLD.id, OLD.payment_id, OLD.operation_id, OLD.network, OLD.asset, OLD.wallet, OLD.amount_atomic, OLD.kind, OLD.reason, OLD.needs_second_key, OLD.requested_by, OLD.idempotency_key, OLD.requested_at)
     IS DISTINCT FROM
     (NEW.id, NEW.payment_id, NEW.operation_id, NEW.network, NEW.asset, NEW.wallet, NEW.amount_atomic, NEW.kind, NEW.reason, NEW.needs_second_key, NEW.requested_by, NEW.idempotency_key, NEW.requested_at)
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
  RETURN NEW;
END $$;
CREATE TRIGGER refunds_guard BEFORE UPDATE ON refunds FOR EACH ROW EXECUTE FUNCTION refunds_guard();
CREATE TRIGGER refunds_no_delete BEFORE DELETE OR TRUNCATE ON refunds FOR EACH STATEMENT EXECUTE FUNCTION refuse_history_change();
CREATE TRIGGER refund_events_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON refund_events FOR EACH STATEMENT EXECUTE FUNCTION refuse_history_change();

-- One live transaction for a refund and one for a nonce; the signed bytes never change.
ALTER TABLE refund_transactions
  ADD CONSTRAINT refund_transactions_state_known CHECK (state IN ('stored', 'sent', 'succeeded', 'reverted', 'dropped'));
CREATE UNIQUE INDEX refund_transactions_live_nonce ON refund_transactions (network, signer, evm_nonce) WHERE state <> 'dropped';
CREATE UNIQUE INDEX refund_transactions_live_refund ON refund_transactions (refund_id) WHERE state <> 'dropped';
CREATE INDEX refund_transactions_unresolved ON refund_transactions (signer, evm_nonce) WHERE state IN ('stored', 'sent');
CREATE INDEX refund_transactions_mined ON refund_transactions (block_number) WHERE state = 'succeeded';
CREATE FUNCTION refund_transactions_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF (OLD.id, OLD.refund_id, OLD.network, OLD.signer, OLD.evm_nonce, OLD.fence, OLD.raw_transaction, OLD.transaction_hash)
     IS DISTINCT FROM (NEW.id, NEW.refund_id, NEW.network, NEW.signer, NEW.evm_nonce, NEW.fence, NEW.raw_transaction, NEW.transaction_hash)
  THEN
    RAISE EXCEPTION 'refund transaction %: the signed bytes never change', OLD.id USING ERRCODE = 'check_violation';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER refund_transactions_guard BEFORE UPDATE ON refund_transactions FOR EACH ROW EXECUTE FUNCTION refund_transactions_guard();
CREATE TRIGGER refund_transactions_no_delete BEFORE DELETE OR TRUNCATE ON refund_transactions FOR EACH STATEMENT EXECUTE FUNCTION refuse_history_change();

-- A database that has the application's role already gives it its rights on these tables.
DO $$
BEGIN
  IF to_regproc('grant_application_rights') IS NOT NULL THEN PERFORM grant_application_rights(); END IF;
END $$;
