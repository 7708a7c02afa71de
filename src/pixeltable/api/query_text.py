"""`QueryText`: what a query looks like: its items and clauses as tables of text."""

from pixeltable.api.clauses import sample_text
from pixeltable.api.table_text import html_table, text_table
from pixeltable.plan.planner import select_outputs
from pixeltable.plan.query import Moment, QuerySpec, past_alias
from pixeltable.session.relations import Relation


class QueryText:
    """Shows a query."""

    _spec: QuerySpec
    _name: str

    @property
    def _relation(self) -> Relation:
        raise NotImplementedError

    def describe(self) -> None:
        """Print the query."""
        print(repr(self))  # noqa: T201  # printing is what it is for

    def _parts(self) -> tuple[list[list[str]], list[tuple[str, str]]]:
        chosen = self._spec.select or select_outputs(QuerySpec(self._spec.table), self._relation.record)
        rows = [[name, str(expr.col_type), str(expr)] for name, expr in chosen]
        source = _named(self._name, self._spec.alias, self._spec.moment)
        clauses = [("From", self._relation.record.path if self._spec.union else source)]
        for join in self._spec.joins:
            condition = "" if join.on is None else f" on {join.on}"
            kind = join.how.replace("_", " ").capitalize()
            clauses.append((f"{kind} Join", _named(join.name, join.alias, join.moment) + condition))
        if self._spec.where is not None:
            clauses.append(("Where", str(self._spec.where)))
        if self._spec.sample is not None:
            clauses.append(("Sample", sample_text(self._spec.sample)))
        if self._spec.distinct:
            clauses.append(("Distinct", "yes"))
        if self._spec.group_by:
            clauses.append(("Group By", ", ".join(map(str, self._spec.group_by))))
        if self._spec.having is not None:
            clauses.append(("Having", str(self._spec.having)))
        if self._spec.order_by:
            keys = (f"{item.expr} {'asc' if item.ascending else 'desc'}" for item in self._spec.order_by)
            clauses.append(("Order By", ", ".join(keys)))
        if self._spec.limit is not None:
            clauses.append(("Limit", str(self._spec.limit)))
        if self._spec.offset:
            clauses.append(("Offset", str(self._spec.offset)))
        return rows, clauses

    def __repr__(self) -> str:
        rows, clauses = self._parts()
        width = max(len(name) for name, _ in clauses)
        listed = "\n".join(f"{name:<{width}}  {text}" for name, text in clauses)
        items = text_table(["Name", "Type", "Expression"], rows, align=["right"] * 3)
        return f"{items}\n\n{listed}"

    def _repr_html_(self) -> str:
        rows, clauses = self._parts()
        listed = html_table(["Clause", ""], [list(clause) for clause in clauses], align=["left"] * 2)
        return html_table(["Name", "Type", "Expression"], rows, align=["left"] * 3) + listed


def _named(path: str, alias: str | None, moment: Moment | None) -> str:
    source = path if moment is None else past_alias(path, moment)
    return source if alias in (None, source) else f"{source} as {alias}"
