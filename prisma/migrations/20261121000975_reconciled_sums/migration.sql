-- What reconciliation has added up of the journal by itself, entry after entry, to hold the rollups against.
CREATE TABLE "reconciled_sums" (
    "debit_account" INTEGER NOT NULL,
    "credit_account" INTEGER NOT NULL,
    "event" TEXT NOT NULL,
    "entries" BIGINT NOT NULL,
    "amount" DECIMAL(78,0) NOT NULL,

    CONSTRAINT "reconciled_sums_pkey" PRIMARY KEY ("debit_account", "credit_account", "event")
);

-- The newest entry that is in them.
CREATE TABLE "reconciled_journal" (
    "singleton" BOOLEAN NOT NULL DEFAULT true,
    "entry_id" BIGINT NOT NULL DEFAULT 0,

    CONSTRAINT "reconciled_journal_pkey" PRIMARY KEY ("singleton")
);
ALTER TABLE reconciled_journal ADD CONSTRAINT reconciled_journal_is_single CHECK (singleton);
INSERT INTO reconciled_journal DEFAULT VALUES;

-- A database that has the application's role already gives it its rights on these tables.
DO $$
BEGIN
  IF to_regproc('grant_application_rights') IS NOT NULL THEN PERFORM grant_application_rights(); END IF;
END $$;
