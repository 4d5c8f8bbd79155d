-- SQLite puts the values of an IN list of three or more into a table of their own each time that a
-- row is written; a chain of comparisons is checked in place. For the ledger, where each removal is
-- written three times, that was most of the work.
CREATE TABLE action_new (
    id          INTEGER PRIMARY KEY,
    kind        TEXT NOT NULL CHECK (kind = 'whitelist.remove' OR kind = 'member.remove'
                                     OR kind = 'member.demote' OR kind = 'invite.revoke'),
    target      INTEGER NOT NULL REFERENCES target (id),
    email       TEXT NOT NULL,
    email_key   TEXT NOT NULL,
    reason      TEXT NOT NULL CHECK (reason = 'grant.ended' OR reason = 'grant.revoked'
                                     OR reason = 'role.ended' OR reason = 'team.max_age'
                                     OR reason = 'whitelist.ended' OR reason = 'invite.stale'
                                     OR reason = 'invite.suppressed'),
    remote_id   TEXT,
    role        TEXT CHECK (role = 'admin' OR role = 'manager'),
    due_at      INTEGER NOT NULL,
    planned_at  INTEGER NOT NULL,
    run         TEXT NOT NULL REFERENCES run (id), -- the last one that had it in its plan
    state       TEXT NOT NULL CHECK (state = 'planned' OR state = 'intent' OR state = 'held'
                                     OR state = 'protected' OR state = 'failed' OR state = 'unknown'
                                     OR state = 'done' OR state = 'absent' OR state = 'withdrawn'),
    evidence    TEXT CHECK (evidence = 'acknowledged' OR evidence = 'verified'),
    attempts    INTEGER NOT NULL DEFAULT 0,
    tried_at    INTEGER,
    next_try_at INTEGER,
    detail      TEXT,
    approved_at INTEGER, -- a person let it go ahead; holds while it is due since the same moment
    settled_at  INTEGER
) STRICT;
INSERT INTO action_new (id, kind, target, email, email_key, reason, remote_id, role, due_at, planned_at, run, state,
                        evidence, attempts, tried_at, next_try_at, detail, approved_at, settled_at)
SELECT id, kind, target, email, email_key, reason, remote_id, role, due_at, planned_at, run, state,
       evidence, attempts, tried_at, next_try_at, detail, approved_at, settled_at
FROM action ORDER BY id;
DROP TABLE action;
ALTER TABLE action_new RENAME TO action;
CREATE UNIQUE INDEX action_open ON action (target, email_key, kind) WHERE settled_at IS NULL;
CREATE INDEX action_settled ON action (settled_at) WHERE settled_at IS NOT NULL;
CREATE INDEX action_tried ON action (tried_at) WHERE tried_at IS NOT NULL;
CREATE INDEX action_run ON action (run);
CREATE INDEX action_person ON action (email_key);
CREATE INDEX action_unproven ON action (target)
    WHERE state IN ('intent', 'unknown') OR (state IN ('done', 'absent') AND evidence = 'acknowledged');
