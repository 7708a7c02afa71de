-- The oldest version that can be read; of those before, what only they showed is gone.
ALTER TABLE pixeltable.heads ADD COLUMN oldest bigint NOT NULL DEFAULT 0;
