"""`stale()` and `recompute_columns(stale_only=True)`: cells that other code computed than is there now."""

import os
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

import pixeltable as pxt
from pixeltable.exceptions import InvalidArgument, InvalidState, UnknownColumn, Unsupported
from pixeltable.udfs.function import DECLARED
from tests.api.changing_module import ChangingModule, changing

__all__ = ["changing"]

F = """
@pxt.udf
def f(n: int) -> int:
    CALLS.append(n)
    return n {}

@pxt.udf
def g(n: int) -> int:
    CALLS.append(-n)
    return n * 2
"""
STALE = F.format("+ 100")


@pytest.fixture
def t(ns: str, changing: ChangingModule) -> pxt.Table:
    """Columns a and n, and f(n), all in one heap; three rows by f as it was, one more by f as it is now."""
    t = pxt.create_table(f"{ns}/t", {"n": pxt.Int, "a": pxt.Int | None})
    module = changing.write(F.format("+ 1"))
    t.add_computed_column(f=module.f(t.n))
    t.insert([{"n": 1}, {"n": 2}, {"n": 3}])
    changing.write(STALE)
    t.insert([{"n": 4}])
    changing.calls()
    return t


def stale(t: pxt.Table, *names: str) -> list[Any]:
    return [tuple(row[name] for name in names) if len(names) > 1 else row[names[0]] for row in t.stale()]


def f_cells(t: pxt.Table) -> list[int]:
    return t.order_by(t.n).select(t.f).collect()["f"]


def test_cells_of_other_code_are_counted(t: pxt.Table, changing: ChangingModule) -> None:
    assert list(t.stale()) == [
        {"column": "f", "index": None, "functions": [f"{changing.name}.f"], "cells": 3, "total": 4, "problem": None}
    ]


def test_nothing_is_said_of_what_is_up_to_date(ns: str, changing: ChangingModule) -> None:
    module = changing.write(F.format("+ 1"))
    t = pxt.create_table(f"{ns}/t", {"n": pxt.Int})
    t.add_computed_column(f=module.f(t.n))
    t.insert([{"n": 1}])
    t.add_computed_column(plain=t.n + 1)
    t.add_computed_column(g=module.g(t.n))
    changing.write(F.format("+ 1  # a comment"))
    t.update({"n": 2})
    assert len(t.stale()) == 0


def test_code_that_is_as_it_was_is_not_stale(t: pxt.Table, changing: ChangingModule) -> None:
    changing.write(F.format("+ 1"))
    assert stale(t, "cells") == [1]


def test_stale_cells_alone_are_computed_again(t: pxt.Table, changing: ChangingModule) -> None:
    status = t.recompute_columns("f", stale_only=True)
    assert changing.calls() == [1, 2, 3]
    assert f_cells(t) == [101, 102, 103, 104]
    assert (status.num_rows, status.updated_cols) == (3, ["t.f"])
    assert len(t.stale()) == 0


def test_what_depends_on_a_stale_cell_is_computed_again(t: pxt.Table, changing: ChangingModule) -> None:
    t.add_computed_column(g=changing.module.g(t.f))
    changing.calls()
    t.recompute_columns("f", stale_only=True)
    assert changing.calls() == [-103, -102, -101, 1, 2, 3]
    assert t.order_by(t.n).select(t.g).collect()["g"] == [202, 204, 206, 208]


def test_a_second_call_computes_nothing(t: pxt.Table, changing: ChangingModule) -> None:
    t.recompute_columns(t.f, stale_only=True)
    changing.calls()
    versions = len(t.get_versions())
    t.recompute_columns(t.f, stale_only=True)
    assert (changing.calls(), len(t.get_versions())) == ([], versions)


def test_other_recomputing_counts_too(t: pxt.Table) -> None:
    t.recompute_columns("f", where=t.n == 2)
    assert stale(t, "cells") == [2]


def test_only_rows_that_the_filter_keeps(t: pxt.Table, changing: ChangingModule) -> None:
    t.where(t.n > 2).recompute_columns("f", stale_only=True)
    assert (changing.calls(), stale(t, "cells")) == ([3], [2])


def test_a_cell_that_fails_anew_is_not_stale_any_more(t: pxt.Table, changing: ChangingModule) -> None:
    changing.write(F.format("// (n - 2)"))
    status = t.recompute_columns("f", stale_only=True)
    assert (status.num_excs, len(t.stale())) == (1, 0)


def test_failed_stale_cells_alone(t: pxt.Table, changing: ChangingModule) -> None:
    changing.write(F.format("// (n - 2)"))
    t.recompute_columns("f", stale_only=True)
    changing.write(F.format("+ 7"))
    changing.calls()
    t.recompute_columns("f", stale_only=True, errors_only=True)
    assert (changing.calls(), stale(t, "cells")) == ([2], [3])


def test_an_update_of_another_column_leaves_a_cell_stale(t: pxt.Table) -> None:
    t.update({"a": 5})
    t.update({"a": 6}, where=t.n == 1)
    assert stale(t, "cells", "total") == [(3, 4)]


def test_a_cell_that_was_carried_over_is_computed_again(t: pxt.Table, changing: ChangingModule) -> None:
    t.update({"a": 5})
    t.recompute_columns("f", stale_only=True)
    assert (changing.calls(), f_cells(t), len(t.stale())) == ([1, 2, 3], [101, 102, 103, 104], 0)


def test_an_update_of_what_it_is_computed_from_brings_a_cell_up_to_date(t: pxt.Table) -> None:
    t.update({"n": 10}, where=t.n == 1)
    assert stale(t, "cells") == [2]


def test_an_update_without_cascade_leaves_a_cell_stale(t: pxt.Table) -> None:
    t.update({"n": 10}, where=t.n == 1, cascade=False)
    assert stale(t, "cells") == [3]


def test_deleted_rows_do_not_count(t: pxt.Table) -> None:
    t.delete(t.n == 1)
    assert stale(t, "cells", "total") == [(2, 3)]


def test_reverting_a_recomputation_makes_cells_stale_again(t: pxt.Table) -> None:
    t.recompute_columns("f", stale_only=True)
    t.revert()
    assert (stale(t, "cells"), f_cells(t)) == ([3], [2, 3, 4, 104])


def test_reverting_an_insert(t: pxt.Table) -> None:
    t.revert()
    assert stale(t, "cells", "total") == [(3, 3)]


def test_a_column_with_a_heap_of_its_own(t: pxt.Table, changing: ChangingModule) -> None:
    t.add_computed_column(later=changing.module.f(t.n))
    t.recompute_columns("f", stale_only=True)
    changing.write(F.format("+ 1000"))
    t.update({"a": 1})
    assert stale(t, "column", "cells") == [("f", 4), ("later", 4)]


def test_cells_without_a_stamp_are_by_the_code_of_the_columns_definition(
    t: pxt.Table, session_settings: dict[str, str]
) -> None:
    with psycopg.connect(session_settings["PIXELTABLE_DB_URL"]) as connection:
        connection.execute("UPDATE pixeltable.versions SET stamp = NULL")
    assert stale(t, "cells") == [4]


def test_a_file_that_was_edited_after_its_module_was_loaded(t: pxt.Table, changing: ChangingModule) -> None:
    module = changing.write(F.format("+ 5"))
    changing.file.write_text(changing.file.read_text().replace("+ 5", "+ 6"))
    os.utime(changing.file, (0, 0))
    t.recompute_columns(stale_only=True)
    assert f_cells(t) == [6, 7, 8, 9]
    assert module.f.body(1) == 6
    changing.forget()  # the next program loads what is there now
    assert stale(t, "cells") == [4]


def test_helpers_count(ns: str, changing: ChangingModule) -> None:
    source = "def h(n):\n    return n {}\n\n@pxt.udf\ndef f(n: int) -> int:\n    return h(n)\n"
    t = pxt.create_table(f"{ns}/t", {"n": pxt.Int})
    t.insert([{"n": 1}])
    t.add_computed_column(f=changing.write(source.format("+ 1")).f(t.n))
    changing.write(source.format("+ 2"))
    assert stale(t, "cells") == [1]


def test_functions_of_columns_that_are_not_stored_count(ns: str, changing: ChangingModule) -> None:
    t = pxt.create_table(f"{ns}/t", {"n": pxt.Int})
    t.insert([{"n": 1}])
    module = changing.write(F.format("+ 1"))
    t.add_computed_column(f=module.f(t.n), stored=False)
    t.add_computed_column(g=module.g(t.f))
    changing.write(F.format("+ 2"))
    assert stale(t, "column", "functions") == [("g", [f"{changing.name}.f"])]


def test_without_names_all_stale_columns(t: pxt.Table, changing: ChangingModule) -> None:
    t.add_computed_column(other=changing.module.f(t.n + 10))
    t.add_computed_column(g=changing.module.g(t.n))
    changing.write(F.format("+ 1000"))
    t.recompute_columns(stale_only=True)
    assert changing.calls() == [1, 2, 3, 4, 11, 12, 13, 14]
    assert len(t.stale()) == 0


def test_without_names_and_without_stale_only_is_refused(t: pxt.Table) -> None:
    with pytest.raises(InvalidArgument, match="at least one column"):
        t.recompute_columns()


@pytest.mark.parametrize(("name", "error"), [("n", Unsupported), ("none", UnknownColumn)])
def test_only_columns_that_are_computed(t: pxt.Table, name: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        t.recompute_columns(name, stale_only=True)


def test_an_index_whose_function_changed_is_listed(ns: str, changing: ChangingModule) -> None:
    source = "@pxt.udf\ndef e(s: str) -> pxt.Array[(2,), pxt.Float]:\n    return np.array([len(s), {}])\n"
    t = pxt.create_table(f"{ns}/t", {"s": pxt.String})
    t.insert([{"s": "a"}, {"s": "bb"}])
    t.add_embedding_index("s", embedding=changing.write(source.format(1)).e)
    changing.write(source.format(2))
    t.insert([{"s": "new"}])
    assert stale(t, "column", "index", "cells", "total") == [("s", "idx0", 2, 3)]


def test_what_was_committed_before_an_interrupt_is_not_stale_any_more(
    t: pxt.Table, changing: ChangingModule, monkeypatch: Any
) -> None:
    monkeypatch.setattr("pixeltable.session.recompute._PART_S", -1.0)  # each batch is committed
    monkeypatch.setattr("pixeltable.session.recompute._batches", one_by_one)
    changing.write("@pxt.udf\ndef f(n: int) -> int:\n    CALLS.append(n)\n    if n == 3: raise KeyboardInterrupt\n"
                   "    return n\n")  # fmt: skip
    with pytest.raises(KeyboardInterrupt):
        t.recompute_columns("f", stale_only=True)
    assert (f_cells(t), stale(t, "cells")) == ([1, 2, 4, 104], [2])


def one_by_one(found: Any, pace: Any) -> Any:
    pace.begin()
    for row in range(found.count):
        yield found.take(range(row, row + 1))


def test_what_a_job_computed_before_it_was_mended_is_stale(ns: str, changing: ChangingModule) -> None:
    t = pxt.create_table(f"{ns}/t", {"n": pxt.Int})
    t.insert([{"n": n} for n in (1, 3, 2)])
    with pytest.raises(pxt.Error):
        t.add_computed_column(f=changing.write(F.format("// (n - 2)")).f(t.n))
    t.add_computed_column(f=changing.write(F.format("+ 1")).f(t.n))
    assert (f_cells(t), stale(t, "cells", "total")) == ([-1, 3, 3], [(2, 3)])
    t.recompute_columns(stale_only=True)
    assert (f_cells(t), len(t.stale())) == ([2, 3, 4], 0)


def notebook(source: str, file: str = "<cell>") -> Any:
    """The function f that a cell of a notebook, or a script, defines."""
    scope: dict[str, Any] = {"__name__": "__main__", "pxt": pxt}
    exec(compile(source, file, "exec"), scope)
    return scope["f"]


LOCAL = "@pxt.udf\ndef f(n: int) -> int:\n    return n + {}\n"


@pytest.fixture
def local(ns: str) -> Iterator[pxt.Table]:
    """A column by a function that is stored by value."""
    t = pxt.create_table(f"{ns}/t", {"n": pxt.Int})
    t.insert([{"n": 1}, {"n": 2}])
    t.add_computed_column(f=notebook(LOCAL.format(1))(t.n))
    yield t
    DECLARED.pop("__main__.f")


def test_a_function_declared_anew_in_a_notebook_makes_its_column_stale(local: pxt.Table) -> None:
    notebook(LOCAL.format(2))
    local.insert([{"n": 3}])  # still by the stored one
    assert stale(local, "cells", "functions") == [(3, ["__main__.f"])]
    assert f_cells(local) == [2, 3, 4]


def test_recomputing_stale_cells_takes_over_the_function_declared_anew(local: pxt.Table) -> None:
    notebook(LOCAL.format(2))
    local.recompute_columns("f", stale_only=True)
    local.insert([{"n": 3}])
    assert (f_cells(local), len(local.stale())) == ([3, 4, 5], 0)


def test_other_recomputing_keeps_the_stored_function(local: pxt.Table) -> None:
    notebook(LOCAL.format(2))
    local.recompute_columns("f")
    assert (f_cells(local), stale(local, "cells")) == ([2, 3], [2])


def test_what_a_function_makes_takes_no_place(ns: str) -> None:
    t = pxt.create_table(f"{ns}/t", {"n": pxt.Int})
    t.insert([{"n": 1}])
    t.add_computed_column(f=adding(1)(t.n))
    adding(2)
    assert len(t.stale()) == 0


def adding(number: int) -> Any:
    @pxt.udf
    def f(n: int) -> int:
        return n + number

    return f


def test_an_unstored_column_in_between_takes_over_the_function_declared_anew(ns: str) -> None:
    t = pxt.create_table(f"{ns}/t", {"n": pxt.Int})
    t.insert([{"n": 1}])
    t.add_computed_column(between=notebook(LOCAL.format(1))(t.n), stored=False)
    t.add_computed_column(f=t.between * 10)
    notebook(LOCAL.format(2))
    assert stale(t, "column") == ["f"]
    t.recompute_columns("f", stale_only=True)
    assert t.select(t.between, t.f).collect()[0] == {"between": 3, "f": 30}
    DECLARED.pop("__main__.f")


def test_a_function_declared_anew_that_does_not_fit_is_refused(local: pxt.Table) -> None:
    notebook("@pxt.udf\ndef f(m: int) -> int:\n    return m\n")
    assert "parameter `n` is gone" in stale(local, "problem")[0]
    with pytest.raises(InvalidState, match=r"column 'f' cannot take over f\(\) as it is now: parameter `n` is gone"):
        local.recompute_columns("f", stale_only=True)
    assert f_cells(local) == [2, 3]


@pytest.mark.parametrize(("file", "found"), [("/new/one.py", ["f"]), ("/old/two.py", [])])
def test_only_a_function_of_the_same_script_takes_a_functions_place(ns: str, file: str, found: list[str]) -> None:
    t = pxt.create_table(f"{ns}/t", {"n": pxt.Int})
    t.insert([{"n": 1}])
    t.add_computed_column(f=notebook(LOCAL.format(1), "/old/one.py")(t.n))
    notebook(LOCAL.format(2), file)
    assert stale(t, "column") == found
    DECLARED.pop("__main__.f")


def test_functions_within_a_query_count(ns: str) -> None:
    other = pxt.create_table(f"{ns}/other", {"n": pxt.Int})
    other.insert([{"n": 1}])
    f = notebook(LOCAL.format(1))

    @pxt.query
    def query(n: int) -> Any:
        return other.where(other.n == n).select(x=f(other.n))

    t = pxt.create_table(f"{ns}/t", {"n": pxt.Int})
    t.insert([{"n": 1}])
    t.add_computed_column(q=query(t.n))
    notebook(LOCAL.format(2))
    assert stale(t, "column", "functions") == [("q", ["__main__.f"])]
    t.recompute_columns(stale_only=True)
    assert (t.collect()["q"], len(t.stale())) == ([[{"x": 3}]], 0)
    DECLARED.pop("__main__.f")
