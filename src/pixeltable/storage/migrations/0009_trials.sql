-- A write that is tried, and undone at once, says so by `SET LOCAL pixeltable.trial = 'on'`. It leaves the heads and the
-- versions of tables alone, so that it waits for nobody, and nobody for it, but for who writes the same rows.

CREATE FUNCTION pixeltable.is_trial() RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT coalesce(current_setting('pixeltable.trial', true), '') = 'on'
$$;

CREATE OR REPLACE FUNCTION pixeltable.lock_head(p_table bigint, p_schema bigint) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE head pixeltable.heads;
BEGIN
    IF pixeltable.is_trial() THEN
        SELECT * INTO head FROM pixeltable.heads WHERE table_id = p_table;
    ELSE
        SELECT * INTO head FROM pixeltable.heads WHERE table_id = p_table FOR UPDATE;
    END IF;
    IF head.table_id IS NULL OR head.schema_version <> p_schema THEN
        RAISE EXCEPTION 'schema of table % changed', p_table USING ERRCODE = 'PX001';
    END IF;
    RETURN head.version;
END $$;

-- Gives the table its next version, as the last thing a write does before it commits.
CREATE OR REPLACE FUNCTION pixeltable.commit_write(
    p_table bigint, p_schema bigint, p_op bigint, p_token uuid, p_ins bigint, p_upd bigint, p_del bigint, p_err bigint,
    p_stamp bigint
) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE new_version bigint;
BEGIN
    IF pixeltable.is_trial() THEN
        RETURN pixeltable.lock_head(p_table, p_schema) + 1;
    END IF;
    UPDATE pixeltable.heads SET version = version + 1
    WHERE table_id = p_table AND schema_version = p_schema RETURNING version INTO new_version;
    IF new_version IS NULL THEN
        RAISE EXCEPTION 'schema of table % changed', p_table USING ERRCODE = 'PX001';
    END IF;
    INSERT INTO pixeltable.versions (table_id, version, op, kind, inserts, updates, deletes, errors, token, stamp)
    VALUES (p_table, new_version, p_op, 'data', p_ins, p_upd, p_del, p_err, p_token, p_stamp);
    RETURN new_version;
END $$;
