-- The ledger of giving: one row for each access that is to be given, from when that was decided
-- until it is settled. What is sent is computed from the grants at the moment of the call.
CREATE TABLE provision (
    id         INTEGER PRIMARY KEY,
    kind       TEXT NOT NULL CHECK (kind IN ('whitelist.add', 'whitelist.renew', 'member.add', 'member.promote')),
    target     INTEGER NOT NULL REFERENCES target (id),
    email      TEXT NOT NULL,
    email_key  TEXT NOT NULL,
    role       TEXT CHECK (role IN ('admin', 'manager')),
    flags      TEXT NOT NULL DEFAULT '', -- of a member who is given back, joined by ;
    command    TEXT NOT NULL,            -- what asked for it
    asked_by   TEXT NOT NULL,
    take_back  TEXT NOT NULL DEFAULT '[]', -- JSON: what a refusal undoes in the grants
    planned_at INTEGER NOT NULL,
    due_at     INTEGER NOT NULL,         -- the start, or the next try
    state      TEXT NOT NULL CHECK (state IN ('planned', 'intent', 'unknown', 'failed',
                                              'done', 'refused', 'withdrawn')),
    result     TEXT CHECK (result IN ('posted', 'added', 'invited', 'promoted', 'already_exists', 'already_invited')),
    attempts   INTEGER NOT NULL DEFAULT 0,
    tried_at   INTEGER,
    unanswered INTEGER NOT NULL DEFAULT 0 CHECK (unanswered IN (0, 1)), -- a try may have been done
    gap_since  INTEGER, -- the old entry is being replaced: it may be gone, and the new one not there
    detail     TEXT,
    settled_at INTEGER
) STRICT;
CREATE UNIQUE INDEX provision_open ON provision (target, email_key, ifnull(role, '')) WHERE settled_at IS NULL;
CREATE INDEX provision_due ON provision (due_at) WHERE settled_at IS NULL;
CREATE INDEX provision_person ON provision (email_key);

-- A grant that the provider refused to give: closed, and it never gave access.
ALTER TABLE grants ADD COLUMN refused INTEGER NOT NULL DEFAULT 0 CHECK (refused IN (0, 1));
