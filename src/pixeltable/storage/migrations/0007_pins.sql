-- Versions that snapshots show. Who deletes one is refused.
CREATE TABLE pixeltable.pins (
    snapshot bigint NOT NULL REFERENCES pixeltable.tables ON DELETE CASCADE,
    table_id bigint NOT NULL,
    version bigint NOT NULL,
    PRIMARY KEY (snapshot, table_id),
    FOREIGN KEY (table_id, version) REFERENCES pixeltable.versions
);
CREATE INDEX pins_version ON pixeltable.pins (table_id, version);
