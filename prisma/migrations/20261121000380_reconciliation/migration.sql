-- What the chain says about payTo, the runs that compare it with the books, and every difference with what was done about
-- it (docs/reconciliation.md).
CREATE TABLE "chain_receipts" (
    "id" UUID NOT NULL DEFAULT uuidv7(),
    "transaction_hash" TEXT NOT NULL,
    "log_index" INTEGER NOT NULL,
    "block_number" BIGINT NOT NULL,
    "block_hash" TEXT NOT NULL,
    "from_address" TEXT NOT NULL,
    "to_address" TEXT NOT NULL,
    "direction" TEXT NOT NULL,
    "value_atomic" DECIMAL(78,0) NOT NULL,
    "nonce" TEXT,
    "payment_id" UUID,
    "state" TEXT NOT NULL,
    "round" INTEGER NOT NULL DEFAULT 1,
    "first_seen_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "chain_receipts_pkey" PRIMARY KEY ("id")
);

-- CreateIndex
CREATE UNIQUE INDEX "chain_receipts_block_number_log_index_block_hash_key" ON "chain_receipts"("block_number", "log_index", "block_hash");

-- CreateIndex
CREATE INDEX "chain_receipts_payment_id_idx" ON "chain_receipts"("payment_id");

CREATE TABLE "reconciliation_watermark" (
    "singleton" BOOLEAN NOT NULL DEFAULT true,
    "opening_subject" UUID NOT NULL,
    "opening_block" BIGINT NOT NULL,
    "opening_atomic" DECIMAL(78,0),
    "block_number" BIGINT NOT NULL,
    "block_hash" TEXT NOT NULL,
    "updated_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "reconciliation_watermark_pkey" PRIMARY KEY ("singleton")
);

CREATE TABLE "reconciliation_runs" (
    "id" BIGSERIAL NOT NULL,
    "origin" TEXT NOT NULL,
    "requested_by" TEXT NOT NULL,
    "state" TEXT NOT NULL,
    "fence" BIGINT,
    "from_block" BIGINT,
    "to_block" BIGINT,
    "to_block_hash" TEXT,
    "counts" JSONB NOT NULL DEFAULT '{}',
    "totals" JSONB NOT NULL DEFAULT '{}',
    "error" TEXT,
    "requested_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "started_at" TIMESTAMPTZ(3),
    "finished_at" TIMESTAMPTZ(3),

    CONSTRAINT "reconciliation_runs_pkey" PRIMARY KEY ("id")
);

CREATE TABLE "reconciliation_items" (
    "id" BIGSERIAL NOT NULL,
    "class" TEXT NOT NULL,
    "subject" TEXT NOT NULL,
    "state" TEXT NOT NULL,
    "expected" TEXT,
    "actual" TEXT,
    "detail" JSONB NOT NULL DEFAULT '{}',
    "resolution" TEXT,
    "first_seen_run" BIGINT NOT NULL,
    "last_seen_run" BIGINT NOT NULL,
    "opened_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "closed_at" TIMESTAMPTZ(3),

    CONSTRAINT "reconciliation_items_pkey" PRIMARY KEY ("id")
);

-- CreateIndex
CREATE UNIQUE INDEX "reconciliation_items_class_subject_key" ON "reconciliation_items"("class", "subject");

CREATE TABLE "reconciliation_item_events" (
    "id" BIGSERIAL NOT NULL,
    "item_id" BIGINT NOT NULL,
    "run_id" BIGINT,
    "from_state" TEXT,
    "to_state" TEXT NOT NULL,
    "resolution" TEXT,
    "actor" TEXT NOT NULL,
    "reason" TEXT NOT NULL,
    "detail" JSONB NOT NULL DEFAULT '{}',
    "at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "reconciliation_item_events_pkey" PRIMARY KEY ("id")
);

-- CreateIndex
CREATE INDEX "reconciliation_item_events_item_id_id_idx" ON "reconciliation_item_events"("item_id", "id");

-- AddForeignKey
ALTER TABLE "reconciliation_item_events" ADD CONSTRAINT "reconciliation_item_events_item_id_fkey" FOREIGN KEY ("item_id") REFERENCES "reconciliation_items"("id") ON DELETE NO ACTION ON UPDATE NO ACTION;

ALTER TABLE chain_receipts
  ADD CONSTRAINT chain_receipts_state_known CHECK (state IN
    ('waiting', 'explained', 'unmatched', 'refund_due', 'debt_paid', 'recovered', 'owner_move', 'refund_float', 'lost')),
  ADD CONSTRAINT chain_receipts_direction_known CHECK (direction IN ('in', 'out')),
  ADD CONSTRAINT chain_receipts_moves_something CHECK (value_atomic > 0 AND from_address <> to_address),
  ADD CONSTRAINT chain_receipts_counts_from_one CHECK (round >= 1),
  ADD CONSTRAINT chain_receipts_explained_by_payment CHECK (payment_id IS NOT NULL OR state NOT IN ('explained', 'debt_paid', 'recovered')),
  ADD CONSTRAINT chain_receipts_hex_lower CHECK (from_address = lower(from_address) AND to_address = lower(to_address) AND transaction_hash = lower(transaction_hash));
-- What a run looks at again: everything that no settled payment explains.
CREATE INDEX chain_receipts_unexplained ON chain_receipts (id) WHERE state NOT IN ('explained', 'lost');

CREATE FUNCTION chain_receipts_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF (OLD.id, OLD.transaction_hash, OLD.log_index, OLD.block_number, OLD.block_hash, OLD.from_address, OLD.to_address, OLD.direction, OLD.value_atomic, OLD.nonce)
     IS DISTINCT FROM
     (NEW.id, NEW.transaction_hash, NEW.log_index, NEW.block_number, NEW.block_hash, NEW.from_address, NEW.to_address, NEW.direction, NEW.value_atomic, NEW.nonce)
  THEN
    RAISE EXCEPTION 'chain receipt %: what a log says never changes', OLD.id USING ERRCODE = 'check_violation';
  END IF;
  IF NEW.round < OLD.round OR (OLD.state = 'lost' AND NEW.state <> 'lost' AND NEW.round = OLD.round) THEN
    RAISE EXCEPTION 'chain receipt %: a log that comes back starts a new round', OLD.id USING ERRCODE = 'check_violation';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER chain_receipts_guard BEFORE UPDATE ON chain_receipts FOR EACH ROW EXECUTE FUNCTION chain_receipts_guard();
CREATE TRIGGER chain_receipts_no_delete BEFORE DELETE OR TRUNCATE ON chain_receipts FOR EACH STATEMENT EXECUTE FUNCTION refuse_history_change();

ALTER TABLE reconciliation_watermark ADD CONSTRAINT reconciliation_watermark_is_single CHECK (singleton);

ALTER TABLE reconciliation_runs
  ADD CONSTRAINT reconciliation_runs_origin_known CHECK (origin IN ('schedule', 'demand')),
  ADD CONSTRAINT reconciliation_runs_state_known CHECK (state IN ('requested', 'running', 'done', 'failed', 'abandoned')),
  ADD CONSTRAINT reconciliation_runs_running_has_fence CHECK (state = 'requested' OR (fence IS NOT NULL AND started_at IS NOT NULL)),
  ADD CONSTRAINT reconciliation_runs_end_is_dated CHECK ((state IN ('done', 'failed', 'abandoned')) = (finished_at IS NOT NULL));
-- One run waits, one runs.
CREATE UNIQUE INDEX reconciliation_runs_one_requested ON reconciliation_runs (state) WHERE state = 'requested';
CREATE UNIQUE INDEX reconciliation_runs_one_running ON reconciliation_runs (state) WHERE state = 'running';
CREATE TRIGGER reconciliation_runs_no_delete BEFORE DELETE OR TRUNCATE ON reconciliation_runs FOR EACH STATEMENT EXECUTE FUNCTION refuse_history_change();

ALTER TABLE reconciliation_items
  ADD CONSTRAINT reconciliation_items_state_known CHECK (state IN ('open', 'resolved', 'ignored')),
  ADD CONSTRAINT reconciliation_items_end_is_dated CHECK ((state = 'open') = (closed_at IS NULL)),
  ADD CONSTRAINT reconciliation_items_closed_has_resolution CHECK ((state = 'open') = (resolution IS NULL));
CREATE INDEX reconciliation_items_open ON reconciliation_items (class, id) WHERE state = 'open';
CREATE TRIGGER reconciliation_items_no_delete BEFORE DELETE OR TRUNCATE ON reconciliation_items FOR EACH STATEMENT EXECUTE FUNCTION refuse_history_change();
CREATE TRIGGER reconciliation_item_events_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON reconciliation_item_events FOR EACH STATEMENT EXECUTE FUNCTION refuse_history_change();
