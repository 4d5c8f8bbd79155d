-- When an entry was sent without any answer the time before: of two such calls one may have made the entry
-- that a removal finds, and the other may still come.
ALTER TABLE entry ADD COLUMN silent_before INTEGER;
