-- A tunnel leads to one port of one sandbox, until it is closed or the sandbox ends.
CREATE TABLE "tunnels" (
    "id" TEXT NOT NULL,
    "owner" TEXT NOT NULL,
    "sandbox_id" TEXT NOT NULL,
    "operation_id" UUID NOT NULL,
    "container_port" INTEGER NOT NULL,
    "token_sha256" TEXT,
    "is_public" BOOLEAN NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "closed_at" TIMESTAMPTZ(3),

    CONSTRAINT "tunnels_pkey" PRIMARY KEY ("id")
);

-- CreateIndex
CREATE UNIQUE INDEX "tunnels_operation_id_key" ON "tunnels"("operation_id");

-- CreateIndex
CREATE INDEX "tunnels_sandbox_id_created_at_idx" ON "tunnels"("sandbox_id", "created_at");

-- AddForeignKey
ALTER TABLE "tunnels" ADD CONSTRAINT "tunnels_sandbox_id_fkey" FOREIGN KEY ("sandbox_id") REFERENCES "sandboxes"("id") ON DELETE NO ACTION ON UPDATE NO ACTION;

ALTER TABLE tunnels
  ADD CONSTRAINT tunnels_port CHECK (container_port BETWEEN 1 AND 65535),
  ADD CONSTRAINT tunnels_token_or_public CHECK (is_public = (token_sha256 IS NULL)),
  ADD CONSTRAINT tunnels_token_form CHECK (token_sha256 ~ '^[0-9a-f]{64}$');

CREATE FUNCTION tunnels_guard() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  IF (OLD.id, OLD.owner, OLD.sandbox_id, OLD.operation_id, OLD.container_port, OLD.token_sha256, OLD.is_public, OLD.created_at)
     IS DISTINCT FROM
     (NEW.id, NEW.owner, NEW.sandbox_id, NEW.operation_id, NEW.container_port, NEW.token_sha256, NEW.is_public, NEW.created_at)
     OR OLD.closed_at IS NOT NULL
  THEN
    RAISE EXCEPTION 'tunnel %: a tunnel can only be closed, and once', OLD.id USING ERRCODE = 'check_violation';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER tunnels_guard BEFORE UPDATE ON tunnels FOR EACH ROW EXECUTE FUNCTION tunnels_guard();
CREATE TRIGGER tunnels_no_delete BEFORE DELETE OR TRUNCATE ON tunnels FOR EACH STATEMENT EXECUTE FUNCTION refuse_history_change();

SELECT grant_application_rights();
