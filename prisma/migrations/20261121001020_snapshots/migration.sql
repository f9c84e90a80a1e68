-- File system snapshots: the row first, the provider's image second.
CREATE TABLE "snapshots" (
    "id" TEXT NOT NULL,
    "owner" TEXT NOT NULL,
    "sandbox_id" TEXT NOT NULL,
    "operation_id" UUID NOT NULL,
    "provider" TEXT NOT NULL,
    "provider_ref" TEXT,
    "state" TEXT NOT NULL,
    "size_bytes" BIGINT,
    "expires_at" TIMESTAMPTZ(3) NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updated_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "snapshots_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "snapshot_events" (
    "id" BIGSERIAL NOT NULL,
    "snapshot_id" TEXT NOT NULL,
    "kind" TEXT NOT NULL,
    "from_state" TEXT,
    "to_state" TEXT,
    "operation_id" UUID,
    "actor" TEXT NOT NULL,
    "detail" JSONB NOT NULL DEFAULT '{}',
    "at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "snapshot_events_pkey" PRIMARY KEY ("id")
);

-- CreateIndex
CREATE UNIQUE INDEX "snapshots_operation_id_key" ON "snapshots"("operation_id");

-- CreateIndex
CREATE INDEX "snapshots_owner_created_at_id_idx" ON "snapshots"("owner", "created_at", "id");

-- CreateIndex
CREATE INDEX "snapshot_events_snapshot_id_id_idx" ON "snapshot_events"("snapshot_id", "id");

-- AddForeignKey
ALTER TABLE "snapshots" ADD CONSTRAINT "snapshots_sandbox_id_fkey" FOREIGN KEY ("sandbox_id") REFERENCES "sandboxes"("id") ON DELETE NO ACTION ON UPDATE NO ACTION;

-- AddForeignKey
ALTER TABLE "snapshot_events" ADD CONSTRAINT "snapshot_events_snapshot_id_fkey" FOREIGN KEY ("snapshot_id") REFERENCES "snapshots"("id") ON DELETE NO ACTION ON UPDATE NO ACTION;

ALTER TABLE snapshots
  ADD CONSTRAINT snapshots_state_known CHECK (state IN ('requested', 'taking', 'ready', 'unknown', 'deleting', 'deleted', 'failed')),
  ADD CONSTRAINT snapshots_ready_is_there CHECK (state <> 'ready' OR provider_ref IS NOT NULL),
  ADD CONSTRAINT snapshots_size_not_negative CHECK (size_bytes >= 0);
CREATE INDEX snapshots_expiry ON snapshots (expires_at, id) WHERE state = 'ready';
CREATE INDEX snapshots_unfinished ON snapshots (updated_at, id) WHERE state IN ('requested', 'taking', 'unknown', 'deleting');

CREATE FUNCTION snapshots_guard() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  IF (OLD.id, OLD.owner, OLD.sandbox_id, OLD.operation_id, OLD.provider, OLD.created_at, OLD.expires_at)
     IS DISTINCT FROM (NEW.id, NEW.owner, NEW.sandbox_id, NEW.operation_id, NEW.provider, NEW.created_at, NEW.expires_at)
     OR (OLD.provider_ref IS NOT NULL AND NEW.provider_ref IS DISTINCT FROM OLD.provider_ref)
  THEN
    RAISE EXCEPTION 'snapshot %: identity, owner and expiry never change', OLD.id USING ERRCODE = 'check_violation';
  END IF;
  IF OLD.state <> NEW.state AND (OLD.state || '>' || NEW.state) NOT IN (
    'requested>taking', 'requested>failed',
    'taking>ready', 'taking>failed', 'taking>unknown', 'taking>deleting',
    'unknown>deleting',
    'ready>deleting',
    'deleting>deleted')
  THEN
    RAISE EXCEPTION 'snapshot %: % to % is not a legal change', OLD.id, OLD.state, NEW.state USING ERRCODE = 'check_violation';
  END IF;
  NEW.updated_at := now();
  RETURN NEW;
END $$;
CREATE TRIGGER snapshots_guard BEFORE UPDATE ON snapshots FOR EACH ROW EXECUTE FUNCTION snapshots_guard();
CREATE TRIGGER snapshots_no_delete BEFORE DELETE OR TRUNCATE ON snapshots FOR EACH STATEMENT EXECUTE FUNCTION refuse_history_change();
CREATE TRIGGER snapshot_events_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON snapshot_events FOR EACH STATEMENT EXECUTE FUNCTION refuse_history_change();

SELECT grant_application_rights();
