-- When a team was last asked, whatever came of it: where an account answers too badly to ask for all, those
-- that were asked longest ago come first.
ALTER TABLE source ADD COLUMN asked_at INTEGER;
