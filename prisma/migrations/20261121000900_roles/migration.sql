-- The application connects as a login that owns nothing and is a member of the group role tollbox_app. A migration that
-- makes a table calls grant_application_rights() at its end.
DO $$
BEGIN
  IF NOT EXISTS (SELECT 1 FROM pg_roles WHERE rolname = 'tollbox_app') THEN
    CREATE ROLE tollbox_app NOLOGIN;
  END IF;
EXCEPTION
  WHEN insufficient_privilege THEN RAISE NOTICE 'tollbox_app is not made: this login may not make roles';
  WHEN duplicate_object OR unique_violation THEN NULL; -- another database of the server was migrated at the same moment
END $$;

-- Gives the group on every table what its triggers do not refuse: an append-only table can be read and added to, a table
-- without deletes can be updated as well. Nobody but the owner truncates, and of the journal neither the id nor the time of
-- recording can be chosen. Does nothing where the role is absent, because the owner's login may not make roles.
CREATE FUNCTION grant_application_rights() RETURNS void LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
DECLARE
  target record;
  refused int;
BEGIN
  IF NOT EXISTS (SELECT 1 FROM pg_roles WHERE rolname = 'tollbox_app') THEN
    RAISE NOTICE 'no rights are granted: there is no role tollbox_app';
    RETURN;
  END IF;
  GRANT USAGE ON SCHEMA public TO tollbox_app;
  FOR target IN SELECT oid, oid::regclass AS name, relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') LOOP
    EXECUTE format('REVOKE ALL ON %s FROM tollbox_app', target.name);
    EXECUTE format('GRANT SELECT ON %s TO tollbox_app', target.name);
    CONTINUE WHEN target.relname = '_prisma_migrations';
    -- Bits of pg_trigger.tgtype: 8 on DELETE, 16 on UPDATE.
    SELECT coalesce(bit_or(tgtype::int), 0) INTO refused FROM pg_trigger WHERE tgrelid = target.oid AND tgfoid = 'refuse_history_change'::regproc;
    IF target.relname = 'journal' THEN
      GRANT INSERT (debit_account, credit_account, amount, subject, event, round, leg, operation_id, wallet, event_at) ON journal TO tollbox_app;
    ELSE
      EXECUTE format('GRANT INSERT ON %s TO tollbox_app', target.name);
    END IF;
    IF refused & 16 = 0 THEN EXECUTE format('GRANT UPDATE ON %s TO tollbox_app', target.name); END IF;
    IF refused & 8 = 0 THEN EXECUTE format('GRANT DELETE ON %s TO tollbox_app', target.name); END IF;
  END LOOP;
  GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO tollbox_app;
END $$;
REVOKE EXECUTE ON FUNCTION grant_application_rights() FROM PUBLIC;

SELECT grant_application_rights();
