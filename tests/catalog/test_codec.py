"""Table records as they are stored, also as they were stored once."""

import datetime

from pixeltable.catalog.codec import decode_table, encode_table
from pixeltable.catalog.records import ColumnRecord, TableRecord, ViewRecord
from pixeltable.types.column_type import IntType, StringType

COLUMNS = (ColumnRecord(7, "pos", IntType(), 6), ColumnRecord(8, "word", StringType(), 6))
VIEW = ViewRecord(1, None, True, None, ((7, "pos"), (8, "word")), "ready")
TABLE = TableRecord(5, 2, "v", "d/v", COLUMNS, (), view=VIEW)


def decoded(data: dict) -> TableRecord:
    created_at = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
    return decode_table(data, table_id=5, dir_id=2, name="v", path="d/v", schema_version=0, created_at=created_at)


def test_a_view_comes_back() -> None:
    assert decoded(encode_table(TABLE)).view == VIEW


def test_outputs_were_once_mere_ids() -> None:
    data = encode_table(TABLE)
    data["view"]["outputs"] = [7, 8]
    assert decoded(data).view == VIEW
