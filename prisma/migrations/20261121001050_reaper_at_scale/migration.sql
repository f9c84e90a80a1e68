-- When the next process may try to end a sandbox, and how often one has tried: kept in the row, so that every worker
-- heeds it and a restart forgets nothing.
ALTER TABLE sandboxes
  ADD COLUMN "end_attempts" INTEGER NOT NULL DEFAULT 0,
  ADD COLUMN "end_attempt_at" TIMESTAMPTZ(3);
UPDATE sandboxes SET end_attempt_at = now() WHERE desired_state = 'terminated' AND state NOT IN ('terminated', 'failed', 'lost');

-- Whoever asks for an end has this long to carry it out before a worker does.
CREATE FUNCTION sandboxes_end_asked() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  NEW.end_attempt_at := now() + interval '5 s';
  RETURN NEW;
END $$;
CREATE TRIGGER sandboxes_end_asked BEFORE UPDATE OF desired_state ON sandboxes FOR EACH ROW
  WHEN (NEW.desired_state = 'terminated' AND OLD.desired_state <> 'terminated' AND NEW.end_attempt_at IS NULL)
  EXECUTE FUNCTION sandboxes_end_asked();

-- What the reaper looks for, each as the index of exactly the rows that may come: a pass never reads the table.
DROP INDEX sandboxes_live_deadline;
DROP INDEX sandboxes_to_end;
CREATE INDEX sandboxes_due ON sandboxes (provider, deadline_at, id)
  WHERE desired_state = 'running' AND state NOT IN ('terminated', 'failed', 'lost');
CREATE INDEX sandboxes_being_created ON sandboxes (provider, created_at, id)
  WHERE desired_state = 'running' AND state IN ('requested', 'provisioning', 'unknown');
CREATE INDEX sandboxes_to_end ON sandboxes (provider, end_attempt_at, id)
  WHERE desired_state = 'terminated' AND state NOT IN ('terminated', 'failed', 'lost');
CREATE INDEX sandboxes_running ON sandboxes (provider, id) WHERE state = 'running';
