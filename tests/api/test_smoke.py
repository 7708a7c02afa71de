import pixeltable as pxt


def test_insert_and_collect(ns: str) -> None:
    t = pxt.create_table(f"{ns}/t", {"a": pxt.Int})
    t.insert([{"a": 1}, {"a": 2}])
    assert t.where(t.a > 1).collect()["a"] == [2]
