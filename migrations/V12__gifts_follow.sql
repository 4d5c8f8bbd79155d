-- What is to be given in a team belongs to a membership once there is one, as a grant does, and follows
-- its changes of address. Until a membership has the address, it belongs to the address alone.
ALTER TABLE provision ADD COLUMN member_id TEXT;
