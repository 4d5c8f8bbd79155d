-- Addresses are matched by their canonical form: trimmed, NFC, the domain in IDNA-ASCII, in lower
-- case. Until now keys were in lower case only. `canonical` is a function of the program's own.

UPDATE grants SET email_key = canonical(email) WHERE email_key <> canonical(email);
UPDATE grants SET person = canonical(person) WHERE person <> canonical(person);
UPDATE member SET email_key = canonical(email) WHERE email_key <> canonical(email);
UPDATE suppressed SET gone_at = max(first_seen, CAST(unixepoch('subsec') * 1000 AS INTEGER))
WHERE id IN (
    SELECT id FROM (
        SELECT id, row_number() OVER (PARTITION BY account, canonical(email) ORDER BY first_seen, id) AS place
        FROM suppressed WHERE gone_at IS NULL)
    WHERE place > 1);
UPDATE suppressed SET email_key = canonical(email) WHERE email_key <> canonical(email);

-- An invite under two spellings: a reading knows one row for each person. What is revoked goes out
-- in its own spelling, and the other is seen again if it is still there.
CREATE TABLE merging AS
SELECT id, canonical(email) AS email_key,
       row_number() OVER (PARTITION BY target, canonical(email) ORDER BY first_seen, id) AS place
FROM invite WHERE gone_at IS NULL;
CREATE UNIQUE INDEX merging_id ON merging (id);
UPDATE invite SET gone_at = max(first_seen, CAST(unixepoch('subsec') * 1000 AS INTEGER)), gone_by = 'readings'
WHERE id IN (SELECT id FROM merging WHERE place > 1);
UPDATE invite SET proven_at = gone_at WHERE id IN (SELECT id FROM merging WHERE place > 1);
DROP TABLE merging;
UPDATE invite SET email_key = canonical(email) WHERE email_key <> canonical(email);

-- One obligation, one open row: the one that may be under way goes on, else the one that was tried,
-- else the approved one, else the oldest.
CREATE TABLE merging AS
SELECT a.id, a.target, a.what, a.settled_at,
       CASE WHEN a.what = 'invite' OR t.provider = 'sentius' OR a.person = a.email_key
            THEN canonical(a.email) ELSE a.person END AS person
FROM action a JOIN target t ON t.id = a.target;
CREATE UNIQUE INDEX merging_id ON merging (id);
UPDATE action SET state = 'withdrawn', next_try_at = NULL,
       settled_at = CAST(unixepoch('subsec') * 1000 AS INTEGER),
       detail = 'another spelling of the same address: one removal stands for both'
WHERE id IN (
    SELECT id FROM (
        SELECT a.id, row_number() OVER (
            PARTITION BY m.target, m.person, m.what
            ORDER BY a.state = 'intent' OR a.state = 'unknown' DESC, a.attempts > 0 DESC,
                     a.approved_at IS NOT NULL DESC, a.planned_at, a.id) AS place
        FROM action a JOIN merging m ON m.id = a.id WHERE a.settled_at IS NULL)
    WHERE place > 1);
UPDATE action SET person = m.person FROM merging m WHERE m.id = action.id AND action.person <> m.person;
UPDATE action SET email_key = canonical(email) WHERE email_key <> canonical(email);
DROP TABLE merging;

UPDATE provision SET state = 'withdrawn',
       settled_at = CAST(unixepoch('subsec') * 1000 AS INTEGER),
       detail = 'another spelling of the same address: one gift stands for both'
WHERE id IN (
    SELECT id FROM (
        SELECT id, row_number() OVER (
            PARTITION BY target, canonical(email), ifnull(role, '')
            ORDER BY gap_since IS NOT NULL DESC, state = 'intent' OR state = 'unknown' DESC,
                     attempts > 0 DESC, planned_at, id) AS place
        FROM provision WHERE settled_at IS NULL)
    WHERE place > 1);
UPDATE provision SET email_key = canonical(email) WHERE email_key <> canonical(email);

-- The spelling is part of the key: only the same entry under two keys can meet, and the last one
-- that was taken stays.
DELETE FROM entry WHERE EXISTS (
    SELECT 1 FROM entry o
    WHERE o.target = entry.target AND o.email = entry.email AND o.person <> entry.person
      AND (o.taken_at, o.person) > (entry.taken_at, entry.person));
UPDATE entry SET person = canonical(email) WHERE person <> canonical(email);

-- Who is missing under one spelling may be there under the other: it is found out again within two
-- readings.
DELETE FROM absence;

-- What was told last is what was told.
DELETE FROM notice WHERE EXISTS (
    SELECT 1 FROM notice o
    WHERE o.grant_id = notice.grant_id AND o.recipient <> notice.recipient
      AND canonical(o.recipient) = canonical(notice.recipient)
      AND (o.told_at, o.recipient) > (notice.told_at, notice.recipient));
UPDATE notice SET recipient = canonical(recipient) WHERE recipient <> canonical(recipient);

-- The chain covers the digest of a payload's body, not the key by which it is found.
DROP TRIGGER event_payload_keeps;
UPDATE event_payload SET email_key = canonical(email_key) WHERE email_key <> canonical(email_key);
CREATE TRIGGER event_payload_keeps BEFORE UPDATE ON event_payload
BEGIN SELECT RAISE(ABORT, 'the audit trail is append-only'); END;
