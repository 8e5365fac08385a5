"""Figures and tables for a paper: ``/api/paper``, drawn when they are asked for."""

from __future__ import annotations

import importlib.util
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from epochal.core.errors import EpochalError, NotFoundError, SettingError
from epochal.core.names import slug
from epochal.core.optional import require
from epochal.web import paper_tables, query
from epochal.web.answers import entity_tag, getting
from epochal.web.browser_media import STILL
from epochal.web.compare import chosen, question_of
from epochal.web.kept import Kept
from epochal.web.paper_figures import draw, listed
from epochal.web.paper_subject import Subject
from epochal.web.ranges import Content, answer, disposition

if TYPE_CHECKING:
    from epochal.web.state import State

FORMATS = {"png": "image/png", "svg": "image/svg+xml", "pdf": "application/pdf"}
PREVIEW_DPI = 150
DPI = 300
KEPT_BYTES = 48 << 20
MOST_RUNS = 500
"""In one figure or table."""

MISSING = "figures need matplotlib, which is not installed: pip install 'epochal[paper]'"


_TURN = threading.Lock()
"""One at a time, as matplotlib allows no more."""


def routes(state: State) -> list[Route]:
    """Return the routes of this file."""
    kept: Kept[bytes] = Kept(KEPT_BYTES)

    def overview(request: Request) -> Any:
        return what_there_is(subject_of(state, request))

    def figure(request: Request) -> Response:
        return figure_file(request, subject_of(state, request), kept)

    def table(request: Request) -> Any:
        return table_file(request, subject_of(state, request))

    return [
        getting("/api/paper", overview),
        getting("/api/paper/figure", figure),
        getting("/api/paper/table", table),
    ]


def subject_of(state: State, request: Request) -> Subject:
    """Return of what something is to be made.

    Raises:
        SettingError, NotFoundError: the request names no runs, or none that there are.
    """
    runs, versions = chosen(state, request)
    if len(runs) > MOST_RUNS:
        raise SettingError(f"{len(runs):,} runs have no room in a figure: choose {MOST_RUNS}")
    return Subject(
        runs, question_of(request), query.text(request, "x") or "step",
        query.text(request, "task"), versions,
    )  # fmt: skip


def what_there_is(subject: Subject) -> dict[str, Any]:
    """Return the figures and tables with why some cannot be made, and what can be chosen."""
    from epochal.present.venues import VENUES

    figures = listed(subject)
    if importlib.util.find_spec("matplotlib") is None:
        figures = [{**each, "why": MISSING} for each in figures]
    return {
        "figures": figures, "tables": paper_tables.listed(subject),
        "venues": [
            {"name": name, "title": each.name, "column_in": each.column_in, "full_in": each.full_in}
            for name, each in VENUES.items()
        ],
        "options": _options(subject),
    }  # fmt: skip


def _options(subject: Subject) -> dict[str, Any]:
    """Return what a person can choose from."""
    from epochal.core.nested import flatten

    configs = [flatten(run.config) for run in subject.runs]
    keys = dict.fromkeys(key for config in configs for key in config)
    varied = [
        key for key in keys if len({repr(config.get(key)) for config in configs}) > 1
    ]  # fmt: skip
    metric, groups = subject.question.metric, []
    with suppress(EpochalError):  # why is said beside the figures that need it
        metric = subject.metric
        groups = [*subject.compared.groups]
    return {
        "metric": metric,
        "metrics": sorted(subject.counts), "groups": groups,
        "keys": [f"config.{key}" for key in varied], "runs": len(subject.runs),
        "x": ["step", "epoch", "elapsed"], "styles": ["print", "dark"],
        "columns": ["single", "full"], "formats": list(FORMATS),
    }  # fmt: skip


def figure_file(request: Request, subject: Subject, kept: Kept[bytes]) -> Response:
    """Answer with a figure as PNG, SVG or PDF.

    Raises:
        NotFoundError: there is no such figure, venue or format.
        EvidenceError: it cannot be made of these runs.
        MissingExtraError: matplotlib or SciPy is not installed.
    """
    require("matplotlib", extra="paper", why="a figure")
    name, kind = query.text(request, "name"), query.choice(request, "format", [*FORMATS], "png")
    save = query.switch(request, "download") is True
    dpi = query.whole(request, "dpi", DPI if save else PREVIEW_DPI, 50, 600)
    dpi = dpi if kind == "png" else DPI
    look = _look(request)

    def make() -> bytes:
        with _TURN:
            return draw(name, subject, look).to_bytes(kind, dpi)

    question = (subject.question, subject.x, subject.task)
    key = (name, kind, dpi, *look.items(), question, subject.versions)
    body = kept.get(key, make, len)
    headers = {
        "Content-Disposition": disposition(_name(name, subject, kind), inline=_inline(kind, save)),
        "Content-Security-Policy": STILL,
    }
    return answer(request, Content(body, FORMATS[kind], entity_tag(key).strip('"'), headers))


def _inline(kind: str, save: bool) -> bool:  # noqa: FBT001 - one question, one answer
    return kind != "pdf" and not save


def _look(request: Request) -> dict[str, str]:
    """Return how a figure is to look; what is not asked for is left out."""
    from epochal.present.venues import VENUES

    look = {
        "venue": query.choice(request, "venue", [*VENUES]),
        "column": query.choice(request, "column", ("single", "full")),
        "style": query.choice(request, "style", ("print", "dark")),
    }
    return {name: value for name, value in look.items() if value}


def _name(name: str, subject: Subject, suffix: str) -> str:
    """Return under which name something is saved: what it is, and of what."""
    of = subject.runs[0].name if len(subject.runs) == 1 else subject.runs[0].project
    return f"{name}-{slug(of)}.{suffix}"


_WRITTEN: dict[str, tuple[str, str]] = {
    "latex": ("tex", "text/plain; charset=utf-8"), "markdown": ("md", "text/plain; charset=utf-8"),
    "csv": ("csv", "text/csv; charset=utf-8"),
}  # fmt: skip


def table_file(request: Request, subject: Subject) -> Any:
    """Answer with a table as LaTeX, Markdown or CSV, or as cells to be shown.

    Raises:
        NotFoundError: there is no such table.
        EvidenceError: it cannot be made of these runs.
        MissingExtraError: SciPy is not installed.
    """
    name = query.text(request, "name")
    form = query.choice(request, "format", [*_WRITTEN, "json"], "json")
    if name not in paper_tables.KNOWN:
        raise NotFoundError(f"there is no table {name!r}: {', '.join(paper_tables.KNOWN)}")
    found = paper_tables.make(name, subject, query.text(request, "caption"))
    if form == "json":
        return paper_tables.cells(found)
    siunitx = query.switch(request, "siunitx") is True
    writers: dict[str, Callable[[], str]] = {
        "latex": lambda: found.to_latex(siunitx=siunitx), "markdown": found.to_markdown,
        "csv": found.to_csv,
    }  # fmt: skip
    suffix, media_type = _WRITTEN[form]
    body = writers[form]().encode("utf-8", "backslashreplace")
    headers = {
        "Content-Disposition": disposition(_name(f"{name}_table", subject, suffix)),
        "Content-Security-Policy": STILL,
    }
    return answer(request, Content(body, media_type, headers=headers))
