"""Models are loaded once, kept while used or recently used, and let go when memory is short."""

import gc
import os
import threading
import weakref
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field

import pytest

from pixeltable.exceptions import UnusableModel
from pixeltable.models.cache import ModelCache, ModelLimits


class Model:
    """Something that can be seen to go."""


@dataclass
class Machine:
    """A clock and a memory that tests move; each loaded model takes 0.2 of it."""

    now: float = 0.0
    free: float = 1.0
    loads: list[str] = field(default_factory=list)

    def load(self, model_id: str, device: str) -> Model:
        self.loads.append(f"{model_id} on {device}")
        self.free -= 0.2
        model = Model()
        weakref.finalize(model, self.give_back)
        return model

    def give_back(self) -> None:
        self.free += 0.2


@pytest.fixture
def machine() -> Machine:
    return Machine()


@pytest.fixture
def cache(machine: Machine) -> ModelCache:
    limits = ModelLimits(idle_s=60, free_memory=0.3, device="cpu")
    return ModelCache(limits, clock=lambda: machine.now, free_share=lambda: machine.free)


def use(cache: ModelCache, machine: Machine, *names: str) -> None:
    for name in names:
        machine.now += 1
        with cache.use("kind", name, machine.load):
            pass


def names(cache: ModelCache) -> list[str]:
    return [key.model_id for key in cache.loaded()]


def test_a_model_is_loaded_at_its_first_use_only(cache: ModelCache, machine: Machine) -> None:
    use(cache, machine, "a", "a")
    assert machine.loads == ["a on cpu"]


def test_the_same_files_used_in_another_way_are_another_model(cache: ModelCache, machine: Machine) -> None:
    use(cache, machine, "a")
    with cache.use("other kind", "a", machine.load):
        assert len(cache.loaded()) == 2


def test_another_device_is_another_model(cache: ModelCache, machine: Machine) -> None:
    use(cache, machine, "a")
    cache.limit(ModelLimits(device="cuda:1"))
    use(cache, machine, "a")
    assert machine.loads == ["a on cpu", "a on cuda:1"]


def test_a_folder_is_one_model_however_it_is_written(
    cache: ModelCache, machine: Machine, tmp_path: os.PathLike[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    use(cache, machine, ".", str(tmp_path))
    assert machine.loads == [f"{tmp_path} on cpu"]


def test_threads_that_come_at_once_load_once(cache: ModelCache, machine: Machine) -> None:
    together = threading.Barrier(8)

    def first_use() -> Model:
        together.wait()
        with cache.use("kind", "a", machine.load) as model:
            return model

    with ThreadPoolExecutor(8) as pool:
        found = [future.result() for future in [pool.submit(first_use) for _ in range(8)]]
    assert len(set(found)) == 1
    assert machine.loads == ["a on cpu"]


def test_loading_one_model_holds_up_no_other(cache: ModelCache, machine: Machine) -> None:
    def load_both(model_id: str, device: str) -> Model:
        with ThreadPoolExecutor(1) as pool:
            pool.submit(use, cache, machine, "quick").result(timeout=10)
        return machine.load(model_id, device)

    with cache.use("kind", "slow", load_both):
        assert machine.loads == ["quick on cpu", "slow on cpu"]


def test_an_idle_model_is_unloaded(cache: ModelCache, machine: Machine) -> None:
    use(cache, machine, "a")
    machine.now += 59
    assert cache.sweep() == 0
    machine.now += 1
    assert cache.sweep() == 1
    assert machine.free == 1.0


def test_an_unloaded_model_is_loaded_again_at_its_next_use(cache: ModelCache, machine: Machine) -> None:
    use(cache, machine, "a")
    cache.unload("a")
    use(cache, machine, "a")
    assert len(machine.loads) == 2


def test_a_model_in_use_is_never_unloaded(cache: ModelCache, machine: Machine) -> None:
    with cache.use("kind", "a", machine.load):
        machine.now, machine.free = 1000, 0.0
        assert cache.sweep() == 0
        assert cache.unload() == 0
        assert names(cache) == ["a"]


def test_short_memory_unloads_the_longest_unused_first(cache: ModelCache, machine: Machine) -> None:
    use(cache, machine, "a", "b", "c", "a")
    machine.free -= 0.2
    assert cache.sweep() == 1
    assert names(cache) == ["c", "a"]


def test_room_is_made_before_a_model_is_loaded(cache: ModelCache, machine: Machine) -> None:
    use(cache, machine, "a", "b")
    machine.free -= 0.4
    use(cache, machine, "c")
    assert names(cache) == ["c"]


def test_memory_that_stays_short_does_not_prevent_work(cache: ModelCache, machine: Machine) -> None:
    machine.free = 0.0
    use(cache, machine, "a", "a")
    assert names(cache) == ["a"]


def test_unload_takes_one_model_or_all(cache: ModelCache, machine: Machine) -> None:
    use(cache, machine, "a", "b", "c")
    assert cache.unload("b") == 1
    assert names(cache) == ["a", "c"]
    assert cache.unload() == 2


def test_a_failure_to_load_is_not_tried_again_at_once(cache: ModelCache, machine: Machine) -> None:
    def fail(model_id: str, device: str) -> Model:  # noqa: ARG001  # what loads takes
        machine.loads.append(model_id)
        raise UnusableModel(model_id, reason="it is damaged")

    for _ in range(20):
        machine.now += 1
        with pytest.raises(UnusableModel), cache.use("kind", "a", fail):
            pass
    assert machine.loads == ["a", "a"]


def test_a_failed_model_can_be_used_once_it_is_mended(cache: ModelCache, machine: Machine) -> None:
    def fail(model_id: str, device: str) -> Model:  # noqa: ARG001  # what loads takes
        raise UnusableModel(model_id, reason="it is damaged")

    with pytest.raises(UnusableModel), cache.use("kind", "a", fail):
        pass
    machine.now += 11
    use(cache, machine, "a")
    assert names(cache) == ["a"]


def test_an_interrupt_while_loading_is_not_remembered(cache: ModelCache, machine: Machine) -> None:
    def interrupted(model_id: str, device: str) -> Model:  # noqa: ARG001  # what loads takes
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), cache.use("kind", "a", interrupted):
        pass
    use(cache, machine, "a")
    assert names(cache) == ["a"]


def test_who_waits_for_an_interrupted_load_is_told_so(cache: ModelCache, machine: Machine) -> None:
    with ThreadPoolExecutor(1) as pool:
        waiter: list[Future[None]] = []

        def interrupted(model_id: str, device: str) -> Model:  # noqa: ARG001  # what loads takes
            waiter.append(pool.submit(use, cache, machine, "a"))
            while not machine.now:  # it is about to ask for the model
                threading.Event().wait(0.01)
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt), cache.use("kind", "a", interrupted):
            pass
        # It waited already, or came right after and loaded the model: either way its thread is not interrupted.
        assert isinstance(waiter[0].exception(timeout=30), UnusableModel | None)


def test_a_failure_does_not_stand_in_the_way_of_making_room(cache: ModelCache, machine: Machine) -> None:
    def fail(model_id: str, device: str) -> Model:  # noqa: ARG001  # what loads takes
        raise UnusableModel(model_id, reason="it is damaged")

    with pytest.raises(UnusableModel), cache.use("kind", "damaged", fail):
        pass
    use(cache, machine, "a")
    machine.free = 0.1
    assert cache.sweep() == 1


def test_idle_models_go_without_anyone_asking() -> None:
    gone = threading.Event()

    def load(model_id: str, device: str) -> Model:  # noqa: ARG001  # what loads takes
        model = Model()
        weakref.finalize(model, gone.set)
        return model

    cache = ModelCache(ModelLimits(idle_s=0))
    with cache.use("kind", "a", load):
        pass
    assert gone.wait(timeout=30)


def test_a_forked_child_loads_its_own(cache: ModelCache, machine: Machine) -> None:
    use(cache, machine, "a")
    cache.after_fork()
    assert cache.loaded() == []
    use(cache, machine, "a")
    assert len(machine.loads) == 2


def test_a_forked_child_does_not_free_what_its_parent_loaded(cache: ModelCache, machine: Machine) -> None:
    use(cache, machine, "a")
    free = machine.free
    cache.after_fork()
    gc.collect()
    assert machine.free == free
