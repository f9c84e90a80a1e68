-- A function looks its names up in the search path of whoever fires it: a temporary table of the name `ledger_accounts` would
-- stand in for the real one. Each function of this schema gets a path of its own, in which temporary tables come last.
DO $$
DECLARE
  name regprocedure;
BEGIN
  FOR name IN SELECT p.oid::regprocedure FROM pg_proc p
    WHERE p.pronamespace = current_schema()::regnamespace AND p.prokind = 'f'
      AND NOT EXISTS (SELECT 1 FROM pg_depend d WHERE d.objid = p.oid AND d.classid = 'pg_proc'::regclass AND d.deptype = 'e')
  LOOP
    EXECUTE format('ALTER FUNCTION %s SET search_path = pg_catalog, %I, pg_temp', name, current_schema());
  END LOOP;
END $$;
