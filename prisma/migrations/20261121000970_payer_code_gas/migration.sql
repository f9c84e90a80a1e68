-- Whether a payer's own code runs in the transaction. Such a payment goes alone; what its code burns counts against a budget.
ALTER TABLE "settlement_transactions" ADD COLUMN "runs_payer_code" BOOLEAN NOT NULL DEFAULT false;

CREATE INDEX settlement_transactions_payer_code ON settlement_transactions (resolved_at) WHERE runs_payer_code;
