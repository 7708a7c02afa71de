"""`View` and `create_view`: tables whose rows are those of another, or are made of them."""

from dataclasses import replace
from enum import Enum
from typing import Any, Literal, overload

from pixeltable.api.arguments import one_of
from pixeltable.api.extension import extension
from pixeltable.api.fixed import Fixed, fixed_snapshot, refuse_changes
from pixeltable.api.job import Job, started
from pixeltable.api.progress import watched
from pixeltable.api.query import Query, clauses_of
from pixeltable.api.receipts import announce
from pixeltable.api.stand_in import table_of
from pixeltable.api.table import RESERVED_NAMES, Table
from pixeltable.catalog.records import TableRecord
from pixeltable.exceptions import FixedVersion, InvalidArgument, Unsupported
from pixeltable.exprs.aggregate import aggregates_in
from pixeltable.exprs.expr import Expr, nodes_in
from pixeltable.exprs.properties import CellProperty, Similarity
from pixeltable.exprs.queries import InQuery
from pixeltable.ids import check_column_name, parse_path
from pixeltable.plan.query import QuerySpec
from pixeltable.session import views
from pixeltable.session.annotations import check_comment, check_custom_metadata
from pixeltable.session.current import current_session
from pixeltable.session.iterator_columns import exprs_of, unstored_outputs
from pixeltable.session.relations import relation_of
from pixeltable.session.session import Session
from pixeltable.session.tables import ColumnSpec, TableOptions, column_specs
from pixeltable.session.tasks import CreateView
from pixeltable.session.view_alteration import NewDefinition, alter_view
from pixeltable.types.status import UpdateStatus
from pixeltable.udfs.iterators import IteratorCall


class _Same(Enum):
    SAME = "as it is"


class View(Table):
    """A table over another one. It is read as any table; its rows come and go with those of its base."""

    @extension
    def alter_view(
        self,
        *,
        where: Expr | Literal[_Same.SAME] | None = _Same.SAME,
        iterator: IteratorCall | Literal[_Same.SAME] = _Same.SAME,
    ) -> UpdateStatus:
        """Alter which rows of its base a view is about, or what its iterator is called with.

        Rows that the view has before and after keep their cells, those that users set too: of a view with an iterator,
        rows whose item is yielded again. Only the others are computed, before anything changes; if others write
        meanwhile, again. It is a version of the view, which `revert()` takes back.

        Args:
            where: the new filter, over columns of the base; None for all of its rows. A sample stays the one it is.
            iterator: a call of an iterator that has the same outputs: the same one with other arguments, or mended.

        Raises:
            RequestError: the filter or the iterator does not fit, or failed: the new filter in a row, the new iterator
                in one of which the view has rows; nothing changed.
            ConcurrencyError: others wrote again and again.
        """
        record = self._newest_record
        assert record.view is not None
        if iterator is not _Same.SAME:
            _check_outputs(record, iterator)
        definition = NewDefinition(
            record.view.where if where is _Same.SAME else where,
            record.view.explode if iterator is _Same.SAME else iterator.items,
            {} if iterator is _Same.SAME else exprs_of(unstored_outputs(iterator)),
        )
        with watched(self._session, f"Altering view {self._path}") as tally:
            status = alter_view(self._session, self._id, self._path, definition, tally=tally)
        announce(self._session, status)
        return status


def _check_outputs(view: TableRecord, iterator: object) -> None:
    if not isinstance(iterator, IteratorCall):
        raise InvalidArgument(
            f"alter_view(): iterator is a call of a function declared with @pxt.iterator, got {iterator!r}"
        )
    assert view.view is not None
    columns = {key: view.column_by_id(column) for column, key in view.view.outputs[1:]}
    has = {key: column.type for key, column in columns.items() if column is not None}
    has |= {key: column.type for key, column in view.unstored_outputs.items()}
    yields = dict(iterator.outputs) | {output.key: output.returns for output in iterator.unstored}
    if view.is_exploded and has != yields:
        wanted, given = (", ".join(f"{key}: {kind}" for key, kind in found.items()) for found in (has, yields))
        raise InvalidArgument(
            f"alter_view(): the iterator's outputs are {given}, and those of view {view.path!r} are {wanted}",
            hint="Make another view.",
        )


class Snapshot(Fixed, Table):
    """A table as it was at a moment, under a path of its own. It answers queries, and refuses what would change it."""

    def _fixed(self, method: str) -> FixedVersion:
        return fixed_snapshot(method, self._path, self._session.catalog.base_path(self._record))

    def get_base_table(self) -> Table | None:
        """What it is a snapshot of: a table as it was then, a view, whose base goes on, as it is now."""
        base = self._record.base
        if base is None:
            return None
        present = handle_of(self._session, self._session.refresh().table(base.id, name=base.path))
        as_of = base.heaps[0].as_of if base.heaps and base.view is None else None
        return present if as_of is None else present.at(version=as_of.version)


refuse_changes(Snapshot)


def handle_of(session: Session, record: TableRecord) -> Table:
    """The handle of a table, a view or a snapshot."""
    if record.is_snapshot:
        return Snapshot(session, record)
    return Table(session, record) if record.view is None else View(session, record)


@overload
def create_view(
    path: str,
    base: Table | Query,
    *,
    additional_columns: dict[str, Any] | None = None,
    is_snapshot: bool = False,
    iterator: IteratorCall | None = None,
    comment: str | None = None,
    custom_metadata: Any = None,
    media_validation: str = "on_write",
    if_exists: str = "error",
    background: Literal[True],
) -> Job: ...


@overload
def create_view(
    path: str,
    base: Table | Query,
    *,
    additional_columns: dict[str, Any] | None = None,
    is_snapshot: bool = False,
    iterator: IteratorCall | None = None,
    comment: str | None = None,
    custom_metadata: Any = None,
    media_validation: str = "on_write",
    if_exists: str = "error",
    background: Literal[False] = False,
) -> Table: ...


def create_view(
    path: str,
    base: Table | Query,
    *,
    additional_columns: dict[str, Any] | None = None,
    is_snapshot: bool = False,
    iterator: IteratorCall | None = None,
    comment: str | None = None,
    custom_metadata: Any = None,
    media_validation: str = "on_write",
    if_exists: str = "error",
    background: bool = False,
) -> Table | Job:
    """Create a view: the rows of a table, or those that a query keeps, with further columns of its own.

    With an `iterator` it has several rows for one of its base, or none: the items that the iterator yields, in their
    order, which the column `pos` counts from 0.

    What is inserted into the base, changed or deleted there shows in the view in the same commit. Without a select list
    all columns of the base are seen through the view, also those added later. With one, only its items are: columns as
    they are, other expressions as computed columns of the view. Readers and writers of the base go on while the view is
    made.

    With `sample(fraction=...)` it has the rows that the query chooses at any time: chance decides of each row once, for
    its life. Without a seed one is drawn when the query is built, and the view keeps it.

    Args:
        base: a table or a view, or a query over one with no clauses but `where`, `select` and `sample(fraction=...)`.
        additional_columns: as the schema of a table; columns that are not computed have to be nullable.
        is_snapshot: of the base as it is now, for good; see `create_snapshot`.
        iterator: a call of a function declared with `@pxt.iterator`, over columns of the base.
        if_exists: 'error', 'ignore' (return the view that is there), 'replace' or 'replace_force' (drop it first).
        background: return a `Job` as soon as the view is known to be possible; it is there when that is done.

    Raises:
        AlreadyExistsError: the path is taken.
        NotFoundError: its directory does not exist.
        RequestError: the query has other clauses, or a column cannot be added.
    """
    new = _new_view(
        "create_view", path, base, additional_columns, iterator, comment, custom_metadata, media_validation,
        is_snapshot=is_snapshot,
    )  # fmt: skip
    choice = one_of("if_exists", if_exists, ("error", "ignore", "replace", "replace_force"))
    if background:
        session = current_session()
        return started(session, CreateView.of(session, new, if_exists=choice))
    return _made(new, if_exists=choice)


def create_snapshot(
    path_str: str,
    base: Table | Query,
    *,
    additional_columns: dict[str, Any] | None = None,
    iterator: IteratorCall | None = None,
    comment: str | None = None,
    custom_metadata: Any = None,
    media_validation: str = "on_write",
    if_exists: str = "error",
) -> Table:
    """Keep a table, a view, or the rows that a query keeps, as they are now, under a path of their own.

    A handle of a version, `t.at(version=3)`, stays as it was then. Rows and cells are not copied, but for those that a
    filter, an iterator, or additional columns make. It answers what a table answers, similarities too, whatever becomes
    of its base; versions that it shows stay, so that `revert()` of the base ends there.

    Args:
        additional_columns: columns of its own, as those of a view; those that are not computed stay null.
        iterator: as that of a view.
        if_exists: 'error', 'ignore' (return the one that is there), 'replace' or 'replace_force' (drop it first).

    Raises:
        AlreadyExistsError: the path is taken.
        NotFoundError: its directory does not exist.
        RequestError: the query has other clauses than `where`, `select` and `sample`, or a column cannot be added.
    """
    new = _new_view(
        "create_snapshot", path_str, base, additional_columns, iterator, comment, custom_metadata, media_validation,
        is_snapshot=True,
    )  # fmt: skip
    return _made(new, if_exists=one_of("if_exists", if_exists, ("error", "ignore", "replace", "replace_force")))


def _made(new: views.NewView, *, if_exists: str) -> Table:
    session = current_session()
    with watched(session, f"Creating {'snapshot' if new.snapshot else 'view'} {new.path}") as tally:
        return handle_of(session, views.create_view(session, new, if_exists=if_exists, tally=tally)[0])


def _new_view(
    call: str,
    path: str,
    base: Table | Query,
    additional_columns: dict[str, Any] | None,
    iterator: IteratorCall | None,
    comment: str | None,
    custom_metadata: Any,
    media_validation: str,
    *,
    is_snapshot: bool,
) -> views.NewView:
    """A view or a snapshot as its call has it, checked."""
    one_of("media_validation", media_validation, ("on_read", "on_write"))
    base = table_of(base)
    query = base._query() if isinstance(base, Table) else base  # noqa: SLF001  # a friend
    if not isinstance(query, Query):
        raise InvalidArgument(f"{call}(): base is a table or a query, got {type(base).__name__}")
    name, spec = clauses_of(query)
    is_snapshot = is_snapshot or spec.moment is not None
    check_view_clauses(spec, call=call, is_snapshot=is_snapshot)
    for column in (column for column, _ in spec.select or ()):
        check_column_name(column, reserved=RESERVED_NAMES)
    specs: list[ColumnSpec] = []
    if additional_columns:
        specs = column_specs(additional_columns, primary_key=None, reserved=RESERVED_NAMES, over_base=True)
    options = TableOptions(check_comment(comment), check_custom_metadata(custom_metadata), media_validation)
    if iterator is not None and not isinstance(iterator, IteratorCall):
        raise InvalidArgument(
            f"{call}(): iterator is a call of a function declared with @pxt.iterator, got {iterator!r}"
        )
    explode, outputs = (None, {}) if iterator is None else (iterator.items, iterator.outputs)
    specs = [*unstored_outputs(iterator), *specs]
    for column in [*outputs, *(spec.name for spec in specs)]:
        check_column_name(column, reserved=RESERVED_NAMES)
    resolve = relation_of(current_session(), spec, name).resolve  # of a version: its columns are the table's
    return views.NewView(
        parse_path(path), spec.table, name,
        None if spec.where is None else resolve(spec.where),
        None if spec.select is None else tuple((column, resolve(expr)) for column, expr in spec.select),
        None if explode is None else resolve(explode), outputs,
        [spec if spec.expr is None else replace(spec, expr=resolve(spec.expr)) for spec in specs],
        options, is_snapshot, spec.moment,
        None if spec.sample is None else QuerySpec(spec.table, where=spec.where, sample=spec.sample),
    )  # fmt: skip


def check_view_clauses(spec: QuerySpec, *, call: str = "create_view", is_snapshot: bool = False) -> None:
    """Check that a view can be over a query with these clauses.

    Raises:
        Unsupported: it cannot.
    """
    given = {
        "group_by()": spec.group_by, "order_by()": spec.order_by, "limit()": spec.limit is not None,
        "having()": spec.having is not None, "distinct()": spec.distinct, "join()": spec.joins,
        "union()": spec.union is not None,
    }  # fmt: skip
    found = [clause for clause, present in given.items() if present]
    exprs = [expr for _, expr in spec.select or ()] + ([] if spec.where is None else [spec.where])
    found += [f"`{n}`" for e in exprs for n in nodes_in(e) if isinstance(n, CellProperty | InQuery | Similarity)]
    found += [f"`{aggregate}`" for _, expr in spec.select or () for aggregate in aggregates_in(expr)]
    if found:
        raise Unsupported(
            f"{call}(): there is no view over a query with {', '.join(found)}",
            hint="Use where() and select(), and query the view.",
        )
    if spec.sample is not None and not is_snapshot and (spec.sample.fraction is None or spec.sample.stratify_by):
        raise Unsupported(
            f"{call}(): a view is of sample(fraction=...) alone, not of {spec.sample}",
            hint="Which rows a number or strata choose depends on all others: create_snapshot() takes them.",
        )
