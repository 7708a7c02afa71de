-- Which code computed a cell: every operation on a table whose columns are computed by functions carries a stamp.

-- What an operation computed, and by which code: {"<id of a column or an index>": {"<path of a function>": "<hash>"}}.
-- Operations that did the same share a stamp, so that there are few of them.
CREATE TABLE pixeltable.stamps (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    table_id bigint NOT NULL REFERENCES pixeltable.tables ON DELETE CASCADE,
    digest bytea NOT NULL,
    codes jsonb NOT NULL,
    UNIQUE (table_id, digest)
);

-- Null where no function computed anything, and for operations that are older than stamps.
ALTER TABLE pixeltable.versions ADD COLUMN stamp bigint;

-- Of operations that have no version: what a job had computed before it was taken up with other code.
CREATE TABLE pixeltable.job_stamps (
    table_id bigint NOT NULL REFERENCES pixeltable.tables ON DELETE CASCADE,
    op bigint NOT NULL,
    stamp bigint NOT NULL,
    PRIMARY KEY (table_id, op)
);

DROP FUNCTION pixeltable.commit_write(bigint, bigint, bigint, uuid, bigint, bigint, bigint, bigint);

-- Gives the table its next version, as the last thing a write does before it commits.
CREATE FUNCTION pixeltable.commit_write(
    p_table bigint, p_schema bigint, p_op bigint, p_token uuid, p_ins bigint, p_upd bigint, p_del bigint, p_err bigint,
    p_stamp bigint
) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE new_version bigint;
BEGIN
    UPDATE pixeltable.heads SET version = version + 1
    WHERE table_id = p_table AND schema_version = p_schema RETURNING version INTO new_version;
    IF new_version IS NULL THEN
        RAISE EXCEPTION 'schema of table % changed', p_table USING ERRCODE = 'PX001';
    END IF;
    INSERT INTO pixeltable.versions (table_id, version, op, kind, inserts, updates, deletes, errors, token, stamp)
    VALUES (p_table, new_version, p_op, 'data', p_ins, p_upd, p_del, p_err, p_token, p_stamp);
    RETURN new_version;
END $$;
