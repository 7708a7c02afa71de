"""The columns of a table: adding, renaming, altering and dropping them."""

from collections.abc import Mapping
from typing import Any, Literal, overload

from pixeltable.api.arguments import name_of, one_of
from pixeltable.api.extension import PLANNED_METHODS, reserved_names
from pixeltable.api.job import Job, started
from pixeltable.api.progress import watched
from pixeltable.api.query_start import QueryStart
from pixeltable.api.receipts import announce
from pixeltable.exceptions import InvalidArgument
from pixeltable.exprs.leaves import ColumnRef, as_expr
from pixeltable.ids import check_column_name
from pixeltable.session import columns
from pixeltable.session.annotations import check_comment, check_custom_metadata
from pixeltable.session.column_additions import add_columns, addition_specs
from pixeltable.session.column_changes import alter_column, rename_column
from pixeltable.session.redefinition import recompute_redefined, redefine_column
from pixeltable.session.tables import ColumnSpec
from pixeltable.session.tasks import AddColumns, AddComputedColumn, AlterComputedColumn, Task
from pixeltable.types.hints import type_from_form
from pixeltable.types.status import UpdateStatus
from pixeltable.udfs.retry import Policy, Retry

_ADDING = ("error", "ignore", "replace", "replace_force")


class TableColumns(QueryStart):
    """Something whose columns can be changed: a table, known by its id."""

    @overload
    def add_column(self, *, background: Literal[True], **kwargs: Any) -> Job: ...

    @overload
    def add_column(self, *, background: Literal[False] = False, **kwargs: Any) -> UpdateStatus: ...

    def add_column(self, *, if_exists: str = "error", background: bool = False, **kwargs: Any) -> UpdateStatus | Job:
        """Add a column `name=spec`, with a spec as in `create_table`: a type, an expression, or a dict.

        Rows that are there have null in it, or its default: `add_column(n={'type': pxt.Int, 'default': 0})`. What is
        computed is computed for them, as by `add_computed_column`.

        Raises:
            AlreadyExistsError: the column exists and `if_exists` is 'error'.
            RequestError: the name or the spec cannot be used, or the table has rows and the column neither accepts
                null nor has a default.
        """
        if len(kwargs) != 1:
            raise InvalidArgument(
                "add_column() takes exactly one column", hint="Write name=spec, or use add_columns()."
            )
        return self._add_columns(kwargs, if_exists, background=background)

    @overload
    def add_columns(self, schema: Mapping[str, Any], if_exists: str = "error", *, background: Literal[True]) -> Job: ...

    @overload
    def add_columns(
        self, schema: Mapping[str, Any], if_exists: str = "error", *, background: Literal[False] = False
    ) -> UpdateStatus: ...

    def add_columns(
        self, schema: Mapping[str, Any], if_exists: str = "error", *, background: bool = False
    ) -> UpdateStatus | Job:
        """Add columns, `{name: spec, ...}`, as `add_column` does: all of them, in one version, or none.

        Args:
            schema: specs as in `create_table`; an expression may refer to the columns there are.
            if_exists: with 'ignore' columns that exist are left as they are; with 'replace' they are dropped first.
            background: return a `Job` as soon as the call is checked; the columns are there when that is done.

        Raises:
            AlreadyExistsError: a column exists and `if_exists` is 'error'.
            CellFailure: a cell could not be computed; the same call later computes only what is missing.
            RequestError: see `add_column`.
        """
        return self._add_columns(schema, if_exists, background=background)

    def _add_columns(self, schema: Mapping[str, Any], if_exists: str, *, background: bool) -> UpdateStatus | Job:
        specs = addition_specs(schema, reserved=self._reserved_names)
        choice = one_of("if_exists", if_exists, _ADDING)
        if background:
            return started(self._session, self._adding(specs, choice))
        with watched(self._session, f"Adding columns to {self._path}") as tally:
            if len(specs) == 1 and specs[0].expr is not None:
                status = columns.add_computed_column(
                    self._session, self._id, self._path, _computed(specs[0]),
                    on_error="abort", if_exists=choice, tally=tally,
                )  # fmt: skip
            else:
                status = add_columns(self._session, self._id, self._path, specs, if_exists=choice, tally=tally)
        announce(self._session, status)
        return status

    def _adding(self, specs: list[ColumnSpec], if_exists: str) -> Task:
        if len(specs) == 1 and specs[0].expr is not None:
            new = _computed(specs[0])
            return AddComputedColumn.of(self._id, self._path, new, on_error="abort", if_exists=if_exists)
        return AddColumns.of(self._session, self._id, self._path, specs, if_exists=if_exists)

    @overload
    def add_computed_column(self, *, background: Literal[True], **kwargs: Any) -> Job: ...

    @overload
    def add_computed_column(self, *, background: Literal[False] = False, **kwargs: Any) -> UpdateStatus: ...

    def add_computed_column(
        self,
        *,
        stored: bool | None = None,
        custom_metadata: Any = None,
        comment: str = "",
        print_stats: bool = False,
        on_error: str = "abort",
        if_exists: str = "error",
        retry: Retry | None = None,
        timeout_s: float | None = None,
        background: bool = False,
        **kwargs: Any,
    ) -> UpdateStatus | Job:
        """Add a column `name=expression`, computed for all rows there are and, from now on, for those that come.

        Readers and writers of the table go on meanwhile. With `stored=False` it is evaluated whenever it is read.
        With `on_error='abort'` a failing cell takes the column back; what was computed is kept, and the same call
        computes only what is missing. `retry` and `timeout_s` hold for the calls in the expression, over what their
        functions say. With `background=True` it returns a `Job` as soon as the call is checked, and the column is there
        when that is done.

        Raises:
            CellFailure: a cell failed and `on_error` is 'abort'.
            AlreadyExistsError: the column exists and `if_exists` is 'error'.
            RequestError: the name or the expression cannot be used.
        """
        if len(kwargs) != 1:
            raise InvalidArgument("add_computed_column() takes exactly one column", hint="Write name=expression.")
        ((name, value),) = kwargs.items()
        new = columns.NewColumn(
            check_column_name(name, reserved=self._reserved_names), as_expr(value), stored is not False,
            check_comment(comment), check_custom_metadata(custom_metadata),
            None if retry is None and timeout_s is None else Policy(retry, timeout_s),
        )  # fmt: skip
        mode = one_of("on_error", on_error, ("abort", "ignore"))
        choice = one_of("if_exists", if_exists, _ADDING)
        if background:
            task = AddComputedColumn.of(self._id, self._path, new, on_error=mode, if_exists=choice)
            return started(self._session, task)
        with watched(self._session, f"Computing {self._path}.{name}", by_column=print_stats) as tally:
            status = columns.add_computed_column(
                self._session, self._id, self._path, new, on_error=mode, if_exists=choice, tally=tally
            )
        announce(self._session, status, parts=tally.parts)
        return status

    def drop_column(self, column: str | ColumnRef, if_not_exists: str = "error") -> None:
        """Take a column out of the table. Its cells stay readable in older versions, and `revert()` brings it back.

        Raises:
            NotFoundError: there is none.
            RequestError: other columns depend on it, it is part of the key, or the last one.
        """
        record = self._session.refresh().table(self._id, name=self._path)
        columns.drop_column(
            self._session, self._id, self._path, name_of(column, record),
            if_not_exists=one_of("if_not_exists", if_not_exists, ("error", "ignore")),
        )  # fmt: skip

    @overload
    def alter_computed_column(self, *, background: Literal[True], **kwargs: Any) -> Job: ...

    @overload
    def alter_computed_column(self, *, background: Literal[False] = False, **kwargs: Any) -> UpdateStatus: ...

    def alter_computed_column(
        self, *, recompute: bool = True, cascade: bool = True, background: bool = False, **kwargs: Any
    ) -> UpdateStatus | Job:
        """Give a computed column another definition, `name=expression`, of a type that fits it.

        It keeps its name, its indexes and what depends on it; if it is computed from a later column it moves behind
        that. Its cells are computed again, and with `cascade` the columns and vectors that depend on it, nothing else.
        The definition is a version, the new cells are another one. If that work is interrupted the rest is stale, and
        the same call goes on with it.

        Args:
            recompute: if False, cells stay as they are; `stale()` lists the column, and
                `recompute_columns(stale_only=True)` computes them.
            cascade: also compute what depends on the column.
            background: return a `Job` when the definition is in force; cells are computed by that.

        Raises:
            NotFoundError: there is no such column.
            RequestError: it is not computed, the type does not fit, or the expression depends on the column itself.
        """
        if len(kwargs) != 1:
            raise InvalidArgument("alter_computed_column() takes exactly one column", hint="Write name=expression.")
        ((name, value),) = kwargs.items()
        if background and recompute:
            column_id = self._session.refresh().table(self._id, name=self._path).own_column(name).id
            task = AlterComputedColumn(self._id, self._path, name, column_id, as_expr(value), cascade)
            return started(self._session, task)
        redefine_column(self._session, self._id, self._path, name, as_expr(value))
        if not recompute:
            return UpdateStatus()
        with watched(self._session, f"Computing {self._path}.{name}") as tally:
            status = recompute_redefined(self._session, self._id, self._path, name, cascade=cascade, tally=tally)
        announce(self._session, status)
        return status

    def rename_column(self, old: str | ColumnRef, new: str) -> None:
        """Give a column another name. What is computed from it, and expressions that refer to it, go on as before.

        Raises:
            NotFoundError: there is none.
            AlreadyExistsError: another column has the new name.
            RequestError: the new name cannot be used.
        """
        record = self._session.refresh().table(self._id, name=self._path)
        check_column_name(new, reserved=self._reserved_names)
        rename_column(self._session, self._id, self._path, name_of(old, record), new)

    def alter_column(self, column: str | ColumnRef, *, type_: Any) -> None:
        """Give a column another type that can hold what is in it: one that accepts null, or not, or a wider one.

        An `Int` can become `Float`; `String`, `Int`, `Float` and `Bool` can become `Json`; an array of some shape one
        of any shape. Older versions keep their cells as they were.

        Raises:
            NotFoundError: there is no such column.
            RequestError: it is computed, or part of the primary key, or others depend on it; it is null somewhere and
                the type rejects null; a cell is nothing the new type can hold; the types are too different.
        """
        record = self._session.refresh().table(self._id, name=self._path)
        name = name_of(column, record)
        new_type = type_from_form(type_, subject=f"column {name!r}")
        alter_column(self._session, self._id, self._path, name, new_type)

    @property
    def _reserved_names(self) -> frozenset[str]:
        return PLANNED_METHODS | reserved_names(type(self))


def _computed(spec: ColumnSpec) -> columns.NewColumn:
    assert spec.expr is not None
    return columns.NewColumn(spec.name, spec.expr, spec.stored, spec.comment, spec.custom_metadata)
