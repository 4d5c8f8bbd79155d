-- How often a source was read, and a call to it was noted: a reading during which either has grown is
-- older than what is known.
ALTER TABLE source ADD COLUMN readings INTEGER NOT NULL DEFAULT 0;
ALTER TABLE source ADD COLUMN calls INTEGER NOT NULL DEFAULT 0;
