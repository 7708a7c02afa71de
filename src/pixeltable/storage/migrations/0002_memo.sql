-- Results of expensive functions, by a hash of the function and its arguments. `value` is the result as a cell's text; a null
-- result is a result too. There is no total of the sizes anywhere: it would be the row that every writer waits for. Who
-- writes adds them up now and then, from the index alone.
CREATE TABLE pixeltable.memo (
    key bytea PRIMARY KEY,
    function text NOT NULL,
    value text,
    size_bytes bigint NOT NULL,
    used_at timestamptz NOT NULL DEFAULT now(),
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX memo_used ON pixeltable.memo (used_at DESC, key) INCLUDE (size_bytes);
