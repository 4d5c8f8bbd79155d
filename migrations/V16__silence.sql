-- When an entry was last sent without any answer: for some minutes it may still be made, also after a
-- removal found nothing.
ALTER TABLE entry ADD COLUMN silent_at INTEGER;
