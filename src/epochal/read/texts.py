"""Texts that were logged, put together from their parts."""

from __future__ import annotations

from collections.abc import Iterator

from epochal.read.contents import Contents


def read(contents: Contents, key: str) -> Iterator[tuple[float | None, float, str]]:
    """Yield (step, seconds since the run began, text) for each visible text of a key.

    A long text whose other parts are lost is given as far as it is there.
    """
    waiting: list[str] = []
    for session, event in contents.events("text", inherited=True):
        if event.data.get("key") != key:
            continue
        step = event.data.get("step")
        if step is not None and step > session.limit:
            continue
        number, total = event.data.get("part", (1, 1))
        if number == 1:
            waiting = []
        waiting.append(str(event.data.get("text", "")))
        if number == total:
            yield step, event.elapsed_ns / 1e9, "".join(waiting)
            waiting = []
