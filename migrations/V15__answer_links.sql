-- The links in notices and reviews by which owners answer (status.public_url). A token is signed over the
-- row of its link, so a link is for one owner, one mail and until it expires, whoever has it.
CREATE TABLE link (
    id         BLOB PRIMARY KEY,
    kind       TEXT NOT NULL CHECK (kind IN ('notice', 'review')),
    owner      TEXT NOT NULL,
    asked_at   INTEGER NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX link_expires ON link (expires_at);
-- What the mail asked about, in its order, and what the owner answered: once.
CREATE TABLE link_grant (
    link        BLOB NOT NULL REFERENCES link (id) ON DELETE CASCADE,
    grant_id    INTEGER NOT NULL REFERENCES grants (id) ON DELETE CASCADE,
    place       INTEGER NOT NULL,
    answer      TEXT CHECK (answer IN ('kept', 'ended')),
    answered_at INTEGER,
    PRIMARY KEY (link, grant_id)
) STRICT, WITHOUT ROWID;
