"""Which characters LaTeX typesets as they are, and commands for others.

"Everywhere" means pdfLaTeX of 2020 or later with its standard fonts, in the encodings OT1 and T1.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping

_ASCII = {
    "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "$": r"\$", "&": r"\&", "#": r"\#",
    "^": r"\textasciicircum{}", "_": r"\_", "~": r"\textasciitilde{}", "%": r"\%",
    "<": r"\ensuremath{<}", ">": r"\ensuremath{>}", "|": r"\textbar{}",
    # Straight in every encoding, and no shorthand of babel's.
    '"': r"\texttt{\char34}", "'": r"\textquotesingle{}", "`": r"\textasciigrave{}",
    # Optional arguments end at the first bracket.
    "[": "{[}", "]": "{]}",
}  # fmt: skip

_GREEK = (
    "alpha beta gamma delta zeta eta theta iota kappa lambda mu nu xi pi rho sigma tau upsilon chi"
    " psi omega Gamma Delta Theta Lambda Xi Pi Sigma Upsilon Phi Psi Omega"
).split()
_SYMBOLS = (
    "\u03b5varepsilon \u03c6varphi \u03c2varsigma \u03f5epsilon \u03d5phi \u00b5mu \u00b1pm"
    " \u00d7times \u00f7div \u00b7cdot ≤leq ≥geq ≠neq ≈approx \u223csim ∞infty →rightarrow"
    " ←leftarrow ↑uparrow ↓downarrow ↔leftrightarrow ⇒Rightarrow ∈in ∇nabla ∂partial ∑sum ∏prod"
    " ∝propto ∀forall ∃exists ≡equiv ⊂subset \u222acup ∩cap ∅emptyset √surd ∥parallel ¬neg"
).split()


def _greek(name: str) -> str:
    size = "SMALL" if name.islower() else "CAPITAL"
    return unicodedata.lookup(f"GREEK {size} LETTER {name.upper().replace('LAMBDA', 'LAMDA')}")


_MATH = {
    character: rf"\ensuremath{{\{command}}}"
    for character, command in [
        *((_greek(name), name) for name in _GREEK),
        *((symbol[0], symbol[1:]) for symbol in _SYMBOLS),
    ]
}
_RAISED = {
    raised: rf"\textsuperscript{{{plain}}}"
    for raised, plain in zip("⁰¹²³⁴⁵⁶⁷⁸⁹⁺", "0123456789+", strict=True)
}
_LOWERED = {
    low: rf"\textsubscript{{{plain}}}"
    for low, plain in zip("₀₁₂₃₄₅₆₇₈₉", "0123456789", strict=True)
}
_TEXT = {
    "⁻": r"\textsuperscript{\ensuremath{-}}", "\u2212": r"\ensuremath{-}", "\u2010": "-",
    "\u2011": "-", "\u2013": r"\textendash{}", "\u2014": r"\textemdash{}",
    "\u2018": r"\textquoteleft{}", "\u2019": r"\textquoteright{}",
    "\u201c": r"\textquotedblleft{}", "\u201d": r"\textquotedblright{}", "\u2026": r"\ldots{}",
    "\u2020": r"\dag{}", "\u2021": r"\ddag{}", "\u2022": r"\textbullet{}",
    "\u00b0": r"\textdegree{}", "\u00a7": r"\S{}", "\u00b6": r"\P{}", "\u00a9": r"\copyright{}",
    "\u00ae": r"\textregistered{}", "\u2122": r"\texttrademark{}", "\u20ac": r"\texteuro{}",
    "\u00a3": r"\pounds{}", "\u00df": r"\ss{}", "\u00e6": r"\ae{}", "\u00c6": r"\AE{}",
    "\u0153": r"\oe{}", "\u0152": r"\OE{}", "\u00f8": r"\o{}", "\u00d8": r"\O{}",
    "\u0142": r"\l{}", "\u0141": r"\L{}", "\u0131": r"\i{}", "\u00bf": r"\textquestiondown{}",
    "\u00a1": r"\textexclamdown{}",
}  # fmt: skip

COMMANDS: Mapping[str, str] = {**_ASCII, **_MATH, **_RAISED, **_LOWERED, **_TEXT}
"""Character → what LaTeX is given for it."""

_ACCENTS = frozenset("\u0300\u0301\u0302\u0303\u0304\u0306\u0307\u0308\u030a\u030b\u030c\u0327")
_LAST_ACCENTED = "\u017f"  # of Latin Extended-A, all of which pdfLaTeX knows


def is_known(character: str) -> bool:
    """Say whether a character is typeset everywhere, as it is or by a command."""
    if character.isascii() or character in COMMANDS:
        return True
    parts = unicodedata.normalize("NFD", character)
    return (character <= _LAST_ACCENTED and len(parts) == 2 and parts[0].isascii()
            and parts[1] in _ACCENTS)  # fmt: skip


def is_shown(character: str) -> bool:
    """Say whether a character is one to look at: no control or format character, no half of one."""
    return unicodedata.category(character) not in ("Cc", "Cf", "Cs", "Zl", "Zp")
