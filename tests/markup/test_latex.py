"""Text, numbers and tables for LaTeX, typeset by a real one where there is one."""

import re

import pytest
from hostile import NAMES, squeezed, visible
from tex import typeset

from epochal.core.errors import EvidenceError
from epochal.markup import latex
from epochal.markup.cells import Column, Number
from epochal.markup.characters import COMMANDS, is_known, is_shown

PLAIN = "\\usepackage{booktabs}\n"
NUMBERS = [
    Number(3.27837, 0.00142, bold=True), Number(13.2784, 1.4, mark="†"), Number(-0.5, 23.4),
    Number(200_000), Number(1.5e-7, 3e-9), Number(float("nan")), Number(1.0, 0.0),
    Number(2.5, underline=True), Number(-float("inf"), bold=True), Number(1.5e12),
    Number(1.0, float("inf")), Number(1234.5, 950.0),
]  # fmt: skip


def shown(name):
    """A name as pdfLaTeX shows it: by numbers where its fonts have no letters."""
    letters = filter(is_shown, name)
    return visible("".join(c if is_known(c) else f"U+{ord(c):04X}" for c in letters))


@pytest.mark.needs("pdflatex", "pdftotext")
def test_names_are_typeset_literally(tmp_path):
    """Each hostile name is read off the page as it is, though commands may run."""
    texts = [f"BEGIN{latex.escape(name)}END" for name in NAMES]
    made = typeset(tmp_path, "\n\n".join(texts), options=["-shell-escape"])
    seen = squeezed(made)
    wrong = [name for name in NAMES if f"BEGIN{shown(name)}END" not in seen]
    assert wrong == []
    assert "root:" not in made
    assert "uid=" not in made


@pytest.mark.needs("pdflatex", "pdftotext")
@pytest.mark.parametrize("preamble", ["", "\\usepackage[T1]{fontenc}\\usepackage{times}\n"])
def test_every_known_character_is_in_the_standard_fonts(tmp_path, preamble):
    """All of Latin-1 and Latin Extended-A that counts as known, and all commands, in OT1 and T1."""
    known = {chr(code) for code in range(0x20, 0x180) if is_known(chr(code))} | set(COMMANDS)
    body = "\n\n".join(f"a {latex.escape(character)} b" for character in sorted(known))
    made = squeezed(typeset(tmp_path, body, preamble=preamble))
    for character in "äÉčŐ±≤∞βΩ§?-":
        assert f"a{squeezed(character)}b" in made or not preamble


@pytest.mark.needs("pdflatex", "pdftotext")
@pytest.mark.parametrize("siunitx", [False, True])
def test_hostile_tables_compile(tmp_path, siunitx):
    """Headings, units, cells, caption, label, notes, marks and comments made of code."""
    columns = [Column(NAMES[0], unit="a_b%"), Column(NAMES[4], "r", arrow="down"), Column("n", "c")]
    rows = [[name, NUMBERS[at % len(NUMBERS)], name] for at, name in enumerate(NAMES[:30])]
    table = latex.tabular(
        columns, rows, siunitx=siunitx, caption="C " + NAMES[4], label=NAMES[0],
        notes=NAMES[:3], comment=["a\n\\input{/etc/passwd}", *NAMES],
    )  # fmt: skip
    made = typeset(tmp_path, table)
    seen = squeezed(made)
    assert [name for name in NAMES[:30] if shown(name) not in seen] == []
    assert "root:" not in made
    for number in ("3.2784 ± 0.0014", "13.3 ± 1.4", "200"):
        assert number.replace(" ", "") in seen
    bare = latex.tabular(columns, rows, siunitx=siunitx, notes=NAMES[:3])
    assert "\\begin{table}" not in bare
    typeset(tmp_path, bare)


@pytest.mark.needs("lualatex", "pdftotext")
def test_other_scripts_stay_as_they_are_elsewhere(tmp_path):
    """An engine that can typeset any character is given the character itself."""
    made = typeset(tmp_path, latex.escape("половина"), preamble="", program="lualatex")
    assert "U+" not in made


def test_escaped_text_has_no_command_of_its_own():
    """Without a LaTeX: every backslash is of a known command, every brace has its partner."""
    known = {re.match(r"[^{]*\\([A-Za-z]+|.)", c)[1] for c in COMMANDS.values() if "\\" in c}
    known |= {"ensuremath", "char", "texttt", "ifdefined", "Umathcode", "else", "fi"}
    for name in NAMES:
        text = latex.escape(name)
        assert "\n" not in text
        stripped = re.sub(r"\\[\\{}%&#$_]", "", text)
        assert stripped.count("{") == stripped.count("}")
        assert not re.search(r"(?<!\\)[%&#$_^~]", text.replace("\\ensuremath", "")), text
        assert set(re.findall(r"\\([A-Za-z]+)", text)) <= known | {
            command for body in COMMANDS.values() for command in re.findall(r"\\([A-Za-z]+)", body)
        }


def test_numbers():
    """Value, error, power of ten, emphasis and mark; what is no number stands as text."""
    assert latex.number(Number(3.27837, 0.00142)) == r"$3.2784 \pm 0.0014$"
    assert latex.number(Number(-12345)) == "$-12{,}345$"
    assert latex.number(Number(1.5e-7, 3e-9)) == r"$(1.500 \pm 0.030) \times 10^{-7}$"
    assert latex.number(Number(float("nan"))) == "NaN"
    assert latex.number(Number(0.5, bold=True, mark="†")) == (
        r"$\mathbf{0.5}$\textsuperscript{\dag{}}"
    )


def test_columns_of_siunitx_have_room_for_their_numbers():
    """Sign, whole part and decimals are those of the widest numbers; errors stand beside them."""
    stack = [Number(-3.27837, 0.00142), Number(123.4, 1.2, bold=True), "text", Number(2e-7, 1e-8)]
    table = latex.tabular([Column("a", "r")], [[cell] for cell in stack], siunitx=True)
    assert "S[table-format=-3.4, text-series-to-math, propagate-math-font]@{}l}" in table
    assert "\n\\multicolumn{2}{c}{a} \\\\\n" in table
    assert "\n-3.2784 & $\\;\\pm\\;0.0014$ \\\\\n" in table
    assert "\n\\bfseries 123.4 & $\\;\\mathbf{\\pm\\;1.2}$ \\\\\n" in table
    assert "\n\\multicolumn{2}{c}{text} \\\\\n\\multicolumn{2}{c}{$(2" in table
    whole = latex.tabular([Column("n")], [[Number(11_173_962)], ["x"]], siunitx=True)
    options = "table-format=8.0, group-minimum-digits=5, group-separator={,}"
    assert f"S[{options}]}}" in whole
    assert "{n} \\\\\n\\midrule\n11173962 \\\\\n{x} " in whole
    only_text = latex.tabular([Column("a", "r")], [["x"]], siunitx=True)
    assert "\\begin{tabular}{r}" in only_text


def test_units_and_percent_signs_stay_with_their_numbers():
    """A space that no line ends at; the unit is no math."""
    assert latex.number(Number(0.31, 0.002, unit="a_b")) == r"$0.3100 \pm 0.0020$~\mbox{a\_b}"
    assert latex.escape("a 95 % t interval, 5% and a % b") == r"a 95~\% t interval, 5\% and a \% b"


@pytest.mark.needs("pdflatex", "pdftotext")
def test_signs_are_for_math_too(tmp_path):
    """A p-value as a command of its own can stand between dollars."""
    made = typeset(tmp_path, f"${latex.escape('< 0.001')}$ and {latex.escape('<, >')}")
    assert squeezed(made).startswith("<0.001and<,>")
    assert "invalid in math mode" not in (tmp_path / "paper.log").read_text(errors="replace")


def test_a_row_does_not_belong_to_the_end_of_the_one_before():
    """A star at the beginning of a row would be read as a part of the line break."""
    table = latex.tabular([Column("a")], [["x"], ["*y"], ["[2cm]"]])
    assert "\n{}*y \\\\\n{[}2cm{]} \\\\\n" in table


def test_comments_stay_comments():
    """Whatever the text contains, no line of it is LaTeX."""
    for name in NAMES:
        assert len(latex.comment_line(name).splitlines()) == 1
        assert latex.comment_line(name).startswith("% ")


def test_names_of_commands():
    """Letters only; digits are spelled, other letters named or numbered."""
    expected = {
        "val/loss adamw 12": "valLossAdamwOneTwo", "β₁": "beta", "Ω": "Omega", "é": "e",
        "日": "USixFiveEFive", "x_y-z.w": "xYZW", "2nd": "TwoNd", "\\relax": "relax",
    }  # fmt: skip
    assert {name: latex.macro_name(name) for name in expected} == expected
    for nothing in ("", "///", "$%"):
        with pytest.raises(EvidenceError, match="no letter and no digit"):
            latex.macro_name(nothing)


def test_rows_must_fit():
    """A row with too few cells is an error that says which."""
    with pytest.raises(EvidenceError, match="row 1 of the table has 1 cells and there are 2"):
        latex.tabular([Column("a"), Column("b")], [["1", "2"], ["1"]])
