-- A pool member is a row without owner. The claim gives it, once, what a sandbox has from its create: owner, operation and
-- the time of its creation; nothing ever becomes a pool member again.
ALTER TABLE sandboxes ADD CONSTRAINT sandboxes_pooled_has_no_owner CHECK (state <> 'pooled' OR owner IS NULL);
CREATE INDEX sandboxes_pool ON sandboxes (provider, image, cpu_millis, memory_mib, deadline_at)
  WHERE state = 'pooled' AND desired_state = 'running';
CREATE INDEX sandboxes_unowned_live ON sandboxes (provider, created_at)
  WHERE owner IS NULL AND state NOT IN ('terminated', 'failed', 'lost');

CREATE OR REPLACE FUNCTION sandboxes_guard() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  is_claim boolean := OLD.state = 'pooled' AND NEW.state = 'running' AND OLD.owner IS NULL AND NEW.owner IS NOT NULL;
BEGIN
  IF (OLD.id, OLD.provider) IS DISTINCT FROM (NEW.id, NEW.provider)
     OR (NOT is_claim AND (OLD.owner, OLD.operation_id, OLD.created_at) IS DISTINCT FROM (NEW.owner, NEW.operation_id, NEW.created_at))
  THEN
    RAISE EXCEPTION 'sandbox %: identity and owner never change', OLD.id USING ERRCODE = 'check_violation';
  END IF;
  IF OLD.state = 'pooled' AND NEW.state = 'running' AND (NOT is_claim OR NEW.operation_id = OLD.operation_id OR NEW.desired_state <> 'running') THEN
    RAISE EXCEPTION 'sandbox %: a pool member runs only for an owner and its operation', OLD.id USING ERRCODE = 'check_violation';
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

-- What a member used until its claim, under the pool's own operation and without an owner. A member that nobody claims is
-- recorded like any other sandbox when it ends.
CREATE FUNCTION sandboxes_pool_usage() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  INSERT INTO public.provider_usage (operation_id, sandbox_id, owner, provider, cpu_millis, memory_mib, gpu, started_at, ended_at)
  VALUES (OLD.operation_id, OLD.id, NULL, OLD.provider, OLD.cpu_millis, OLD.memory_mib, OLD.gpu, OLD.started_at,
    greatest(OLD.started_at, NEW.started_at))
  ON CONFLICT (operation_id) DO NOTHING;
  RETURN NULL;
END $$;
CREATE TRIGGER sandboxes_pool_usage AFTER UPDATE OF state ON sandboxes FOR EACH ROW
  WHEN (OLD.state = 'pooled' AND NEW.state = 'running' AND OLD.started_at IS NOT NULL)
  EXECUTE FUNCTION sandboxes_pool_usage();
