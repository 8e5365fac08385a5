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

from epochal.control.progress import Curve, Details, Listed, Progress
from epochal.core.names import printable
from epochal.read.metrics import MetricSummary

SIGNS = {"running": "●", "finished": "✓", "failed": "✕", "interrupted": "■", "killed": "✕",
         "lost": "◌", "unknown": "◌", "starting": "◌", "stopping": "●"}  # fmt: skip
WIDTH, HEIGHT = 640, 120

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
    """Return the loss as a small picture with what it shows below."""
    if found.points < 2:
        return ""
    low, high = min(found.low), max(found.high)
    about = (
        f"Training loss from step {number(found.steps[0])} to {number(found.last)}:"
        f" {number(low)} to {number(high)}, {found.points:,} steps, minimum and maximum kept"
    )
    if found.bad:
        about += f"; {found.bad:,} more {'was' if found.bad == 1 else 'were'} NaN or infinite"
    picture = base64.b64encode(_svg(found, low, high).encode()).decode("ascii")
    source = f"data:image/svg+xml;base64,{picture}"
    return (
        f'<figure class="ep-line"><img src="{source}" alt="{escape(about)}" width="{WIDTH}"'
        f' height="{HEIGHT}"><figcaption>{text(about)}</figcaption></figure>'
    )


def runs_table(runs: Sequence[Listed], most: int = 12) -> str:
    """Return the newest runs with their states."""
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
        f'<p class="ep-more">The newest {most}; older ones can be chosen under Run.</p>'
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


def _svg(found: Curve, low: float, high: float) -> str:
    """Return the band of extremes, and the line in its middle."""
    log = low > 0 and high / low > 1000
    most = max(abs(low), abs(high)) or 1.0

    def scaled(value: float) -> float:  # no difference of two is beyond the range of floats
        return math.log(value) if log else value / most

    bottom, top = scaled(low), scaled(high)
    left, right = found.steps[0], found.last

    def place(step: float, height: float) -> str:
        x = 2 + (WIDTH - 4) * (step - left) / ((right - left) or 1)
        y = 4 + (HEIGHT - 8) * (top - height) / ((top - bottom) or 1)
        return f"{x:.1f},{y:.1f}"

    bands = [
        (step, scaled(a), scaled(b))
        for step, a, b in zip(found.steps, found.low, found.high, strict=True)
    ]
    upper = [place(step, b) for step, _, b in bands]
    lower = [place(step, a) for step, a, _ in bands]
    middle = " ".join(place(step, (a + b) / 2) for step, a, b in bands)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}"'
        ' preserveAspectRatio="none">'
        f'<polygon points="{" ".join(upper + lower[::-1])}" fill="#4477aa" opacity=".25"/>'
        f'<polyline points="{middle}" fill="none" stroke="#4477aa" stroke-width="1.5"/></svg>'
    )
