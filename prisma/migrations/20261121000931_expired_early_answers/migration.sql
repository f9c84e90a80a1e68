-- Whose early answers ran out unpaid lately; read with every claim that may be answered early.
CREATE INDEX payments_expired_payer ON payments (payer, claimed_at) WHERE state = 'expired';
