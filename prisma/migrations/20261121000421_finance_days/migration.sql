-- Sums of the journal by day of recording in UTC, operation and network, and the revenue of each wallet by day: what was earned,
-- taken back and spent for it. Filled by the worker behind ledger_fold, so a paid call pays nothing for them. All entries up to
-- finance_fold.folded_id are in them, and none behind it.
CREATE TABLE "finance_days" (
    "day" DATE NOT NULL,
    "operation" TEXT NOT NULL,
    "network" TEXT NOT NULL,
    "calls" BIGINT NOT NULL,
    "earned_atomic" DECIMAL(78,0) NOT NULL,
    "reversed_atomic" DECIMAL(78,0) NOT NULL,
    "gas_wei" DECIMAL(78,0) NOT NULL,
    "fees_atomic" DECIMAL(78,0) NOT NULL,
    "cost_pico_usd" DECIMAL(78,0) NOT NULL,

    CONSTRAINT "finance_days_pkey" PRIMARY KEY ("day", "operation", "network")
);

CREATE TABLE "finance_wallet_days" (
    "wallet" TEXT NOT NULL,
    "day" DATE NOT NULL,
    "operation" TEXT NOT NULL,
    "network" TEXT NOT NULL,
    "calls" BIGINT NOT NULL,
    "earned_atomic" DECIMAL(78,0) NOT NULL,
    "reversed_atomic" DECIMAL(78,0) NOT NULL,

    CONSTRAINT "finance_wallet_days_pkey" PRIMARY KEY ("wallet", "day", "operation", "network")
);

CREATE TABLE "finance_fold" (
    "singleton" BOOLEAN NOT NULL DEFAULT true,
    "folded_id" BIGINT NOT NULL DEFAULT 0,

    CONSTRAINT "finance_fold_pkey" PRIMARY KEY ("singleton")
);
INSERT INTO finance_fold DEFAULT VALUES;
ALTER TABLE finance_fold ADD CONSTRAINT finance_fold_is_single CHECK (singleton);
