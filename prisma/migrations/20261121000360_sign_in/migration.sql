-- Challenges of SIGN-IN-WITH-X that were given out and not used yet. A row is deleted by its use, which makes it single use.
CREATE TABLE "sign_in_nonces" (
    "nonce" TEXT NOT NULL,
    "method" TEXT NOT NULL,
    "uri" TEXT NOT NULL,
    "issued_at" TIMESTAMPTZ(3) NOT NULL,
    "expires_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "sign_in_nonces_pkey" PRIMARY KEY ("nonce")
);

-- CreateIndex
CREATE INDEX "sign_in_nonces_expires_at_idx" ON "sign_in_nonces"("expires_at");

ALTER TABLE sign_in_nonces
  ADD CONSTRAINT sign_in_nonces_shape CHECK (nonce ~ '^[0-9a-f]{32}$'),
  ADD CONSTRAINT sign_in_nonces_time_ordered CHECK (issued_at < expires_at);
