-- What was handed to a remote facilitator, one row for each round of a payment, written before it is asked.
CREATE TABLE "facilitator_submissions" (
    "id" UUID NOT NULL,
    "payment_id" UUID NOT NULL,
    "round" INTEGER NOT NULL,
    "fence" BIGINT NOT NULL,
    "asks" INTEGER NOT NULL DEFAULT 1,
    "answer" TEXT NOT NULL DEFAULT 'none',
    "reason" TEXT,
    "transaction_hash" TEXT,
    "fee_atomic" DECIMAL(78,0) NOT NULL DEFAULT 0,
    "submitted_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "asked_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "answered_at" TIMESTAMPTZ(3),
    "closed_at" TIMESTAMPTZ(3),

    CONSTRAINT "facilitator_submissions_pkey" PRIMARY KEY ("id")
);

-- CreateIndex
CREATE UNIQUE INDEX "facilitator_submissions_payment_id_round_key" ON "facilitator_submissions"("payment_id", "round");

-- AddForeignKey
ALTER TABLE "facilitator_submissions" ADD CONSTRAINT "facilitator_submissions_payment_id_fkey" FOREIGN KEY ("payment_id") REFERENCES "payments"("id") ON DELETE NO ACTION ON UPDATE NO ACTION;

ALTER TABLE facilitator_submissions
  ADD CONSTRAINT facilitator_submissions_answer_known CHECK (answer IN ('none', 'succeeded', 'pending', 'refused', 'unknown', 'not_sent')),
  ADD CONSTRAINT facilitator_submissions_counts CHECK (round >= 1 AND asks >= 1 AND fee_atomic >= 0),
  ADD CONSTRAINT facilitator_submissions_hash_known CHECK (answer NOT IN ('succeeded', 'pending') OR transaction_hash IS NOT NULL);
CREATE INDEX facilitator_submissions_open ON facilitator_submissions (submitted_at) WHERE closed_at IS NULL;

SELECT grant_application_rights();
