r"""Text, numbers and tables for LaTeX: fragments to ``\input``, for pdfLaTeX, LuaLaTeX and XeLaTeX.

Tables need the package ``booktabs``, those with ``siunitx=True`` also ``siunitx`` (version 3).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from epochal.core.errors import EvidenceError
from epochal.markup.cells import Cell, Column, Number
from epochal.markup.characters import COMMANDS, is_known, is_shown
from epochal.markup.rounding import grouped

_ARROWS = {"": "", "up": r" $\uparrow$", "down": r" $\downarrow$"}
_DIGITS = "Zero One Two Three Four Five Six Seven Eight Nine".split()
_LIGATURES = re.compile(r"--+|,,+")
_PERCENT = re.compile(r"(\d) \\%")  # a line never begins with the sign


def escape(text: object) -> str:
    r"""Return text that LaTeX typesets as it is: no command, no math, no ligature, one line.

    Line breaks become spaces and control characters disappear.  What pdfLaTeX's standard fonts do
    not have, such as Chinese, is shown by its number there, as ``U+65E5``, and as it is by LuaLaTeX
    and XeLaTeX with a font that has it.

    Example:
        >>> print(escape(r"50 % of \input{x}_1"), escape("a--b"))
        50~\% of \textbackslash{}input\{x\}\_1 a-{}-b
    """
    normal = unicodedata.normalize("NFC", re.sub(r"\s+", " ", str(text)))
    pieces, unknown = [], ""
    for character in [*filter(is_shown, normal), ""]:
        if character and not is_known(character):
            unknown += character
            continue
        if unknown:
            pieces.append(_by_number(unknown))
            unknown = ""
        pieces.append(COMMANDS.get(character, character))
    made = _LIGATURES.sub(lambda match: "{}".join(match[0]), "".join(pieces))
    return _PERCENT.sub(r"\1~\%", made)


def number(cell: Number) -> str:
    r"""Return a number with its error, mark and emphasis, typeset in math mode.

    Example:
        >>> print(number(Number(3.27837, 0.00142)), number(Number(1.5e-7, bold=True)))
        $3.2784 \pm 0.0014$ $\mathbf{1.5 \times 10^{-7}}$
    """
    found = cell.rounded
    if not found.value.lstrip("-")[0].isdecimal():  # NaN, Inf
        text = rf"\textbf{{{found.value}}}" if cell.bold else found.value
    else:
        text = _math(grouped(found.value), grouped(found.error), found.exponent)
        text = rf"$\mathbf{{{text}}}$" if cell.bold else f"${text}$"
    text = rf"\underline{{{text}}}" if cell.underline else text
    return text + _behind(cell)


def tabular(
    columns: Sequence[Column], rows: Sequence[Sequence[Cell]], *, siunitx: bool = False,
    caption: str = "", label: str = "", notes: Sequence[str] = (), comment: Sequence[str] = (),
) -> str:  # fmt: skip
    r"""Return a table with the rules of booktabs.

    Args:
        columns: headings and alignment.
        rows: as many cells each; texts are literal and are escaped.
        siunitx: align numbers at the decimal point.
        caption: with it, or with a label, the table floats.
        label: for ``\ref``; characters that a label cannot have become hyphens.
        notes: sentences below the table, in one paragraph.
        comment: lines of LaTeX comment above it.

    Raises:
        EvidenceError: a row has not one cell for each column.

    Example:
        >>> columns = [Column("setting"), Column("loss", "r", arrow="down")]
        >>> print(tabular(columns, [["50 %", Number(3.27837, 0.00142)]], comment=["by hand"]))
        % by hand
        \begin{tabular}{lr}
        \toprule
        setting & loss $\downarrow$ \\
        \midrule
        50~\% & $3.2784 \pm 0.0014$ \\
        \bottomrule
        \end{tabular}
        <BLANKLINE>
    """
    _check(columns, rows)
    stacks = [[row[at] for row in rows] for at in range(len(columns))]
    layouts = [
        _Layout.of(stack) if siunitx and any(isinstance(c, Number) for c in stack) else None
        for stack in stacks
    ]
    kinds = [
        layout.columns if layout else column.align
        for column, layout in zip(columns, layouts, strict=True)
    ]
    head = [
        layout.text(_heading(column)) if layout else _heading(column)
        for column, layout in zip(columns, layouts, strict=True)
    ]
    body = [[_cell(c, layout) for c, layout in zip(row, layouts, strict=True)] for row in rows]
    made = [
        rf"\begin{{tabular}}{{{''.join(kinds)}}}", r"\toprule", _line(head), r"\midrule",
        *map(_line, body), r"\bottomrule", r"\end{tabular}",
    ]  # fmt: skip
    if notes:
        made += [rf"\par\smallskip{{\footnotesize\noindent {' '.join(map(escape, notes))}\par}}"]
    if caption or label:
        named = [rf"\label{{{label_of(label)}}}"] if label else []
        made = [r"\begin{table}", r"\centering", rf"\caption{{{escape(caption)}}}", *named, *made,
                r"\end{table}"]  # fmt: skip
    return "\n".join([*map(comment_line, comment), *made, ""])


def comment_line(text: str) -> str:
    r"""Return a line of comment; whatever the text contains, it stays one line.

    Example:
        >>> comment_line("a\n\\input{b}")
        '% a \\input{b}'
    """
    return "% " + "".join(filter(is_shown, " ".join(text.split())))


def label_of(text: str) -> str:
    r"""Return text as the argument of ``\label`` and ``\ref``.

    Example:
        >>> label_of("tab:val/loss {x}")
        'tab:val-loss-x'
    """
    return re.sub(r"[^A-Za-z0-9:.]+", "-", text).strip("-")


def macro_name(name: str) -> str:
    r"""Return a name that a LaTeX command can have, without the backslash: letters only.

    Words are joined, digits are spelled, letters of other scripts become their names or numbers.
    Different names may give the same one: whoever defines the commands must look.

    Raises:
        EvidenceError: there is no letter and no digit in it.

    Example:
        >>> macro_name("val/loss, adamw 2"), macro_name("β₁"), macro_name("valLoss")
        ('valLossAdamwTwo', 'beta', 'valLoss')
    """
    spelled = "".join(map(_spelled, unicodedata.normalize("NFC", name)))
    words = re.findall(r"[A-Za-z]+", spelled)
    if not words:
        message = f"{name!r} has no letter and no digit to name a LaTeX command by: choose another"
        raise EvidenceError(message)
    first, *rest = map(str, words)
    return first + "".join(word[0].upper() + word[1:] for word in rest)


def _spelled(character: str) -> str:
    if character.isascii():
        return f" {_DIGITS[int(character)]} " if character.isdecimal() else character
    base = unicodedata.normalize("NFD", character)[0]
    if base.isascii() and base.isalpha():
        return base
    if not character.isalpha():
        return " "
    greek = re.fullmatch(r"GREEK (SMALL|CAPITAL) LETTER (\w+)", unicodedata.name(character, ""))
    if greek:
        return greek[2].lower() if greek[1] == "SMALL" else greek[2].title()
    return f" U{''.join(_DIGITS[int(d)] if d.isdecimal() else d for d in f'{ord(character):X}')} "


def _by_number(characters: str) -> str:
    numbers = " ".join(f"U+{ord(character):04X}" for character in characters)
    return rf"\ifdefined\Umathcode {characters}\else\texttt{{{numbers}}}\fi{{}}"


def _math(value: str, error: str, exponent: int) -> str:
    text = value.replace(",", "{,}")
    if error:
        text = rf"{text} \pm {error.replace(',', '{,}')}".replace("Inf", r"\infty")
    if exponent:
        text = f"({text})" if error else text
        text = rf"{text} \times 10^{{{exponent}}}"
    return text


def _behind(cell: Number) -> str:
    """Return unit and mark; they stand in math mode as well as in text."""
    unit = rf"~\mbox{{{escape(cell.unit)}}}" if cell.unit else ""
    return unit + (rf"\textsuperscript{{{escape(cell.mark)}}}" if cell.mark else "")


def _heading(column: Column) -> str:
    unit = f" ({column.unit})" if column.unit else ""
    return escape(column.heading + unit) + _ARROWS[column.arrow]


def _line(cells: Iterable[str]) -> str:
    text = " & ".join(cells)
    # After the end of a row a star or a bracket would belong to it.
    return (r"{}" if text.startswith(("*", "[")) else "") + rf"{text} \\"


def _cell(cell: Cell, layout: _Layout | None) -> str:
    if not isinstance(cell, Number):
        return layout.text(escape(cell)) if layout else escape(cell)
    return layout.number(cell) if layout else number(cell)


@dataclass(frozen=True)
class _Layout:
    """A column that siunitx aligns at the decimal point.

    Errors have a column of their own beside it, as siunitx has uneven gaps around ± where a number
    is bold or has a mark.

    Attributes:
        columns: for the preamble of the table.
        with_error: whether there are two.
    """

    columns: str
    with_error: bool

    @classmethod
    def of(cls, stack: Sequence[Cell]) -> _Layout:
        numbers = [cell for cell in stack if isinstance(cell, Number) and _is_aligned(cell)]
        values = [cell.rounded.value.lstrip("-").partition(".") for cell in numbers]
        whole = max((len(value[0]) for value in values), default=1)
        decimals = max((len(value[2]) for value in values), default=0)
        sign = "-" if any(cell.rounded.value.startswith("-") for cell in numbers) else ""
        options = [f"table-format={sign}{whole}.{decimals}"]
        options += ["group-minimum-digits=5, group-separator={,}"] * (whole > 4)
        if any(cell.bold for cell in numbers):
            options.append("text-series-to-math, propagate-math-font")
        with_error = any(cell.rounded.error for cell in numbers)
        return cls(f"S[{', '.join(options)}]" + "@{}l" * with_error, with_error)

    def text(self, escaped: str) -> str:
        """Return a cell that is not aligned."""
        inner = f"{{{escaped}}}"
        return rf"\multicolumn{{2}}{{c}}{inner}" if self.with_error else inner

    def number(self, cell: Number) -> str:
        """Return a number, aligned if siunitx can read it."""
        if not _is_aligned(cell):
            return self.text(number(cell))
        found, mark = cell.rounded, _behind(cell)
        value = (r"\bfseries " if cell.bold else "") + found.value
        if not self.with_error:
            return value + (f"{{{mark}}}" if mark else "")
        error = r"\pm\;" + grouped(found.error).replace(",", "{,}") if found.error else ""
        error = rf"\mathbf{{{error}}}" if cell.bold and error else error
        return f"{value} & " + (rf"$\;{error}$" if error else "") + mark


def _is_aligned(cell: Number) -> bool:
    """Say whether siunitx aligns a number: it would leave room for an exponent in all others."""
    found = cell.rounded
    is_number = found.value.lstrip("-")[0].isdecimal() and found.error != "Inf"
    return is_number and not found.exponent and not cell.underline


def _check(columns: Sequence[Column], rows: Sequence[Sequence[Cell]]) -> None:
    for at, row in enumerate(rows):
        if len(row) != len(columns):
            raise EvidenceError(
                f"row {at} of the table has {len(row)} cells and there are {len(columns)} columns:"
                " give one cell for each column"
            )
