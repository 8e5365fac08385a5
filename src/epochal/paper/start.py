"""``init``: a first ``paper.toml`` for a folder of runs, with comments."""

from __future__ import annotations

import json
import os
import re

from epochal.analyze.members import divided
from epochal.analyze.replicates import varied
from epochal.core.errors import EpochalError, RunFolderError, SettingError
from epochal.core.nested import flatten
from epochal.present.roles import role_of
from epochal.read import project
from epochal.read.runs import Runs
from epochal.read.view import RunView

_PLAIN = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")
LOOKED_AT = 200
"""Of more runs the newest so many say what there is."""


def start(path: str, runs: str, name: str | None = None) -> str:
    """Write a first ``paper.toml``.

    Args:
        path: of the new file.
        runs: the folder of runs.
        name: of the project, None: all of them, or the only one.

    Returns:
        What was written.

    Raises:
        SettingError: the file is there already.
        RunFolderError: there is no such folder or project, or no runs in it.
        OSError: the file cannot be written.
    """
    opened = project.open(runs, name)
    try:
        found = opened.runs()
        if not len(found):
            raise RunFolderError(f"there are no runs in {runs}: give the folder of your runs")
        text = _text(os.path.dirname(os.path.abspath(path)), runs, name, found)
    finally:
        opened.close()
    try:
        with open(path, "x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError as error:
        message = f"{path} is there already: change it by hand, or give another name"
        raise SettingError(message) from error
    return text


def _text(folder: str, runs: str, name: str | None, found: Runs) -> str:
    views = list(found[:LOOKED_AT])
    projects = sorted({run.project for run in views})
    metric = _metric(views)
    keys = varied([divided(run)[0] for run in views])
    relative = os.path.relpath(os.path.abspath(runs), folder).replace(os.sep, "/")
    documents = sorted(each for each in os.listdir(folder) if each.endswith(".tex"))
    tex = [each for each in documents if each == "main.tex"] or documents[:1] or ["main.tex"]
    lines = [
        "# What this paper takes from its runs.",
        "#   epochal paper build      makes it, and only what changed",
        "#   epochal paper check      traces the text's numbers and figures back to the runs",
        "#   epochal paper checklist  says what the record has for a venue's checklist",
        "",
        "[paper]",
        f"runs = {quoted(relative)}",
        *_project(name, projects),
        f"{'' if documents else '# '}tex = [{', '.join(map(quoted, tex))}]    # the checked text",
        'out = "generated"    # tables, figures and numbers go here',
        '# venue = "neurips"    # widths and fonts of figures, and the checklist',
        "# filter = 'state == \"finished\"'    # of all sections",
    ]  # fmt: skip
    if metric:
        lines += _comparison(metric, keys, views)
        lines += _numbers(metric, keys, views)
    lines += ["", "# [text]", "# setup = 'state == \"finished\"'    # whose set-up is described",
              '# results = ["main"]    # comparisons whose verdicts are written out']  # fmt: skip
    return "\n".join(lines) + "\n"


def _comparison(metric: str, keys: list[str], views: list[RunView]) -> list[str]:
    only = len(keys) == 1 and _PLAIN.fullmatch(keys[0])  # others need quotes of their own
    by = f"by = {quoted(f'config.{keys[0]}')}" if only else (
        f"# by = {quoted(f'config.{keys[0]}')}    # default: all that differs: {_listed(keys)}"
        if keys else '# by = "config.optimizer"    # what tells settings apart'
    )  # fmt: skip
    goal = "" if _has_goal(views, metric) else '# goal = "minimize"    # or "maximize"\n'
    off = "" if keys else "# "
    lines = [
        "", f"{off}[comparison.main]", f"{off}metric = {quoted(metric)}", f"{goal}{by}",
        '# baseline = "..."    # compare all others with this group only',
        "# margin = 0.01    # the largest difference that does not matter",
        "", f"{off}[table.main]", f'{off}of = "main"', f'{off}formats = ["tex", "md"]',
        "# siunitx = true",
    ]  # fmt: skip
    return [
        *lines, "", "[figure.curves]", 'kind = "training_curves"', '# formats = ["pdf", "png"]',
    ]  # fmt: skip


def _project(name: str | None, projects: list[str]) -> list[str]:
    if name:
        return [f"project = {quoted(name)}"]
    only = f"# project = {quoted(projects[0])}    # only this one of {len(projects):,}"
    return [only] if len(projects) > 1 else []


def _numbers(metric: str, keys: list[str], views: list[RunView]) -> list[str]:
    where, n = _one_setting(keys, views)
    return [
        "", "[number.result]    # \\Result in LaTeX, or \\claim{result}{...} around what is typed",
        f"metric = {quoted(metric)}", '# statistic = "min"    # of each run; default: as defined',
        'over = "mean"    # over the runs that match: mean, median, min, max, sum, std, count',
        ("" if n > 1 else "# ") + 'error = "interval"    # after ±; or "std", "standard error"',
        where or "# filter = 'config.lr == 0.001'", "", "[number.runs]", 'over = "count"',
    ]  # fmt: skip


def _one_setting(keys: list[str], views: list[RunView]) -> tuple[str, int]:
    """Return a filter of one setting, as a mean over several means little, and how many runs pass.

    What could be code in a filter or in TOML is left to the author.
    """
    finished = [flatten(run.config) for run in views if run.state == "finished"]
    for key in keys if finished else ():
        value = finished[-1].get(key)
        text = f'"{value}"' if isinstance(value, str) else repr(value)
        if _PLAIN.fullmatch(key) and _PLAIN.fullmatch(text.strip('"')) and value is not None:
            n = sum(config.get(key) == value for config in finished)
            return f"filter = 'config.{key} == {text}'", n
    return "", 0 if keys else len(finished)


def _metric(views: list[RunView]) -> str:
    names = dict.fromkeys(name for run in views for name in run.metrics)
    shown = [name for name in names if not name.startswith("system/")]
    roles = role_of(shown)
    best = roles.get("val_loss") or roles.get("val_accuracy") or roles.get("train_loss")
    return best or next(iter(shown), "")


def _has_goal(views: list[RunView], metric: str) -> bool:
    from epochal.analyze import scores

    try:
        return bool(scores.goal_of([scores.read(run, metric) for run in views], metric, None))
    except EpochalError:
        return False


def _listed(keys: list[str]) -> str:
    shown = ", ".join(quoted(key) for key in keys[:6])
    return f"{shown} and {len(keys) - 6} more" if len(keys) > 6 else shown


def quoted(text: str) -> str:
    r"""Return text as a string of TOML.

    Example:
        >>> print(quoted('a "b" \\ c'))
        "a \"b\" \\ c"
    """
    # JSON's strings are TOML's, but for this character and halves of pairs.
    safe = text.encode("utf-8", "replace").decode()
    return json.dumps(safe, ensure_ascii=False).replace("\x7f", "\\u007f")
