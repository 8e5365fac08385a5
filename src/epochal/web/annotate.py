"""What a person may change of a run: its name, tags and notes, and annotations on its charts."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from starlette.requests import Request
from starlette.routing import Route

from epochal.read.view import RunView
from epochal.web.answers import RefusedError, is_number, posting

if TYPE_CHECKING:
    from epochal.read.annotations import Annotation
    from epochal.web.state import State

MOST_TAGS, LONGEST_NAME, LONGEST_TEXT, LONGEST_NOTES = 100, 200, 10_000, 200_000
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_CONTROL_BUT_LINES = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")

Change = Callable[[RunView, dict[str, Any]], Any]


def routes(state: State) -> list[Route]:
    """Return the routes of this file."""

    def changing(what: str, change: Change) -> Route:
        def handler(request: Request, body: dict[str, Any]) -> dict[str, Any]:
            with state.writing:  # two changes at once would both be the run's next session
                view = state.own_view(request.path_params["id"])
                value = change(view, body)
            state.watcher.look(now=True)
            return {what: value}

        return posting(f"/api/run/{{id}}/{what}", handler)

    return [
        changing("tags", _tags),
        changing("notes", _notes),
        changing("name", _name),
        changing("annotations", _annotations),
    ]


def _tags(view: RunView, body: dict[str, Any]) -> list[str]:
    add, remove = _tag_list(body, "add"), _tag_list(body, "remove")
    if remove:
        view.untag(*remove)
    if add:
        view.tag(*add)
    return view.tags


def _tag_list(body: dict[str, Any], name: str) -> list[str]:
    given = body.get(name, [])
    if not isinstance(given, list) or len(given) > MOST_TAGS:
        raise RefusedError(400, f"{name} is a list of at most {MOST_TAGS} tags")
    return [_line(each, "a tag", LONGEST_NAME) for each in given]


def _notes(view: RunView, body: dict[str, Any]) -> str:
    view.note(_text(body.get("text"), "text", LONGEST_NOTES))
    return view.notes


def _name(view: RunView, body: dict[str, Any]) -> str:
    view.rename(_line(body.get("name"), "name", LONGEST_NAME))
    return view.name


def _annotations(view: RunView, body: dict[str, Any]) -> list[dict[str, Any]]:
    if "remove" in body:
        view.remove_annotation(_standing(view, body, "remove"))
    elif "edit" in body:
        text = _said(body)
        view.edit_annotation(_standing(view, body, "edit"), text)
    else:
        _annotate(view, body)
    return [asdict(each) for each in view.annotations]


def _standing(view: RunView, body: dict[str, Any], name: str) -> Annotation:
    """Return the annotation whose id stands in the body under a name."""
    place = _line(body[name], name, LONGEST_NAME)
    found = next((each for each in view.annotations if each.id == place), None)
    if found is None:
        raise RefusedError(404, "this annotation is not there any more")
    return found


def _said(body: dict[str, Any]) -> str:
    text = _text(body.get("text"), "text", LONGEST_TEXT).strip()
    if not text:
        raise RefusedError(400, "text is empty")
    return text


def _annotate(view: RunView, body: dict[str, Any]) -> None:
    text = _said(body)
    step, metric = body.get("step"), body.get("metric")
    if step is not None and not is_number(step):
        raise RefusedError(400, "step is a number or null")
    if metric is not None:
        metric = _line(metric, "metric", 512)
    view.annotate(text, step=step, metric=metric)


def _line(value: Any, name: str, longest: int) -> str:
    """Return one line of text that is not empty."""
    text = _text(value, name, longest).strip()
    if not text or _CONTROL.search(text):
        raise RefusedError(400, f"{name} is one line of text")
    return text


def _text(value: Any, name: str, longest: int) -> str:
    if not isinstance(value, str) or len(value) > longest:
        raise RefusedError(400, f"{name} is text of at most {longest:,} characters")
    if _CONTROL_BUT_LINES.search(value):
        raise RefusedError(400, f"{name} has control characters")
    return value
