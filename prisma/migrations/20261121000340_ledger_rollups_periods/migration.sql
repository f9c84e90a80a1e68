-- What makes the books quick to read, filled by the worker from the journal, and the periods that finance closes.

-- Sums of the entries that one account moved to another for one event, by minute and by day of either time. All entries
-- up to ledger_fold.folded_id are in it, and none behind it.
CREATE TABLE "ledger_rollups" (
    "basis" TEXT NOT NULL,
    "grain" TEXT NOT NULL,
    "bucket" TIMESTAMPTZ(3) NOT NULL,
    "debit_account" INTEGER NOT NULL,
    "credit_account" INTEGER NOT NULL,
    "event" TEXT NOT NULL,
    "entries" BIGINT NOT NULL,
    "amount" DECIMAL(78,0) NOT NULL,
    "first_id" BIGINT NOT NULL,
    "last_id" BIGINT NOT NULL,

    CONSTRAINT "ledger_rollups_pkey" PRIMARY KEY ("basis", "grain", "bucket", "debit_account", "credit_account", "event")
);

CREATE TABLE "ledger_fold" (
    "singleton" BOOLEAN NOT NULL DEFAULT true,
    "folded_id" BIGINT NOT NULL DEFAULT 0,

    CONSTRAINT "ledger_fold_pkey" PRIMARY KEY ("singleton")
);
INSERT INTO ledger_fold DEFAULT VALUES;

ALTER TABLE ledger_rollups
  ADD CONSTRAINT ledger_rollups_known CHECK (basis IN ('recorded', 'event') AND grain IN ('minute', 'day')),
  ADD CONSTRAINT ledger_rollups_counts CHECK (entries > 0 AND amount > 0 AND first_id <= last_id);
ALTER TABLE ledger_fold ADD CONSTRAINT ledger_fold_is_single CHECK (singleton);

-- A transaction has its id before its first entry has one. So when all transactions up to the newest one have ended, all
-- entries up to the newest one are there for good.
CREATE FUNCTION journal_number_transaction() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM pg_current_xact_id();
  RETURN NULL;
END $$;
CREATE TRIGGER journal_number_transaction BEFORE INSERT ON journal FOR EACH STATEMENT EXECUTE FUNCTION journal_number_transaction();

-- From the moment a barrier is committed, nothing is recorded before its time any more.
CREATE TABLE "ledger_barriers" (
    "id" BIGSERIAL NOT NULL,
    "until" TIMESTAMPTZ(3) NOT NULL,
    "set_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "ledger_barriers_pkey" PRIMARY KEY ("id")
);

-- CreateIndex
CREATE INDEX "ledger_barriers_until_idx" ON "ledger_barriers"("until");

-- Every close, in the order in which they happened; each names the hash of the one before. The period `number` is closed
-- again as its next version; the newest version counts.
CREATE TABLE "ledger_periods" (
    "seq" INTEGER NOT NULL,
    "number" INTEGER NOT NULL,
    "version" INTEGER NOT NULL,
    "from_at" TIMESTAMPTZ(3) NOT NULL,
    "until_at" TIMESTAMPTZ(3) NOT NULL,
    "entries" BIGINT NOT NULL,
    "content_sha256" TEXT NOT NULL,
    "totals_sha256" TEXT NOT NULL,
    "previous_sha256" TEXT NOT NULL,
    "sha256" TEXT NOT NULL,
    "reason" TEXT,
    "requested_by" TEXT NOT NULL,
    "approved_by" TEXT,
    "closed_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "ledger_periods_pkey" PRIMARY KEY ("seq")
);

-- CreateIndex
CREATE UNIQUE INDEX "ledger_periods_number_version_key" ON "ledger_periods"("number", "version");

CREATE TABLE "ledger_period_totals" (
    "seq" INTEGER NOT NULL,
    "account" TEXT NOT NULL,
    "debits" DECIMAL(78,0) NOT NULL,
    "credits" DECIMAL(78,0) NOT NULL,

    CONSTRAINT "ledger_period_totals_pkey" PRIMARY KEY ("seq", "account")
);

-- AddForeignKey
ALTER TABLE "ledger_period_totals" ADD CONSTRAINT "ledger_period_totals_seq_fkey" FOREIGN KEY ("seq") REFERENCES "ledger_periods"("seq") ON DELETE NO ACTION ON UPDATE NO ACTION;

ALTER TABLE ledger_periods
  ADD CONSTRAINT ledger_periods_times CHECK (from_at < until_at AND until_at <= closed_at),
  ADD CONSTRAINT ledger_periods_superseding_is_approved CHECK (version = 1 OR (reason <> '' AND approved_by <> requested_by AND reason IS NOT NULL AND approved_by IS NOT NULL));

-- Periods follow on one another without a gap, only the newest one is closed again, never to an earlier time, and the
-- barrier stands before anything is added up.
CREATE FUNCTION ledger_periods_check() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  newest public.ledger_periods;
BEGIN
  SELECT * INTO newest FROM public.ledger_periods ORDER BY seq DESC LIMIT 1;
  IF NEW.seq <> coalesce(newest.seq, 0) + 1 OR NEW.previous_sha256 <> coalesce(newest.sha256, '') THEN
    RAISE EXCEPTION 'ledger period %: another close came first', NEW.number USING ERRCODE = 'serialization_failure';
  END IF;
  IF NOT (
    (NEW.version = 1 AND NEW.number = coalesce(newest.number, 0) + 1 AND (newest.seq IS NULL OR NEW.from_at = newest.until_at))
    OR (newest.seq IS NOT NULL AND NEW.number = newest.number AND NEW.version = newest.version + 1
        AND NEW.from_at = newest.from_at AND NEW.until_at >= newest.until_at))
  THEN
    RAISE EXCEPTION 'ledger period %: periods follow on one another, and only the newest is closed again', NEW.number USING ERRCODE = 'check_violation';
  END IF;
  IF NEW.until_at > coalesce((SELECT max(until) FROM public.ledger_barriers), '-infinity') THEN
    RAISE EXCEPTION 'ledger period %: no barrier stands at its end', NEW.number USING ERRCODE = 'check_violation';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER ledger_periods_check BEFORE INSERT ON ledger_periods FOR EACH ROW EXECUTE FUNCTION ledger_periods_check();
CREATE TRIGGER ledger_periods_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger_periods FOR EACH STATEMENT EXECUTE FUNCTION refuse_history_change();
CREATE TRIGGER ledger_period_totals_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger_period_totals FOR EACH STATEMENT EXECUTE FUNCTION refuse_history_change();
CREATE TRIGGER ledger_barriers_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger_barriers FOR EACH STATEMENT EXECUTE FUNCTION refuse_history_change();

-- The journal's check again, with the barrier; names are qualified, so that a temporary table cannot take their place.
CREATE OR REPLACE FUNCTION journal_check() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF EXISTS (
    SELECT 1 FROM added
    LEFT JOIN public.ledger_accounts debit ON debit.id = added.debit_account
    LEFT JOIN public.ledger_accounts credit ON credit.id = added.credit_account
    WHERE debit.id IS NULL OR credit.id IS NULL OR debit.asset <> credit.asset OR debit.network <> credit.network
      OR added.recorded_at <> now()::timestamptz(3))
  THEN
    RAISE EXCEPTION 'journal: an entry stays within one asset of one network, between accounts that exist, recorded now'
      USING ERRCODE = 'check_violation';
  END IF;
  IF now()::timestamptz(3) < (SELECT max(until) FROM public.ledger_barriers) THEN
    RAISE EXCEPTION 'journal: the period of this transaction was closed while it ran; run it again'
      USING ERRCODE = 'serialization_failure';
  END IF;
  RETURN NULL;
END $$;
