-- Names of versions. Who deletes a version that has one is refused.
CREATE TABLE pixeltable.tags (
    table_id bigint NOT NULL REFERENCES pixeltable.tables ON DELETE CASCADE,
    name text NOT NULL,
    version bigint NOT NULL,
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (table_id, name),
    FOREIGN KEY (table_id, version) REFERENCES pixeltable.versions
);
CREATE INDEX tags_version ON pixeltable.tags (table_id, version);
