-- What the finance API and the exports read, with the price that every paid call pays for it in mind. Rows of the journal are
-- written in the order of their time, so each of these indexes grows at its right edge (the last two at one edge an account,
-- and there are few accounts): the pages that an insert touches are always in memory, and pages are filled, not split.

-- Pages, exports and everything "since": the order of every list of entries.
CREATE INDEX "journal_recorded_at_id_idx" ON "journal"("recorded_at", "id");

-- The entries of one account, newest first, and the debts: an account with few entries is found among millions of others.
CREATE INDEX "journal_debit_account_recorded_at_id_idx" ON "journal"("debit_account", "recorded_at", "id");
CREATE INDEX "journal_credit_account_recorded_at_id_idx" ON "journal"("credit_account", "recorded_at", "id");
