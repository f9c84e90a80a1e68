-- Every price list that this installation has quoted from, and when each was the current one.
CREATE TABLE "price_lists" (
    "version" INTEGER NOT NULL,
    "content" JSONB NOT NULL,
    "sha256" TEXT NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "created_by" TEXT NOT NULL,
    "effective_from" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "price_lists_pkey" PRIMARY KEY ("version")
);

-- CreateTable
CREATE TABLE "price_list_activations" (
    "id" BIGSERIAL NOT NULL,
    "version" INTEGER NOT NULL,
    "at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "by" TEXT NOT NULL,

    CONSTRAINT "price_list_activations_pkey" PRIMARY KEY ("id")
);

-- CreateIndex
CREATE UNIQUE INDEX "price_lists_sha256_key" ON "price_lists"("sha256");

-- CreateIndex
CREATE INDEX "price_list_activations_version_idx" ON "price_list_activations"("version");

-- AddForeignKey
ALTER TABLE "price_list_activations" ADD CONSTRAINT "price_list_activations_version_fkey" FOREIGN KEY ("version") REFERENCES "price_lists"("version") ON DELETE NO ACTION ON UPDATE NO ACTION;

-- What a payment was quoted under. No foreign key: every claim would lock the one row of the current list.
ALTER TABLE "payments" ADD COLUMN "price_list_version" INTEGER, ADD COLUMN "fee_atomic" DECIMAL(78,0) NOT NULL DEFAULT 0;

ALTER TABLE price_lists ADD CONSTRAINT price_lists_version_positive CHECK (version > 0);
ALTER TABLE payments ADD CONSTRAINT payments_fee_within_price CHECK (fee_atomic >= 0 AND fee_atomic < price_atomic);
CREATE TRIGGER price_lists_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON price_lists FOR EACH STATEMENT EXECUTE FUNCTION refuse_history_change();
CREATE TRIGGER price_list_activations_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON price_list_activations FOR EACH STATEMENT EXECUTE FUNCTION refuse_history_change();
