r"""The figures of a paper: drawn by ``epochal.figures``, with an environment to ``\input``."""

from __future__ import annotations

import inspect
import os
import tempfile
from collections.abc import Callable
from typing import Any

from epochal.core.errors import EpochalError, did_you_mean
from epochal.markup import latex
from epochal.paper.outputs import Parts, encoded, formats
from epochal.paper.plan import Plan
from epochal.paper.section import KEYS, Section
from epochal.paper.selection import Selection

FORMATS = ("pdf", "svg", "png")
INCLUDED = ("pdf", "png")
"""What LaTeX can include, by preference."""

SEVERAL = ("epoch_charts",)
"""Functions that make several figures at once, for a report and not for a paper."""

OF_COMPARISON = ("compared", "comparison")
"""Names of a function's first argument that is a comparison and not runs."""


def figure(
    section: Section, plan: Plan, selection: Selection, comparison: Callable[[str], Any]
) -> Parts:
    """Draw a figure; beside it are its facts, its points, and a LaTeX environment.

    Args:
        section: of the kind "figure".
        plan: that it is from.
        selection: the runs.
        comparison: returns the comparison of a name.

    Raises:
        SettingError: there is no such figure, or it has no such option.
        EpochalError: it cannot be drawn of these runs.
    """
    from epochal.present import figures

    known = tuple(name for name in figures.__all__ if name not in SEVERAL)
    section.need("kind", f"give kind = one of {', '.join(known)}")
    kind = section.among("kind", known, "")
    wanted = formats(section, FORMATS, ("pdf",))
    function = getattr(figures, kind)
    subject, options = _arguments(section, plan, selection, comparison, function)
    try:
        drawn = function(subject, **options)
    except (TypeError, ValueError) as error:
        if isinstance(error, EpochalError):
            raise
        raise section.error("", f": {kind} cannot be drawn so: {error}") from error
    files = _saved(section, drawn, wanted)
    included = next((each for each in INCLUDED if each in wanted), None)
    if included is not None:
        path = f"{plan.prefix}/figures/{section.name}.{included}"
        files[f"figures/{section.name}.tex"] = _environment(section, drawn, path)
    of_comparison = section.get("of") and _parameters(function)[0] in OF_COMPARISON
    notes = () if of_comparison else drawn.spec.notes  # the comparison has said it
    return Parts(files, {"caption": drawn.caption}, tuple(notes))


def _saved(section: Section, drawn: Any, wanted: tuple[str, ...]) -> dict[str, bytes]:
    files = {}
    with tempfile.TemporaryDirectory(prefix="epochal-paper-") as folder:
        for path in drawn.save(os.path.join(folder, section.name), wanted):
            with open(path, "rb") as file:
                files[f"figures/{os.path.basename(path)}"] = file.read()
    return files


def _environment(section: Section, drawn: Any, path: str) -> bytes:
    from epochal.present.sentences import figure_environment

    caption = section.get("caption", drawn.caption)
    text = figure_environment(path, caption, section.get("label", ""))
    return encoded(f"{latex.comment_line(drawn.spec.provenance.to_line())}\n{text}")


def _arguments(
    section: Section, plan: Plan, selection: Selection, comparison: Callable[[str], Any],
    function: Callable[..., Any],
) -> tuple[Any, dict[str, Any]]:  # fmt: skip
    """Return what a figure is drawn of, and its options."""
    first, allowed, needed = _parameters(function)
    options = {key: value for key, value in section.values.items() if key not in KEYS["figure"]}
    known = (allowed - {"of"}) | ({"scores"} if "of" in allowed else set())
    for key in options:
        if key not in known:
            hint = did_you_mean(key, known) or f": it may have {', '.join(sorted(known))}"
            raise section.error(key, f"is no option of {section.get('kind')}{hint}")
    if "scores" in options:  # in a plan ``of`` names a comparison
        options["of"] = options.pop("scores")
    if "venue" in allowed and "venue" in plan.paper.values:
        options.setdefault("venue", plan.paper.get("venue"))
    subject, taken = _subject(section, plan, selection, comparison, first)
    options = {**{key: value for key, value in taken.items() if key in allowed}, **options}
    for key in needed:
        if key not in options:
            raise section.error("", f"has no {key}, which {section.get('kind')} needs")
    return subject, options


def _subject(
    section: Section, plan: Plan, selection: Selection, comparison: Callable[[str], Any],
    first: str,
) -> tuple[Any, dict[str, Any]]:  # fmt: skip
    """Return what the first argument is, and what the comparison's section says of it."""
    of_comparison = first in OF_COMPARISON
    if of_comparison:
        section.need("of", 'name the comparison: of = "..."')
    if "of" not in section.values:
        runs = selection.of(section)
        if not runs:
            raise section.error("filter" if "filter" in section.values else "", "matches no run")
        if first == "run":
            if len(runs) > 1:
                problem = f"draws one run, and {len(runs):,} match: choose one with filter = ..."
                raise section.error("kind", problem)
            return runs[0], {}
        return runs, {}
    if "filter" in section.values:
        raise section.error("filter", "belongs to the section of the comparison")
    compared = plan.comparison(section.get("of"), section, "of")
    if of_comparison:
        return comparison(compared.name), {}
    return selection.of(compared), {k: v for k, v in compared.values.items() if k != "filter"}


def _parameters(function: Callable[..., Any]) -> tuple[str, set[str], list[str]]:
    """Return the first argument's name, the names of all others, and those that are needed."""
    from epochal.present.drawing import Look

    first, *others = inspect.signature(function).parameters.values()
    allowed, needed = set(), []
    for each in others:
        if each.kind is each.VAR_KEYWORD:
            allowed |= set(Look.__annotations__)
        else:
            allowed.add(each.name)
            needed += [each.name] if each.default is each.empty else []
    return first.name, allowed - {"path"}, needed
