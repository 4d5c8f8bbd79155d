-- Members are read and written team by team. An index in the order of all addresses was changed in
-- all of its pages by each team of a first look, which took half of the time of storing it. One
-- person's memberships are looked for in each team; those that are past are few, and written rarely.
DROP INDEX member_current;
DROP INDEX member_person;
CREATE INDEX member_team ON member (target, email_key) WHERE valid_to IS NULL;
CREATE INDEX member_past ON member (email_key) WHERE valid_to IS NOT NULL;
