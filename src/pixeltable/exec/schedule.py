"""Evaluating many expressions over many batches: what can run side by side does, results come out in order.

The expressions become one graph in which each distinct node is a step. A call that runs elsewhere (on the event loop,
in other threads or processes) is started as soon as its arguments are known; meanwhile the caller's thread evaluates
what else is ready, in this batch and in those after it. How much is under way is bounded, in rows, bytes and batches.
"""

import itertools
import queue
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from typing import Any

from pixeltable.exec import lanes
from pixeltable.exec.batch import NOT_RUN, Batch, Column, key_of
from pixeltable.exec.calls import Invocation, Line, Values, place, prepare
from pixeltable.exec.context import Context
from pixeltable.exec.evaluate import Inputs, column_of, evaluate, inputs_of, spread
from pixeltable.exec.event_loop import result_of
from pixeltable.exec.tally import Tally
from pixeltable.exprs.call import Call
from pixeltable.exprs.expr import Expr, children_of, nodes_in

_ROWS_UNDER_WAY = 8192
_BYTES_UNDER_WAY = 128 * 2**20
_LOOK_S = 0.2
"""How often it is looked whether the operation is to stop, while nothing arrives."""

_BATCHES_UNDER_WAY = 256
"""Each can take a thread, which waits for its calls."""


@dataclass(frozen=True, slots=True)
class Goal:
    """An expression to evaluate, and the key under which the batch shall hold its value: `key_of` a node, say.

    `finish` turns the evaluated cells into those that are kept; `context` is the one of the calls in this expression.
    What counts how columns share in the work knows the goal by its `name`.
    """

    expr: Expr
    key: Any
    context: Context
    finish: Callable[[Column, Batch], Column] | None = None
    name: str = ""

    @property
    def counted(self) -> "Goal":
        """The goal, with what it does counted as its own share, if shares are wanted."""
        part = self.context.tally.part(self.name)
        return self if part is self.context.tally else replace(self, context=self.context.counting(part))

    def finished(self, cells: Column, batch: Batch) -> Column:
        """The cells that are kept of those evaluated."""
        kept = cells if self.finish is None else self.finish(cells, batch)
        if self.context.tally.operation is not self.context.tally:
            self.context.tally.advance(batch.count, failed=len(kept.failures))
        return kept


@dataclass(frozen=True, slots=True)
class _Step:
    """A node of the graph; `inputs` and `users` are numbers of steps. `goal` is set where a goal is finished."""

    key: Any
    node: Expr
    inputs: tuple[int, ...]
    context: Context
    remote: bool
    goal: Goal | None = None
    users: list[int] = field(default_factory=list)


def evaluate_goals(batch: Batch, goals: Sequence[Goal]) -> None:
    """Put the values of all goals into a batch."""
    for _ in evaluate_batches([batch], goals):
        pass


def evaluate_batches(
    batches: Iterable[Batch], goals: Sequence[Goal], *, salvage: Callable[[Batch], object] | None = None
) -> Generator[Batch]:
    """The batches, in their order, each when it holds the values of all goals.

    Where nothing runs elsewhere, one batch is worked on at a time. When the generator is closed, or an error is raised,
    what is under way is cancelled; a caller that may stop early closes it (`contextlib.closing`). `salvage` is then
    given the batches under way, with `NOT_RUN` in the cells whose calls had not ended.
    """
    source = iter(batches)
    goals = [goal.counted for goal in goals]
    try:
        if run_elsewhere(goals):
            yield from _Scheduler(_steps(goals), salvage, goals[0].context.tally.operation).run(source)
            return
        for batch in source:
            for goal in goals:
                goal.context.tally.operation.check()
                _evaluate_goal(batch, goal)
            yield batch
    finally:
        if isinstance(source, Generator):
            source.close()


def run_elsewhere(goals: Sequence[Goal]) -> bool:
    """Whether some calls are not made in the caller's thread."""
    return any(_is_remote(node, goal.context) for goal in goals for node in nodes_in(goal.expr))


def _is_remote(node: Expr, context: Context) -> bool:
    return isinstance(node, Call) and lanes.lane_of(context.find(node.call_function), context) != "here"


def _evaluate_goal(batch: Batch, goal: Goal) -> None:
    if batch.column(goal.key) is None:
        goal.context.tally.begin()
        batch.set_column(goal.key, goal.finished(column_of(goal.expr, batch, goal.context), batch))
        goal.context.tally.end()


def _steps(goals: Sequence[Goal]) -> list[_Step]:
    """The graph, inputs before their users."""
    steps: list[_Step] = []
    numbers: dict[Any, int] = {}

    def add(key: Any, node: Expr, inputs: tuple[int, ...], context: Context, goal: Goal | None = None) -> int:
        number = numbers[key] = len(steps)
        remote = goal is None and _is_remote(node, context)
        steps.append(_Step(key, node, inputs, context, remote, goal))
        for place_of_input in inputs:
            steps[place_of_input].users.append(number)
        return number

    def visit(node: Expr, context: Context) -> int:
        key = key_of(node)
        if key in numbers:
            return numbers[key]
        return add(key, node, tuple(visit(child, context) for child in children_of(node)), context)

    for goal in goals:
        add(goal.key, goal.expr, (visit(goal.expr, goal.context),), goal.context, goal)
    return steps


class _Run:
    """One batch on its way through the graph."""

    def __init__(
        self,
        batch: Batch,
        turn: int,
        steps: Sequence[_Step],
        arrivals: "queue.SimpleQueue[_Arrival]",
        lines: dict[int, Line],
    ) -> None:
        self.batch = batch
        self._turn = turn
        self._lines = lines
        self.size_bytes = batch.size_bytes
        self._steps = steps
        self._arrivals = arrivals
        self._columns: dict[int, Column] = {}
        self._missing: dict[int, int] = {}
        self._away: dict[int, _Arrival] = {}
        self._ready: deque[int] = deque()
        self._open = 0
        self._find_needed()

    def _find_needed(self) -> None:
        """Only what leads to a goal that the batch does not hold yet; what it holds is where that begins."""
        needed: set[int] = set()
        for number in range(len(self._steps) - 1, -1, -1):
            step = self._steps[number]
            is_wanted = step.goal is not None or any(user in needed for user in step.users)
            if not is_wanted:
                continue
            known = self.batch.column(step.key)
            if known is not None:
                self._columns[number] = known
            else:
                needed.add(number)
        for number in sorted(needed):
            self._missing[number] = sum(1 for i in self._steps[number].inputs if i in needed)
            if not self._missing[number]:
                self._ready.append(number)
        self._open = len(needed)

    @property
    def is_done(self) -> bool:
        return not self._open

    def start_calls(self) -> None:
        """Start the calls that are ready and run elsewhere."""
        for number in [number for number in self._ready if self._steps[number].remote]:
            self._start(number)
            self._ready.remove(number)

    def _start(self, number: int) -> None:
        step = self._steps[number]
        assert isinstance(step.node, Call)
        step.context.tally.begin()
        inputs = self._inputs(step)
        invocation = prepare(step.context.find(step.node.call_function), step.node, inputs.columns, inputs.count)
        line = self._lines[number] = Line(
            self._lines[number].begun if number in self._lines else None, threading.Event()
        )
        invocation = replace(invocation, turn=self._turn, line=line)
        ended: Values = [NOT_RUN] * invocation.count
        future = lanes.start(invocation, step.context, ended=ended.__setitem__)
        arrival = self._away[number] = _Arrival(self, number, inputs, invocation, future, ended)
        future.add_done_callback(lambda _: line.begun.set())  # also where there was nothing to begin
        future.add_done_callback(lambda _: self._arrivals.put(arrival))

    def work(self) -> bool:
        """Evaluate one step that is ready, if there is one."""
        if not self._ready:
            return False
        step = self._steps[self._ready[0]]
        step.context.tally.begin()
        column = self._evaluated(step)
        self._settle(self._ready.popleft(), column)
        step.context.tally.end()
        return True

    def _evaluated(self, step: _Step) -> Column:
        if step.goal is not None:
            return step.goal.finished(self._columns[step.inputs[0]], self.batch)
        inputs = self._inputs(step)
        return spread(evaluate(step.node, inputs.columns, inputs.count, step.context), inputs)

    def arrive(self, arrival: "_Arrival") -> None:
        """Take in the results of calls that were made elsewhere."""
        results = result_of(arrival.future)
        del self._away[arrival.number]
        self._settle_call(arrival, results)

    def _settle_call(self, arrival: "_Arrival", results: Values) -> None:
        context = self._steps[arrival.number].context
        values = place(arrival.invocation, results, zone=context.zone)
        self._settle(arrival.number, spread(values, arrival.inputs))
        context.tally.end()

    def _inputs(self, step: _Step) -> Inputs:
        return inputs_of([self._columns[number] for number in step.inputs], self.batch.count)

    def _settle(self, number: int, column: Column) -> None:
        self._columns[number] = column
        self._open -= 1
        step = self._steps[number]
        self.batch.set_column(step.key, column)
        for user in step.users:
            if user in self._missing:
                self._missing[user] -= 1
                if not self._missing[user]:
                    self._ready.append(user)

    def cancel(self) -> None:
        """Stop what runs elsewhere; a plain function that is in the middle of a call ends it unheard."""
        for arrival in self._away.values():
            arrival.future.cancel()

    def salvage(self) -> None:
        """Bring to an end what can be had without another call."""
        for number in [*self._away]:
            arrival = self._away.pop(number)
            self._settle_call(arrival, [*arrival.ended])
        while self._ready:
            step = self._steps[self._ready[0]]
            if step.goal is None and isinstance(step.node, Call):
                inputs = self._inputs(step)
                self._settle(self._ready.popleft(), spread([NOT_RUN] * inputs.count, inputs))
            else:
                self.work()


@dataclass(frozen=True, slots=True)
class _Arrival:
    """Calls that are made."""

    run: _Run
    number: int
    inputs: Inputs
    invocation: Invocation
    future: "Future[Values]"
    ended: Values
    """The results there are so far, `NOT_RUN` for the others."""


class _Scheduler:
    """Keeps as many batches under way as bounds allow; the oldest one comes first."""

    def __init__(self, steps: Sequence[_Step], salvage: Callable[[Batch], object] | None, tally: Tally) -> None:
        self._steps = steps
        self._tally = tally
        self._salvage = salvage
        self._runs: deque[_Run] = deque()
        self._turns = itertools.count()
        self._lines: dict[int, Line] = {}
        """For each step, the place of the calls that were started last."""

        self._arrivals: queue.SimpleQueue[_Arrival] = queue.SimpleQueue()

    def run(self, source: Iterator[Batch]) -> Iterator[Batch]:
        """The batches of `source`, each when all its steps are done."""
        try:
            more = True
            while more or self._runs:
                if more and self._has_room():
                    more = self._admit(source)
                self._progress(wait=not (more and self._has_room()))
                while self._runs and self._runs[0].is_done:
                    yield self._runs.popleft().batch
        finally:
            self._cancel()

    def _has_room(self) -> bool:
        if len(self._runs) >= _BATCHES_UNDER_WAY:
            return False
        rows = sum(run.batch.count for run in self._runs)
        return rows < _ROWS_UNDER_WAY and sum(run.size_bytes for run in self._runs) < _BYTES_UNDER_WAY

    def _admit(self, source: Iterator[Batch]) -> bool:
        batch = next(source, None)
        if batch is None:
            return False
        run = _Run(batch, next(self._turns), self._steps, self._arrivals, self._lines)
        run.start_calls()
        self._runs.append(run)
        return True

    def _progress(self, *, wait: bool) -> None:
        """Take in what has arrived, then evaluate a step; if there is neither, wait for an arrival where told to."""
        self._take_arrivals()
        for run in self._runs:
            if run.work():
                run.start_calls()
                return
        while wait and self._runs and not self._runs[0].is_done:
            self._tally.check()
            try:
                self._take(self._arrivals.get(timeout=_LOOK_S))
            except queue.Empty:
                continue
            return

    def _take_arrivals(self) -> None:
        while True:
            try:
                arrival = self._arrivals.get_nowait()
            except queue.Empty:
                return
            self._take(arrival)

    def _take(self, arrival: _Arrival) -> None:
        arrival.run.arrive(arrival)
        arrival.run.start_calls()

    def _cancel(self) -> None:
        for run in self._runs:
            run.cancel()
        if self._salvage is not None:
            for run in self._runs:
                run.salvage()
                self._salvage(run.batch)
