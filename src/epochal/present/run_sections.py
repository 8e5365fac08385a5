"""What a report says of a run beside its curves: summary, metrics, machine, how to repeat it."""

from __future__ import annotations

import math
import os
import re
import shlex
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from epochal.analyze.anomalies import divergence, spikes
from epochal.core.names import printable
from epochal.core.nested import flatten
from epochal.core.redact import redact
from epochal.markup.markdown import literal, table
from epochal.markup.rounding import plain
from epochal.present.roles import role_of
from epochal.present.sources import points_of
from epochal.present.tables.training import Training
from epochal.read.metrics import MetricInfo
from epochal.read.view import RunView

MOST_METRICS = 100
MOST_SPIKES = 3

PRIVATE = ("host", "cwd", "argv", "packages", "git", "entrypoint", "python.executable",
           "python.build")  # fmt: skip
"""What of an environment stands elsewhere, or says where a machine keeps its files."""


def summary(run: RunView, found: Training) -> dict[str, Any]:
    """Return what a colleague asks first, name → text; what is not known is left out.

    Args:
        run: the run.
        found: what its training came to.
    """
    seed = run.seed
    lines: dict[str, Any] = {
        "run": f"{run.name} ({run.id})",
        "project": run.project,
        "group": run.group,
        "state": run.state,
        "started": time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(run.created_s)),
        "duration": duration(run.duration_s),
        "epochs": _number(found.epochs),
        "steps": _number(found.steps),
        "seed": ", ".join(f"{k}: {v}" for k, v in seed.items()) if isinstance(seed, dict) else seed,
        "best validation loss": _with_place(run, found, "validation loss", found.best_val_loss),
        "final validation loss": _number(found.final_val_loss),
        "best training loss": _with_place(run, found, "train loss", found.best_train_loss),
        "final training loss": _number(found.final_train_loss),
        "loss improvement": None if found.improvement is None else f"{plain(found.improvement)} %",
        "convergence epoch": _number(found.convergence_epoch),
        "parameters": _number(found.parameters),
        "tags": ", ".join(run.tags) or None,
        "notes": run.notes or None,
        "error": run.error.strip().splitlines()[-1] if run.error.strip() else None,
        "records lost": run.lost or None,
        "values refused": run.refused or None,
    }
    return {name: value for name, value in lines.items() if value is not None}


def duration(seconds: float) -> str:
    """Return a length of time in its two largest units.

    Example:
        >>> duration(4.25), duration(125), duration(200_000)
        ('4.25 s', '2 min 5 s', '55 h 33 min')
    """
    if seconds < 60:
        return f"{plain(seconds, 3)} s"
    whole = round(seconds)
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600:,} h {whole // 60 % 60} min"


def _number(value: float | None) -> str | None:
    return None if value is None else plain(value, 5)


def _with_place(run: RunView, found: Training, what: str, value: float | None) -> str | None:
    metric = found.sources.get(what)
    if value is None or metric is None or math.isnan(value):
        return _number(value)
    return f"{plain(value, 5)} (step {plain(run.metrics[metric].summary.min_step)})"


def metrics(run: RunView) -> str:
    """Return a table of every metric's statistics; readings of the machine are left out."""
    known = [info for name, info in run.metrics.items() if not name.startswith("system/")]
    if not known:
        return "Nothing was logged."
    heads = ("metric", "unit", "points", "mean", "std", "min", "max", "last", "best", "NaN or Inf")
    rows = [_metric(info) for info in known[:MOST_METRICS]]
    used = [at for at in range(len(heads)) if any(row[at] not in ("", None) for row in rows)]
    made = table([heads[at] for at in used], ([row[at] for at in used] for row in rows),
                 ["r" if at > 1 else "l" for at in used])  # fmt: skip
    if len(known) > MOST_METRICS:
        made += f"\n\nAnd {len(known) - MOST_METRICS:,} more."
    return made


def _metric(info: MetricInfo) -> tuple[Any, ...]:
    found = info.summary
    best = "" if found.best is None else f"{plain(found.best, 5)} at {plain(found.best_step or 0)}"
    bad = found.nan + found.inf
    numbers = (found.mean, found.std, found.min, found.max, found.last)
    return (info.name, info.definition.unit or "", f"{found.count:,}",
            *("" if math.isnan(n) and not bad else plain(n, 5) for n in numbers), best,
            f"{bad:,} from step {plain(found.first_bad_step or 0)}" if bad else "")  # fmt: skip


def stands_out(run: RunView) -> list[str]:
    """Return what is unusual in a run, in sentences: NaN, spikes and divergence of its losses, ...

    Example:
        >>> import epochal, tempfile
        >>> with epochal.init(project="doc", dir=tempfile.mkdtemp(), follow="off") as run:
        ...     run.log({"loss": float("nan")}, step=3)
        >>> stands_out(RunView(run.dir))
        ['loss is NaN or infinite 1 time of 1, first at step 3.']
    """
    return [*_bad(run), *_losses(run), *_record(run)]


def _bad(run: RunView) -> Iterator[str]:
    bad = [info for info in run.metrics.values() if info.summary.nan + info.summary.inf]
    for info in bad[:10]:
        found = info.summary
        many = found.nan + found.inf
        yield (
            f"{info.name} is NaN or infinite {many:,} time{'s' * (many != 1)} of {found.count:,},"
            f" first at step {plain(found.first_bad_step or 0)}."
        )
    if len(bad) > 10:
        yield f"{len(bad) - 10:,} more metrics have NaN or infinite values."


def _losses(run: RunView) -> Iterator[str]:
    roles = role_of(run.metrics)
    for metric in dict.fromkeys(filter(None, map(roles.get, ("train_loss", "val_loss")))):
        points = points_of(run, metric)
        found = spikes(points.x, points.y)
        if found:
            highest = sorted(found, key=lambda each: -each.value)[:MOST_SPIKES]
            where = ", ".join(f"{plain(each.value)} at step {plain(each.step)}" for each in highest)
            many = f"{len(found):,} spike{'s' * (len(found) != 1)}"
            lasting = sum(bool(each.sustained) for each in found)
            kinds = f", {lasting:,} of them sustained" if lasting else ""
            yield f"{metric} has {many}{kinds}; the highest: {where}."
        away = divergence(points.x, points.y)
        if away:
            yield f"{metric} diverges from step {plain(away.step)} on ({away.definition})."


def _record(run: RunView) -> Iterator[str]:
    if run.state not in ("finished", "running"):
        yield f"The run was not finished: its state is {run.state}."
    if run.alerts:
        yield f"{len(run.alerts):,} alert{'s' * (len(run.alerts) != 1)}: " + "; ".join(
            printable(str(alert.get("title", ""))) for alert in run.alerts[:5]
        )
    if run.lost:
        yield f"{run.lost:,} records are missing from the sequence."
    yield from (f"Damage: {each}" for each in run.damage[:5])


def environment(run: RunView) -> str:
    """Return the machine and its software; no host name and no paths."""
    known = redact(run.environment)
    flat = {
        key: value
        for key, value in flatten(known).items()
        if not any(key == each or key.startswith(f"{each}.") for each in PRIVATE)
    }
    rows = [(_spaced(key), _shown(key, value)) for key, value in flat.items() if value is not None]
    return table(("", ""), rows) if rows else "The environment was not recorded."


def _spaced(key: str) -> str:
    return key.replace(".", " ").replace("_bytes", "").replace("_", " ")


def _shown(key: str, value: Any) -> str:
    if key.endswith("_bytes") and isinstance(value, int | float):
        return f"{value / 2**30:,.1f} GiB"
    if isinstance(value, list | tuple):
        return "; ".join(_shown("", each) for each in value)
    if isinstance(value, Mapping):
        parts = flatten(value).items()
        return ", ".join(f"{_spaced(k)} {_shown(k, v)}" for k, v in parts if v is not None)
    return str(value)


def reproduce(run: RunView) -> str:
    """Return the steps that lead to the same training: code, packages, command, seed."""
    known = redact(run.environment)
    packages = known.get("packages") or {}
    steps = [*_code(run)]
    if packages:
        listed = fenced("\n".join(f"{name}=={version}" for name, version in packages.items()))
        steps.append(
            f"The {len(packages):,} packages that were installed, as `requirements.txt`:\n\n"
            f"<details><summary>requirements.txt</summary>\n\n{listed}\n\n</details>"
        )
    argv = known.get("argv") or []
    if argv:
        command = shlex.join(["python", *_arguments(argv, str(known.get("cwd") or ""))])
        steps.append(f"The command:\n\n{fenced(command, 'bash')}")
    if run.seed is not None:
        steps.append(f"The seed: {literal(run.seed)}.")
    steps.append("The configuration is the one above.")
    return "\n\n".join(f"{at}. {_indented(step)}" for at, step in enumerate(steps, start=1))


def _arguments(argv: Sequence[Any], cwd: str) -> Iterator[str]:
    """Yield the words of a command; paths in the folder where it was called are relative to it."""
    for at, each in enumerate(argv):
        text = printable(str(each))
        if cwd and text.startswith(cwd.rstrip(os.sep) + os.sep):
            text = os.path.relpath(text, cwd)
        yield os.path.basename(text) if at == 0 and os.path.isabs(text) else text


def _code(run: RunView) -> Iterator[str]:
    git = run.git
    if not git.get("commit"):
        yield "The state of the code was not recorded: there was no git repository."
        return
    lines = [f"git checkout {printable(str(git['commit']))}"]
    if git.get("remote"):
        remote = printable(str(redact({"remote": git["remote"]})["remote"]))
        lines.insert(0, f"git clone {shlex.quote(remote)}")
    text = f"The code:\n\n{fenced(chr(10).join(lines), 'bash')}"
    if git.get("dirty"):
        changed = git.get("changed_files")
        many = f"{changed:,} files" if isinstance(changed, int) and changed != 1 else "Files"
        many = "1 file" if changed == 1 else many
        text += (
            f"\n\n{many} had changes that were not committed: the commit alone is not the code"
            " that was trained with."
        )
    yield text


def stored_files(run: RunView) -> str:
    """Return a table of checkpoints and artifacts with their recorded hashes; "" if none."""
    rows = [(_below(run, each.path), f"{each.bytes:,}", each.sha256) for each in run.checkpoints]
    rows += [
        (_below(run, each.path), f"{each.bytes:,}", each.sha256 or f"{len(each.files):,} files")
        for each in run.artifacts
        if each.type != "checkpoint" and not each.removed
    ]
    if not rows:
        return ""
    return table(("file", "bytes", "SHA-256 when it was recorded"), rows)


def _below(run: RunView, path: str) -> str:
    """Return a path as seen from the run folder, and only a name of what lies elsewhere."""
    relative = os.path.relpath(path, run.dir)
    return os.path.basename(path) if relative.startswith(os.pardir) else relative


def fenced(text: str, language: str = "") -> str:
    """Return a block of code that shows a text as it is.

    Example:
        >>> print(fenced("a ``` b"))
        ````
        a ``` b
        ````
    """
    lines = "\n".join(printable(line) for line in text.split("\n"))
    longest = max(map(len, re.findall("`+", lines)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{language}\n{lines}\n{fence}"


def bullets(sentences: Sequence[str]) -> str:
    """Return sentences as a list of literal text."""
    return "\n".join(f"- {literal(each)}" for each in sentences)


def _indented(step: str) -> str:
    """Return a step whose further lines belong to it."""
    return "\n".join(f"   {line}" if at and line else line
                     for at, line in enumerate(step.split("\n")))  # fmt: skip
