"""The functions that would compute a column now: of a function stored by value, the one that was declared in its place.

A column goes on with the function it was stored with. If this process declared another under the same name, in a script
of the same name or in a notebook, that one is its successor: a column counts as out of date by it, and takes it over
when its stale cells are computed again.
"""

import os
from dataclasses import replace
from functools import partial

from pixeltable.catalog import store
from pixeltable.catalog.records import ColumnRecord, TableRecord
from pixeltable.catalog.snapshot import Catalog
from pixeltable.exceptions import ForeignPickle, InvalidState, UnknownFunction
from pixeltable.exprs.call import Call, FunctionSpec
from pixeltable.exprs.expr import Expr, rebuild
from pixeltable.exprs.leaves import ColumnRef
from pixeltable.session.codes import CodeTarget
from pixeltable.session.session import Session
from pixeltable.session.stored_functions import store_functions
from pixeltable.storage.database import Connection
from pixeltable.storage.stamps import Codes
from pixeltable.storage.writes import next_op
from pixeltable.udfs import registry
from pixeltable.udfs.function import Function


def live_codes(session: Session, target: CodeTarget) -> Codes:
    """The code that would compute a target, were its stale cells computed now.

    Raises:
        UnknownFunction, ForeignPickle: a function is not to be had, and has no successor.
    """
    functions = (successor(session, spec) or session.find_function(spec) for spec in target.functions)
    specs = zip(target.functions, functions, strict=True)
    return {
        function.spec.path if recorded.path.startswith("local:") else recorded.path: function.spec.code
        for recorded, function in specs
    }


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
    files = [os.path.basename(function.body.__code__.co_filename) for function in (a, b)]
    is_script = all(file.endswith(".py") and "ipykernel" not in function.body.__code__.co_filename
                    for file, function in zip(files, (a, b), strict=True))  # fmt: skip
    return not is_script or files[0] == files[1]


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
        expr = rebuild(source.expr, partial(_with_successor, session, source))
        if expr is not source.expr:
            found.append(replace(source, expr=expr))
    return found


def _unstored_sources(table: TableRecord, column: ColumnRecord) -> list[ColumnRecord]:
    assert column.expr is not None
    refs = {node.column: None for node in column.expr.walk() if isinstance(node, ColumnRef)}
    read = [source for ref in refs if (source := table.column_by_id(ref)) is not None]
    unstored = [source for source in read if source.heap is None and source.expr is not None]
    return unstored + [deeper for source in unstored for deeper in _unstored_sources(table, source)]


def _with_successor(session: Session, column: ColumnRecord, node: Expr) -> Expr | None:
    if not isinstance(node, Call):
        return None
    arguments = tuple(rebuild(argument, partial(_with_successor, session, column)) for argument in node.args)
    found = successor(session, node.function)
    if found is None:
        same = all(new is old for new, old in zip(arguments, node.args, strict=True))
        return node if same else Call(node.function, arguments, node.result)
    reasons = registry.incompatibilities(found, node.function)
    if reasons:
        raise InvalidState(
            f"column {column.name!r} cannot take over {node.function.name}() as it is now: {'; '.join(reasons)}",
            hint=f"Define it anew: add_computed_column({column.name}=..., if_exists='replace').",
        )
    # Parameters and result stay as the call recorded them: what the function may have beyond them is its own affair.
    return Call(replace(node.function, path=found.spec.path, code=found.spec.code), arguments, node.result)
