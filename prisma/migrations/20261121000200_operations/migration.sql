-- Every paid operation that did work, or that was settled as never having started. The row is written in the same
-- transaction as the work row. Whoever inserts the id first decides: the process that starts the operation (`started`), or
-- the one that recovers after it (`abandoned`), so a slow process cannot start an operation that was given up.
CREATE TABLE "operations" (
    "id" UUID NOT NULL,
    "name" TEXT NOT NULL,
    "sandbox_id" TEXT,
    "state" TEXT NOT NULL,
    "at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "operations_pkey" PRIMARY KEY ("id")
);

-- CreateIndex
CREATE INDEX "operations_sandbox_id_at_idx" ON "operations"("sandbox_id", "at");

ALTER TABLE operations
  ADD CONSTRAINT operations_state_known CHECK (state IN ('started', 'abandoned')),
  ADD CONSTRAINT operations_started_names_sandbox CHECK (state <> 'started' OR sandbox_id IS NOT NULL);
CREATE TRIGGER operations_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON operations FOR EACH STATEMENT EXECUTE FUNCTION refuse_history_change();

-- Commands that run now, for the limit of a sandbox.
CREATE INDEX executions_started ON executions (sandbox_id) WHERE state = 'started';

-- Provider objects that no live row explains, since when: an object whose age the provider does not tell must be seen for long enough.
CREATE TABLE "orphan_sightings" (
    "provider" TEXT NOT NULL,
    "provider_ref" TEXT NOT NULL,
    "first_seen_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "last_seen_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "orphan_sightings_pkey" PRIMARY KEY ("provider", "provider_ref")
);
