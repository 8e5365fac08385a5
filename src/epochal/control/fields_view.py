"""The fields as components of Gradio, and what changes in them: values, and what stands beside."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from typing import Any

import gradio as gr

from epochal.control.fields import Field
from epochal.control.form import Problems

Component = Any
"""A component of Gradio: the package has no types that hold."""


def component(field: Field, value: Any) -> Component:
    """Return the component of a field."""
    common: dict[str, Any] = {
        "label": field.label, "info": field.info or None, "value": value,
        "elem_id": element_id(field.key), "interactive": True,
    }  # fmt: skip
    if field.kind in ("whole", "number"):
        return gr.Number(min_width=140, **common)
    if field.kind == "one":
        return gr.Radio(list(field.choices), **common)
    if field.kind == "some":
        return gr.CheckboxGroup(list(field.choices), **common)
    lines = 3 if field.kind == "text" else 1
    return gr.Textbox(lines=lines, max_lines=10 if lines > 1 else 1, min_width=140, **common)


def element_id(key: str) -> str:
    """Return the id that a field has on the page.

    Example:
        >>> element_id("every.train")
        'field-every-train'
    """
    return f"field-{key.replace('.', '-').replace('_', '-')}"


def beside(fields: Sequence[Field], problems: Problems) -> list[Any]:
    """Return for each field what stands beside it: what is wrong, or what it is."""
    return [gr.update(**_note(field, problems)) for field in fields]


def filled(fields: Sequence[Field], values: Mapping[str, Any], problems: Problems) -> list[Any]:
    """Return for each field its value and what stands beside it."""
    return [gr.update(value=values[f.key], **_note(f, problems)) for f in fields]


def unless_seen(news: list[Any], seen: str) -> list[Any]:
    """Return news with their mark; nothing to change if the page has seen them by that mark."""
    mark = f"{zlib.crc32(repr(news).encode()):08x}"
    return [*([gr.skip()] * len(news) if mark == seen else news), mark]


def seen_mark() -> Component:
    """Return the component that keeps such a mark, in the page and not on the server."""
    return gr.Textbox(visible=False)


def _note(field: Field, problems: Problems) -> dict[str, Any]:
    wrong = problems.get(field.key)
    return {
        "info": wrong or field.info,
        "elem_classes": ["ep-wrong"] if wrong else [],
    }
