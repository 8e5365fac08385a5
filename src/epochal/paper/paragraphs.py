"""The paragraphs of a paper: the set-up from the config, the results from the verdicts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from epochal.core.errors import did_you_mean
from epochal.core.names import printable
from epochal.core.nested import flatten
from epochal.markup import latex, markdown
from epochal.paper.outputs import Parts, encoded
from epochal.paper.plan import Plan
from epochal.paper.section import Section
from epochal.paper.selection import Selection
from epochal.present.paragraph import Paragraph
from epochal.present.sentences import results_paragraph, setup_paragraph
from epochal.present.setup_keys import KEYS
from epochal.present.spec import Provenance


def paragraphs(
    section: Section, plan: Plan, selection: Selection, comparison: Callable[[str], Any]
) -> Parts:
    """Write the paragraphs of ``[text]``, for LaTeX and for Markdown.

    Args:
        section: of the kind "text".
        plan: that it is from.
        selection: the runs.
        comparison: returns the comparison of a name.

    Raises:
        SettingError: the section asks for something that is not there.
        EpochalError: a comparison cannot be made.
    """
    files: dict[str, bytes] = {}
    notes: list[str] = []
    if "setup" in section.values:
        runs = selection.of(section)
        if not runs:
            raise section.error("setup", "matches no run")
        common, notes = _common([flatten(run.config) for run in runs])
        setup = setup_paragraph(common, _keys(section))
        files |= _written("setup", setup, Provenance.of(runs, {"text": "setup"}))
        notes += [f"setup: not recorded: {each}" for each in setup.missing]
    for name in section.get("results", ()):
        results = results_paragraph(comparison(name))
        origin = Provenance.of(
            selection.of(plan.comparisons[name]), {"text": "results", "of": name}
        )
        files |= _written(f"results_{name}", results, origin)
        notes += results.notes
    return Parts(files, {}, tuple(dict.fromkeys(notes)))


def _written(name: str, paragraph: Paragraph, origin: Provenance) -> dict[str, bytes]:
    line = origin.to_line()
    return {
        f"text/{name}.tex": encoded(f"{latex.comment_line(line)}\n{paragraph.latex}\n"),
        f"text/{name}.md": encoded(f"{markdown.comment(line)}\n\n{paragraph.markdown}\n"),
    }


def _common(configs: list[dict[str, Any]]) -> tuple[dict[str, Any], list[str]]:
    """Return what configs have in common, and a note on where they differ."""
    same = {k: v for k, v in configs[0].items() if all(c.get(k, ...) == v for c in configs)}
    differing = [k for k in dict.fromkeys(k for c in configs for k in c) if k not in same]
    if not differing:
        return same, []
    named = ", ".join(map(printable, differing[:8])) + (", ..." if differing[8:] else "")
    return same, [f"setup: differs between {len(configs):,} runs and is left out: {named}"]


def _keys(section: Section) -> dict[str, Any]:
    given = section.get("keys", {})
    for what in given:
        if what not in KEYS:
            hint = did_you_mean(what, KEYS) or f": it may have {', '.join(KEYS)}"
            raise section.error("keys", f"has {what!r}, which a set-up does not say{hint}")
    return {what: [v] if isinstance(v, str) else v for what, v in given.items()}
