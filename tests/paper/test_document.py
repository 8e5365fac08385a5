"""What the text of a paper shows: claims, files, and numbers that may be results."""

import pytest

from epochal.paper.text.document import Document
from epochal.paper.text.numbers import numbers_in


def numbers(text, name="a.tex"):
    """The numbers of a text as they are printed."""
    return [each.printed for each in numbers_in(Document(name, text))]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Loss 3.28, or 5\\% and 7 \\% of 12 runs", ["3.28", "5\\%", "7 \\%"]),
        ("% 3.28\n3.5 \\% of % 1.1\n", ["3.5 \\%"]),
        ("Section 3.2, Tab.~1.2, Figure 2.5, GPT-3.5, Qwen2.5, v1.2, 1.2.3, Python 3.11", []),
        ("\\includegraphics[width=0.5\\linewidth]{a-0.5.pdf} \\vspace{1.5em} 0.5\\textwidth", []),
        ("\\cite[p. 3.2]{smith1.5} \\ref{fig:1.5} \\url{x/1.5}", []),
        ("a 95\\% confidence interval, 99 \\% CI", []),
        ("in 2024 we ran 30 runs", []),
        ("12{,}345.5 and 1,234.5", ["12{,}345.5", "1,234.5"]),
        ("\\usepackage[scale=0.9]{x}\\begin{document}1.5\\end{document}2.5", ["1.5"]),
        ("\\begin{verbatim}1.5 %\\end{verbatim}\\verb|2.5| 3.5", ["3.5"]),
        ("\\begin{minipage}{0.4\\linewidth}$\\alpha=0.05$\\end{minipage}", ["0.05"]),
        ("\\newcommand{\\x}{1.5} \\begin{thebibliography}{9} 2.5 \\end{thebibliography}", []),
        ("50\\% % 1.5", ["50\\%"]),
        ("a \\\\% 1.5\n2.5", ["2.5"]),
    ],
)
def test_latex_numbers(text, found):
    """Decimals and percentages of the text count; lengths, names, citations do not."""
    assert numbers(text) == found


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Loss **3.28**, 5% and 7 %", ["3.28", "5%", "7 %"]),
        ("---\nversion: 1.5\n---\n2.5", ["2.5"]),
        ("`1.5` and\n```python\n2.5\n```\n3.5", ["3.5"]),
        ("[a](x-1.5.html) <https://a/2.5> ![b](c2.5.png) <!-- 4.5 --> 3.5", ["3.5"]),
    ],
)
def test_markdown_numbers(text, found):
    """The same in Markdown."""
    assert numbers(text, "a.md") == found


def test_lines():
    """Positions are those of the file."""
    (found,) = numbers_in(Document("a.tex", "% 1.5\n\n 2.5"))
    assert found.line == 3


def test_claims():
    """A claim is a name and what is printed; its definition is none."""
    text = "\\newcommand{\\claim}[2]{#2}\n\\claim{a}{$\\textbf{3.5} \\pm 0.1$} % \\claim{b}{2}\n"
    (claim,) = Document("a.tex", text).claims
    assert (claim.name, claim.printed, claim.line) == ("a", "$\\textbf{3.5} \\pm 0.1$", 2)
    assert text[claim.start : claim.end] == "\\claim{a}{$\\textbf{3.5} \\pm 0.1$}"
    (claim,) = Document("a.md", "x <!-- claim a -->**3.5**<!-- /claim -->").claims
    assert claim[:2] == ("a", "**3.5**")


def test_included():
    """Figures and files that are read in, with their lines."""
    text = ("\\graphicspath{{figs/}{more/}}\n\\includegraphics[width=1cm]{a}% \\includegraphics{b}"
            "\n\\input{sections/one} \\include{two}")  # fmt: skip
    document = Document("a.tex", text)
    assert [(e.path, e.line, e.figure) for e in document.included] == [
        ("a", 2, True), ("sections/one", 3, False), ("two", 3, False),
    ]  # fmt: skip
    assert document.graphics_paths == ["figs/", "more/"]
    text = '![x](a.png "title") <img alt="" src="b.svg"> `![c](c.png)`'
    assert [each.path for each in Document("a.md", text).included] == ["a.png", "b.svg"]


def test_uses():
    """Commands are found whole; their definitions are told apart."""
    document = Document("a.tex", "\\Best{} \\Bests \\Best\n\\renewcommand{\\Best}{1}\\def\\Best{2}")
    assert document.uses("Best") == [1, 1]
    assert document.definitions("Best") == [2, 2]


def test_what_does_not_end_hides_the_rest():
    """A comment or literal text without an end reaches to the end of the file, as when printed."""
    assert numbers_in(Document("a.md", "1.5 <!-- 2.5\n" + "<!-- " * 10_000 + "3.5"))[1:] == []
    text = r"1.5 \begin{verbatim} 2.5 " + r"\begin{verbatim}" * 10_000 + "3.5"
    assert [each.printed for each in numbers_in(Document("a.tex", text))] == ["1.5"]
    claims = Document("a.tex", r"\claim{a}{" * 1000).claims
    assert len(claims) == 1000
    assert max(len(claim.printed) for claim in claims) <= 1000
