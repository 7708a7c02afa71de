-- Pace of resource pools, shared by all processes: one row for each pool and resource, such as requests.

-- `tat` is the theoretical arrival time of the next call, in seconds of this server's clock, and `start_s` where the last
-- span that was given out begins; `per_minute` is a limit that a provider told. Unlogged, since after a crash all of it is
-- out of date or learnt again at once, and so no commit waits for the disk.
CREATE UNLOGGED TABLE pixeltable.quotas (
    pool text NOT NULL,
    resource text NOT NULL,
    start_s double precision NOT NULL DEFAULT 0,
    tat double precision NOT NULL DEFAULT 0,
    per_minute double precision,
    PRIMARY KEY (pool, resource)
) WITH (fillfactor = 50);
