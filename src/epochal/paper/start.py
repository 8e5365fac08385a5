"""``init``: a first ``paper.toml`` for a folder of runs, with comments."""

from __future__ import annotations

import json
import os

from epochal.analyze.members import divided
from epochal.analyze.replicates import varied
from epochal.core.errors import EpochalError, RunFolderError, SettingError
from epochal.present.roles import role_of
from epochal.read import project
from epochal.read.runs import Runs
from epochal.read.view import RunView

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
        f"project = {quoted(name)}" if name else
        f"# project = {quoted(projects[0])}    # only this one of {len(projects)}",
        f"tex = [{', '.join(map(quoted, tex))}]    # the text that is checked, LaTeX or Markdown",
        'out = "generated"    # tables, figures and numbers go here',
        '# venue = "neurips"    # widths and fonts of figures, and the checklist',
        "# filter = 'state == \"finished\"'    # of all sections",
    ]  # fmt: skip
    if metric:
        lines += _comparison(metric, keys, views)
        lines += _numbers(metric)
    lines += ["", "# [text]", "# setup = 'state == \"finished\"'    # whose set-up is described",
              '# results = ["main"]    # comparisons whose verdicts are written out']  # fmt: skip
    return "\n".join(lines) + "\n"


def _comparison(metric: str, keys: list[str], views: list[RunView]) -> list[str]:
    by = f"by = {quoted(f'config.{keys[0]}')}" if len(keys) == 1 else (
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


def _numbers(metric: str) -> list[str]:
    return [
        "", "[number.best]    # \\Best in LaTeX, or \\claim{best}{...} around what is typed",
        f"metric = {quoted(metric)}", '# statistic = "min"    # of each run; default: as defined',
        'over = "mean"    # over the runs that match: mean, median, min, max, sum, std, count',
        "# filter = 'config.lr == 0.001'", "", "[number.runs]", 'over = "count"',
    ]  # fmt: skip


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
