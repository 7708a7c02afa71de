-- Calls that run in the background. Who runs one has a claim on its id, which the database drops with the process.
CREATE TABLE pixeltable.background (
    id bigint PRIMARY KEY,
    title text NOT NULL,
    task jsonb NOT NULL,
    status text NOT NULL CHECK (status IN ('running', 'done', 'failed', 'cancelled')),
    cancel boolean NOT NULL DEFAULT false,
    progress jsonb NOT NULL,
    outcome jsonb,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    ended_at timestamptz
);
