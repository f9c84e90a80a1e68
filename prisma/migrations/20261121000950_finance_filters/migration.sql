-- Every filter of finance's lists finds its rows by an index, however rare they are among millions: the entries of a wallet, the
-- payments of an operation, and those that ended otherwise than settled. The last is touched by no payment that settles.
CREATE INDEX "journal_wallet_recorded_at_id_idx" ON "journal"("wallet", "recorded_at", "id");
CREATE INDEX "payments_operation_claimed_at_id_idx" ON "payments"("operation", "claimed_at", "id");
CREATE INDEX payments_not_paid ON payments (state, claimed_at, id) WHERE state IN ('voided', 'failed', 'expired');
