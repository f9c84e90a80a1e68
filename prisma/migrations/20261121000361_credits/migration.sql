-- Prepaid credits (docs/credits.md). A call on credit is a row of payments with the rail `credit`: no chain, no signature,
-- the same claim and the same answer.
ALTER TABLE "payments" ADD COLUMN "rail" TEXT NOT NULL DEFAULT 'x402';

ALTER TABLE payments DROP CONSTRAINT payments_settled_has_transaction;
ALTER TABLE payments
  ADD CONSTRAINT payments_rail_known CHECK (rail IN ('x402', 'credit')),
  ADD CONSTRAINT payments_settled_has_transaction CHECK (state <> 'settled' OR (settled_at IS NOT NULL
    AND (rail = 'credit' OR (transaction_hash IS NOT NULL AND block_number IS NOT NULL)))),
  ADD CONSTRAINT payments_on_credit_stay_off_chain CHECK (rail <> 'credit' OR (transaction_hash IS NULL AND block_number IS NULL
    AND settlement_transaction_id IS NULL AND amount_atomic = price_atomic
    AND state NOT IN ('queued', 'broadcast', 'unknown', 'failed', 'expired')));

-- One row per wallet. `balance_atomic` is what the journal's account `credits` owes it, `debt_atomic` what it owes the account
-- `customer_debt`; both follow the journal by trigger and by nothing else. `held_atomic` is reserved by calls that run.
CREATE TABLE "credit_accounts" (
    "wallet" TEXT NOT NULL,
    "balance_atomic" DECIMAL(78,0) NOT NULL DEFAULT 0,
    "held_atomic" DECIMAL(78,0) NOT NULL DEFAULT 0,
    "debt_atomic" DECIMAL(78,0) NOT NULL DEFAULT 0,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updated_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "credit_accounts_pkey" PRIMARY KEY ("wallet")
);
ALTER TABLE credit_accounts
  ADD CONSTRAINT credit_accounts_never_overdrawn CHECK (held_atomic >= 0 AND balance_atomic >= held_atomic),
  ADD CONSTRAINT credit_accounts_debt_not_negative CHECK (debt_atomic >= 0),
  ADD CONSTRAINT credit_accounts_wallet_lower CHECK (wallet = lower(wallet));

-- A token of a wallet's credits: made by the buyer, known here by its hash only.
CREATE TABLE "credit_tokens" (
    "sha256" TEXT NOT NULL,
    "wallet" TEXT NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "revoked_at" TIMESTAMPTZ(3),

    CONSTRAINT "credit_tokens_pkey" PRIMARY KEY ("sha256")
);

-- CreateIndex
CREATE INDEX "credit_tokens_wallet_created_at_idx" ON "credit_tokens"("wallet", "created_at");

ALTER TABLE credit_tokens ADD CONSTRAINT credit_tokens_sha256_shape CHECK (sha256 ~ '^[0-9a-f]{64}$' AND wallet = lower(wallet));

CREATE FUNCTION credit_tokens_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF (OLD.sha256, OLD.wallet, OLD.created_at) IS DISTINCT FROM (NEW.sha256, NEW.wallet, NEW.created_at) OR OLD.revoked_at IS NOT NULL THEN
    RAISE EXCEPTION 'a credit token stays with its wallet, and revoked for good' USING ERRCODE = 'check_violation';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER credit_tokens_guard BEFORE UPDATE ON credit_tokens FOR EACH ROW EXECUTE FUNCTION credit_tokens_guard();
CREATE TRIGGER credit_tokens_no_delete BEFORE DELETE OR TRUNCATE ON credit_tokens FOR EACH STATEMENT EXECUTE FUNCTION refuse_history_change();

-- What a top-up did, under its operation id. Whoever inserts the id first decides: the process that runs the operation
-- (`accepted`), or the one that recovers after it (`abandoned`).
CREATE TABLE "credit_topups" (
    "operation_id" UUID NOT NULL,
    "state" TEXT NOT NULL,
    "wallet" TEXT,
    "amount_atomic" DECIMAL(78,0),
    "token_sha256" TEXT,
    "at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "credit_topups_pkey" PRIMARY KEY ("operation_id")
);
ALTER TABLE credit_topups
  ADD CONSTRAINT credit_topups_state_known CHECK (state = 'abandoned'
    OR (state = 'accepted' AND wallet IS NOT NULL AND amount_atomic > 0 AND token_sha256 IS NOT NULL));
CREATE TRIGGER credit_topups_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON credit_topups FOR EACH STATEMENT EXECUTE FUNCTION refuse_history_change();

-- The statement of a wallet: one line for every journal row that touched its credits, written with it.
CREATE TABLE "credit_entries" (
    "id" BIGSERIAL NOT NULL,
    "wallet" TEXT NOT NULL,
    "amount_atomic" DECIMAL(78,0) NOT NULL,
    "balance_after_atomic" DECIMAL(78,0) NOT NULL,
    "event" TEXT NOT NULL,
    "subject" UUID NOT NULL,
    "operation_id" UUID,
    "at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "credit_entries_pkey" PRIMARY KEY ("id")
);

-- CreateIndex
CREATE INDEX "credit_entries_wallet_id_idx" ON "credit_entries"("wallet", "id");

CREATE TRIGGER credit_entries_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON credit_entries FOR EACH STATEMENT EXECUTE FUNCTION refuse_history_change();

-- The balance row follows the journal. Where the chain takes back a top-up that was spent already, the part that is gone
-- becomes the wallet's debt; what running calls hold counts as spent.
CREATE FUNCTION journal_credits() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  credits_account INTEGER;
  debt_account INTEGER;
  moved RECORD;
  missing NUMERIC;
  balance NUMERIC;
BEGIN
  SELECT id INTO credits_account FROM ledger_accounts WHERE code = 'credits';
  SELECT id INTO debt_account FROM ledger_accounts WHERE code = 'customer_debt';
  FOR moved IN
    SELECT wallet, subject, event, round, operation_id,
      coalesce(sum(CASE WHEN credit_account = credits_account THEN amount WHEN debit_account = credits_account THEN -amount END), 0) AS credits,
      coalesce(sum(CASE WHEN debit_account = debt_account THEN amount WHEN credit_account = debt_account THEN -amount END), 0) AS debt
    FROM added
    WHERE credits_account IN (debit_account, credit_account) OR debt_account IN (debit_account, credit_account)
    GROUP BY wallet, subject, event, round, operation_id ORDER BY wallet, credits DESC, subject
  LOOP
    IF moved.wallet IS NULL THEN
      RAISE EXCEPTION 'journal: credits and debts belong to a wallet' USING ERRCODE = 'check_violation';
    END IF;
    INSERT INTO credit_accounts (wallet) VALUES (moved.wallet) ON CONFLICT (wallet) DO NOTHING;
    IF moved.credits < 0 AND moved.event IN ('failed', 'expired') THEN
      SELECT held_atomic - balance_atomic - moved.credits INTO missing FROM credit_accounts WHERE wallet = moved.wallet FOR UPDATE;
      IF missing > 0 THEN
        INSERT INTO ledger_accounts (code, type, asset, network)
          SELECT 'customer_debt', 'asset', asset, network FROM ledger_accounts WHERE id = credits_account ON CONFLICT (code) DO NOTHING;
        INSERT INTO journal (debit_account, credit_account, amount, subject, event, round, leg, operation_id, wallet)
          SELECT id, credits_account, missing, moved.subject, 'credits_lost', moved.round, 1, moved.operation_id, moved.wallet
          FROM ledger_accounts WHERE code = 'customer_debt';
      END IF;
    END IF;
    UPDATE credit_accounts SET balance_atomic = balance_atomic + moved.credits, debt_atomic = debt_atomic + moved.debt, updated_at = now()
      WHERE wallet = moved.wallet RETURNING balance_atomic INTO balance;
    IF moved.credits <> 0 THEN
      INSERT INTO credit_entries (wallet, amount_atomic, balance_after_atomic, event, subject, operation_id)
        VALUES (moved.wallet, moved.credits, balance, moved.event, moved.subject, moved.operation_id);
    END IF;
  END LOOP;
  RETURN NULL;
END $$;
CREATE TRIGGER journal_credits AFTER INSERT ON journal REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION journal_credits();

-- A call on credit holds its price from its claim to its end, and needs no settlement: it is settled when it is done.
-- Runs after payments_guard, which judges the change that was asked for.
CREATE FUNCTION payments_on_credit() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'UPDATE' AND OLD.rail <> NEW.rail THEN
    RAISE EXCEPTION 'payment %: the rail of a payment never changes', OLD.id USING ERRCODE = 'check_violation';
  END IF;
  IF NEW.state = 'queued' THEN
    NEW.state := 'settled';
    NEW.settled_at := now();
    PERFORM pg_notify('tollbox_payment', NEW.id::text);
  END IF;
  IF NEW.state = 'claimed' AND (TG_OP = 'INSERT' OR OLD.state <> 'claimed') THEN
    UPDATE credit_accounts SET held_atomic = held_atomic + NEW.price_atomic, updated_at = now() WHERE wallet = NEW.payer;
    IF NOT FOUND THEN
      RAISE EXCEPTION 'payment %: the wallet has no credits', NEW.id USING ERRCODE = 'check_violation';
    END IF;
  ELSIF TG_OP = 'UPDATE' AND OLD.state = 'claimed' AND NEW.state <> 'claimed' THEN
    UPDATE credit_accounts SET held_atomic = held_atomic - OLD.price_atomic, updated_at = now() WHERE wallet = NEW.payer;
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER payments_on_credit BEFORE UPDATE ON payments FOR EACH ROW WHEN (OLD.rail = 'credit' OR NEW.rail <> OLD.rail)
  EXECUTE FUNCTION payments_on_credit();
CREATE TRIGGER payments_start_on_credit BEFORE INSERT ON payments FOR EACH ROW WHEN (NEW.rail = 'credit')
  EXECUTE FUNCTION payments_on_credit();
