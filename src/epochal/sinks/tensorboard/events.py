"""The events of TensorBoard that a run's rows and sessions become, serialized."""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from typing import Any, NamedTuple

from epochal.core.name_map import NameMap
from epochal.core.optional import require
from epochal.core.records import Record, Row

MAX_KEY_SETS = 1024
"""So many prepared events are kept; metric names that differ in every row would fill the memory."""

FIRST_STEP, LAST_STEP = -(2**63), 2**63 - 1


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


class RowEvents:
    """Serializes rows, each as one event with all its values.

    An event is prepared for each set of metrics, and only its numbers are exchanged: that takes a
    quarter of the time of making it anew.

    Args:
        names: TensorBoard's names of the metrics.
    """

    def __init__(self, names: NameMap) -> None:
        self._names = names
        self._prepared: dict[tuple[str, ...], tuple[Any, Sequence[Any]]] = {}

    def serialized(self, row: Row) -> bytes:
        """Return a row's event."""
        metrics = tuple(row.values)
        event, values = self._prepared.get(metrics) or self._prepare(metrics)
        event.wall_time = row.time_s
        event.step = whole_step(row.step)
        for value, number in zip(values, row.values.values(), strict=True):
            value.simple_value = number  # to float32; what is too large for it becomes infinite
        serialized: bytes = event.SerializeToString()
        return serialized

    def _prepare(self, metrics: tuple[str, ...]) -> tuple[Any, Sequence[Any]]:
        if len(self._prepared) >= MAX_KEY_SETS:
            self._prepared.clear()
        event = protos().Event()
        values = [event.summary.value.add(tag=self._names[name]) for name in metrics]
        self._prepared[metrics] = event, values
        return event, values


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
    return not found.HasField("summary") or found.step <= after


def summary(record: Record, step: float, values: Sequence[Any]) -> bytes:
    """Return the event of values of any kind."""
    content = protos().Summary(value=values)
    event = protos().Event(wall_time=record.time_s, step=whole_step(step), summary=content)
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
