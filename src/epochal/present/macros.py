r"""A file of LaTeX commands, one for each number of a paper, so that none is typed by hand."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from epochal.core.errors import EvidenceError
from epochal.markup import latex
from epochal.markup.cells import Cell, Number
from epochal.present.spec import Provenance

_MADE = "Made by Epochal from the runs; changes are lost when it is made again."


def macros(numbers: Mapping[str, Cell], provenance: Provenance | None = None) -> str:
    r"""Return a file of ``\newcommand`` for ``\input`` in the preamble.

    A name such as "val/loss adamw" becomes the command ``\valLossAdamw``, see
    :func:`epochal.markup.latex.macro_name`.  In running text ``\valLossAdamw{}`` keeps the space
    after it; it works in math mode too.  The exact value stands behind each command as a comment.

    Args:
        numbers: name → number, or text, which is escaped.
        provenance: of all of them: a comment in the first lines.

    Raises:
        EvidenceError: two names give the same command, or one gives no command.

    Example:
        >>> print(macros({"val/loss": Number(3.27837, 0.00142)}).splitlines()[-1])
        \newcommand{\valLoss}{\ensuremath{3.2784 \pm 0.0014}}% 3.27837 ± 0.00142
    """
    made = [latex.comment_line(_MADE)]
    made += [latex.comment_line(provenance.to_line())] if provenance else []
    taken: dict[str, str] = {}
    for name, number in numbers.items():
        command = _command(name)
        if command in taken:
            raise EvidenceError(
                f"{name!r} and {taken[command]!r} both give the command \\{command}: rename one"
            )
        taken[command] = name
        exact = latex.comment_line(_exact(number))
        made.append(rf"\newcommand{{\{command}}}{{{_body(number)}}}{exact}")
    return "\n".join([*made, ""])


def defined(text: str) -> Iterator[tuple[str, str]]:
    r"""Yield command and body of each definition in a file that :func:`macros` made.

    Example:
        >>> list(defined(macros({"n": Number(3)})))
        [('n', '\\ensuremath{3}')]
    """
    for line in text.split("\n"):
        if found := re.match(r"\\newcommand\{\\([A-Za-z]+)\}\{(.*?)\}%", line):
            yield found[1], found[2]


def _command(name: str) -> str:
    command = latex.macro_name(name)
    if command.startswith("end"):
        raise EvidenceError(
            f"{name!r} gives the command \\{command}, and LaTeX keeps \\end... for itself:"
            " choose another name"
        )
    return command


def _body(number: Cell) -> str:
    if not isinstance(number, Number):
        return latex.escape(number)
    text = latex.number(number)
    # Unit and mark stand behind the math.
    return re.sub(r"\A\$(.*?)\$", lambda math: rf"\ensuremath{{{math[1]}}}", text)


def _exact(number: Cell) -> str:
    if not isinstance(number, Number):
        return number
    value = number.value if isinstance(number.value, int) else float(number.value)
    return f"{value!r}" + ("" if number.error is None else f" ± {float(number.error)!r}")
