"""For authors of plug-ins: a conformance suite for sinks, and fakes to test with.

Example:
    >>> from epochal.testing import MemorySink, rows
    >>> sink = MemorySink()
    >>> sink.write(rows(3, keys=("loss",)))
    >>> sink.points()
    [(1, 'loss', 1.0), (2, 'loss', 2.0), (3, 'loss', 3.0)]
"""

from epochal.testing.fakes import (
    FailingSink,
    HangingSink,
    MemorySink,
    SlowSink,
    event,
    points,
    rows,
)
from epochal.testing.sink_suite import SinkSuite

__all__ = [
    "FailingSink",
    "HangingSink",
    "MemorySink",
    "SinkSuite",
    "SlowSink",
    "event",
    "points",
    "rows",
]
