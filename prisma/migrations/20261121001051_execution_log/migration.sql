-- Executions by month. The table that is there becomes the first partition, unmoved; a month beyond those that are made
-- ahead lands in the default partition, so that no insert ever fails for want of one.
ALTER TABLE executions
  ADD COLUMN "env_names" JSONB NOT NULL DEFAULT '[]',
  ADD COLUMN "workdir" TEXT,
  ADD COLUMN "stdin_bytes" BIGINT,
  ADD COLUMN "is_background" BOOLEAN NOT NULL DEFAULT false,
  ADD COLUMN "pty" BOOLEAN NOT NULL DEFAULT false,
  ADD COLUMN "stdout_tail" BYTEA,
  ADD COLUMN "stderr_tail" BYTEA,
  ADD COLUMN "trimmed_at" TIMESTAMPTZ(3);
ALTER TABLE executions ADD CONSTRAINT executions_tail_is_trimmed CHECK (trimmed_at IS NOT NULL OR (stdout_tail IS NULL AND stderr_tail IS NULL));

ALTER TABLE executions RENAME TO executions_first;
ALTER TABLE executions_first DROP CONSTRAINT executions_pkey;
ALTER TABLE executions_first DROP CONSTRAINT executions_sandbox_id_fkey;
DROP INDEX executions_operation_id_key;
ALTER INDEX executions_sandbox_id_started_at_idx RENAME TO executions_first_sandbox_id_started_at_idx;
ALTER INDEX executions_started RENAME TO executions_first_started;

CREATE TABLE executions (LIKE executions_first INCLUDING DEFAULTS INCLUDING CONSTRAINTS INCLUDING STORAGE) PARTITION BY RANGE (started_at);
ALTER TABLE executions ADD CONSTRAINT "executions_pkey" PRIMARY KEY ("id", "started_at");
CREATE UNIQUE INDEX "executions_operation_id_started_at_key" ON executions ("operation_id", "started_at");
CREATE INDEX "executions_sandbox_id_started_at_idx" ON executions ("sandbox_id", "started_at");
ALTER TABLE executions ADD CONSTRAINT "executions_sandbox_id_fkey" FOREIGN KEY ("sandbox_id") REFERENCES "sandboxes"("id") ON DELETE NO ACTION ON UPDATE NO ACTION;
CREATE INDEX executions_started ON executions (sandbox_id) WHERE state = 'started';
-- Outputs that are longer than what is kept in the end.
CREATE INDEX executions_to_trim ON executions (finished_at)
  WHERE state = 'finished' AND trimmed_at IS NULL AND (stdout_bytes > 2048 OR stderr_bytes > 2048);

-- An operation has at most one execution: it carries the time of its operation, which never changes, and no two of one
-- operation and time may stand in the unique index.
CREATE FUNCTION executions_of_operation() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  PERFORM 1 FROM operations WHERE id = NEW.operation_id AND state = 'started' AND at = NEW.started_at;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'execution %: it starts with its operation', NEW.id USING ERRCODE = 'check_violation';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER executions_of_operation BEFORE INSERT ON executions FOR EACH ROW EXECUTE FUNCTION executions_of_operation();

DO $$
DECLARE
  last_start timestamptz;
  bound timestamptz;
BEGIN
  SELECT greatest(max(started_at), now()) INTO last_start FROM executions_first;
  bound := date_trunc('month', last_start, 'UTC') + interval '1 month';
  EXECUTE format('ALTER TABLE executions ATTACH PARTITION executions_first FOR VALUES FROM (MINVALUE) TO (%L)', bound);
  EXECUTE format('ALTER TABLE executions_first RENAME TO executions_%s', to_char(bound AT TIME ZONE 'UTC' - interval '1 month', '"y"YYYY"m"MM'));
END $$;
CREATE TABLE executions_default PARTITION OF executions DEFAULT;

-- Makes the partitions of the coming months. Runs with the owner's rights: the application's login owns no table.
CREATE FUNCTION executions_make_partitions(months_ahead int) RETURNS SETOF text LANGUAGE plpgsql SECURITY DEFINER
  SET search_path = pg_catalog, public, pg_temp SET lock_timeout = '2s' SET timezone = 'UTC' AS $$
DECLARE
  month timestamp := date_trunc('month', now());
  name text;
BEGIN
  IF months_ahead NOT BETWEEN 1 AND 24 THEN
    RAISE EXCEPTION 'from 1 to 24 months are made ahead' USING ERRCODE = 'check_violation';
  END IF;
  FOR ahead IN 1 .. months_ahead LOOP
    month := month + interval '1 month';
    name := 'executions_' || to_char(month, '"y"YYYY"m"MM');
    CONTINUE WHEN to_regclass('public.' || name) IS NOT NULL;
    EXECUTE format('CREATE TABLE public.%I (LIKE public.executions INCLUDING DEFAULTS INCLUDING CONSTRAINTS INCLUDING STORAGE)', name);
    EXECUTE format('WITH moved AS (DELETE FROM public.executions_default WHERE started_at >= %L AND started_at < %L RETURNING *)
      INSERT INTO public.%I SELECT * FROM moved', month, month + interval '1 month', name);
    EXECUTE format('ALTER TABLE public.executions ATTACH PARTITION public.%I FOR VALUES FROM (%L) TO (%L)', name, month, month + interval '1 month');
    RETURN NEXT name;
  END LOOP;
END $$;

-- Drops the partitions whose last month is over for so many whole months. What a replay or a recovery may still ask for is
-- younger than any number of months that is taken.
CREATE FUNCTION executions_drop_partitions(months_kept int) RETURNS SETOF text LANGUAGE plpgsql SECURITY DEFINER
  SET search_path = pg_catalog, public, pg_temp SET lock_timeout = '2s' SET timezone = 'UTC' AS $$
DECLARE
  name text;
BEGIN
  IF months_kept NOT BETWEEN 1 AND 1200 THEN
    RAISE EXCEPTION 'at least one whole month is kept' USING ERRCODE = 'check_violation';
  END IF;
  FOR name IN
    SELECT c.relname FROM pg_inherits JOIN pg_class c ON c.oid = inhrelid
    WHERE inhparent = 'public.executions'::regclass AND c.relname ~ '^executions_y\d{4}m\d{2}$'
      AND to_timestamp(c.relname, '"executions_y"YYYY"m"MM') + (months_kept + 1) * interval '1 month' <= date_trunc('month', now())
    ORDER BY c.relname
  LOOP
    EXECUTE format('DROP TABLE public.%I', name);
    RETURN NEXT name;
  END LOOP;
END $$;

REVOKE EXECUTE ON FUNCTION executions_make_partitions(int), executions_drop_partitions(int) FROM PUBLIC;
DO $$
BEGIN
  IF EXISTS (SELECT 1 FROM pg_roles WHERE rolname = 'tollbox_app') THEN
    GRANT EXECUTE ON FUNCTION executions_make_partitions(int), executions_drop_partitions(int) TO tollbox_app;
  END IF;
END $$;
SELECT executions_make_partitions(3);
SELECT grant_application_rights();
