"""The events of TensorBoard that a run's rows and sessions become, serialized."""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from typing import Any, NamedTuple

from epochal.core.optional import require
from epochal.core.records import Row
from epochal.sinks.tensorboard.layout import Layout
from epochal.sinks.tensorboard.sections import Place

MAX_KEY_SETS = 1024
"""So many prepared events are kept; metric names that differ in every row would fill the memory."""

FIRST_STEP, LAST_STEP = -(2**63), 2**63 - 1

ALWAYS = "-inf"
"""The mark of values that belong to no step: a resume hides none of them."""


def load(module: str) -> Any:
    """Import a module of the package ``tensorboard``.

    Raises:
        MissingExtraError: it is not installed.
    """
    return require(f"tensorboard.{module}", extra="tensorboard", why="the mirror 'tensorboard'")


class Protos(NamedTuple):
    """The message types of TensorBoard that are needed."""

    Event: Any
    SessionLog: Any
    Summary: Any
    TensorProto: Any
    types: Any


@functools.cache
def protos() -> Protos:
    """Load TensorBoard's message types.

    Raises:
        MissingExtraError: the package ``tensorboard`` is not installed.
    """
    names = ("event", "summary", "tensor", "types")
    event, summary, tensor, types = (load(f"compat.proto.{name}_pb2") for name in names)
    return Protos(event.Event, event.SessionLog, summary.Summary, tensor.TensorProto, types)


class _Slot(NamedTuple):
    """A value of a prepared event: which of the row's numbers goes there, and times what."""

    value: Any
    position: int
    factor: float


class RowEvents:
    """Serializes rows, each as one event with all its values.

    An event is prepared for each set of metrics, and only its numbers are exchanged: that takes a
    quarter of the time of making it anew.

    Args:
        layout: where metrics stand in TensorBoard.
    """

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._prepared: dict[tuple[str, ...], _Prepared] = {}
        self._prepared_epochs: dict[tuple[str, ...], _Prepared] = {}

    def serialized(self, row: Row) -> list[bytes]:
        """Return a row's event; or two, as some of a row of an epoch is drawn against the epoch."""
        of_epoch = row.epoch is not None and not row.step_given
        known = self._prepared_epochs if of_epoch else self._prepared
        metrics = tuple(row.values)
        by_step, by_epoch = known.get(metrics) or self._prepare(metrics, known, of_epoch=of_epoch)
        found = []
        if by_step is not None:
            found.append(_filled(*by_step, row, row.step))
        if by_epoch is not None and row.epoch is not None:
            by_epoch[1][0].value.node_name = repr(row.step)
            found.append(_filled(*by_epoch, row, row.epoch))
        return found

    def _prepare(
        self, metrics: tuple[str, ...], known: dict[tuple[str, ...], _Prepared], *, of_epoch: bool
    ) -> _Prepared:
        if len(known) >= MAX_KEY_SETS:
            known.clear()
        if not of_epoch:  # metrics of steps may take places that rows of epochs had before
            self._prepared_epochs.clear()
        find = self._layout.of_epoch if of_epoch else self._layout.of_number
        places = [(place, i) for i, name in enumerate(metrics) for place in find(name)]
        prepared = tuple(
            _event([each for each in places if each[0].by_epoch is by_epoch])
            for by_epoch in (False, True)
        )
        known[metrics] = prepared[0], prepared[1]
        return known[metrics]


_Filling = tuple[Any, list[_Slot]]
_Prepared = tuple[_Filling | None, _Filling | None]


def _event(places: Sequence[tuple[Place, int]]) -> _Filling | None:
    """Return an event with room for these values; None: there are none."""
    if not places:
        return None
    event = protos().Event()
    add = event.summary.value.add
    return event, [_Slot(add(tag=place.tag), i, place.factor) for place, i in places]


def _filled(event: Any, slots: list[_Slot], row: Row, step: float) -> bytes:
    event.wall_time = row.time_s
    event.step = whole_step(step)
    numbers = tuple(row.values.values())
    for value, position, factor in slots:
        # To float32; what is too large for it becomes infinite.
        value.simple_value = numbers[position] * factor
    serialized: bytes = event.SerializeToString()
    return serialized


def beginning(time_s: float) -> list[bytes]:
    """Return the first events of a file: its version, and the start of a session.

    At every start of a session but the first, TensorBoard forgets what it has read of that step and
    of later ones: a file that replaces another is not added to it.
    """
    log = protos().SessionLog(status=protos().SessionLog.START)
    found = (
        protos().Event(wall_time=time_s, file_version="brain.Event:2"),
        protos().Event(wall_time=time_s, step=FIRST_STEP, session_log=log),
    )
    return [event.SerializeToString() for event in found]


def stays(event: bytes, after: float) -> bool:
    """Say whether an event stays when everything after a step is hidden."""
    found = protos().Event.FromString(event)
    if not found.HasField("summary"):
        return True
    values = found.summary.value
    # What is not drawn against the step has its own in a field that TensorBoard makes no use of.
    mark = values[0].node_name if values else ""
    return bool((float(mark) if mark else found.step) <= after)


def summary(time_s: float, step: float, values: Sequence[Any]) -> bytes:
    """Return the event of values of any kind."""
    content = protos().Summary(value=values)
    event = protos().Event(wall_time=time_s, step=whole_step(step), summary=content)
    serialized: bytes = event.SerializeToString()
    return serialized


def scalar(tag: str, number: float) -> Any:
    """Return the value of a number."""
    return protos().Summary.Value(tag=tag, simple_value=number)


def whole_step(step: float) -> int:
    """Return a step as TensorBoard has it: a whole number of 64 bits, rounded down."""
    if type(step) is int and FIRST_STEP <= step <= LAST_STEP:
        return step
    return math.floor(max(FIRST_STEP, min(LAST_STEP, step)))
