-- Anybody can send payTo dust. What nothing but a lost block can change is not looked at again, and dust is told about by the day.
ALTER TABLE "chain_receipts"
  ADD COLUMN "is_final" BOOLEAN NOT NULL DEFAULT false,
  ADD COLUMN "is_dust" BOOLEAN NOT NULL DEFAULT false;

DROP INDEX chain_receipts_unexplained;
CREATE INDEX chain_receipts_unexplained ON chain_receipts (id) WHERE NOT is_final AND state NOT IN ('explained', 'lost');
CREATE INDEX chain_receipts_dust ON chain_receipts (first_seen_at) WHERE is_dust;
