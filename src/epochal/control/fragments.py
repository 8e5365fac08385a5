"""Pieces of the page as HTML: every text in them is escaped, and so shown literally.

Each is one line: what has no line breaks is taken by Markdown as it is.
"""

from __future__ import annotations

import base64
import math
import re
from collections.abc import Iterable, Sequence
from datetime import datetime, timezone
from html import escape

from epochal.control.plot import plot
from epochal.control.progress import Curve, Details, Listed, Progress
from epochal.core.names import printable
from epochal.read.metrics import MetricSummary

SIGNS = {"running": "●", "finished": "✓", "failed": "✕", "interrupted": "■", "killed": "✕",
         "lost": "◌", "unknown": "◌", "starting": "◌", "stopping": "●"}  # fmt: skip
MARKS = {"nan": "▲ at the bottom: NaN", "inf": "▲ at the top: infinite",
         "-inf": "▼ at the bottom: -infinite"}  # fmt: skip

_MARKDOWN = re.compile(r"[\\`*_{}\[\]()#+!|~$<>&\"':/@.-]")


def text(value: object) -> str:
    r"""Return text for the page: nothing in it is HTML or Markdown, and it is one line.

    Example:
        >>> text("a *b* <c>\n")
        'a &#42;b&#42; &#60;c&#62;&#92;n'
    """
    return _MARKDOWN.sub(lambda found: f"&#{ord(found[0])};", printable(str(value)))


def number(value: float | None, digits: int = 4) -> str:
    """Return a number as people read it.

    Example:
        >>> number(0.00031415926), number(12345), number(float("nan")), number(None)
        ('0.0003142', '12,345', 'NaN', '-')
    """
    if value is None:
        return "-"
    if not math.isfinite(value):
        return "NaN" if math.isnan(value) else "∞" if value > 0 else "-∞"
    if value == int(value) and abs(value) < 1e9:
        return f"{int(value):,}"
    return f"{value:.{digits}g}" if 1e-4 <= abs(value) < 1e6 else f"{value:.{digits - 1}e}"


def duration(seconds: float) -> str:
    """Return a duration in the two largest units.

    Example:
        >>> duration(42.3), duration(200), duration(7300)
        ('42 s', '3 min 20 s', '2 h 1 min')
    """
    whole = int(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def moment(seconds: float) -> str:
    """Return a time as the clock of this computer shows it, of another day with its date.

    Example:
        >>> moment(0.0)[:5] in ("1970-", "1969-")
        True
    """
    then = datetime.fromtimestamp(seconds, timezone.utc).astimezone()
    today = datetime.now(timezone.utc).astimezone().date()
    return f"{then:%H:%M}" if then.date() == today else f"{then:%Y-%m-%d %H:%M}"


def message(words: str, kind: str = "said") -> str:
    """Return a line that tells what was done, or with the kind "wrong" what was not."""
    return f'<p class="ep-message {kind}">{text(words)}</p>' if words else ""


def state(word: str) -> str:
    """Return a state by sign and word, never by color alone."""
    return f'<span class="ep-state {text(word)}">{SIGNS.get(word, "◌")} {text(word)}</span>'


def progress(found: Progress, dashboard: str = "") -> str:
    """Return where a training stands, with the line of its loss."""
    step = number(found.step or 0)
    of = f" of {found.steps:,}" if found.steps else ""
    bar = ""
    if found.steps:
        done = min(found.step or 0, found.steps)
        bar = f'<progress max="{found.steps}" value="{done:g}">{step}{of}</progress>'
    facts = [
        ("Step", f"{step}{of}"), ("Loss", number(found.loss)),
        ("Validation loss", number(found.val_loss)), ("Time", duration(found.elapsed_s)),
    ]  # fmt: skip
    link = _dashboard_link(found.id, dashboard)
    name = f"<b>{text(found.name)}</b> · project {text(found.project)}"
    head = f"<p>{state(found.state)} {name}{link}</p>"
    error = message(found.error, "wrong") if found.state == "failed" else ""
    return f'<div class="ep-status">{head}{bar}{_pairs(facts)}{line(found.curve)}{error}</div>'


def line(found: Curve) -> str:
    """Return the plot of the loss, with what it shows below."""
    if found.points + found.bad < 2:
        return ""
    about = f"Training loss from step {number(found.first)} to {number(found.last)}: "
    if found.points:
        low, high = number(min(found.low)), number(max(found.high))
        about += f"{low} to {high}, {found.points:,} steps, minimum and maximum kept"
    if found.bad:
        kinds = {kind for _, kind in found.marks}
        where = ", ".join(words for kind, words in MARKS.items() if kind in kinds)
        more = f"; {found.bad:,} more" if found.points else f"all {found.bad:,}"
        about += f"{more} {'was' if found.bad == 1 else 'were'} NaN or infinite ({where})"
    made = plot(found)
    source = f"data:image/svg+xml;base64,{base64.b64encode(made.svg.encode()).decode('ascii')}"
    return (
        '<figure class="ep-line"><div class="ep-plot">'
        f'<span class="ep-axis">loss{" (log)" if made.log else ""}</span>{_ticks("y", made.y)}'
        f'<img src="{source}" alt="{escape(about)}">{_ticks("x", made.x)}'
        '<span class="ep-axis x">step</span></div>'
        f"<figcaption>{text(about)}</figcaption></figure>"
    )


def _ticks(axis: str, labels: Iterable[str]) -> str:
    inner = "".join(f"<span>{text(label)}</span>" for label in labels)
    return f'<div class="ep-ticks {axis}">{inner}</div>'


def runs_table(runs: Sequence[Listed], most: int = 12) -> str:
    """Return the first of the runs with their states."""
    if not runs:
        return (
            '<p class="ep-empty">There is no run in this folder yet: start one in the tab'
            " Training.</p>"
        )
    rows = (
        (state(run.state), text(run.name), text(run.project), moment(run.created_s),
         number(run.steps))
        for run in runs[:most]
    )  # fmt: skip
    columns = ("State", "Run", "Project", "Started", "Steps")
    more = (
        '<p class="ep-more">The running and the newest; others can be chosen under Run.</p>'
        if len(runs) > most else ""
    )  # fmt: skip
    return _table(columns, rows, "runs", numbers_from=4) + more


def details(found: Details, run_id: str, dashboard: str = "") -> str:
    """Return summary and health of a run."""
    facts = [(name, value) for name, value in found.facts if name != "State"]
    word = next((value for name, value in found.facts if name == "State"), "unknown")
    link = _dashboard_link(run_id, dashboard)
    rows = (_summary_row(label, summary) for label, summary in found.table)
    columns = ("Metric", "Last", "Min", "Mean", "Max", "Points")
    table = _table(columns, rows, "summary", numbers_from=1) if found.table else ""
    health = _table(
        ("Check", "Found", "Result"),
        (
            (text(subject), text(words), "✓ OK" if well else '<b class="bad">✕ problem</b>')
            for subject, words, well in found.health
        ),
        "health",
    )
    return f'<div class="ep-run"><p>{state(word)}{link}</p>{_pairs(facts)}{table}{health}</div>'


def link(address: str, words: str, *, file: str = "") -> str:
    """Return a link; with the name of a file it is a download."""
    download = f' download="{text(file)}"' if file else ""
    return f'<a href="{escape(address)}"{download}>{text(words)}</a>'


def _summary_row(label: str, found: MetricSummary) -> tuple[str, ...]:
    numbers = (found.last, found.min, found.mean, found.max, found.count)
    return (text(label), *(number(value) for value in numbers))


def _dashboard_link(run_id: str, dashboard: str) -> str:
    address = f"{dashboard}#/r/{run_id}/overview"
    return f" · {link(address, 'open in the dashboard')}" if dashboard else ""


def _pairs(facts: Iterable[tuple[str, str]]) -> str:
    inner = "".join(f"<div><dt>{text(name)}</dt><dd>{text(v)}</dd></div>" for name, v in facts)
    return f'<dl class="ep-facts">{inner}</dl>'


def _table(
    columns: Sequence[str], rows: Iterable[Sequence[str]], name: str, *, numbers_from: int = 99
) -> str:
    head = "".join(
        f'<th scope="col"{_side(at, numbers_from)}>{text(column)}</th>'
        for at, column in enumerate(columns)
    )
    body = "".join(
        "<tr>" + "".join(f"<td{_side(at, numbers_from)}>{c}</td>" for at, c in enumerate(row))
        + "</tr>" for row in rows
    )  # fmt: skip
    return (
        f'<table class="ep-table {name}"><thead><tr>{head}</tr></thead><tbody>{body}</tbody>'
        "</table>"
    )


def _side(at: int, numbers_from: int) -> str:
    return ' class="number"' if at >= numbers_from else ""
