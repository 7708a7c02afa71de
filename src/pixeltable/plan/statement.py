"""A user's SELECT over tables by path, as a statement over their heaps: text and catalog in, text out."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from pixeltable.catalog.records import ColumnRecord, TableRecord
from pixeltable.catalog.snapshot import Catalog
from pixeltable.exceptions import InvalidPath, InvalidSql, RefusedSql, UnknownPath
from pixeltable.exprs.leaves import ColumnRef
from pixeltable.ids import Path, parse_path
from pixeltable.lazy import sqlglot
from pixeltable.plan.statement_rules import check_tree
from pixeltable.plan.statement_syntax import parsed, written
from pixeltable.storage.heaps import BASE_ROW, Heap
from pixeltable.storage.past import entries_sql
from pixeltable.types.column_type import ArrayType, ColumnType

_SYSTEM = ("pg_catalog", "information_schema", "pg_toast", "pixeltable")
_LONGEST_NAME = 63
"""Of a longer name PostgreSQL drops the rest."""


@dataclass(frozen=True, slots=True)
class Statement:
    """A statement for PostgreSQL. `parameters` are the names of `$1`, `$2` and so on.

    `tables` are those it reads, each with the name it has for it. `full_names` says what names stand for that had to be
    cut. With `adds_nulls` a column may be null in its result that never is in its table.

    The result of a UNION and the like does not tell which columns of tables it is made of, and neither does what is
    read as of a version; `branches_sql` yields no row, and the columns of all the `branches` SELECTs in it, one after
    the other, each that of the present entries. `names_arrays` says that it may compute with Arrays.
    """

    sql: str
    parameters: tuple[str, ...]
    tables: tuple[tuple[str, TableRecord], ...]
    full_names: Mapping[str, str]
    adds_nulls: bool
    branches: int
    branches_sql: str
    names_arrays: bool

    @property
    def stored_types(self) -> dict[str, ColumnType]:
        """The types of the stored columns of its tables, by `table.column` as the database calls them.

        A column that has one type in one table and another in a version of it has none.
        """
        found: dict[str, list[ColumnType]] = {}
        for _, table in self.tables:
            for column in _stored(table):
                assert column.heap is not None
                name = f"{table.heap(column.heap).current}.{column.db_name}".partition(".")[2]
                found.setdefault(name, []).append(column.type)
        common = ((name, common_type(types)) for name, types in found.items())
        return {name: known for name, known in common if known is not None}


def common_type(types: Sequence[ColumnType | None]) -> ColumnType | None:
    """The one type of stored columns, null aside; None if they differ, or one of them is no stored column."""
    first = types[0]
    if first is None or not all(kind is not None and kind.matches(first) for kind in types):
        return None
    return first.with_nullable(any(kind is not None and kind.nullable for kind in types))


Versions = Callable[[TableRecord, int | str], TableRecord]
"""Finds a table as it was at a version, known by its number or its tag."""


def plan_statement(text: str, catalog: Catalog, *, versions: Versions) -> Statement:
    """What PostgreSQL is to run for a statement of a user's.

    Raises:
        UnknownVersion: there is no such version of a table.
        InvalidSql: it cannot be read.
        RefusedSql: it does more than to read tables of users.
        UnknownPath: there is no such table.
    """
    try:
        tree = parsed(text)
        check_tree(tree)
        return _Rewriting(catalog, versions).statement(tree)
    except RecursionError:
        raise InvalidSql("it is nested too deeply", text=text, line=1, column=1) from None


class _Rewriting:
    """Takes down, while a tree is rewritten in place, what its names stand for."""

    def __init__(self, catalog: Catalog, versions: Versions) -> None:
        self._catalog = catalog
        self._versions = versions
        self._tables: list[tuple[str, TableRecord]] = []
        self._parameters: list[str] = []
        self._short_names: dict[str, str] = {}
        self._present: dict[str, str] = {}
        """For the rows of a version, the present ones in the same heaps."""

    def statement(self, tree: Any) -> Statement:
        exp = sqlglot.exp
        found = [(node, self._table(node)) for node in _named_tables(tree)]
        spelled = {name for _, table in found for name in (table.name, *(c.name for c in _stored(table)))}
        for column in list(tree.find_all(exp.Column)):
            _shorten_qualifier(column, [table for _, table in found])
        for node, table in found:
            self._put_heaps(node, table, spelled)
        for name in tree.find_all(exp.Identifier):
            name.set("this", self._short(_folded(name, spelled)))
            name.set("quoted", True)
        tree = tree.transform(self._plain, copy=False)
        sql, present = written(tree), self._of_present(tree)
        branches = list(_branches(present))
        return Statement(
            sql,
            tuple(self._parameters),
            tuple(self._tables),
            {short: name for name, short in self._short_names.items()},
            _adds_nulls(tree),
            len(branches),
            _branches_sql(present, branches) if len(branches) > 1 or self._present else "",
            self._names_arrays(tree),
        )

    def _table(self, node: Any) -> TableRecord:
        parts = node.parts
        exact = _path([part.name for part in parts])
        folded = _path([_folded(part, ()) for part in parts])
        found = self._catalog.find_table(exact) or self._catalog.find_table(folded)
        if found is not None:
            found.check_complete()
            return found if exact.version is None else self._versions(found, exact.version)
        if self._catalog.find_dir(exact) is not None:
            raise InvalidPath(f"path {str(exact)!r} is a directory")
        if folded.parts[0] in _SYSTEM or folded.name.startswith("pg_"):
            raise RefusedSql(f"a query of the system table {str(exact)!r}", hint="It reads tables by their path.")
        raise UnknownPath(str(exact), known=self._catalog.table_ids)

    def _put_heaps(self, node: Any, table: TableRecord, spelled: Iterable[str]) -> None:
        """Put a subquery over the heaps in the place of a table."""
        exp = sqlglot.exp
        alias = node.args.get("alias") or exp.TableAlias()
        if alias.this is None:
            alias.set("this", exp.to_identifier(table.name, quoted=True))
        self._tables.append((_folded(alias.this, spelled), table))
        of_table, present = _rows_of(table, self._short), _rows_of(_as_of_now(table), self._short)
        if of_table != present:
            self._present[of_table] = present
        rows = exp.Subquery(
            this=exp.Var(this=of_table), alias=alias, joins=node.args.get("joins"),
            laterals=node.args.get("laterals"),
        )  # fmt: skip
        node.replace(rows)

    def _of_present(self, tree: Any) -> Any:
        """The tree over the present entries of all heaps; itself, if it reads none as of a version."""
        if not self._present:
            return tree
        present = tree.copy()
        for rows in present.find_all(sqlglot.exp.Var):
            rows.set("this", self._present.get(rows.name, rows.name))
        return present

    def _names_arrays(self, tree: Any) -> bool:
        exp = sqlglot.exp
        stored = [column for _, table in self._tables for column in _stored(table)]
        arrays = {self._short(column.name) for column in stored if isinstance(column.type, ArrayType)}
        if not arrays:
            return False
        everything = any(not isinstance(star.parent, exp.Anonymous) for star in tree.find_all(exp.Star))
        renamed = any(alias.args.get("columns") for alias in tree.find_all(exp.TableAlias))
        return everything or renamed or any(name.name in arrays for name in tree.find_all(exp.Identifier))

    def _short(self, name: str) -> str:
        if len(name.encode()) <= _LONGEST_NAME:
            return name
        return self._short_names.setdefault(name, f"{name[:12]}~{len(self._short_names)}")

    def _plain(self, node: Any) -> Any:
        """A parameter by number, and a text in its simple form, whichever way it was written."""
        exp = sqlglot.exp
        if isinstance(node, exp.Placeholder):
            if node.name not in self._parameters:
                self._parameters.append(node.name)
            return exp.Parameter(this=exp.Literal.number(self._parameters.index(node.name) + 1))
        if isinstance(node, exp.ByteString | exp.RawString):
            return exp.Literal.string(node.this)
        if isinstance(node, exp.Concat):  # '...' and '...' on lines one after the other; the function is Anonymous
            return exp.Literal.string("".join(part.this for part in node.expressions))
        if isinstance(node, exp.Anonymous):
            node.set("this", node.name.lower())
        return node


def _named_tables(tree: Any) -> Iterator[Any]:
    """The tables a tree names, apart from names of a WITH, where they are visible; in the order they are written."""
    exp = sqlglot.exp
    rest: list[tuple[Any, frozenset[str]]] = [(tree, frozenset())]
    while rest:
        node, visible = rest.pop()
        named = isinstance(node, exp.Table) and isinstance(node.this, exp.Identifier | exp.Dot)
        if named and (len(node.parts) > 1 or _folded(node.this, ()) not in visible):
            yield node
        below = visible
        if node.args.get("with_") is not None:
            below |= frozenset(_cte_names(node.args["with_"]))
        found = [
            each
            for child in node.iter_expressions()
            for each in (_ctes(child, visible) if isinstance(child, exp.With) else [(child, below)])
        ]
        rest += reversed(found)


def _ctes(with_: Any, visible: frozenset[str]) -> list[tuple[Any, frozenset[str]]]:
    """Each part of a WITH, and the names it sees: those before it, or all where it is recursive."""
    names = _cte_names(with_)
    recursive = with_.args.get("recursive")
    return [(cte, visible | set(names if recursive else names[:place])) for place, cte in enumerate(with_.expressions)]


def _cte_names(with_: Any) -> list[str]:
    return [_folded(cte.args["alias"].this, ()) for cte in with_.expressions]


def _folded(name: Any, spelled: Iterable[str]) -> str:
    """What PostgreSQL makes of a name: lower case without quotes; but those `spelled` so in the catalog stay."""
    text = str(name.name)
    if name.args.get("quoted") or text in spelled:
        return text
    return "".join(letter.lower() if letter.isascii() else letter for letter in text)


def _path(parts: list[str]) -> Path:
    return parse_path(parts[0] if len(parts) == 1 else "/".join(parts), allow_version=True)


def _shorten_qualifier(column: Any, tables: list[TableRecord]) -> None:
    """`dir.docs.title` as `docs.title`, as which a table goes that was given no other name."""
    qualifier = column.parts[:-1]
    if not qualifier or (len(qualifier) == 1 and "/" not in qualifier[0].name):
        return
    exact = _path([part.name for part in qualifier])
    folded = _path([_folded(part, ()) for part in qualifier])
    found = next((table for table in tables if table.path in (str(exact), str(folded))), None)
    if found is None:
        raise UnknownPath(str(exact), known=[table.path for table in tables])
    column.set("table", sqlglot.exp.to_identifier(found.name, quoted=True))
    column.set("db", None)
    column.set("catalog", None)


def _stored(table: TableRecord) -> list[ColumnRecord]:
    """What users see of a table that is stored; a view's name for a column of its base is that, under this name."""
    found = []
    for column in table.ready_columns:
        stored: ColumnRecord | None = column
        while stored is not None and stored.heap is None and isinstance(stored.expr, ColumnRef):
            stored = table.column_by_id(stored.expr.ref_column)
        if stored is not None and stored.heap is not None:
            found.append(replace(stored, name=column.name))
    return found


def _rows_of(table: TableRecord, short: Callable[[str], str]) -> str:
    """All that users can see of a table; heaps of which nothing is used PostgreSQL leaves out by itself."""
    columns = [f'{_stored_name(table, column)} AS "{short(column.name)}"' for column in _stored(table)]
    used = {_stored_name(table, column).rpartition(".")[0] for column in _stored(table)}
    first = _heap_name(table.row_heap)
    row, joins = f"{first}.row", ""
    for source in table.lineage:
        for heap in source.heaps:
            name, leads_on = _heap_name(heap), source.is_exploded and heap == source.row_heap
            if name != first and (name in used or leads_on):
                joins += f" LEFT JOIN {_heap_source(heap)} ON {name}.row = {row}"
        if source.is_exploded:
            row = f"{_heap_name(source.row_heap)}.{BASE_ROW}"
    return f"SELECT {', '.join(columns)} FROM {_heap_source(table.row_heap)}{joins}"


def _as_of_now(table: TableRecord) -> TableRecord:
    """A table with the columns it has, and all that is in their heaps by now."""
    heaps = tuple(replace(heap, as_of=None) for heap in table.heaps)
    return replace(table, heaps=heaps, base=None if table.base is None else _as_of_now(table.base))


def _stored_name(table: TableRecord, column: ColumnRecord) -> str:
    """`schema.heap.column`, of a version of the past `heap.column`."""
    assert column.heap is not None
    return f"{_heap_name(table.heap(column.heap))}.{column.db_name}"


def _heap_name(heap: Heap) -> str:
    return heap.current if heap.as_of is None else f"past_{heap.id}"


def _heap_source(heap: Heap) -> str:
    """What a FROM reads; the result does not tell of cells of the past which column of a table they are."""
    return heap.current if heap.as_of is None else f"{entries_sql(heap)} AS {_heap_name(heap)}"


def _adds_nulls(tree: Any) -> bool:
    exp = sqlglot.exp
    outer = any(join.side in ("LEFT", "RIGHT", "FULL") for join in tree.find_all(exp.Join))
    return outer or tree.find(exp.GroupingSets, exp.Rollup, exp.Cube) is not None


def _branches_sql(tree: Any, branches: Sequence[Any]) -> str:
    """A statement without rows over all SELECTs of a UNION, or over the only one there is."""
    if len(branches) == 1:
        return f"SELECT * FROM ({written(tree)}) AS whole LIMIT 0"
    with_ = tree.args.get("with_")
    names = "" if with_ is None else f"{written(with_)} "
    columns = ", ".join(f"b{place}.*" for place in range(len(branches)))
    # The whole is part of it, so that no parameter lacks the place from which its type is known. PostgreSQL looks for
    # the best order of tables in a list, however many there are, but not of many that are joined in so many words.
    listed = "".join(f" CROSS JOIN ({written(branch)}) AS b{place}" for place, branch in enumerate(branches))
    return f"{names}SELECT {columns} FROM ({written(tree)}) AS whole{listed} LIMIT 0"


def _branches(tree: Any) -> Iterator[Any]:
    exp = sqlglot.exp
    if isinstance(tree, exp.Subquery) and tree.is_wrapper:
        yield from _branches(tree.this)
    elif isinstance(tree, exp.SetOperation):
        yield from _branches(tree.this)
        yield from _branches(tree.expression)
    else:
        yield tree
