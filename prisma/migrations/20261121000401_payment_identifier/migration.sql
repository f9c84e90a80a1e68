-- The buyer's name for a request (x402 extension payment-identifier). One payment of a wallet holds it: a further one may
-- only when that was never done, or was never paid.
ALTER TABLE "payments" ADD COLUMN "payment_identifier" TEXT;
ALTER TABLE payments ADD CONSTRAINT payments_identifier_shape CHECK (payment_identifier ~ '^[A-Za-z0-9_-]{16,128}$');
CREATE UNIQUE INDEX payments_identifier ON payments (network, payer, payment_identifier)
  WHERE payment_identifier IS NOT NULL AND state NOT IN ('failed', 'expired') AND (state <> 'voided' OR NOT void_retryable);

CREATE FUNCTION payments_identifier_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'payment %: its identifier never changes', OLD.id USING ERRCODE = 'check_violation';
END $$;
CREATE TRIGGER payments_identifier_guard BEFORE UPDATE OF payment_identifier ON payments FOR EACH ROW
  WHEN (OLD.payment_identifier IS DISTINCT FROM NEW.payment_identifier) EXECUTE FUNCTION payments_identifier_guard();
