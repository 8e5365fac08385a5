"""The console of a run: what the program printed and logged, line by line."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from epochal.core.errors import SettingError
from epochal.read.contents import Contents

STREAMS = ("stdout", "stderr", "log")


class ConsoleLine(NamedTuple):
    """A line that the program printed or logged.

    Attributes:
        elapsed_s: seconds since the run began.
        time_s: seconds since 1970 UTC.
        stream: "stdout", "stderr", or "log" for what came through :class:`epochal.LogHandler`.
        level: of "log", such as "WARNING"; else "".
        logger: name of the logger, of "log"; else "".
        text: the line, without its end.
    """

    elapsed_s: float
    time_s: float
    stream: str
    level: str
    logger: str
    text: str


def read(contents: Contents, grep: str | None, stream: str | None) -> Iterator[ConsoleLine]:
    """Yield the lines of a run's own sessions, in order.

    Args:
        contents: the run.
        grep: only lines in which this regular expression is found.
        stream: only lines of this one.

    Raises:
        SettingError: no such stream, or no regular expression.
    """
    if stream is not None and stream not in STREAMS:
        raise SettingError(f"stream={stream!r} is none of {', '.join(STREAMS)}")
    try:
        found_in = re.compile(grep or "").search
    except re.error as error:
        message = f"grep={grep!r} is no regular expression: {error}; re.escape() takes text as is"
        raise SettingError(message) from error
    for session in contents.own:
        if session.rank != contents.rank:
            continue
        events = session.events("console")
        elapsed_ns = np.array([event.elapsed_ns for event in events], np.int64)
        seq = np.array([event.seq for event in events], np.int64)
        times_s = session.clock.time_s(seq, elapsed_ns).tolist()
        for event, time_s in zip(events, times_s, strict=True):
            said = event.data
            if stream is not None and said.get("stream") != stream:
                continue
            where = (
                event.elapsed_ns / 1e9, time_s, str(said.get("stream", "")),
                str(said.get("level") or ""), str(said.get("logger") or ""),
            )  # fmt: skip
            for line in str(said.get("text", "")).split("\n"):
                if found_in(line):
                    yield ConsoleLine(*where, line)
