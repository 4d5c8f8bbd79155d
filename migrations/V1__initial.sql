-- Times are milliseconds since 1970 in UTC. Addresses are kept as written, and in lower case
-- (`email_key`) for matching.

-- What grants name: a whitelist, or a team by name or id. A team that a grant names before it was
-- ever seen has no remote_id yet; the next observation matches it.
CREATE TABLE target (
    id         INTEGER PRIMARY KEY,
    provider   TEXT NOT NULL CHECK (provider IN ('sentius', 'sapling')),
    account    TEXT NOT NULL,
    remote_id  TEXT,
    name       TEXT NOT NULL,
    listed     INTEGER NOT NULL DEFAULT 0 CHECK (listed IN (0, 1)),
    first_seen INTEGER
) STRICT;
CREATE UNIQUE INDEX target_remote ON target (provider, account, remote_id) WHERE remote_id IS NOT NULL;
CREATE INDEX target_name ON target (provider, account, name);

-- What should be. `removed_at` closes a grant: its access was taken away, with evidence.
CREATE TABLE grants (
    id          INTEGER PRIMARY KEY,
    target      INTEGER NOT NULL REFERENCES target (id),
    email       TEXT NOT NULL,
    email_key   TEXT NOT NULL,
    name        TEXT,
    permissions TEXT NOT NULL DEFAULT '',
    role        TEXT CHECK (role IN ('admin', 'manager')),
    starts_at   INTEGER NOT NULL,
    ends_at     INTEGER,
    revoked     INTEGER NOT NULL DEFAULT 0 CHECK (revoked IN (0, 1)),
    owner       TEXT,
    reason      TEXT,
    as_written  TEXT NOT NULL DEFAULT '',
    recorded_at INTEGER NOT NULL,
    removed_at  INTEGER
) STRICT;
CREATE INDEX grants_due ON grants (ends_at) WHERE removed_at IS NULL;
CREATE INDEX grants_open ON grants (target, email_key) WHERE removed_at IS NULL;
CREATE INDEX grants_person ON grants (email_key);

-- How each thing that is read from a provider fared last.
CREATE TABLE source (
    id           INTEGER PRIMARY KEY,
    kind         TEXT NOT NULL CHECK (kind IN ('teams', 'team', 'suppressed')),
    account      TEXT NOT NULL,
    target       INTEGER NOT NULL DEFAULT 0, -- 0 but for a team
    state        TEXT NOT NULL CHECK (state IN ('complete', 'forbidden', 'doubtful', 'unreadable')),
    since        INTEGER NOT NULL,           -- when it came into this state
    detail       TEXT,
    complete_at  INTEGER,                    -- the last complete reading
    digest       BLOB,                       -- of its body
    settled      INTEGER NOT NULL DEFAULT 0 CHECK (settled IN (0, 1)), -- nothing awaits a second reading
    doubt_digest BLOB,
    doubt_streak INTEGER NOT NULL DEFAULT 0,
    UNIQUE (kind, account, target)
) STRICT;

-- Team members as versions: a row ends when a flag changes or the member is gone.
CREATE TABLE member (
    id                 INTEGER PRIMARY KEY,
    target             INTEGER NOT NULL REFERENCES target (id),
    remote_id          TEXT NOT NULL,
    email              TEXT NOT NULL,
    email_key          TEXT NOT NULL,
    is_admin           INTEGER NOT NULL CHECK (is_admin IN (0, 1)),
    is_manager         INTEGER NOT NULL CHECK (is_manager IN (0, 1)),
    edit_permission    INTEGER NOT NULL CHECK (edit_permission IN (0, 1)),
    inspect_permission INTEGER NOT NULL CHECK (inspect_permission IN (0, 1)),
    created_at         INTEGER,
    updated_at         INTEGER,
    first_seen         INTEGER NOT NULL,
    valid_from         INTEGER NOT NULL,
    valid_to           INTEGER,
    last_seen          INTEGER, -- set with valid_to; until then the source's complete_at
    missing_since      INTEGER  -- absent from one complete reading: gone after the second
) STRICT;
CREATE INDEX member_current ON member (target, email_key) WHERE valid_to IS NULL;
CREATE INDEX member_person ON member (email_key);

-- Invites have no date at the provider: their age is counted from first_seen.
CREATE TABLE invite (
    id          INTEGER PRIMARY KEY,
    target      INTEGER NOT NULL REFERENCES target (id),
    email       TEXT NOT NULL,
    email_key   TEXT NOT NULL,
    registered  INTEGER NOT NULL CHECK (registered IN (0, 1)),
    confirmed   INTEGER NOT NULL CHECK (confirmed IN (0, 1)),
    permissions TEXT NOT NULL,
    first_seen  INTEGER NOT NULL,
    gone_at     INTEGER
) STRICT;
CREATE INDEX invite_open ON invite (target, email_key) WHERE gone_at IS NULL;
CREATE INDEX invite_age ON invite (first_seen) WHERE gone_at IS NULL;
CREATE INDEX invite_person ON invite (email_key);

CREATE TABLE suppressed (
    id         INTEGER PRIMARY KEY,
    account    TEXT NOT NULL,
    email      TEXT NOT NULL,
    email_key  TEXT NOT NULL,
    first_seen INTEGER NOT NULL,
    gone_at    INTEGER
) STRICT;
CREATE INDEX suppressed_open ON suppressed (email_key, account) WHERE gone_at IS NULL;

-- A plan, or the part of one, that the guard held: exactly these actions, each due since exactly
-- then. A person lets it go ahead once.
CREATE TABLE hold (
    id          INTEGER PRIMARY KEY,
    digest      BLOB NOT NULL CHECK (length(digest) = 32),
    actions     TEXT NOT NULL, -- a JSON list of action ids
    held_at     INTEGER NOT NULL,
    approved_at INTEGER,
    approved_by TEXT
) STRICT;

CREATE TABLE run (
    id          TEXT PRIMARY KEY,
    started_at  INTEGER NOT NULL,
    finished_at INTEGER,
    dry_run     INTEGER NOT NULL CHECK (dry_run IN (0, 1)),
    outcome     TEXT CHECK (outcome IN ('converged', 'incomplete', 'held')),
    counts      TEXT,
    hold        INTEGER REFERENCES hold (id)
) STRICT;
CREATE INDEX run_finished ON run (finished_at) WHERE dry_run = 0;

-- The ledger: one row for each removal that became due, from first planned until settled.
CREATE TABLE action (
    id          INTEGER PRIMARY KEY,
    kind        TEXT NOT NULL CHECK (kind IN ('whitelist.remove', 'member.remove', 'member.demote', 'invite.revoke')),
    target      INTEGER NOT NULL REFERENCES target (id),
    email       TEXT NOT NULL,
    email_key   TEXT NOT NULL,
    reason      TEXT NOT NULL CHECK (reason IN ('grant.ended', 'grant.revoked', 'role.ended', 'team.max_age',
                                                'whitelist.ended', 'invite.stale', 'invite.suppressed')),
    remote_id   TEXT,
    role        TEXT CHECK (role IN ('admin', 'manager')),
    due_at      INTEGER NOT NULL,
    planned_at  INTEGER NOT NULL,
    run         TEXT NOT NULL REFERENCES run (id), -- the last one that had it in its plan
    state       TEXT NOT NULL CHECK (state IN ('planned', 'intent', 'held', 'protected', 'failed', 'unknown',
                                               'done', 'absent', 'withdrawn')),
    evidence    TEXT CHECK (evidence IN ('acknowledged', 'verified')),
    attempts    INTEGER NOT NULL DEFAULT 0,
    tried_at    INTEGER,
    next_try_at INTEGER,
    detail      TEXT,
    approved_at INTEGER, -- a person let it go ahead; holds while it is due since the same moment
    settled_at  INTEGER
) STRICT;
CREATE UNIQUE INDEX action_open ON action (target, email_key, kind) WHERE settled_at IS NULL;
CREATE INDEX action_settled ON action (settled_at) WHERE settled_at IS NOT NULL;
CREATE INDEX action_tried ON action (tried_at) WHERE tried_at IS NOT NULL;
CREATE INDEX action_run ON action (run);
CREATE INDEX action_person ON action (email_key);
CREATE INDEX action_unproven ON action (target)
    WHERE state IN ('intent', 'unknown') OR (state IN ('done', 'absent') AND evidence = 'acknowledged');

-- The audit trail: append-only and hash-chained. The chain covers a salted digest of each payload,
-- and payload and salt lie apart, so that a person's data can be erased and the chain still holds.
CREATE TABLE event (
    seq     INTEGER PRIMARY KEY,
    at      INTEGER NOT NULL,
    kind    TEXT NOT NULL,
    payload BLOB NOT NULL CHECK (length(payload) = 32),
    hash    BLOB NOT NULL CHECK (length(hash) = 32)
) STRICT;
CREATE TABLE event_payload (
    seq       INTEGER PRIMARY KEY REFERENCES event (seq),
    salt      BLOB NOT NULL,
    target    INTEGER,
    email_key TEXT,
    body      TEXT NOT NULL
) STRICT;
CREATE INDEX event_payload_person ON event_payload (email_key) WHERE email_key IS NOT NULL;
CREATE TRIGGER event_keeps BEFORE UPDATE ON event
BEGIN SELECT RAISE(ABORT, 'the audit trail is append-only'); END;
CREATE TRIGGER event_stays BEFORE DELETE ON event
BEGIN SELECT RAISE(ABORT, 'the audit trail is append-only'); END;
CREATE TRIGGER event_payload_keeps BEFORE UPDATE ON event_payload
BEGIN SELECT RAISE(ABORT, 'the audit trail is append-only'); END;

-- Mail that was decided and is to be delivered: whole, with its final Message-ID, once per
-- (what, period, recipient).
CREATE TABLE outbox (
    id          INTEGER PRIMARY KEY,
    kind        TEXT NOT NULL,
    unique_key  TEXT NOT NULL UNIQUE,
    sender      TEXT NOT NULL,
    recipient   TEXT NOT NULL,
    message_id  TEXT NOT NULL,
    body        BLOB NOT NULL,
    created_at  INTEGER NOT NULL,
    state       TEXT NOT NULL CHECK (state IN ('queued', 'claimed', 'sent', 'failed', 'suppressed')),
    attempts    INTEGER NOT NULL DEFAULT 0,
    next_try_at INTEGER NOT NULL,
    detail      TEXT,
    sent_at     INTEGER
) STRICT;
CREATE INDEX outbox_waiting ON outbox (next_try_at) WHERE state IN ('queued', 'claimed', 'failed');

-- Single facts: when the last report ended, and the like.
CREATE TABLE fact (
    name  TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT;
