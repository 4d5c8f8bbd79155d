-- An event of version 2 has under its hash also the person and the target that it concerns, each part with its length,
-- so that none can be moved into its neighbour. What was recorded before keeps the form and the hash
-- that it has: the chain goes on over it, and no event of version 1 may follow one of version 2.
ALTER TABLE event ADD COLUMN version INTEGER NOT NULL DEFAULT 1 CHECK (version = 1 OR version = 2);

-- A salt has one length: otherwise the payload's first bytes could pass for its last ones. A trigger,
-- since a CHECK would stop the upgrade of a database in which somebody has moved them already.
CREATE TRIGGER event_payload_salt BEFORE INSERT ON event_payload WHEN length(new.salt) <> 16
BEGIN SELECT RAISE(ABORT, 'a salt has 16 bytes'); END;

-- From here on the trail tells each change of the rows that it covers. The rows that are there already
-- are taken over as they are, once, before anything else is written.
INSERT OR REPLACE INTO fact (name, value)
SELECT 'trail.take_over', 'pending' WHERE EXISTS (SELECT 1 FROM event);
