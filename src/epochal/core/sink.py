"""The protocol of a sink: where records go."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

from epochal.core.records import Record, RunInfo


@runtime_checkable
class Sink(Protocol):
    """A mirror of a run: a format, a tool or a service.

    A follower calls the methods from one thread, in this order: ``open``, then ``write`` and
    ``flush`` again and again, then ``close``.  The contract:

    - Records arrive in order and **at least once**: after a crash, what came after the last state
      that ``flush`` returned comes again.  A sink that can (by truncating a file to a remembered
      size, by ids) makes that exactly once.
    - ``flush`` makes everything written so far visible to others and returns a JSON-able state; it
      is stored together with the position, atomically, and given to the next ``open``.
    - :class:`StartOverError`, from any method, means that all is well but that the mirror must be
      made again: the sink is opened with None at once and gets everything from the first record.
    - Any exception means "not done": the follower closes the sink, waits, opens it with the last
      state and sends the same records again.  A record that alone fails again and again is set
      aside and reported, unless the error is a :class:`ConnectionError`: a service that is away is
      no record's fault.
    - A sink may block; it never blocks training or another sink.
    - A sink must ignore kinds of events that it does not know.

    Plug-ins are found through the entry point group ``epochal.sinks`` (name → class); options of
    ``sinks={"name": {"option": 1}}`` are keyword arguments of the class.
    ``epochal.testing.SinkSuite`` is the conformance suite.

    Example:
        >>> class PrintSink:
        ...     name = "print"
        ...     def open(self, run, state): pass
        ...     def write(self, records):
        ...         for record in records: print(record)
        ...     def flush(self): return {}
        ...     def close(self): pass
    """

    name: str

    def open(self, run: RunInfo, state: Mapping[str, Any] | None) -> None:
        """Begin; ``state`` is what ``flush`` last returned, None the first time.

        It may be called again after it failed, or after ``close``.

        Raises:
            SinkError: with a state: what the state describes is gone; the follower opens the sink
                again with None and sends everything from the first record.
        """

    def write(self, records: Sequence[Record]) -> None:
        """Take records."""

    def flush(self) -> Mapping[str, Any]:
        """Make everything written visible; return the state to go on from."""

    def close(self) -> None:
        """Release files and connections; the sink may be opened again."""
