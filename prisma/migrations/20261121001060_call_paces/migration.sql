-- When the next call of a kind may be made: one pace for all processes of the installation.
CREATE TABLE call_paces (
  name text PRIMARY KEY,
  next_at timestamptz NOT NULL
);

SELECT grant_application_rights();
