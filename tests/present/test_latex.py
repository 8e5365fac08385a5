"""Everything that is written for LaTeX, typeset by a real one."""

import math
import subprocess
from types import SimpleNamespace

import pytest
from hostile import NAMES, squeezed
from tex import typeset

import epochal
from epochal.markup.cells import Number
from epochal.present.macros import macros
from epochal.present.sentences import figure_environment, results_paragraph, setup_paragraph
from epochal.present.tables import comparison, statistics

pytestmark = pytest.mark.needs("pdflatex", "pdftotext")
QUIET = {"project": "p", "follow": "off", "capture_environment": False}
LITERAL = [r"\input{/etc/passwd}", "=cmd|' /C calc'!A0", "<script>alert(1)</script>",
           "]](javascript:alert(1))", "100% & more_#1 {a} $x^2$ ~"]  # fmt: skip


def template(name):
    """A run's name in which braces are braces and no keys of the config."""
    return name.replace("{", "{{").replace("}", "}}")


def group(value, error, n):
    """Stands in for a group of runs."""
    low, high = value - error, value + error
    estimate = SimpleNamespace(
        value=value, low=low, high=high, n=n, level=0.95, method="t interval"
    )
    return SimpleNamespace(estimate=estimate, runs=())


def compared(names):
    """Stands in for a comparison of settings with these names; each second one is as good."""
    groups = {name: group(3.27837 + i, 0.00142, 5) for i, name in enumerate(names)}
    groups["one"] = group(-12.5, math.nan, 1)
    return SimpleNamespace(
        groups=groups, metric=names[0], statistic="last", goal="minimize", level=0.95,
        correction="holm", best=names[0], not_worse=tuple(names[::2]), guards=(names[0],),
        verdicts=tuple(f"{name} is worse" for name in names),
    )  # fmt: skip


@pytest.fixture
def run_dir(tmp_path):
    """A run whose name and config are made of code."""
    config = {"optimizer": LITERAL[4], "lr": 3e-6, "epochs": 2}
    with epochal.init(name=template(LITERAL[0]), dir=str(tmp_path), config=config, **QUIET) as run:
        for step in range(3):
            run.log({"val/loss": 1 / (step + 1), "train/loss": 200_000.0}, step=step, epoch=step)
    return run.dir


@pytest.mark.parametrize("siunitx", [False, True])
def test_tables(tmp_path, run_dir, siunitx):
    """Both tables, floating and not, with names made of code read off the page literally."""
    first = comparison(compared(LITERAL), siunitx=siunitx, caption=LITERAL[0])
    with epochal.init(name=template(LITERAL[2]), dir=str(tmp_path), **QUIET) as run:
        run.log({"val/loss": 1.0}, step=1)
    second = statistics([run_dir, run.dir], caption="Statistics.", mean=True)
    for name, table in (("a", first), ("b", second)):
        table.to_latex(tmp_path / f"{name}.tex", siunitx=siunitx)
    third = comparison(compared(NAMES)).to_latex(siunitx=siunitx)
    body = "\\input{a.tex}\n\\input{b}\n\\clearpage\\tiny\n"
    made = typeset(tmp_path, body + third)
    seen = squeezed(made)
    assert [name for name in LITERAL if squeezed(name) not in seen] == []
    assert "3.2784±0.0014" in seen
    assert "BestValLoss" in seen
    assert "notrecorded" in seen
    assert "root:" not in made


def test_plain_tables_need_booktabs_only(tmp_path, run_dir):
    """Without siunitx and with the standard fonts."""
    table = statistics(run_dir).to_latex() + comparison(compared(LITERAL)).to_latex()
    typeset(tmp_path, table, preamble="\\usepackage{booktabs}\n")


def test_paragraphs_and_figures(tmp_path, run_dir):
    """Set-up, results and a figure environment whose file is there."""
    (tmp_path / "plots").mkdir()
    small = "\\usepackage[paperwidth=5cm,paperheight=3cm,margin=5mm]{geometry}\n"
    typeset(tmp_path, "a figure", preamble=small)
    (tmp_path / "paper.pdf").rename(tmp_path / "plots" / "val_loss (1).pdf")
    body = [
        setup_paragraph(run_dir).latex, results_paragraph(run_dir).latex,
        results_paragraph(compared(LITERAL)).latex,
        figure_environment("plots/val_loss (1).pdf", LITERAL[4]), "See \\ref{fig:val-loss-1}.",
    ]  # fmt: skip
    made = typeset(tmp_path, "\n\n".join(body))
    seen = squeezed(made)
    assert [name for name in LITERAL if squeezed(f"{name} is worse.") not in seen] == []
    assert f"Wetrainfor2epochswith{squeezed(LITERAL[4])}andalearningrateof" in seen
    assert "Figure 1" in made


def test_macros(tmp_path):
    """Commands in text, in math and in a table; another definition of one is an error."""
    numbers = {
        "val/loss": Number(3.27837, 0.00142),
        "n 2": Number(200_000),
        "flops": Number(1.5e10),
    }
    texts = {f"text {i}": name for i, name in enumerate(LITERAL)}
    (tmp_path / "numbers.tex").write_text(macros({**numbers, **texts}), encoding="utf-8")
    body = r"A \valLoss{} b, $x = \valLoss$, \nTwo{} and \flops! \textZero{} \textFour"
    made = squeezed(typeset(tmp_path, body, before="\\input{numbers}"))
    assert "A3.2784±0.0014b,x=3.2784±0.0014,200,000and1.5\u00d71010!" in made
    assert squeezed(LITERAL[0] + LITERAL[4]) in made
    with pytest.raises(AssertionError, match="already defined"):
        typeset(tmp_path, body, before="\\input{numbers}\\input{numbers}")


def test_text_cannot_run_commands(tmp_path):
    """Even where LaTeX is allowed to: no file appears."""
    target = tmp_path / "made-by-latex"
    attacks = [rf"\immediate\write18{{touch {target}}}", f"|touch {target}",
               rf'\input|"touch {target}"']  # fmt: skip
    table = comparison(compared(attacks), caption=attacks[0]).to_latex()
    body = table + results_paragraph(compared(attacks)).latex
    typeset(tmp_path, body, options=["-shell-escape"])
    assert not target.exists()
    shell = ["pdflatex", "-shell-escape", "-interaction=batchmode", attacks[0]]
    subprocess.run(shell, cwd=tmp_path, capture_output=True, check=False)
    assert target.exists()  # which it would have, had it been a command
