-- A mail that a server will never take ends as 'refused': it is told and not sent again. A CHECK
-- cannot be changed in place, so the table is made anew.
CREATE TABLE outbox_new (
    id          INTEGER PRIMARY KEY,
    kind        TEXT NOT NULL,
    unique_key  TEXT NOT NULL UNIQUE,
    sender      TEXT NOT NULL,
    recipient   TEXT NOT NULL,
    message_id  TEXT NOT NULL,
    body        BLOB NOT NULL,
    created_at  INTEGER NOT NULL,
    -- 'suppressed': not sent, since the address is on a provider's list of those that bounce.
    state       TEXT NOT NULL CHECK (state IN ('queued', 'claimed', 'sent', 'failed', 'refused', 'suppressed')),
    attempts    INTEGER NOT NULL DEFAULT 0,
    -- How often a server had all of it and did not answer. Such a mail may have arrived: whoever asks
    -- for all that waits does not get it before its time.
    unanswered  INTEGER NOT NULL DEFAULT 0,
    next_try_at INTEGER NOT NULL,
    detail      TEXT,
    sent_at     INTEGER,
    refused_at  INTEGER
) STRICT;
INSERT INTO outbox_new (id, kind, unique_key, sender, recipient, message_id, body, created_at, state,
                        attempts, next_try_at, detail, sent_at)
SELECT id, kind, unique_key, sender, recipient, message_id, body, created_at, state,
       attempts, next_try_at, detail, sent_at FROM outbox;
DROP TABLE outbox;
ALTER TABLE outbox_new RENAME TO outbox;
CREATE INDEX outbox_waiting ON outbox (next_try_at) WHERE state IN ('queued', 'claimed', 'failed');
CREATE INDEX outbox_refused ON outbox (refused_at) WHERE state = 'refused';
-- Whether a recipient's last mail was refused.
CREATE INDEX outbox_recipient ON outbox (recipient, id);

-- Smaller forms of a large mail, for a server that does not take it whole; the smallest has the last
-- place. They go when the mail has come to its end.
CREATE TABLE outbox_smaller (
    mail  INTEGER NOT NULL REFERENCES outbox (id) ON DELETE CASCADE,
    place INTEGER NOT NULL,
    body  BLOB NOT NULL,
    PRIMARY KEY (mail, place)
) STRICT, WITHOUT ROWID;
