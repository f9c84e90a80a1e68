-- What the database itself refuses: illegal state changes, edited history, impossible amounts.
-- The transition lists repeat libs/payments/domain/payment-state.ts and libs/sandboxes/domain/sandbox-state.ts;
-- a test holds them against each other.

-- One installation per database.
ALTER TABLE installation ADD CONSTRAINT installation_is_single CHECK (singleton);

-- Money: whole, positive atomic units; an authorization never pays less than the price it was claimed for.
ALTER TABLE payments
  ADD CONSTRAINT payments_amount_covers_price CHECK (price_atomic > 0 AND amount_atomic >= price_atomic),
  ADD CONSTRAINT payments_validity_ordered CHECK (valid_after < valid_before),
  ADD CONSTRAINT payments_state_known CHECK (state IN
    ('claimed', 'executed', 'queued', 'broadcast', 'settled', 'voided', 'failed', 'expired', 'unknown')),
  ADD CONSTRAINT payments_mode_known CHECK (settlement_mode IN ('confirm', 'optimistic')),
  ADD CONSTRAINT payments_payer_kind_known CHECK (payer_kind IN ('eoa', 'contract')),
  ADD CONSTRAINT payments_hex_lower CHECK (payer = lower(payer) AND nonce = lower(nonce) AND asset = lower(asset) AND pay_to = lower(pay_to)),
  ADD CONSTRAINT payments_claim_has_lease CHECK (state <> 'claimed' OR (lease_holder IS NOT NULL AND lease_expires_at IS NOT NULL)),
  ADD CONSTRAINT payments_done_has_answer CHECK (state NOT IN ('executed', 'queued', 'broadcast', 'settled', 'unknown', 'failed', 'expired')
    OR (answer_status IS NOT NULL AND answer_expires_at IS NOT NULL)),
  ADD CONSTRAINT payments_void_has_code CHECK (state <> 'voided' OR void_code IS NOT NULL),
  ADD CONSTRAINT payments_settled_has_transaction CHECK (state <> 'settled' OR (transaction_hash IS NOT NULL AND block_number IS NOT NULL AND settled_at IS NOT NULL));

-- The settlement queue and the work that a dead process left behind are found by these, not by scanning.
CREATE INDEX payments_queue ON payments (valid_before, id) WHERE state = 'queued';
CREATE INDEX payments_in_flight ON payments (updated_at, id) WHERE state IN ('executed', 'broadcast', 'unknown');
CREATE INDEX payments_leased ON payments (lease_expires_at) WHERE state = 'claimed';
CREATE INDEX payments_reserving ON payments (network, asset, payer) WHERE state IN ('claimed', 'executed', 'queued', 'broadcast', 'unknown');
CREATE INDEX payments_to_revoke ON payments (id) WHERE state IN ('failed', 'expired') AND revoked_at IS NULL;
CREATE INDEX payments_settled_block ON payments (block_number, payer) WHERE state = 'settled';
CREATE INDEX payments_answer_expiry ON payments (answer_expires_at) WHERE answer_body IS NOT NULL;

CREATE FUNCTION payments_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF (OLD.id, OLD.network, OLD.asset, OLD.payer, OLD.nonce, OLD.pay_to, OLD.amount_atomic, OLD.valid_after, OLD.valid_before, OLD.fingerprint)
     IS DISTINCT FROM
     (NEW.id, NEW.network, NEW.asset, NEW.payer, NEW.nonce, NEW.pay_to, NEW.amount_atomic, NEW.valid_after, NEW.valid_before, NEW.fingerprint)
  THEN
    RAISE EXCEPTION 'payment %: the authorization of a payment never changes', OLD.id USING ERRCODE = 'check_violation';
  END IF;
  IF OLD.state <> NEW.state AND (OLD.state || '>' || NEW.state) NOT IN (
    'claimed>executed', 'claimed>voided', 'voided>claimed',
    'executed>queued',
    'queued>broadcast', 'queued>settled', 'queued>failed', 'queued>expired',
    'broadcast>settled', 'broadcast>failed', 'broadcast>expired', 'broadcast>unknown', 'broadcast>queued',
    'unknown>settled', 'unknown>failed', 'unknown>expired', 'unknown>queued',
    'settled>queued', 'settled>expired')
  THEN
    RAISE EXCEPTION 'payment %: % to % is not a legal change', OLD.id, OLD.state, NEW.state USING ERRCODE = 'check_violation';
  END IF;
  IF OLD.state = 'voided' AND NEW.state = 'claimed' AND NOT (OLD.void_retryable AND NEW.attempt = OLD.attempt + 1) THEN
    RAISE EXCEPTION 'payment %: only a retryable void may be claimed again, as the next attempt', OLD.id USING ERRCODE = 'check_violation';
  END IF;
  IF OLD.answer_body IS NOT NULL AND OLD.state <> 'voided' AND NEW.answer_body IS DISTINCT FROM OLD.answer_body AND NEW.answer_body IS NOT NULL THEN
    RAISE EXCEPTION 'payment %: a stored answer never changes', OLD.id USING ERRCODE = 'check_violation';
  END IF;
  NEW.updated_at := now();
  RETURN NEW;
END $$;
CREATE TRIGGER payments_guard BEFORE UPDATE ON payments FOR EACH ROW EXECUTE FUNCTION payments_guard();

CREATE FUNCTION payments_start_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NEW.state <> 'claimed' OR NEW.attempt <> 1 THEN
    RAISE EXCEPTION 'payment %: a payment starts as the first claim', NEW.id USING ERRCODE = 'check_violation';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER payments_start_guard BEFORE INSERT ON payments FOR EACH ROW EXECUTE FUNCTION payments_start_guard();

-- Settlement transactions: one live transaction per nonce of a key; the signed bytes never change.
ALTER TABLE settlement_transactions
  ADD CONSTRAINT settlement_transactions_state_known CHECK (state IN ('stored', 'sent', 'succeeded', 'reverted', 'dropped'));
CREATE UNIQUE INDEX settlement_transactions_live_nonce ON settlement_transactions (network, signer, evm_nonce) WHERE state <> 'dropped';
CREATE INDEX settlement_transactions_unresolved ON settlement_transactions (signer, evm_nonce) WHERE state IN ('stored', 'sent');
CREATE INDEX settlement_transactions_mined ON settlement_transactions (block_number) WHERE state IN ('succeeded', 'reverted');
CREATE INDEX payments_transaction ON payments (transaction_hash) WHERE transaction_hash IS NOT NULL;
CREATE FUNCTION settlement_transactions_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF (OLD.id, OLD.network, OLD.signer, OLD.evm_nonce, OLD.fence, OLD.raw_transaction, OLD.transaction_hash)
     IS DISTINCT FROM (NEW.id, NEW.network, NEW.signer, NEW.evm_nonce, NEW.fence, NEW.raw_transaction, NEW.transaction_hash)
  THEN
    RAISE EXCEPTION 'settlement transaction %: the signed bytes never change', OLD.id USING ERRCODE = 'check_violation';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER settlement_transactions_guard BEFORE UPDATE ON settlement_transactions FOR EACH ROW EXECUTE FUNCTION settlement_transactions_guard();

-- Sandboxes.
ALTER TABLE sandboxes
  ADD CONSTRAINT sandboxes_state_known CHECK (state IN
    ('requested', 'provisioning', 'unknown', 'pooled', 'running', 'finished', 'terminating', 'terminated', 'failed', 'lost')),
  ADD CONSTRAINT sandboxes_desired_state_known CHECK (desired_state IN ('running', 'terminated')),
  ADD CONSTRAINT sandboxes_owner_unless_pooled CHECK (owner IS NOT NULL OR state IN ('requested', 'provisioning', 'unknown', 'pooled', 'terminating', 'terminated', 'failed', 'lost')),
  ADD CONSTRAINT sandboxes_limits_positive CHECK (cpu_millis > 0 AND memory_mib > 0 AND lifetime_ms > 0),
  ADD CONSTRAINT sandboxes_end_is_dated CHECK (state NOT IN ('finished', 'terminated', 'failed', 'lost') OR ended_at IS NOT NULL);
CREATE INDEX sandboxes_live_deadline ON sandboxes (deadline_at, id) WHERE state NOT IN ('terminated', 'failed', 'lost');
CREATE INDEX sandboxes_to_end ON sandboxes (updated_at, id) WHERE desired_state = 'terminated' AND state NOT IN ('terminated', 'failed', 'lost');

CREATE FUNCTION sandboxes_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF (OLD.id, OLD.operation_id, OLD.provider, OLD.created_at) IS DISTINCT FROM (NEW.id, NEW.operation_id, NEW.provider, NEW.created_at)
     OR (OLD.owner IS NOT NULL AND NEW.owner IS DISTINCT FROM OLD.owner)
  THEN
    RAISE EXCEPTION 'sandbox %: identity and owner never change', OLD.id USING ERRCODE = 'check_violation';
  END IF;
  IF OLD.desired_state = 'terminated' AND NEW.desired_state <> 'terminated' THEN
    RAISE EXCEPTION 'sandbox %: an ending cannot be taken back', OLD.id USING ERRCODE = 'check_violation';
  END IF;
  IF OLD.state <> NEW.state AND (OLD.state || '>' || NEW.state) NOT IN (
    'requested>provisioning', 'requested>failed', 'requested>terminated',
    'provisioning>running', 'provisioning>pooled', 'provisioning>unknown', 'provisioning>failed', 'provisioning>terminating',
    'unknown>running', 'unknown>pooled', 'unknown>failed', 'unknown>terminating', 'unknown>lost',
    'pooled>running', 'pooled>terminating', 'pooled>lost',
    'running>finished', 'running>terminating', 'running>lost',
    'finished>terminating', 'finished>terminated',
    'terminating>terminated', 'terminating>lost')
  THEN
    RAISE EXCEPTION 'sandbox %: % to % is not a legal change', OLD.id, OLD.state, NEW.state USING ERRCODE = 'check_violation';
  END IF;
  NEW.updated_at := now();
  RETURN NEW;
END $$;
CREATE TRIGGER sandboxes_guard BEFORE UPDATE ON sandboxes FOR EACH ROW EXECUTE FUNCTION sandboxes_guard();

ALTER TABLE executions
  ADD CONSTRAINT executions_state_known CHECK (state IN ('started', 'finished', 'failed')),
  ADD CONSTRAINT executions_finished_has_result CHECK (state <> 'finished' OR (finished_at IS NOT NULL AND stdout IS NOT NULL AND stderr IS NOT NULL AND returncode IS NOT NULL));

ALTER TABLE api_keys
  ADD CONSTRAINT api_keys_role_known CHECK (role IN ('operator', 'finance', 'auditor')),
  ADD CONSTRAINT api_keys_hash_length CHECK (octet_length(key_sha256) = 32);

-- History is written once.
CREATE FUNCTION refuse_history_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'check_violation';
END $$;
CREATE TRIGGER payment_events_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON payment_events FOR EACH STATEMENT EXECUTE FUNCTION refuse_history_change();
CREATE TRIGGER sandbox_events_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON sandbox_events FOR EACH STATEMENT EXECUTE FUNCTION refuse_history_change();
CREATE TRIGGER audit_log_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_log FOR EACH STATEMENT EXECUTE FUNCTION refuse_history_change();
CREATE TRIGGER payments_no_delete BEFORE DELETE OR TRUNCATE ON payments FOR EACH STATEMENT EXECUTE FUNCTION refuse_history_change();
