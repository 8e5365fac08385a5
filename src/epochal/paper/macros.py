r"""The numbers of a paper as LaTeX commands: their names, and the files of all of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from epochal.markup import latex, markdown
from epochal.markup.cells import Cell, Number
from epochal.paper.outputs import Parts, encoded
from epochal.paper.section import Section
from epochal.paper.state import Made
from epochal.present.macros import macros
from epochal.present.spec import Provenance

FILE = "numbers.tex"
CLAIM = r"\providecommand{\claim}[2]{#2}% name of a number, and how the text prints it"
_KIND = "number."

TAKEN = frozenset(
    "Delta Gamma Theta Lambda Xi Pi Sigma Upsilon Phi Psi Omega Re Im Pr Large LARGE Huge Box"
    " Diamond Join Longrightarrow Longleftarrow Rightarrow Leftarrow Uparrow Downarrow Vert Alph"
    " Roman P S L O AA AE OE H Bar claim alpha beta gamma delta epsilon zeta eta theta iota kappa"
    " lambda mu nu xi pi rho sigma tau upsilon phi chi psi omega the def let sum prod min max log"
    " exp text label ref cite section table figure".split()
)
"""Commands of LaTeX, or of this file, that a short name could hit."""


def macro_of(section: Section) -> str:
    r"""Return the LaTeX command of a number, without the backslash.

    It begins with a capital letter, as few of LaTeX's own commands do.

    Raises:
        SettingError: it is no name of a command, or LaTeX has such a command.

    Example:
        >>> macro_of(Section("number", "best_loss"))
        'BestLoss'
    """
    given = section.get("macro")
    found = str(given or latex.macro_name(section.name[:1].upper() + section.name[1:]))
    if not (found.isascii() and found.isalpha()):
        raise section.error("macro", f"is {given!r}: a LaTeX command is letters only")
    if found in TAKEN or found.startswith("end"):
        where = "macro" if given else ""
        raise section.error(where, f'gives \\{found}, which LaTeX has: give macro = "..."')
    return found


def macro_file(numbers: Mapping[str, Made], provenance: Provenance) -> Parts:
    """Write the files of all numbers.

    Args:
        numbers: title of the section → what was made of it.
        provenance: of all of them.

    Raises:
        EvidenceError: two numbers have the same command.
    """
    cells = {made.facts["macro"]: _cell(made.facts["cell"]) for made in numbers.values()}
    text = macros(cells, provenance)
    rows = [
        (title.removeprefix(_KIND), made.facts["shown"], f"\\{made.facts['macro']}",
         made.facts["about"], str(made.facts["n"]))
        for title, made in numbers.items()
    ]  # fmt: skip
    table = markdown.table(["Name", "Value", "LaTeX", "What it is", "Runs"], rows, "lrlll")
    comment = markdown.comment(provenance.to_line())
    return Parts(
        {FILE: encoded(f"{text}{CLAIM}\n"), "numbers.md": encoded(f"{comment}\n\n{table}\n")}
    )


def same_commands(numbers: Mapping[str, Made]) -> dict[str, list[str]]:
    """Return command → titles of the numbers, where several have the same one."""
    found: dict[str, list[str]] = {}
    for title, made in numbers.items():
        found.setdefault(made.facts["macro"], []).append(title)
    return {macro: titles for macro, titles in found.items() if len(titles) > 1}


def _cell(facts: Any) -> Cell:
    return facts if isinstance(facts, str) else Number(**facts)
