-- CreateSchema
CREATE SCHEMA IF NOT EXISTS "public";

-- CreateTable
CREATE TABLE "installation" (
    "id" UUID NOT NULL,
    "singleton" BOOLEAN NOT NULL DEFAULT true,
    "network" TEXT NOT NULL,
    "asset" TEXT NOT NULL,
    "pay_to" TEXT NOT NULL,
    "drained_at" TIMESTAMPTZ(3),
    "drained_by" TEXT,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "installation_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "sandboxes" (
    "id" TEXT NOT NULL,
    "owner" TEXT,
    "state" TEXT NOT NULL,
    "desired_state" TEXT NOT NULL DEFAULT 'running',
    "reason" TEXT,
    "operation_id" UUID NOT NULL,
    "provider" TEXT NOT NULL,
    "provider_ref" TEXT,
    "isolation" TEXT NOT NULL,
    "network_policy" TEXT NOT NULL,
    "image" TEXT NOT NULL,
    "image_digest" TEXT,
    "cpu_millis" INTEGER NOT NULL,
    "memory_mib" INTEGER NOT NULL,
    "gpu" TEXT,
    "lifetime_ms" INTEGER NOT NULL,
    "deadline_at" TIMESTAMPTZ(3) NOT NULL,
    "ghost_sightings" INTEGER NOT NULL DEFAULT 0,
    "returncode" INTEGER,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "started_at" TIMESTAMPTZ(3),
    "ended_at" TIMESTAMPTZ(3),
    "updated_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "sandboxes_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "sandbox_events" (
    "id" BIGSERIAL NOT NULL,
    "sandbox_id" TEXT NOT NULL,
    "kind" TEXT NOT NULL,
    "from_state" TEXT,
    "to_state" TEXT,
    "reason" TEXT,
    "operation_id" UUID,
    "actor" TEXT NOT NULL,
    "detail" JSONB NOT NULL DEFAULT '{}',
    "at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "sandbox_events_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "executions" (
    "id" UUID NOT NULL,
    "operation_id" UUID NOT NULL,
    "sandbox_id" TEXT NOT NULL,
    "owner" TEXT NOT NULL,
    "argv" JSONB NOT NULL,
    "timeout_ms" INTEGER NOT NULL,
    "state" TEXT NOT NULL,
    "returncode" INTEGER,
    "timed_out" BOOLEAN NOT NULL DEFAULT false,
    "stdout" BYTEA,
    "stderr" BYTEA,
    "stdout_bytes" BIGINT,
    "stderr_bytes" BIGINT,
    "stdout_truncated" BOOLEAN NOT NULL DEFAULT false,
    "stderr_truncated" BOOLEAN NOT NULL DEFAULT false,
    "stdout_sha256" TEXT,
    "stderr_sha256" TEXT,
    "error" TEXT,
    "started_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "finished_at" TIMESTAMPTZ(3),
    "duration_ms" INTEGER,

    CONSTRAINT "executions_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "payments" (
    "id" UUID NOT NULL,
    "network" TEXT NOT NULL,
    "asset" TEXT NOT NULL,
    "payer" TEXT NOT NULL,
    "nonce" TEXT NOT NULL,
    "state" TEXT NOT NULL,
    "attempt" INTEGER NOT NULL DEFAULT 1,
    "operation" TEXT NOT NULL,
    "operation_id" UUID NOT NULL,
    "x402_version" INTEGER NOT NULL,
    "pay_to" TEXT NOT NULL,
    "amount_atomic" DECIMAL(78,0) NOT NULL,
    "price_atomic" DECIMAL(78,0) NOT NULL,
    "valid_after" DECIMAL(78,0) NOT NULL,
    "valid_before" DECIMAL(78,0) NOT NULL,
    "signature" TEXT NOT NULL,
    "payer_kind" TEXT NOT NULL,
    "fingerprint" TEXT NOT NULL,
    "method" TEXT NOT NULL,
    "path" TEXT NOT NULL,
    "body_sha256" TEXT NOT NULL,
    "settlement_mode" TEXT NOT NULL,
    "lease_holder" TEXT,
    "lease_expires_at" TIMESTAMPTZ(3),
    "answer_status" INTEGER,
    "answer_body" BYTEA,
    "answer_expires_at" TIMESTAMPTZ(3),
    "void_code" TEXT,
    "void_retryable" BOOLEAN NOT NULL DEFAULT false,
    "fail_reason" TEXT,
    "transaction_hash" TEXT,
    "block_number" BIGINT,
    "block_hash" TEXT,
    "claimed_at_block" BIGINT NOT NULL,
    "revoked_at" TIMESTAMPTZ(3),
    "claimed_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "executed_at" TIMESTAMPTZ(3),
    "queued_at" TIMESTAMPTZ(3),
    "broadcast_at" TIMESTAMPTZ(3),
    "settled_at" TIMESTAMPTZ(3),
    "updated_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "settlement_transaction_id" UUID,

    CONSTRAINT "payments_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "payment_events" (
    "id" BIGSERIAL NOT NULL,
    "payment_id" UUID NOT NULL,
    "attempt" INTEGER NOT NULL,
    "kind" TEXT NOT NULL,
    "from_state" TEXT,
    "to_state" TEXT,
    "actor" TEXT NOT NULL,
    "detail" JSONB NOT NULL DEFAULT '{}',
    "at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "payment_events_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "settlement_transactions" (
    "id" UUID NOT NULL,
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
    "resolved_at" TIMESTAMPTZ(3),

    CONSTRAINT "settlement_transactions_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "api_keys" (
    "id" UUID NOT NULL,
    "name" TEXT NOT NULL,
    "role" TEXT NOT NULL,
    "key_sha256" BYTEA NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "expires_at" TIMESTAMPTZ(3) NOT NULL,
    "last_used_at" TIMESTAMPTZ(3),
    "revoked_at" TIMESTAMPTZ(3),

    CONSTRAINT "api_keys_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "audit_log" (
    "id" BIGSERIAL NOT NULL,
    "at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "actor_kind" TEXT NOT NULL,
    "actor" TEXT NOT NULL,
    "action" TEXT NOT NULL,
    "subject_kind" TEXT,
    "subject" TEXT,
    "outcome" TEXT NOT NULL,
    "detail" JSONB NOT NULL DEFAULT '{}',
    "request_id" TEXT,
    "ip" TEXT,

    CONSTRAINT "audit_log_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "leases" (
    "name" TEXT NOT NULL,
    "holder" TEXT NOT NULL,
    "fence" BIGINT NOT NULL,
    "expires_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "leases_pkey" PRIMARY KEY ("name")
);

-- CreateIndex
CREATE UNIQUE INDEX "installation_singleton_key" ON "installation"("singleton");

-- CreateIndex
CREATE UNIQUE INDEX "sandboxes_operation_id_key" ON "sandboxes"("operation_id");

-- CreateIndex
CREATE INDEX "sandboxes_owner_created_at_idx" ON "sandboxes"("owner", "created_at");

-- CreateIndex
CREATE INDEX "sandboxes_state_created_at_id_idx" ON "sandboxes"("state", "created_at", "id");

-- CreateIndex
CREATE INDEX "sandboxes_created_at_id_idx" ON "sandboxes"("created_at", "id");

-- CreateIndex
CREATE INDEX "sandbox_events_sandbox_id_id_idx" ON "sandbox_events"("sandbox_id", "id");

-- CreateIndex
CREATE INDEX "sandbox_events_operation_id_idx" ON "sandbox_events"("operation_id");

-- CreateIndex
CREATE UNIQUE INDEX "executions_operation_id_key" ON "executions"("operation_id");

-- CreateIndex
CREATE INDEX "executions_sandbox_id_started_at_idx" ON "executions"("sandbox_id", "started_at");

-- CreateIndex
CREATE UNIQUE INDEX "payments_operation_id_key" ON "payments"("operation_id");

-- CreateIndex
CREATE INDEX "payments_payer_claimed_at_idx" ON "payments"("payer", "claimed_at");

-- CreateIndex
CREATE INDEX "payments_claimed_at_id_idx" ON "payments"("claimed_at", "id");

-- CreateIndex
CREATE INDEX "payments_settlement_transaction_id_idx" ON "payments"("settlement_transaction_id");

-- CreateIndex
CREATE UNIQUE INDEX "payments_network_asset_payer_nonce_key" ON "payments"("network", "asset", "payer", "nonce");

-- CreateIndex
CREATE INDEX "payment_events_payment_id_id_idx" ON "payment_events"("payment_id", "id");

-- CreateIndex
CREATE UNIQUE INDEX "settlement_transactions_transaction_hash_key" ON "settlement_transactions"("transaction_hash");

-- CreateIndex
CREATE INDEX "settlement_transactions_signer_evm_nonce_idx" ON "settlement_transactions"("signer", "evm_nonce");

-- CreateIndex
CREATE UNIQUE INDEX "api_keys_key_sha256_key" ON "api_keys"("key_sha256");

-- CreateIndex
CREATE INDEX "audit_log_subject_kind_subject_id_idx" ON "audit_log"("subject_kind", "subject", "id");

-- CreateIndex
CREATE INDEX "audit_log_actor_id_idx" ON "audit_log"("actor", "id");

-- AddForeignKey
ALTER TABLE "sandbox_events" ADD CONSTRAINT "sandbox_events_sandbox_id_fkey" FOREIGN KEY ("sandbox_id") REFERENCES "sandboxes"("id") ON DELETE NO ACTION ON UPDATE NO ACTION;

-- AddForeignKey
ALTER TABLE "executions" ADD CONSTRAINT "executions_sandbox_id_fkey" FOREIGN KEY ("sandbox_id") REFERENCES "sandboxes"("id") ON DELETE NO ACTION ON UPDATE NO ACTION;

-- AddForeignKey
ALTER TABLE "payments" ADD CONSTRAINT "payments_settlement_transaction_id_fkey" FOREIGN KEY ("settlement_transaction_id") REFERENCES "settlement_transactions"("id") ON DELETE NO ACTION ON UPDATE NO ACTION;

-- AddForeignKey
ALTER TABLE "payment_events" ADD CONSTRAINT "payment_events_payment_id_fkey" FOREIGN KEY ("payment_id") REFERENCES "payments"("id") ON DELETE NO ACTION ON UPDATE NO ACTION;


