-- The catalog: directories, tables and their versions, functions, jobs; and the functions every write commits with.

-- In `public` by name: the embedded server's role is called as our schema is, so that it would go there by default, and
-- a role of another name, on a server the database was moved to, would not find its types.
CREATE EXTENSION IF NOT EXISTS vector WITH SCHEMA public;

-- Ids of directories, tables, columns, heaps, indexes and jobs.
CREATE SEQUENCE pixeltable.id_seq;
-- Ids of operations: every entry of a heap names the operation that wrote it.
CREATE SEQUENCE pixeltable.op_seq;
-- Row ids are taken in blocks: a block's number in the upper bits, the row's place in it in the lower 16.
CREATE SEQUENCE pixeltable.row_seq;

-- The epoch grows with every change of a schema; a process whose epoch is the same has seen them all.
CREATE TABLE pixeltable.state (
    one boolean PRIMARY KEY DEFAULT true CHECK (one),
    epoch bigint NOT NULL DEFAULT 1,
    catalog uuid NOT NULL DEFAULT gen_random_uuid()
);
INSERT INTO pixeltable.state DEFAULT VALUES;

-- Schema changes of late, each under a token of its author's, who learns by it after a lost connection whether its commit
-- went through.
CREATE TABLE pixeltable.changes (
    token uuid PRIMARY KEY,
    at timestamptz NOT NULL DEFAULT clock_timestamp()
);

CREATE TABLE pixeltable.dirs (
    id bigint PRIMARY KEY,
    parent bigint REFERENCES pixeltable.dirs,
    changed bigint NOT NULL,
    name text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE NULLS NOT DISTINCT (parent, name)
);

-- `record` describes columns, heaps and indexes; `changed` is the epoch of its last change.
CREATE TABLE pixeltable.tables (
    id bigint PRIMARY KEY,
    dir bigint REFERENCES pixeltable.dirs,
    name text NOT NULL,
    record jsonb NOT NULL,
    changed bigint NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE NULLS NOT DISTINCT (dir, name)
);

CREATE INDEX dirs_changed ON pixeltable.dirs (changed);
CREATE INDEX tables_changed ON pixeltable.tables (changed);

-- Directories and tables that are not there any more, and since which epoch: a few bytes for each, kept for good.
CREATE TABLE pixeltable.removed (
    id bigint PRIMARY KEY,
    epoch bigint NOT NULL
);
CREATE INDEX removed_epoch ON pixeltable.removed (epoch);

-- Apart from `tables` and narrow, since every write updates it.
CREATE TABLE pixeltable.heads (
    table_id bigint PRIMARY KEY REFERENCES pixeltable.tables ON DELETE CASCADE,
    version bigint NOT NULL,
    schema_version bigint NOT NULL
) WITH (fillfactor = 50);

-- `record` is the table's record as of this version, where the version changed the schema. `token` is the writer's own
-- name for the write, by which it learns after a lost connection whether its commit went through.
CREATE TABLE pixeltable.versions (
    table_id bigint NOT NULL REFERENCES pixeltable.tables ON DELETE CASCADE,
    version bigint NOT NULL,
    op bigint NOT NULL,
    kind text NOT NULL CHECK (kind IN ('data', 'schema')),
    inserts bigint NOT NULL DEFAULT 0,
    updates bigint NOT NULL DEFAULT 0,
    deletes bigint NOT NULL DEFAULT 0,
    errors bigint NOT NULL DEFAULT 0,
    schema_change text,
    record jsonb,
    note text,
    token uuid NOT NULL,
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (table_id, version)
);

-- Functions stored by value: a signed pickle each.
CREATE TABLE pixeltable.functions (
    path text PRIMARY KEY,
    body bytea NOT NULL,
    signature bytea NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);

-- Work that outlives a call; its owner holds the advisory lock (job space, id) for as long as it lives.
CREATE TABLE pixeltable.jobs (
    id bigint PRIMARY KEY,
    table_id bigint NOT NULL REFERENCES pixeltable.tables ON DELETE CASCADE,
    kind text NOT NULL,
    target text NOT NULL,
    status text NOT NULL CHECK (status IN ('running', 'aborted')),
    op bigint NOT NULL,
    record jsonb NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX jobs_table ON pixeltable.jobs (table_id);

-- Holds the table's head for this transaction. PX001: its schema is not the one the caller planned against.
CREATE FUNCTION pixeltable.lock_head(p_table bigint, p_schema bigint) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE head pixeltable.heads;
BEGIN
    SELECT * INTO head FROM pixeltable.heads WHERE table_id = p_table FOR UPDATE;
    IF head.table_id IS NULL OR head.schema_version <> p_schema THEN
        RAISE EXCEPTION 'schema of table % changed', p_table USING ERRCODE = 'PX001';
    END IF;
    RETURN head.version;
END $$;

-- Gives the table its next version, as the last thing a write does before it commits.
CREATE FUNCTION pixeltable.commit_write(
    p_table bigint, p_schema bigint, p_op bigint, p_token uuid, p_ins bigint, p_upd bigint, p_del bigint, p_err bigint
) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE new_version bigint;
BEGIN
    UPDATE pixeltable.heads SET version = version + 1
    WHERE table_id = p_table AND schema_version = p_schema RETURNING version INTO new_version;
    IF new_version IS NULL THEN
        RAISE EXCEPTION 'schema of table % changed', p_table USING ERRCODE = 'PX001';
    END IF;
    INSERT INTO pixeltable.versions (table_id, version, op, kind, inserts, updates, deletes, errors, token)
    VALUES (p_table, new_version, p_op, 'data', p_ins, p_upd, p_del, p_err, p_token);
    RETURN new_version;
END $$;

-- PX002: a row the caller read was changed by another writer since.
CREATE FUNCTION pixeltable.expect(p_found bigint, p_wanted bigint) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF p_found <> p_wanted THEN
        RAISE EXCEPTION 'expected % rows, found %', p_wanted, p_found USING ERRCODE = 'PX002';
    END IF;
END $$;
