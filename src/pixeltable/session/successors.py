"""The functions that would compute a column now: of a function stored by value, the one that was declared in its place.

A column goes on with the function it was stored with. If this process declared another under the same name, in a script
of the same name or in a notebook, that one is its successor: a column counts as out of date by it, and takes it over
when its stale cells are computed again.
"""

import os
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from pixeltable.catalog import store
from pixeltable.catalog.records import ColumnRecord, TableRecord
from pixeltable.catalog.snapshot import Catalog
from pixeltable.exceptions import ForeignPickle, InvalidState, UnknownFunction
from pixeltable.exprs.call import FunctionSpec
from pixeltable.exprs.codec import decode, encode
from pixeltable.exprs.expr import Expr, nodes_in
from pixeltable.exprs.leaves import ColumnRef
from pixeltable.session.codes import CodeTarget, called
from pixeltable.session.session import Session
from pixeltable.session.stored_functions import store_functions
from pixeltable.storage.database import Connection
from pixeltable.storage.numbers import next_op
from pixeltable.storage.stamps import Codes
from pixeltable.udfs import registry
from pixeltable.udfs.function import Function


def live_codes(session: Session, target: CodeTarget) -> Codes:
    """The code that would compute a target, were its stale cells computed now.

    Raises:
        UnknownFunction, ForeignPickle: a function is not to be had, and has no successor.
    """
    functions = (successor(session, spec) or session.find_function(spec) for spec in target.functions)
    specs = zip(target.functions, functions, strict=True)
    found = {
        function.spec.path if recorded.path.startswith("local:") else recorded.path: function.spec.code
        for recorded, function in specs
    }
    return {**found, **target.definitions}


def successor(session: Session, spec: FunctionSpec) -> Function | None:
    """The function this process declared in place of one that was stored by value; None if there is no other."""
    found = registry.declared_anew(spec.path)
    if found is None:
        return None
    try:
        stored = session.find_function(spec)
    except (UnknownFunction, ForeignPickle):
        return found  # nothing is left that it could be mistaken for
    return found if _same_script(stored, found) else None


def _same_script(a: Function, b: Function) -> bool:
    """Whether both may come from one script: every script is the module `__main__`, notebooks have no file at all."""
    paths = [function.declared.__code__.co_filename for function in (a, b)]
    if not all(path.endswith(".py") and "ipykernel" not in path for path in paths):
        return True
    return os.path.basename(paths[0]) == os.path.basename(paths[1])


def refusal(session: Session, target: CodeTarget) -> str | None:
    """Why a target cannot take over the successors of its functions; None if it can."""
    if target.index is not None:
        return None
    for spec in target.functions:
        found = successor(session, spec)
        reasons = [] if found is None else registry.incompatibilities(found, spec)
        if reasons:
            return f"{spec.name}() as it is now does not fit: {'; '.join(reasons)}"
    return None


def adopt_successors(session: Session, table_id: int, name: str, column_id: int) -> None:
    """Have a column, and those it reads that are not stored, use the successors of their functions from now on.

    Raises:
        InvalidState: a successor does not accept what the column passes.
    """

    def work(connection: Connection, catalog: Catalog) -> None:
        table = catalog.table(table_id, name=name)
        column = table.column_by_id(column_id)
        changed = [] if column is None else _renewed(session, table, column)
        if not changed:
            return
        for renewed in changed:
            assert renewed.expr is not None
            store_functions(session, connection, renewed.expr)
            table = table.with_column(renewed)
        saved = store.save_schema(connection, table)
        names = ", ".join(renewed.name for renewed in changed)
        store.record_schema_version(connection, saved, op=next_op(connection), change=f"Function replaced: {names}")

    table = session.table(table_id, name)
    column = table.column_by_id(column_id)
    if column is not None and _renewed(session, table, column):
        session.change_schema(work)


def _renewed(session: Session, table: TableRecord, column: ColumnRecord) -> list[ColumnRecord]:
    """The column and the unstored ones it reads, those that have a successor to take over."""
    found = []
    for source in [column, *_unstored_sources(table, column)]:
        assert source.expr is not None
        others = _successors_of(session, source.name, source.expr)
        if others:
            found.append(replace(source, expr=decode(_with_functions(encode(source.expr), others))))
    return found


def _unstored_sources(table: TableRecord, column: ColumnRecord) -> list[ColumnRecord]:
    assert column.expr is not None
    refs = {node.ref_column: None for node in nodes_in(column.expr) if isinstance(node, ColumnRef)}
    read = [source for ref in refs if (source := table.column_by_id(ref)) is not None]
    unstored = [source for source in read if source.heap is None and source.expr is not None]
    return unstored + [deeper for source in unstored for deeper in _unstored_sources(table, source)]


def _successors_of(session: Session, name: str, expr: Expr) -> dict[str, Function]:
    """By the path of the function they stand for."""
    others = {}
    for spec in called(expr):
        found = successor(session, spec)
        if found is None:
            continue
        reasons = registry.incompatibilities(found, spec)
        if reasons:
            raise InvalidState(
                f"column {name!r} cannot take over {spec.name}() as it is now: {'; '.join(reasons)}",
                hint=f"Define it anew: add_computed_column({name}=..., if_exists='replace').",
            )
        others[spec.path] = found
    return others


def _with_functions(data: Any, others: Mapping[str, Function]) -> Any:
    """What `encode` wrote, also of what is within queries and tools, with other functions.

    Parameters and result stay as the call recorded them: what a function may have beyond them is its own affair.
    """
    if isinstance(data, dict):
        return {key: _with_functions(value, others) for key, value in data.items()}
    if not isinstance(data, list):
        return data
    if data[:1] == ["FunctionSpec"] and data[1]["path"] in others:
        spec = others[data[1]["path"]].spec
        return [*data[:1], {**data[1], "path": spec.path, "code": spec.code}]
    return [_with_functions(item, others) for item in data]
