"""Table records as JSON-ready data and back; what the database has in columns of its own is not repeated in it."""

import datetime
import importlib
import operator
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from pixeltable.catalog.records import (
    BranchRecord,
    BtreeRecord,
    ColumnRecord,
    Fork,
    IndexRecord,
    TableRecord,
    ViewRecord,
)
from pixeltable.exceptions import InvalidArgument, InvalidState
from pixeltable.exprs import codec
from pixeltable.storage.heaps import AsOf, Heap, HeapColumn
from pixeltable.types.column_type import decode_type, encode_type
from pixeltable.udfs.retry import Policy, Retry

FORMAT = 1


def encode_table(table: TableRecord) -> dict[str, Any]:
    """The record as JSON-ready data; inverse of `decode_table`."""
    return {
        "format": FORMAT,
        "columns": [encode_column(column) for column in table.columns],
        "heaps": [encode_heap(heap) for heap in table.heaps],
        "indexes": [encode_index(index) for index in table.indexes],
        "btrees": [_encode_btree(index) for index in table.btrees],
        "default_indexes": table.default_indexes,
        "view": table.view and _encode_view(table.view),
        "branch": table.branch and _encode_branch(table.branch),
        "base": _encode_base(table.base) if table.base is not None and table.is_snapshot else None,
        "comment": table.comment,
        "custom_metadata": table.custom_metadata,
        "media_validation": table.media_validation,
    }


def _encode_branch(branch: BranchRecord) -> dict[str, Any]:
    return {
        "base": branch.base,
        "columns": branch.columns,
        "forks": [[fork.own_version, fork.own_op, fork.base_version, fork.base_op] for fork in branch.forks],
    }


def _decode_branch(data: dict[str, Any]) -> BranchRecord:
    columns = tuple((own, base) for own, base in data["columns"])
    return BranchRecord(data["base"], columns, tuple(Fork(*fork) for fork in data["forks"]))


def _encode_base(base: TableRecord) -> dict[str, Any]:
    """What a snapshot is over, whole, since it is no longer so."""
    created_at = None if base.created_at is None else base.created_at.isoformat()
    found = {
        "id": base.id, "name": base.name, "path": base.path, "schema_version": base.schema_version,
        "created_at": created_at, "record": encode_table(base),
    }  # fmt: skip
    return found if base.base is None or base.is_snapshot else {**found, "base": _encode_base(base.base)}


def _decode_base(data: dict[str, Any]) -> TableRecord:
    found = decode_table(
        data["record"], table_id=data["id"], dir_id=None, name=data["name"], path=data["path"],
        schema_version=data["schema_version"],
        created_at=data["created_at"] and datetime.datetime.fromisoformat(data["created_at"]),
    )  # fmt: skip
    return replace(found, base=_decode_base(data["base"])) if "base" in data else found


def encode_heap(heap: Heap) -> dict[str, Any]:
    """The record as JSON-ready data; inverse of `decode_heap`."""
    found = {"id": heap.id, "vectors": heap.vectors, "columns": [[c.name, c.sql_type] for c in heap.columns]}
    return found if heap.as_of is None else {**found, "as_of": [heap.as_of.table_id, heap.as_of.version]}


def decode_heap(data: dict[str, Any]) -> Heap:
    """The record that `encode_heap` described."""
    as_of = AsOf(*data["as_of"]) if "as_of" in data else None
    return Heap(data["id"], tuple(HeapColumn(*column) for column in data["columns"]), data["vectors"], as_of)


def encode_column(column: ColumnRecord) -> dict[str, Any]:
    """The record as JSON-ready data; inverse of `decode_column`."""
    return {
        "id": column.id,
        "name": column.name,
        "type": encode_type(column.type),
        "heap": column.heap,
        "expr": None if column.expr is None else codec.encode(column.expr),
        "primary_key": column.primary_key,
        "status": column.status,
        "version_added": column.version_added,
        "comment": column.comment,
        "custom_metadata": column.custom_metadata,
        "policy": column.policy and encode_policy(column.policy),
        "default": None if column.default is None else codec.encode(column.default),
        "redefined": column.redefined,
    }


def encode_policy(policy: Policy) -> dict[str, Any]:
    """The policy as JSON-ready data."""
    retry = policy.retry and {
        "on": [_encode_class(kind) for kind in policy.retry.on],
        "times": policy.retry.times,
        "wait_s": policy.retry.wait_s,
        "max_wait_s": policy.retry.max_wait_s,
    }
    return {"retry": retry, "timeout_s": policy.timeout_s}


def _encode_class(kind: type[BaseException]) -> str:
    if _found_class(path := f"{kind.__module__}:{kind.__qualname__}") is not kind or kind.__module__ == "__main__":
        raise InvalidArgument(
            f"retry: exception class {kind.__qualname__} cannot be stored", hint="Move it into an importable module."
        )
    return path


def _found_class(path: str) -> Any:
    module, _, qualname = path.partition(":")
    try:
        return operator.attrgetter(qualname)(importlib.import_module(module))
    except (ImportError, AttributeError):
        return None


def encode_index(index: IndexRecord) -> dict[str, Any]:
    """The record as JSON-ready data; inverse of `decode_index`."""
    return {
        "id": index.id,
        "name": index.name,
        "column": index.column,
        "metric": index.metric,
        "precision": index.precision,
        "dimensions": index.dimensions,
        "embeddings": [[modality, codec.encode(expr)] for modality, expr in index.embeddings],
        "status": index.status,
    }


def _encode_btree(index: BtreeRecord) -> dict[str, Any]:
    return {
        "id": index.id,
        "name": index.name,
        "keys": [codec.encode(key) for key in index.keys],
        "heap": index.heap,
        "unique": index.unique,
        "status": index.status,
    }


def _decode_btree(data: dict[str, Any]) -> BtreeRecord:
    return BtreeRecord(**{**data, "keys": tuple(map(codec.decode, data["keys"]))})


def _encode_view(view: ViewRecord) -> dict[str, Any]:
    return {
        "base": view.base,
        "where": None if view.where is None else codec.encode(view.where),
        "inherits": view.inherits,
        "explode": None if view.explode is None else codec.encode(view.explode),
        "outputs": [list(output) for output in view.outputs],
        "status": view.status,
        "snapshot": view.snapshot,
        "sample": view.sample,
        "failures": view.failures,
        "share": None if view.share is None else codec.encode(view.share),
    }


def _decode_view(data: dict[str, Any], names: Mapping[int, str]) -> ViewRecord:
    """Outputs that are mere ids were written when a column was always called as in the items of its list."""
    where, explode, share = (data.get(name) and codec.decode(data[name]) for name in ("where", "explode", "share"))
    return ViewRecord(
        **{
            **data,
            "where": where,
            "explode": explode,
            "share": share,
            "outputs": tuple((o, names[o]) if isinstance(o, int) else (o[0], o[1]) for o in data["outputs"]),
        }
    )


def decode_table(
    data: dict[str, Any],
    *,
    table_id: int,
    dir_id: int | None,
    name: str,
    path: str,
    schema_version: int,
    created_at: datetime.datetime | None,
) -> TableRecord:
    """The record that `encode_table` described.

    Raises:
        InvalidState: a newer version wrote it.
    """
    if data["format"] > FORMAT:
        raise InvalidState(f"table {path!r} was written by a newer version of pixeltable", hint="Upgrade pixeltable.")
    names = {column["id"]: column["name"] for column in data["columns"]}
    return TableRecord(
        id=table_id,
        dir=dir_id,
        name=name,
        path=path,
        columns=tuple(decode_column(column) for column in data["columns"]),
        heaps=tuple(decode_heap(heap) for heap in data["heaps"]),
        indexes=tuple(decode_index(index) for index in data["indexes"]),
        btrees=tuple(_decode_btree(index) for index in data.get("btrees", ())),
        default_indexes=data.get("default_indexes", False),
        view=_decode_view(data["view"], names) if data.get("view") else None,
        branch=_decode_branch(data["branch"]) if data.get("branch") else None,
        base=_decode_base(data["base"]) if data.get("base") else None,
        comment=data["comment"],
        custom_metadata=data["custom_metadata"],
        media_validation=data["media_validation"],
        schema_version=schema_version,
        created_at=created_at,
    )


def decode_column(data: dict[str, Any]) -> ColumnRecord:
    """The record that `encode_column` described."""
    expr = codec.decode(data["expr"]) if data["expr"] else None
    policy = decode_policy(data["policy"]) if data.get("policy") else None
    default = codec.decode(data["default"]) if data.get("default") else None
    found = {"type": decode_type(data["type"]), "expr": expr, "policy": policy, "default": default}
    return ColumnRecord(**{**data, **found})


def decode_policy(data: dict[str, Any]) -> Policy:
    """The policy that `encode_policy` described."""
    retry = None
    if data["retry"]:
        kinds = [_found_class(path) for path in data["retry"]["on"]]
        # A class that is gone cannot be raised any more. Where all are, none is left to wait for.
        known = tuple(kind for kind in kinds if kind is not None)
        retry = Retry(**{**data["retry"], "on": known}) if known else None
    return Policy(retry, data["timeout_s"])


def decode_index(data: dict[str, Any]) -> IndexRecord:
    """The record that `encode_index` described."""
    embeddings = tuple((modality, codec.decode(expr)) for modality, expr in data["embeddings"])
    return IndexRecord(**{**data, "embeddings": embeddings})
