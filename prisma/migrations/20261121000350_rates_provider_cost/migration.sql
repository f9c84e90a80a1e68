-- Rates: what an asset is worth in another, and what a provider takes for a second. A change is a new version; of the
-- versions that are in effect at a time, the newest counts.

-- One unit of base is numerator / denominator units of quote: USDC in 10⁻⁶, ETH in wei, USD in 10⁻¹².
CREATE TABLE "rates" (
    "base" TEXT NOT NULL,
    "quote" TEXT NOT NULL,
    "version" INTEGER NOT NULL,
    "numerator" DECIMAL(78,0) NOT NULL,
    "denominator" DECIMAL(78,0) NOT NULL,
    "effective_from" TIMESTAMPTZ(3) NOT NULL,
    "created_by" TEXT NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "rates_pkey" PRIMARY KEY ("base", "quote", "version")
);
ALTER TABLE rates
  ADD CONSTRAINT rates_known CHECK (base IN ('USDC', 'ETH', 'USD') AND quote IN ('USDC', 'ETH', 'USD') AND base <> quote),
  ADD CONSTRAINT rates_positive CHECK (numerator > 0 AND denominator > 0 AND version > 0);
CREATE TRIGGER rates_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON rates FOR EACH STATEMENT EXECUTE FUNCTION refuse_history_change();

-- A dollar a USDC; ETH at 3,000 dollars until finance records its own rate.
INSERT INTO rates (base, quote, version, numerator, denominator, effective_from, created_by) VALUES
  ('USDC', 'USD', 1, 1000000, 1, '1970-01-01Z', 'default'),
  ('ETH', 'USD', 1, 3000, 1000000, '1970-01-01Z', 'default');

-- resource: cpu (a core), memory (a GiB), or gpu:<type>; the price of one for a second, in USD at 10⁻¹².
CREATE TABLE "provider_rates" (
    "provider" TEXT NOT NULL,
    "resource" TEXT NOT NULL,
    "version" INTEGER NOT NULL,
    "usd_e12_per_second" DECIMAL(78,0) NOT NULL,
    "effective_from" TIMESTAMPTZ(3) NOT NULL,
    "created_by" TEXT NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "provider_rates_pkey" PRIMARY KEY ("provider", "resource", "version")
);
ALTER TABLE provider_rates ADD CONSTRAINT provider_rates_not_negative CHECK (usd_e12_per_second >= 0 AND version > 0);
CREATE TRIGGER provider_rates_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON provider_rates FOR EACH STATEMENT EXECUTE FUNCTION refuse_history_change();

-- Modal's list prices for sandboxes, without multipliers of a region; an engine of one's own costs nothing by the second.
INSERT INTO provider_rates (provider, resource, version, usd_e12_per_second, effective_from, created_by)
SELECT provider, resource, 1, CASE provider WHEN 'modal' THEN price ELSE 0 END, '1970-01-01Z', 'default'
FROM (VALUES ('modal'), ('container')) AS providers (provider),
  (VALUES ('cpu', 39420000), ('memory', 6720000), ('gpu:T4', 164000000), ('gpu:L4', 222000000), ('gpu:A10G', 306000000),
    ('gpu:A100', 694000000), ('gpu:H100', 1097000000)) AS prices (resource, price);

-- What an ended sandbox used, kept when it ends and priced by the worker. amount_usd_e12 is null until then.
CREATE TABLE "provider_usage" (
    "operation_id" UUID NOT NULL,
    "sandbox_id" TEXT NOT NULL,
    "owner" TEXT,
    "provider" TEXT NOT NULL,
    "cpu_millis" INTEGER NOT NULL,
    "memory_mib" INTEGER NOT NULL,
    "gpu" TEXT,
    "started_at" TIMESTAMPTZ(3) NOT NULL,
    "ended_at" TIMESTAMPTZ(3) NOT NULL,
    "amount_usd_e12" DECIMAL(78,0),
    "booked_at" TIMESTAMPTZ(3),
    "postponed_at" TIMESTAMPTZ(3),

    CONSTRAINT "provider_usage_pkey" PRIMARY KEY ("operation_id")
);
ALTER TABLE provider_usage ADD CONSTRAINT provider_usage_booked_has_amount CHECK ((booked_at IS NULL) = (amount_usd_e12 IS NULL) AND amount_usd_e12 >= 0);
CREATE INDEX provider_usage_open ON provider_usage (postponed_at NULLS FIRST, operation_id) WHERE booked_at IS NULL;
CREATE TRIGGER provider_usage_no_delete BEFORE DELETE OR TRUNCATE ON provider_usage FOR EACH STATEMENT EXECUTE FUNCTION refuse_history_change();

CREATE FUNCTION sandboxes_usage() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO public.provider_usage (operation_id, sandbox_id, owner, provider, cpu_millis, memory_mib, gpu, started_at, ended_at)
  VALUES (NEW.operation_id, NEW.id, lower(NEW.owner), NEW.provider, NEW.cpu_millis, NEW.memory_mib, NEW.gpu, NEW.started_at,
    greatest(NEW.started_at, NEW.ended_at))
  ON CONFLICT (operation_id) DO NOTHING;
  RETURN NULL;
END $$;
CREATE TRIGGER sandboxes_usage AFTER UPDATE ON sandboxes FOR EACH ROW
  WHEN (NEW.state IN ('terminated', 'failed', 'lost') AND OLD.state <> NEW.state AND NEW.started_at IS NOT NULL AND NEW.ended_at IS NOT NULL)
  EXECUTE FUNCTION sandboxes_usage();

INSERT INTO provider_usage (operation_id, sandbox_id, owner, provider, cpu_millis, memory_mib, gpu, started_at, ended_at)
SELECT operation_id, id, lower(owner), provider, cpu_millis, memory_mib, gpu, started_at, greatest(started_at, ended_at)
FROM sandboxes WHERE state IN ('terminated', 'failed', 'lost') AND started_at IS NOT NULL AND ended_at IS NOT NULL;
