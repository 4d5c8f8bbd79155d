-- One obligation, one key: (target, person, what). A person is a membership id in a team, else the
-- canonical address; what is owed is the access, an invite, or one flag of a membership.

-- Grants bind to a membership and follow it through a change of address: `person` is the address by
-- which it is found now, `email_key` the one that it was given to.
DROP VIEW ending;
CREATE TABLE grants_new (
    id           INTEGER PRIMARY KEY,
    target       INTEGER NOT NULL REFERENCES target (id),
    email        TEXT NOT NULL,
    email_key    TEXT NOT NULL,
    person       TEXT NOT NULL,
    member_id    TEXT,   -- the membership that it is bound to, while that is there
    name         TEXT,
    permissions  TEXT NOT NULL DEFAULT '',
    role         TEXT CHECK (role = 'admin' OR role = 'manager' OR role = 'edit' OR role = 'inspect'),
    starts_at    INTEGER NOT NULL,
    ends_at      INTEGER,
    revoked      INTEGER NOT NULL DEFAULT 0 CHECK (revoked = 0 OR revoked = 1),
    owner        TEXT,
    reason       TEXT,
    as_written   TEXT NOT NULL DEFAULT '',
    recorded_at  INTEGER NOT NULL,
    removed_at   INTEGER, -- a cache: over, and nobody was there any more
    refused      INTEGER NOT NULL DEFAULT 0 CHECK (refused = 0 OR refused = 1),
    confirmed_at INTEGER,
    reopened_at  INTEGER  -- an upgrade found it closed and its person there: a person decides
) STRICT;
INSERT INTO grants_new (id, target, email, email_key, person, name, permissions, role, starts_at, ends_at, revoked,
                        owner, reason, as_written, recorded_at, removed_at, refused, confirmed_at)
SELECT id, target, email, email_key, email_key, name, permissions, role, starts_at, ends_at, revoked,
       owner, reason, as_written, recorded_at, removed_at, refused, confirmed_at
FROM grants ORDER BY id;
DROP TABLE grants;
ALTER TABLE grants_new RENAME TO grants;
CREATE INDEX grants_due ON grants (ends_at) WHERE removed_at IS NULL;
CREATE INDEX grants_open ON grants (target, person) WHERE removed_at IS NULL;
CREATE INDEX grants_person ON grants (email_key);
CREATE INDEX grants_review ON grants (ifnull(confirmed_at, recorded_at)) WHERE removed_at IS NULL;
CREATE INDEX grants_closed ON grants (target, person) WHERE removed_at IS NOT NULL;
CREATE INDEX grants_bound ON grants (target, member_id) WHERE member_id IS NOT NULL;

-- Access that ends: open grants that no other open grant of the person outlasts. Access is given by
-- any grant on the target, a role only by one of that role, or by the permission of the membership.
CREATE VIEW ending AS
SELECT g.* FROM grants g
WHERE g.removed_at IS NULL AND g.ends_at IS NOT NULL
  AND NOT EXISTS (SELECT 1 FROM grants o
                  WHERE o.target = g.target AND o.person = g.person AND o.removed_at IS NULL
                    AND (g.role IS NULL OR o.role = g.role
                         OR (o.role IS NULL AND instr(';' || o.permissions || ';', ';' || g.role || ';') > 0))
                    AND o.starts_at <= g.ends_at AND (o.ends_at IS NULL OR o.ends_at > g.ends_at));

-- The ledger of removals, by obligation.
CREATE TABLE action_new (
    id          INTEGER PRIMARY KEY,
    kind        TEXT NOT NULL CHECK (kind = 'whitelist.remove' OR kind = 'member.remove'
                                     OR kind = 'member.demote' OR kind = 'invite.revoke'),
    target      INTEGER NOT NULL REFERENCES target (id),
    person      TEXT NOT NULL, -- the membership's id, else the canonical address
    what        TEXT NOT NULL CHECK (what = 'access' OR what = 'invite' OR what = 'admin' OR what = 'manager'
                                     OR what = 'edit' OR what = 'inspect'),
    email       TEXT NOT NULL,
    email_key   TEXT NOT NULL,
    reason      TEXT NOT NULL CHECK (reason = 'grant.ended' OR reason = 'grant.revoked'
                                     OR reason = 'role.ended' OR reason = 'team.max_age'
                                     OR reason = 'whitelist.ended' OR reason = 'invite.stale'
                                     OR reason = 'invite.suppressed'),
    remote_id   TEXT,
    role        TEXT CHECK (role = 'admin' OR role = 'manager' OR role = 'edit' OR role = 'inspect'),
    due_at      INTEGER NOT NULL,
    planned_at  INTEGER NOT NULL,
    run         TEXT NOT NULL REFERENCES run (id), -- the last one that had it in its plan
    state       TEXT NOT NULL CHECK (state = 'planned' OR state = 'intent' OR state = 'held'
                                     OR state = 'protected' OR state = 'failed' OR state = 'unknown'
                                     OR state = 'done' OR state = 'absent' OR state = 'withdrawn'),
    evidence    TEXT CHECK (evidence = 'acknowledged' OR evidence = 'verified' OR evidence = 'written_off'),
    attempts    INTEGER NOT NULL DEFAULT 0,
    tried_at    INTEGER,
    next_try_at INTEGER,
    detail      TEXT,
    approved_at INTEGER, -- a person let it go ahead; holds while it is due since the same moment
    settled_at  INTEGER,
    alarmed_at  INTEGER -- the alarm that it is held was mailed
) STRICT;
INSERT INTO action_new (id, kind, target, person, what, email, email_key, reason, remote_id, role, due_at, planned_at,
                        run, state, evidence, attempts, tried_at, next_try_at, detail, approved_at, settled_at)
SELECT id, kind, target,
       CASE WHEN kind = 'member.remove' OR kind = 'member.demote' THEN ifnull(remote_id, email_key) ELSE email_key END,
       CASE WHEN kind = 'member.demote' THEN ifnull(role, 'admin') WHEN kind = 'invite.revoke' THEN 'invite' ELSE 'access' END,
       email, email_key, reason, remote_id, role, due_at, planned_at, run, state,
       evidence, attempts, tried_at, next_try_at, detail, approved_at, settled_at
FROM action ORDER BY id;
DROP TABLE action;
ALTER TABLE action_new RENAME TO action;
CREATE UNIQUE INDEX action_open ON action (target, person, what) WHERE settled_at IS NULL;
CREATE INDEX action_settled ON action (settled_at) WHERE settled_at IS NOT NULL;
CREATE INDEX action_tried ON action (tried_at) WHERE tried_at IS NOT NULL;
CREATE INDEX action_run ON action (run);
CREATE INDEX action_person ON action (email_key);
CREATE INDEX action_unproven ON action (target)
    WHERE state IN ('intent', 'unknown') OR (state IN ('done', 'absent') AND evidence = 'acknowledged');

-- The ledger of giving: all four flags.
CREATE TABLE provision_new (
    id         INTEGER PRIMARY KEY,
    kind       TEXT NOT NULL CHECK (kind = 'whitelist.add' OR kind = 'whitelist.renew' OR kind = 'member.add'
                                    OR kind = 'member.promote'),
    target     INTEGER NOT NULL REFERENCES target (id),
    email      TEXT NOT NULL,
    email_key  TEXT NOT NULL,
    role       TEXT CHECK (role = 'admin' OR role = 'manager' OR role = 'edit' OR role = 'inspect'),
    flags      TEXT NOT NULL DEFAULT '', -- to be given with the membership, joined by ;
    command    TEXT NOT NULL,            -- what asked for it
    asked_by   TEXT NOT NULL,
    take_back  TEXT NOT NULL DEFAULT '[]', -- JSON: what a refusal undoes in the grants
    planned_at INTEGER NOT NULL,
    due_at     INTEGER NOT NULL,         -- the start, or the next try
    state      TEXT NOT NULL CHECK (state = 'planned' OR state = 'intent' OR state = 'unknown' OR state = 'failed'
                                    OR state = 'done' OR state = 'refused' OR state = 'withdrawn'),
    result     TEXT CHECK (result = 'posted' OR result = 'added' OR result = 'invited' OR result = 'promoted'
                           OR result = 'already_exists' OR result = 'already_invited'),
    attempts   INTEGER NOT NULL DEFAULT 0,
    tried_at   INTEGER,
    unanswered INTEGER NOT NULL DEFAULT 0 CHECK (unanswered = 0 OR unanswered = 1), -- a try may have been done
    gap_since  INTEGER, -- the old entry is being replaced: it may be gone, and the new one not there
    detail     TEXT,
    settled_at INTEGER
) STRICT;
INSERT INTO provision_new (id, kind, target, email, email_key, role, flags, command, asked_by, take_back, planned_at,
                           due_at, state, result, attempts, tried_at, unanswered, gap_since, detail, settled_at)
SELECT id, kind, target, email, email_key, role, flags, command, asked_by, take_back, planned_at,
       due_at, state, result, attempts, tried_at, unanswered, gap_since, detail, settled_at
FROM provision ORDER BY id;
DROP TABLE provision;
ALTER TABLE provision_new RENAME TO provision;
CREATE UNIQUE INDEX provision_open ON provision (target, email_key, ifnull(role, '')) WHERE settled_at IS NULL;
CREATE INDEX provision_due ON provision (due_at) WHERE settled_at IS NULL;
CREATE INDEX provision_person ON provision (email_key);

-- Evidence: since when somebody is there without a proven absence, who came back after one, and how
-- often in a row a reading that counts was without them.
ALTER TABLE member ADD COLUMN there_since INTEGER;                    -- absent: first_seen
ALTER TABLE member ADD COLUMN was_invite INTEGER NOT NULL DEFAULT 0;  -- an invite, accepted
ALTER TABLE member ADD COLUMN returned_at INTEGER;                    -- came back after a proven absence
ALTER TABLE member ADD COLUMN missed INTEGER NOT NULL DEFAULT 0;      -- readings that count without them, in a row
ALTER TABLE member ADD COLUMN left_told INTEGER NOT NULL DEFAULT 0;   -- member.left was found of them
ALTER TABLE member ADD COLUMN gone_by TEXT CHECK (gone_by = 'ours' OR gone_by = 'readings');
ALTER TABLE member ADD COLUMN proven_at INTEGER;                      -- the absence was proven then
CREATE INDEX member_returned ON member (target) WHERE valid_to IS NULL AND returned_at IS NOT NULL;
CREATE INDEX member_versions ON member (target, remote_id) WHERE valid_to IS NOT NULL;
CREATE INDEX member_unproven ON member (target) WHERE gone_by = 'ours' AND proven_at IS NULL;
ALTER TABLE invite ADD COLUMN there_since INTEGER;
ALTER TABLE invite ADD COLUMN returned_at INTEGER;
ALTER TABLE invite ADD COLUMN missing_since INTEGER;
ALTER TABLE invite ADD COLUMN missed INTEGER NOT NULL DEFAULT 0;
ALTER TABLE invite ADD COLUMN gone_by TEXT CHECK (gone_by = 'ours' OR gone_by = 'readings');
ALTER TABLE invite ADD COLUMN proven_at INTEGER;
CREATE INDEX invite_unproven ON invite (target) WHERE gone_by = 'ours' AND proven_at IS NULL;
-- What is past by the older rules is taken for proven: nobody can say any more how it was found out.
UPDATE member SET gone_by = 'readings', proven_at = valid_to WHERE id IN (
    SELECT id FROM (SELECT id, valid_to, row_number() OVER (PARTITION BY target, remote_id
                                                            ORDER BY valid_from DESC, id DESC) AS n FROM member)
    WHERE n = 1 AND valid_to IS NOT NULL);
UPDATE member SET gone_by = 'ours' WHERE gone_by = 'readings' AND EXISTS (
    SELECT 1 FROM action a WHERE a.email_key = member.email_key AND a.target = member.target
    AND a.remote_id = member.remote_id AND a.kind = 'member.remove' AND a.state = 'done');
UPDATE invite SET gone_by = 'readings', proven_at = gone_at WHERE gone_at IS NOT NULL;

ALTER TABLE source ADD COLUMN counted_at INTEGER; -- the last complete reading that counts
ALTER TABLE source ADD COLUMN impossible INTEGER NOT NULL DEFAULT 0; -- nobody can accept the last reading
ALTER TABLE source ADD COLUMN accepted TEXT;      -- JSON: who is missing by a person's word
ALTER TABLE source ADD COLUMN holder_id TEXT;     -- the membership of the key's holder
ALTER TABLE source ADD COLUMN doubt_since INTEGER;

-- Whose grant on a team is over and who was not there when a reading that counts looked for them.
CREATE TABLE absence (
    target INTEGER NOT NULL REFERENCES target (id),
    person TEXT NOT NULL,
    since    INTEGER NOT NULL,
    readings INTEGER NOT NULL, -- so many in a row
    read_at  INTEGER NOT NULL, -- the last of them
    PRIMARY KEY (target, person)
) STRICT, WITHOUT ROWID;

-- What a whitelist took last, by each spelling of an address: it cannot be read.
CREATE TABLE entry (
    target      INTEGER NOT NULL REFERENCES target (id),
    person      TEXT NOT NULL,
    email       TEXT NOT NULL,
    how         TEXT NOT NULL CHECK (how = 'posted' OR how = 'recorded' OR how = 'exists' OR how = 'typed'),
    name        TEXT,
    permissions TEXT NOT NULL DEFAULT '',
    starts_at   INTEGER NOT NULL,
    ends_at     INTEGER,
    taken_at    INTEGER NOT NULL,
    look_at     INTEGER, -- when the grants may come to another entry than this one
    PRIMARY KEY (target, person, email)
) STRICT, WITHOUT ROWID;
CREATE INDEX entry_look ON entry (look_at) WHERE look_at IS NOT NULL;
INSERT OR IGNORE INTO entry (target, person, email, how, name, permissions, starts_at, ends_at, taken_at, look_at)
SELECT g.target, g.person, g.email, 'recorded', g.name, g.permissions, g.starts_at, g.ends_at, g.recorded_at, 0
FROM grants g JOIN target t ON t.id = g.target
WHERE t.provider = 'sentius' AND g.removed_at IS NULL AND g.role IS NULL
  AND NOT EXISTS (SELECT 1 FROM provision p WHERE p.target = g.target AND p.email_key = g.email_key
                  AND p.settled_at IS NULL AND p.kind = 'whitelist.add' AND p.attempts = 0)
ORDER BY g.ends_at IS NULL DESC, g.ends_at DESC;

-- Accounts, by address and key, that have ever taken a write: only there a 404 means gone.
CREATE TABLE answering (
    account     TEXT NOT NULL, -- such as sentius:acme
    fingerprint BLOB NOT NULL, -- of address and key, with a salt of this database
    since       INTEGER NOT NULL,
    PRIMARY KEY (account, fingerprint)
) STRICT, WITHOUT ROWID;

-- How far this machine's clock and an account's differed when they were last compared.
CREATE TABLE clock (
    account     TEXT PRIMARY KEY,
    ahead       INTEGER NOT NULL, -- the provider's, in milliseconds
    compared_at INTEGER NOT NULL,
    doubted_since INTEGER         -- absent: within guard.max_clock_skew
) STRICT;

-- An upgrade looks once for people whose grants an older version closed and who are there.
INSERT OR REPLACE INTO fact (name, value)
SELECT 'upgrade.reopen', 'pending' WHERE EXISTS (SELECT 1 FROM grants);

-- Whatever changes a grant, what the person's grants come to is compared with the entry again.
CREATE TRIGGER entry_after_insert AFTER INSERT ON grants
BEGIN UPDATE entry SET look_at = 0 WHERE target = new.target AND person = new.person; END;
CREATE TRIGGER entry_after_update
AFTER UPDATE OF starts_at, ends_at, permissions, removed_at, revoked, refused ON grants
BEGIN UPDATE entry SET look_at = 0 WHERE target = new.target AND person = new.person; END;
