-- Entries of an event that is rare are found among millions of others; the events of every paid call are not in it, so that
-- a call pays nothing for it, and their entries are near the newest ones anyway.
CREATE INDEX journal_rare_events ON journal (event, recorded_at, id) WHERE event NOT IN ('executed', 'broadcast', 'settled', 'gas');
