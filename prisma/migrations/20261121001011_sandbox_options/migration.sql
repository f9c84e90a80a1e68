-- What a buyer may ask for beside hardware and lifetime. Of variables only the names are kept.
ALTER TABLE sandboxes
  ADD COLUMN name TEXT,
  ADD COLUMN tags JSONB NOT NULL DEFAULT '{}',
  ADD COLUMN idle_timeout_ms INTEGER,
  ADD COLUMN last_active_at TIMESTAMPTZ(3),
  ADD COLUMN idle_at TIMESTAMPTZ(3),
  ADD COLUMN network JSONB,
  ADD COLUMN ports INTEGER[] NOT NULL DEFAULT '{}',
  ADD COLUMN env_names TEXT[] NOT NULL DEFAULT '{}',
  ADD CONSTRAINT sandboxes_idle_timeout_positive CHECK (idle_timeout_ms > 0),
  ADD CONSTRAINT sandboxes_tags_are_an_object CHECK (jsonb_typeof(tags) = 'object');

-- A name belongs to one live sandbox of its owner, and is free again when that ends.
CREATE UNIQUE INDEX sandboxes_live_name ON sandboxes (owner, name)
  WHERE name IS NOT NULL AND state NOT IN ('finished', 'terminated', 'failed', 'lost');
-- What the reaper asks: who has been idle for longer than agreed.
CREATE INDEX sandboxes_idle ON sandboxes (provider, idle_at, id)
  WHERE idle_at IS NOT NULL AND desired_state = 'running' AND state = 'running';
