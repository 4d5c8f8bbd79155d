-- Where a grant comes from: the name that `import --source` gave its file. Since when its row is missing
-- from that file, and by whose import. Such a grant stands as it was until the guard lets its access be
-- removed: only then is its end written.
ALTER TABLE grants ADD COLUMN source TEXT;
ALTER TABLE grants ADD COLUMN dropped_at INTEGER;
ALTER TABLE grants ADD COLUMN dropped_by TEXT;
CREATE INDEX grants_source ON grants (source) WHERE source IS NOT NULL;
CREATE INDEX grants_dropped ON grants (target, person) WHERE dropped_at IS NOT NULL AND revoked = 0 AND removed_at IS NULL;
