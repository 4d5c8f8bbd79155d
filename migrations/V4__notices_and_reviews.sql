-- When somebody last said that a grant is still needed; until then, when it was recorded.
ALTER TABLE grants ADD COLUMN confirmed_at INTEGER;
CREATE INDEX grants_review ON grants (ifnull(confirmed_at, recorded_at)) WHERE removed_at IS NULL;

-- Grants that wait for the answer of those who were asked whether they are still needed.
CREATE TABLE review (
    grant_id    INTEGER PRIMARY KEY REFERENCES grants (id) ON DELETE CASCADE,
    asked_at    INTEGER NOT NULL,
    reminded_at INTEGER,
    reminder    TEXT -- the last reminder's unique_key in the outbox
) STRICT;

-- Access that ends: open grants that no other open grant of the person outlasts. Access is given by
-- any grant on the target, a role only by one of that role.
CREATE VIEW ending AS
SELECT g.* FROM grants g
WHERE g.removed_at IS NULL AND g.ends_at IS NOT NULL
  AND NOT EXISTS (SELECT 1 FROM grants o
                  WHERE o.target = g.target AND o.email_key = g.email_key AND o.removed_at IS NULL
                    AND (g.role IS NULL OR o.role = g.role)
                    AND o.starts_at <= g.ends_at AND (o.ends_at IS NULL OR o.ends_at > g.ends_at));

-- Who was told last of which grant's end: none is told twice, and a moved end is told anew.
CREATE TABLE notice (
    grant_id  INTEGER NOT NULL REFERENCES grants (id) ON DELETE CASCADE,
    recipient TEXT NOT NULL,    -- in lower case
    ends_at   INTEGER NOT NULL, -- the end that was told
    ahead     INTEGER NOT NULL, -- the narrowest window that was told, in milliseconds
    sequence  INTEGER NOT NULL, -- of the event in the recipient's calendar: how often its end moved
    told_at   INTEGER NOT NULL,
    PRIMARY KEY (grant_id, recipient)
) STRICT, WITHOUT ROWID;

-- What is closed, for lists of one target; open grants have an index of their own.
CREATE INDEX grants_closed ON grants (target) WHERE removed_at IS NOT NULL;
