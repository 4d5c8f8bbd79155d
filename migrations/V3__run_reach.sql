-- What a run was about: everything, or some targets alone, as at an end between passes.
ALTER TABLE run ADD COLUMN reach TEXT NOT NULL DEFAULT 'everything' CHECK (reach IN ('everything', 'targets'));
