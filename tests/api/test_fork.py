"""A forked child works beside its parent, with the handles it inherited."""

import os
import traceback

import pixeltable as pxt


def in_child(work) -> bool:  # type: ignore[no-untyped-def]
    """Run `work` in a forked child; whether it ended well."""
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            work()
            code = 0
        except BaseException:  # noqa: BLE001  # nothing may leave the child
            traceback.print_exc()
        finally:
            os._exit(code)
    return os.waitpid(pid, 0)[1] == 0


def test_child_writes_through_an_inherited_handle(ns: str) -> None:
    t = pxt.create_table(f"{ns}/t", {"a": pxt.Int})
    t.insert(a=1)
    assert in_child(lambda: t.insert(a=2))
    assert t.order_by(t.a).collect()["a"] == [1, 2]


def test_parent_goes_on_after_the_child_ended(ns: str) -> None:
    t = pxt.create_table(f"{ns}/t", {"a": pxt.Int})
    assert in_child(lambda: t.count())
    t.insert(a=1)
    assert t.count() == 1
