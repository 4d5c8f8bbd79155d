-- Whether lapsed's own removal, after which a membership was no longer shown, was never answered. It
-- may never have been sent: who is shown again under the same id was then never gone.
ALTER TABLE member ADD COLUMN unanswered INTEGER NOT NULL DEFAULT 0;
