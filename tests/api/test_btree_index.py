"""B-tree indexes: what they hold, when the database uses them, and that results are the same with and without."""

import datetime
import uuid

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import pixeltable as pxt
from pixeltable.plan.grouping import plan_select
from pixeltable.session import btrees
from pixeltable.session.current import current_session
from pixeltable.session.query import resolved_spec
from pixeltable.session.relations import relation_of

ROWS = 3000
LONG = "x" * 5000
START = datetime.datetime(2024, 1, 1, tzinfo=datetime.UTC)


@pytest.fixture
def t(ns: str) -> pxt.Table:
    """Rows in which each value of a column is rare."""
    t = pxt.create_table(
        f"{ns}/events",
        {
            "n": pxt.Int, "name": pxt.String | None, "score": pxt.Float | None, "time": pxt.Timestamp, "id": pxt.UUID,
            "meta": pxt.Json | None, "group": pxt.Int,
        },
    )  # fmt: skip

    t.insert([
        {
            "n": i, "name": f"{'common ' * 30}{i}" if i % 2 else f"name {i}", "score": i / 4,
            "time": START + datetime.timedelta(minutes=i), "id": uuid.UUID(int=i),
            "meta": {"year": i, "tag": f"t{i}"} if i % 2 else {"year": f"y{i}"}, "group": i % 3,
        }
        for i in range(ROWS)
    ])  # fmt: skip
    return t


def uses_index(query: pxt.Query) -> bool:
    """Whether the database finds rows by one of the b-tree indexes."""
    session, spec = current_session(), query._spec  # noqa: SLF001  # how it is run is no public matter
    relation = relation_of(session, spec, "events")
    plan = plan_select(resolved_spec(session, spec, relation), relation.record, pushdown=session.pushdown)

    def explain(connection) -> str:
        for heap in relation.record.heaps:
            connection.execute(f"ANALYZE {heap.current}")
        return "\n".join(row for (row,) in connection.execute(f"EXPLAIN {plan.scan.sql}", plan.scan.parameters))

    text = session.database.read(explain)
    return any(f" {index.db_name} " in text for index in relation.record.btrees)


@pytest.mark.parametrize(
    ("key", "predicate"),
    [
        pytest.param(lambda _: "n", lambda t: t.n == 7, id="int"),
        pytest.param(lambda _: "n", lambda t: t.n < 7.5, id="int beside a float"),
        pytest.param(lambda _: "score", lambda t: t.score == 3, id="float beside an int"),
        pytest.param(lambda t: t.name, lambda t: t.name == "name 8", id="string"),
        pytest.param(lambda t: t.name, lambda t: t.name.isin(["name 8", "name 10"]), id="strings"),
        pytest.param(lambda t: t.time, lambda t: t.time < START + datetime.timedelta(minutes=9), id="time"),
        pytest.param(lambda t: t.id, lambda t: t.id == uuid.UUID(int=9), id="uuid"),
        pytest.param(lambda t: t.meta.year, lambda t: t.meta.year == 7, id="json number"),
        pytest.param(lambda t: t.meta.year, lambda t: t.meta.year < 12, id="json range"),
        pytest.param(lambda t: t.meta["year"], lambda t: t.meta.year == "y8", id="json text"),
        pytest.param(lambda t: t.meta.tag, lambda t: t.meta.tag.isin(["t1", "t3"]), id="json texts"),
        pytest.param(lambda t: t.name.reverse(), lambda t: t.name.reverse() == "8 eman", id="function"),
        pytest.param(lambda t: [t.group, "n"], lambda t: (t.group == 1) & (t.n == 7), id="composite"),
        pytest.param(lambda t: ["group", t.name], lambda t: (t.group == 2) & (t.name == "name 8"), id="composite text"),
    ],
)
def test_a_filter_finds_the_same_rows_by_the_index(t: pxt.Table, key, predicate) -> None:
    query = t.where(predicate(t)).select(t.n).order_by(t.n)
    before = query.collect()
    assert 0 < len(before) < 100
    assert not uses_index(query)
    t.add_btree_index(key(t))
    assert query.collect() == before
    assert uses_index(query)


def test_an_order_with_a_limit_follows_the_index(t: pxt.Table) -> None:
    query = t.order_by(t.name, t.n, asc=False).limit(10).select(t.n, t.name)
    before = query.collect()
    t.add_btree_index("name")
    assert query.collect() == before
    assert uses_index(query)


def test_an_index_over_a_computed_column_is_used(t: pxt.Table) -> None:
    t.add_computed_column(double=t.n * 2)
    t.add_btree_index(t.double)
    query = t.where(t.double == 14).select(t.n)
    assert query.collect()["n"] == [7]
    assert uses_index(query)


def test_an_index_is_used_in_a_join(ns: str, t: pxt.Table) -> None:
    u = pxt.create_table(f"{ns}/others", {"n": pxt.Int})
    u.insert([{"n": i} for i in range(0, ROWS, 5)])
    t.add_btree_index("name")
    query = t.join(u, on=t.n == u.n).where(t.name == "name 10").select(t.n)
    assert query.collect()["n"] == [10]
    assert uses_index(query)


def test_strings_longer_than_an_index_can_hold_are_stored_and_found(t: pxt.Table) -> None:
    t.add_btree_index("name")
    t.add_btree_index(t.meta.tag)
    one, other = f"{LONG}1", f"{LONG}2"
    rest = {"time": datetime.datetime.now(datetime.UTC), "id": uuid.UUID(int=0), "group": 0}
    t.insert([{"n": -1, "name": one, "meta": {"tag": one}, **rest}, {"n": -2, "name": other, "meta": {}, **rest}])
    assert t.where(t.name == one).select(t.n).collect()["n"] == [-1]
    assert t.where((t.name >= one) & (t.name < f"{LONG}3")).order_by(t.name).select(t.n).collect()["n"] == [-1, -2]
    assert t.where(t.meta.tag == one).select(t.n).collect()["n"] == [-1]


def test_numbers_larger_than_a_float_are_stored_and_found(t: pxt.Table) -> None:
    t.add_btree_index(t.meta.year)
    rest = {"time": datetime.datetime.now(datetime.UTC), "id": uuid.UUID(int=0), "group": 0}
    huge = 10**400
    t.insert([{"n": -1, "meta": {"year": huge}, **rest}, {"n": -2, "meta": {"year": -huge}, **rest}])
    assert t.where(t.meta.year > 10**12).select(t.n).collect()["n"] == [-1]
    assert t.where(t.meta.year == huge).select(t.n).collect()["n"] == [-1]
    assert t.where(t.meta.year < -5).select(t.n).collect()["n"] == [-2]


def test_a_unique_index_refuses_a_value_that_exists(t: pxt.Table) -> None:
    t.add_btree_index("n", unique=True, idx_name="once")
    rest = {"time": datetime.datetime.now(datetime.UTC), "id": uuid.UUID(int=0), "group": 0}
    with pytest.raises(pxt.RequestError, match=r"index 'once' of table '.*/events' is unique, and \(n\)=\(5\) already"):
        t.insert(n=5, **rest)
    with pytest.raises(pxt.RequestError, match="already exists"):
        t.update({"n": 5}, where=t.n == 6)
    assert t.count() == ROWS


def test_one_update_may_exchange_unique_values(t: pxt.Table) -> None:
    t.add_btree_index("n", unique=True)
    t.update({"n": t.n + 1})
    assert t.where(t.n == ROWS).count() == 1


def test_rows_with_a_null_are_never_alike(t: pxt.Table) -> None:
    t.add_btree_index("score", unique=True)
    rest = {"time": datetime.datetime.now(datetime.UTC), "id": uuid.UUID(int=0), "group": 0}
    t.insert([{"n": -1, **rest}, {"n": -2, **rest}])
    assert t.where(t.score == None).count() == 2  # noqa: E711  # how a null test is written


def test_an_index_is_not_unique_over_values_that_repeat(t: pxt.Table) -> None:
    with pytest.raises(pxt.RequestError, match=r"\(group\)=\(\d\) is there more than once"):
        t.add_btree_index("group", unique=True)
    assert t.get_metadata()["indexes"] == {}
    t.add_btree_index("group")
    assert list(t.get_metadata()["indexes"]) == ["idx0"]


def test_a_string_too_long_for_a_unique_index_is_refused(t: pxt.Table) -> None:
    t.add_btree_index("name", unique=True)
    rest = {"time": datetime.datetime.now(datetime.UTC), "id": uuid.UUID(int=0), "group": 0}
    noise = "".join(chr(0x4E00 + (i * 7919) % 20000) for i in range(4000))
    with pytest.raises(pxt.RequestError, match="too long"):
        t.insert(n=-1, name=noise, **rest)
    assert t.count() == ROWS


def test_metadata_and_description_show_the_index(t: pxt.Table) -> None:
    t.add_btree_index(["group", "n"], idx_name="by_group")
    assert t.get_metadata()["indexes"]["by_group"] == {
        "name": "by_group",
        "columns": ["group", "n"],
        "index_type": "btree",
        "parameters": {"keys": ["group", "n"], "unique": False},
    }
    assert "by_group" in repr(t)
    assert "by_group" in t._repr_html_()


def test_an_index_that_exists_is_an_error_or_ignored(t: pxt.Table) -> None:
    t.add_btree_index("n")
    with pytest.raises(pxt.AlreadyExistsError, match="idx0"):
        t.add_btree_index("n")
    t.add_btree_index(t.n, if_exists="ignore")
    assert list(t.get_metadata()["indexes"]) == ["idx0"]


def test_a_dropped_index_is_gone_and_revert_brings_it_back(t: pxt.Table) -> None:
    t.add_btree_index("n", unique=True)
    t.drop_index(column="n")
    rest = {"time": datetime.datetime.now(datetime.UTC), "id": uuid.UUID(int=0), "group": 0}
    t.insert(n=5, **rest)
    t.revert()
    t.revert()
    assert list(t.get_metadata()["indexes"]) == ["idx0"]
    with pytest.raises(pxt.RequestError, match="already exists"):
        t.insert(n=5, **rest)


def test_a_reverted_index_is_not_enforced(t: pxt.Table) -> None:
    t.add_btree_index("n", unique=True)
    t.revert()
    t.insert(n=5, time=datetime.datetime.now(datetime.UTC), id=uuid.UUID(int=0), group=0)
    assert t.where(t.n == 5).count() == 2


def test_an_index_goes_with_its_column(t: pxt.Table) -> None:
    t.add_btree_index(["group", "n"])
    t.drop_column("group")
    assert t.get_metadata()["indexes"] == {}
    t.revert()
    assert list(t.get_metadata()["indexes"]) == ["idx0"]


@pytest.mark.parametrize(
    ("key", "fact"),
    [
        pytest.param(lambda t: t.meta, "has type `Json | None`", id="json"),
        pytest.param(lambda _: [], "1 to 4 keys", id="no key"),
        pytest.param(lambda t: [t.n, t.group, t.name, t.score, t.id], "got 5", id="too many"),
        pytest.param(lambda t: t.n + 1, "fails for some values", id="arithmetic"),
        pytest.param(lambda _: "nosuch", "no column 'nosuch'", id="unknown"),
        pytest.param(lambda t: t.name.casefold(), "cannot be indexed", id="not in SQL"),
    ],
)
def test_what_cannot_be_indexed_is_refused(t: pxt.Table, key, fact: str) -> None:
    with pytest.raises(pxt.Error, match=fact.replace("|", r"\|")):
        t.add_btree_index(key(t))
    assert t.get_metadata()["indexes"] == {}


def test_columns_stored_apart_cannot_share_an_index(t: pxt.Table) -> None:
    t.add_computed_column(double=t.n * 2)
    with pytest.raises(pxt.RequestError, match="'n' and 'double' were added at different times"):
        t.add_btree_index(["n", "double"])


def test_has_default_idxs_indexes_every_column_that_can_be(ns: str) -> None:
    u = pxt.create_table(f"{ns}/u", {"a": pxt.Int, "s": pxt.String, "j": pxt.Json}, has_default_idxs=True)
    assert {tuple(index["columns"]) for index in u.get_metadata()["indexes"].values()} == {("a",), ("s",)}
    assert u.get_metadata()["has_default_idxs"]
    with pytest.raises(pxt.RequestError, match="has_default_idxs"):
        u.add_btree_index("a")


values = st.one_of(
    st.none(), st.booleans(), st.integers(-(2**70), 2**70), st.integers(-3, 3), st.text(max_size=3),
    st.floats(allow_nan=False, allow_infinity=False), st.lists(st.integers(), max_size=2),
)  # fmt: skip
constants = st.one_of(st.integers(-(2**70), 2**70), st.integers(-3, 3), st.text(max_size=3), st.just(2.5))


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cells=st.lists(values, max_size=20), constant=constants)
def test_json_is_found_by_the_index_as_without(ns: str, cells, constant) -> None:
    kept = [cell for cell in cells if not (isinstance(cell, str) and "\0" in cell)]
    t = pxt.create_table(f"{ns}/props", {"i": pxt.Int, "j": pxt.Json}, if_exists="replace")
    t.insert([{"i": -1, "j": {}}, *({"i": i, "j": {"v": cell}} for i, cell in enumerate(kept))])
    predicates = [t.j.v == constant, t.j.v < constant, t.j.v >= constant, t.j.v.isin([constant])]
    before = [t.where(predicate).select(t.i).collect() for predicate in predicates]
    t.add_btree_index(t.j.v)
    assert [t.where(predicate).select(t.i).collect() for predicate in predicates] == before


def died_while_building(t: pxt.Table, monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave behind what a process leaves that is killed while it builds an index."""
    with monkeypatch.context() as patch:
        patch.setattr(btrees, "_finish", lambda *_: 1 / 0)
        patch.setattr(btrees, "_withdraw", lambda *_: None)
        with pytest.raises(ZeroDivisionError):
            t.add_btree_index("n", unique=True, idx_name="once")


def test_an_index_that_a_process_died_over_is_built_by_the_same_call(t, monkeypatch) -> None:
    died_while_building(t, monkeypatch)
    assert t.get_metadata()["indexes"] == {}
    t.add_btree_index("n", unique=True, idx_name="once")
    assert list(t.get_metadata()["indexes"]) == ["once"]


def test_an_index_that_a_process_died_over_can_be_dropped(t, monkeypatch) -> None:
    died_while_building(t, monkeypatch)
    t.drop_index(idx_name="once")
    t.insert(n=5, time=START, id=uuid.UUID(int=0), group=0)
    assert t.where(t.n == 5).count() == 2


def test_writers_go_on_while_an_index_is_built(t, monkeypatch) -> None:
    build = btrees._build  # noqa: SLF001  # writes in the middle of it

    def insert_first(*args) -> None:
        t.insert(n=-1, name="meanwhile", time=START, id=uuid.UUID(int=0), group=0)
        build(*args)

    monkeypatch.setattr(btrees, "_build", insert_first)
    t.add_btree_index("name")
    assert t.where(t.name == "meanwhile").select(t.n).collect()["n"] == [-1]
