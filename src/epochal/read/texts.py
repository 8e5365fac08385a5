"""Texts that were logged, put together from their parts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from epochal.read.contents import Contents


@dataclass(frozen=True, slots=True)
class LoggedText:
    """A text that was logged.

    Attributes:
        step: None if none was given.
        elapsed_s: seconds since the run began.
        text: the text.
        caption: "" if it has none.
        about: how it was generated: prompt, temperature, top_p, max_tokens, …
        epoch: None if none was given.
    """

    step: float | None
    elapsed_s: float
    text: str
    caption: str = ""
    about: dict[str, Any] = field(default_factory=dict)
    epoch: float | None = None


def read(contents: Contents, key: str) -> Iterator[LoggedText]:
    """Yield each visible text of a key, in order.

    A long text whose other parts are lost is given as far as it is there.
    """
    waiting: list[str] = []
    first: dict[str, Any] = {}  # has caption and settings
    for session, event in contents.events("text", inherited=True):
        said = event.data
        if said.get("key") != key:
            continue
        step = said.get("step")
        if step is not None and step > session.limit:
            continue
        number, total = said.get("part", (1, 1))
        if number == 1:
            waiting, first = [], said
        waiting.append(str(said.get("text", "")))
        if number == total:
            caption, about = str(first.get("caption") or ""), dict(first.get("about") or {})
            text, elapsed_s = "".join(waiting), event.elapsed_ns / 1e9
            yield LoggedText(step, elapsed_s, text, caption, about, first.get("epoch"))
            waiting, first = [], {}
