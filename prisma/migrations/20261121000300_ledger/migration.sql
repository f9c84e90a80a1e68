-- The books (docs/postings.md). A row of the journal moves an amount from one account to another, so it balances by its
-- shape; what it may say is checked here, and what is written stays.
CREATE TABLE "ledger_accounts" (
    "id" SERIAL NOT NULL,
    "code" TEXT NOT NULL,
    "type" TEXT NOT NULL,
    "asset" TEXT NOT NULL,
    "network" TEXT NOT NULL DEFAULT '',
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "ledger_accounts_pkey" PRIMARY KEY ("id")
);

-- CreateIndex
CREATE UNIQUE INDEX "ledger_accounts_code_key" ON "ledger_accounts"("code");

CREATE TABLE "journal" (
    "id" BIGSERIAL NOT NULL,
    "debit_account" INTEGER NOT NULL,
    "credit_account" INTEGER NOT NULL,
    "amount" DECIMAL(78,0) NOT NULL,
    "subject" UUID NOT NULL,
    "event" TEXT NOT NULL,
    "round" INTEGER NOT NULL,
    "leg" SMALLINT NOT NULL,
    "operation_id" UUID,
    "wallet" TEXT,
    "event_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "recorded_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "journal_pkey" PRIMARY KEY ("id")
);

-- The same event of the same thing is booked once.
CREATE UNIQUE INDEX "journal_subject_event_round_leg_key" ON "journal"("subject", "event", "round", "leg");

ALTER TABLE ledger_accounts
  ADD CONSTRAINT ledger_accounts_type_known CHECK (type IN ('asset', 'liability', 'equity', 'revenue', 'expense')),
  ADD CONSTRAINT ledger_accounts_asset_known CHECK (asset IN ('USDC', 'ETH', 'USD')),
  ADD CONSTRAINT ledger_accounts_chain_asset_has_network CHECK ((asset = 'USD') = (network = ''));
ALTER TABLE journal
  ADD CONSTRAINT journal_amount_positive CHECK (amount > 0),
  ADD CONSTRAINT journal_two_accounts CHECK (debit_account <> credit_account),
  ADD CONSTRAINT journal_counts_from_one CHECK (round >= 1 AND leg >= 1),
  ADD CONSTRAINT journal_wallet_lower CHECK (wallet = lower(wallet)),
  ADD CONSTRAINT journal_event_not_ahead CHECK (event_at <= recorded_at + interval '1 day');

-- One check for a whole statement: both accounts exist and hold the same asset of the same network, and the time of
-- recording is the transaction's own, so nothing is dated back.
CREATE FUNCTION journal_check() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF EXISTS (
    SELECT 1 FROM added
    LEFT JOIN ledger_accounts debit ON debit.id = added.debit_account
    LEFT JOIN ledger_accounts credit ON credit.id = added.credit_account
    WHERE debit.id IS NULL OR credit.id IS NULL OR debit.asset <> credit.asset OR debit.network <> credit.network
      OR added.recorded_at <> now()::timestamptz(3))
  THEN
    RAISE EXCEPTION 'journal: an entry stays within one asset of one network, between accounts that exist, recorded now'
      USING ERRCODE = 'check_violation';
  END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER journal_check AFTER INSERT ON journal REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION journal_check();
CREATE TRIGGER journal_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON journal FOR EACH STATEMENT EXECUTE FUNCTION refuse_history_change();
CREATE TRIGGER ledger_accounts_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger_accounts FOR EACH STATEMENT EXECUTE FUNCTION refuse_history_change();

-- Rises whenever a payment goes back to the queue, so that the same events can be booked again.
ALTER TABLE "payments" ADD COLUMN "round" INTEGER NOT NULL DEFAULT 1;
ALTER TABLE payments ADD CONSTRAINT payments_round_counts CHECK (round >= 1);
