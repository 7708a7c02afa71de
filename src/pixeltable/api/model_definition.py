"""What a model declares, as data: the table it is to be, with provisional ids, so that expressions can be over it."""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from pixeltable.api.table import RESERVED_NAMES
from pixeltable.catalog.records import ColumnRecord, TableRecord, ViewRecord
from pixeltable.exceptions import InvalidSchema, Unsupported
from pixeltable.exprs.expr import Expr
from pixeltable.exprs.leaves import ColumnRef
from pixeltable.ids import check_column_name
from pixeltable.plan.bind import bind, bind_predicate
from pixeltable.plan.query import QuerySpec, Sample
from pixeltable.session.btrees import NewBtree
from pixeltable.session.columns import NewColumn, check_computed
from pixeltable.session.indexes import NewIndex
from pixeltable.session.iterator_columns import unstored_outputs
from pixeltable.session.siblings import with_ids
from pixeltable.session.tables import ColumnSpec, TableOptions, refuse_namesakes
from pixeltable.types.column_type import ColumnType, IntType
from pixeltable.udfs.iterators import IteratorCall

_IDS = itertools.count(-1000, -1)
"""Below all that stands for something else in place of an id; those of the catalog are positive."""


@dataclass(frozen=True, slots=True)
class ModelDefinition:
    """A model. Expressions in it are over the columns of `record`, or of the model it is a view of.

    `specs` are the columns declared in the body; a view has others before them, from its iterator and its select list.
    What of the `outputs` of the iterator is not stored is in `unstored`, computed from siblings.
    """

    class_name: str
    record: TableRecord
    specs: tuple[ColumnSpec, ...] = ()
    indexes: tuple[NewIndex | NewBtree, ...] = ()
    items: tuple[tuple[str, Expr], ...] | None = None
    outputs: Mapping[str, ColumnType] | None = None
    unstored: tuple[ColumnSpec, ...] = ()
    default_indexes: bool = False
    sample: Sample | None = None

    @property
    def name(self) -> str:
        return self.record.name

    def with_indexes(self, indexes: tuple[NewIndex | NewBtree, ...]) -> "ModelDefinition":
        """The model with what its body says of indexes."""
        return replace(self, indexes=indexes)

    @property
    def kind(self) -> Literal["table", "view"]:
        return "table" if self.record.view is None else "view"

    @property
    def options(self) -> TableOptions:
        """What the table has beside its columns."""
        record = self.record
        return TableOptions(record.comment, record.custom_metadata, record.media_validation, self.default_indexes)

    @property
    def all_specs(self) -> tuple[ColumnSpec, ...]:
        """The columns of the select list and of the body: all that can be added to a view, and taken from it."""
        chosen = (
            ColumnSpec(name, expr.col_type, expr, stored=not isinstance(expr, ColumnRef))
            for name, expr in self.items or ()
        )
        return (*chosen, *self.specs)


def new_table_definition(class_name: str, name: str, options: TableOptions) -> ModelDefinition:
    """A table without columns."""
    record = TableRecord(
        next(_IDS), None, name, name, (), (), comment=options.comment, custom_metadata=options.custom_metadata,
        media_validation=options.media_validation,
    )  # fmt: skip
    return ModelDefinition(class_name, record, default_indexes=options.default_indexes)


def new_view_definition(
    class_name: str,
    name: str,
    options: TableOptions,
    base: TableRecord,
    query: QuerySpec,
    iterator: IteratorCall | None,
) -> ModelDefinition:
    """A view with no columns but those of its select list and its iterator.

    Raises:
        Unsupported, InvalidExpression, ForeignColumn: the query or the iterator cannot make a view of the base.
    """
    if options.default_indexes:
        raise Unsupported(
            f"model `{class_name}`: a view has no default indexes", hint="Declare its own in `__indexes__`."
        )
    columns: list[ColumnRecord] = []
    outputs = {} if iterator is None else {"pos": IntType(), **iterator.outputs}
    columns += [ColumnRecord(next(_IDS), column, kind, 0) for column, kind in outputs.items()]
    for column, expr in query.select or ():
        bind(expr, base, role=f"model `{class_name}`")
        stored = not isinstance(expr, ColumnRef)
        columns.append(ColumnRecord(next(_IDS), column, expr.col_type, 0 if stored else None, expr))
    unstored = unstored_outputs(iterator)
    columns += map(provisional_column, unstored)
    for made in columns:
        check_column_name(made.name, reserved=RESERVED_NAMES)
    where = None if query.where is None else bind_predicate(query.where, base)
    explode = None if iterator is None else bind(iterator.items, base, role=f"the iterator of model `{class_name}`")
    of_items = tuple((made.id, made.name) for made in columns[: len(outputs)])
    plain = new_table_definition(class_name, name, options)
    view = ViewRecord(base.id, where, query.select is None, explode, of_items)
    record = replace(plain.record, columns=with_ids(columns, plain.record.id), view=view, base=base)
    listed = None if iterator is None else iterator.outputs
    return replace(
        plain, record=record, items=query.select, outputs=listed, unstored=tuple(unstored), sample=query.sample
    )


def with_columns(
    definition: ModelDefinition, specs: Sequence[ColumnSpec], records: Sequence[ColumnRecord]
) -> ModelDefinition:
    """The model with the columns of its body, checked; `records` are the same, with ids.

    Raises:
        InvalidSchema, InvalidExpression, ForeignColumn, Unsupported: naming the column.
    """
    subject = f"model `{definition.class_name}`"
    refuse_namesakes([*definition.all_specs, *specs])
    record = definition.record
    for spec, column in zip(specs, records, strict=True):
        if record.view is not None:
            _check_of_view(record, spec, subject)
        if spec.expr is not None:
            check_computed(record, NewColumn(spec.name, spec.expr))
        record = replace(record, columns=(*record.columns, column))
    if not record.columns and record.view is None:
        raise InvalidSchema(f"{subject} declares no column", hint="Such as `id: pxt.Int`.")
    return replace(definition, record=record, specs=tuple(specs))


def provisional_column(spec: ColumnSpec) -> ColumnRecord:
    """The record of a column that is declared, with an id for as long as there is no table."""
    return ColumnRecord(next(_IDS), spec.name, spec.type, 0 if spec.stored else None, spec.expr, spec.primary_key)


def _check_of_view(record: TableRecord, spec: ColumnSpec, subject: str) -> None:
    if spec.name in {column.name for column in record.ready_columns}:
        raise InvalidSchema(f"{subject}: column {spec.name!r} is there already", hint="Choose another name.")
    if spec.expr is None and not spec.type.nullable:
        raise InvalidSchema(
            f"{subject}: column {spec.name!r} of a view is not computed, so it has to be nullable",
            hint=f"Declare it as `{spec.name}: pxt.{spec.type} | None`.",
        )
    if spec.primary_key:
        raise Unsupported(f"{subject}: column {spec.name!r}: views have no primary key of their own")
