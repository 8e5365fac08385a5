"""Annotations: what people have written at a place of a run's charts."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from epochal.core.errors import SettingError
from epochal.read.contents import Contents

KIND, EDITED, REMOVED = "annotation", "annotation_edited", "annotation_removed"


@dataclass(frozen=True, slots=True)
class Annotation:
    """A text at a place of a run's charts.

    Attributes:
        step: where; None: it is about the whole run.
        text: what was written, or what an edit has made of it.
        metric: the chart; None: all of them.
        time_s: when it was written, unix seconds.
        author: by whom, "" if that was not said.
        id: by what it is found again: the session and the number of its event.
    """

    step: float | None
    text: str
    metric: str | None
    time_s: float
    author: str = ""
    id: str = ""


def read(contents: Contents) -> Iterator[Annotation]:
    """Yield the annotations of a run that are not removed, in the order they were written in.

    An edit changes the text and nothing else: the latest one counts, whoever made it.
    """
    edits = (event.data for each in contents.own for event in each.events(EDITED))
    edited = {each["id"]: each["text"] for each in edits}
    removed = {event.data["id"] for each in contents.own for event in each.events(REMOVED)}
    for session in contents.own:
        for event in session.events(KIND):
            place = f"{session.id}.{event.seq}"
            if place in removed:
                continue
            at = (np.array([event.seq]), np.array([event.elapsed_ns]))
            said = event.data
            text = edited.get(place, said.get("text", ""))
            yield Annotation(
                said.get("step"), str(text), said.get("metric"),
                float(session.clock.time_s(*at)[0]), str(said.get("author") or ""), place,
            )  # fmt: skip


def fields(text: str, step: float | None, metric: str | None, author: str) -> dict[str, Any]:
    """Return the fields of an event.

    Raises:
        SettingError: there is no text, or the step is no finite number.
    """
    must_say(text)
    if step is not None and (isinstance(step, bool) or not math.isfinite(step)):
        raise SettingError(f"an annotation cannot stand at step {step!r}: give a number or None")
    if step is not None and not isinstance(step, int | float):  # NumPy's, which JSON lacks
        step = int(step) if step == int(step) else float(step)
    return {"text": text, "step": step, "metric": metric, "author": author}


def must_say(text: str) -> None:
    """Refuse a text that says nothing.

    Raises:
        SettingError: there is no text.
    """
    if not text.strip():
        raise SettingError(f"an annotation is a text, not {text!r}")
