"""Checking a paper: every kind of drift between its text and its runs is caught."""

import shutil
from pathlib import Path

import pytest
from papers import PLAN, TEXT, record

import epochal
from epochal.core.errors import SettingError
from epochal.paper.check import check
from epochal.paper.findings import STATUSES
from epochal.paper.plan import load


def statuses(paper):
    """What → status of all findings."""
    return {each.what: each.status for each in paper.check().findings}


def body(text):
    """A LaTeX document with a body."""
    return (
        f"\\documentclass{{article}}\\input{{generated/numbers}}\\begin{{document}}\n{text}\n"
        "\\end{document}\n"
    )


def test_ok(paper):
    """A paper that was just built is right, and each finding says where it is used."""
    paper.build()
    checked = paper.check()
    assert checked.ok
    assert {each.status for each in checked.findings} == {"ok"}
    where = {each.what: each.where for each in checked.findings}
    assert where["number.best_loss = 3.278"] == ("main.tex:6",)
    assert where["table.main"] == ("main.tex:7",)
    assert where["text"] == ("main.tex:8", "main.tex:9")


def test_nothing_is_changed(paper):
    """A check writes nothing."""
    paper.build()
    before = paper.files()
    record(paper.folder / "runs", "adamw-4", 3.2, 4, optimizer="adamw", lr=0.001)
    assert not paper.check().ok
    assert paper.files() == before


def test_not_built(paper):
    """Before the first build everything is told to be built."""
    assert {status for _, status in paper.wrong()} == {"not built"}


def test_one_changed_run(paper):
    """A run that went on makes all that shows it stale, and only that."""
    paper.write(PLAN + '[number.sgd]\nmetric = "val/loss"\nover = "mean"\n'
                       "filter = 'config.optimizer == \"sgd\"'\n").build()  # fmt: skip
    (run,) = epochal.open(paper.folder / "runs").runs('name == "adamw-0"')
    with epochal.init(resume=run.id, dir=str(paper.folder / "runs"), project="lab", follow="off",
                      capture_environment=False) as again:  # fmt: skip
        again.log({"val/loss": 3.1}, step=9)
    found = {each.what: each for each in paper.check().findings}
    assert found["number.best_loss = 3.278"].status == "stale"
    assert found["number.best_loss = 3.278"].why == f"run {run.id} changed"
    assert found["claim best_loss: 3.28"].status == "stale"
    assert found["table.main"].status == found["text"].status == "stale"
    assert found["number.sgd = 3.401"].status == "unused"
    paper.build()
    assert paper.wrong() == [("claim best_loss: 3.28", "no run supports it")]


def test_edited_macro(paper):
    """A number that was changed in the macro file is named, with what it says now."""
    paper.build()
    path = paper.path("numbers.tex")
    path.write_text(path.read_text().replace("{3.278}", "{3.178}"))
    found = {each.what: each for each in paper.check().findings if not each.ok}
    assert set(found) == {"numbers", "number.best_loss = 3.278"}
    assert {each.status for each in found.values()} == {"edited by hand"}
    assert r"\BestLoss was changed to \ensuremath{3.178}" in found["number.best_loss = 3.278"].why


def test_redefined_macro(paper):
    """A command of a number must not be defined again in the text."""
    paper.write(text=TEXT.replace("The loss", "\\renewcommand{\\BestLoss}{3.1} The loss")).build()
    assert paper.wrong() == [(r"\BestLoss", "edited by hand")]


def test_edited_table(paper):
    """A table whose file was edited, and one whose file is gone."""
    paper.build()
    path = paper.path("tables/main.tex")
    path.write_text(path.read_text().replace("3.2781", "3.2701"))
    assert paper.wrong() == [("table.main", "edited by hand")]
    path.unlink()
    assert ("table.main", "missing") in paper.wrong()


def test_edited_and_stale(paper):
    """Both are said."""
    paper.build()
    paper.path("tables/main.tex").write_text("x")
    record(paper.folder / "runs", "adamw-4", 3.2, 4, optimizer="adamw", lr=0.001)
    (found,) = [each for each in paper.check().findings if each.what == "table.main"]
    assert found.status == "edited by hand"
    assert "and it is stale: run " in found.why


def test_claims(paper):
    """Numbers that are typed and named are compared by value."""
    text = "".join(f"\\claim{{best_loss}}{{{each}}}\n" for each in ("3.28", "3.27", "3.1"))
    paper.write(text=body(text + "\\claim{best_los}{3.28} \\Runs")).build()
    found = {each.what: each for each in paper.check().findings}
    assert found["claim best_loss: 3.28"].status == "ok"
    assert found["claim best_loss: 3.27"].status == "rounding differs"
    assert found["claim best_loss: 3.27"].where == ("main.tex:3",)
    assert found["claim best_loss: 3.1"].status == "no run supports it"
    assert found["claim best_los: 3.28"].status == "unknown name"
    assert "did you mean 'best_loss'?" in found["claim best_los: 3.28"].why


def test_no_runs_left(paper):
    """A number whose runs are gone is supported by none."""
    paper.build()
    for path in (paper.folder / "runs" / "lab").glob("adamw-*"):
        shutil.rmtree(path)
    for path in (paper.folder / "runs" / "lab").glob("broken-*"):
        shutil.rmtree(path)
    assert ("number.best_loss = 3.278", "no run supports it") in paper.wrong()


def test_without_runs(paper):
    """Without the runs the text is still compared with what was made."""
    paper.build()
    shutil.rmtree(paper.folder / "runs")
    plan = load(paper.folder)
    assert check(plan, runs=False).ok
    paper.path("tables/main.tex").write_text("x")
    (paper.folder / "main.tex").write_text(TEXT.replace("{3.28}", "{3.1}"))
    found = {each.what: each.status for each in check(plan, runs=False).findings if not each.ok}
    assert found == {
        "table.main": "edited by hand", "claim best_loss: 3.1": "no run supports it",
    }  # fmt: skip


def test_unused(paper):
    """What is made and not shown is said, and no mistake."""
    paper.write(text=body("Nothing.")).build()
    assert statuses(paper) == {
        "numbers": "ok", "number.best_loss = 3.278": "unused", "number.runs = 6": "unused",
        "table.main": "unused", "text": "unused", "comparison.main": "ok",
    }  # fmt: skip
    assert paper.check().ok


def test_copies(paper):
    """A copy of a file that was made is known by its bytes; a changed copy by its name."""
    paper.write(text=body("\\BestLoss \\Runs \\input{main_table} \\input{copies/main}"))
    paper.build()
    table = paper.path("tables/main.tex").read_text()
    (paper.folder / "main_table.tex").write_text(table)
    (paper.folder / "copies").mkdir()
    (paper.folder / "copies" / "main.tex").write_text(table.replace("3.2781", "3.2701"))
    assert statuses(paper)["main_table"] == "ok"
    assert paper.wrong() == [("copies/main", "edited by hand")]


def test_pasted_table(paper):
    """A table that was pasted into Markdown is compared with what was made."""
    plan = PLAN.replace('"main.tex"', '"main.md"')
    paper.write(plan).build()
    table = paper.path("tables/main.md").read_text()
    text = f"# A\n\n<!-- claim best_loss -->3.28<!-- /claim -->\n\n{table}\n\n![x](y.png)\n"
    (paper.folder / "main.md").write_text(text)
    checked = paper.check()
    assert checked.ok
    coverage = checked.coverage
    assert (coverage.numbers.total, coverage.tables.covered, coverage.tables.total) == (1, 1, 1)
    (paper.folder / "main.md").write_text(text.replace("3.2781", "3.2701"))
    assert paper.wrong() == [("a copy in the text", "edited by hand")]


def test_other_files_of_the_text(paper):
    """What the text reads in belongs to it."""
    paper.write(text=body("\\input{sections/one}"))
    (paper.folder / "sections").mkdir()
    (paper.folder / "sections" / "one.tex").write_text("\n\\claim{best_loss}{3.1} and 4.5\n")
    paper.build()
    (wrong,) = [each for each in paper.check().findings if not each.ok]
    assert wrong.where == ("sections/one.tex:2",)
    assert paper.check().coverage.free == (("sections/one.tex:2", "4.5"),)


def test_coverage(paper):
    """It is counted how much of the text comes from the runs."""
    paper.write(text=body(
        "\\BestLoss, \\claim{best_loss}{3.28}, 4.5 and 12\\%.\n\\input{generated/tables/main}\n"
        "\\begin{tabular}{l}1\\end{tabular}\n\\includegraphics{photo}"
    ))  # fmt: skip
    (paper.folder / "photo.png").write_bytes(b"no figure of ours")
    paper.build()
    coverage = paper.check().coverage
    assert str(coverage.numbers) == "2 of 4"
    assert [printed for _, printed in coverage.free] == ["4.5", "12\\%"]
    assert str(coverage.tables) == "1 of 2"
    assert str(coverage.figures) == "0 of 1"
    assert statuses(paper)["photo"] == "not generated"


def test_changed_plan(paper):
    """A section that changed since the build is stale."""
    paper.build()
    paper.write(PLAN.replace('over = "mean"', 'over = "min"'))
    assert ("number.best_loss = 3.278", "stale") in paper.wrong()


def test_a_file_that_is_gone_is_named(paper):
    """Of a table in several formats the one that the text reads."""
    paper.write(PLAN.replace('of = "main"', 'of = "main"\nformats = ["tex", "md", "csv"]')).build()
    paper.path("tables/main.tex").unlink()
    (found,) = [each for each in paper.check().findings if each.what == "generated/tables/main"]
    assert (found.status, found.why) == ("missing", "tables/main.tex is not there")


def test_removed_number(paper):
    """A number that the plan has no more is still in the macro file: stale."""
    paper.build()
    start, rest = PLAN.split("[number.runs]")
    paper.write(start + rest.partition("[text]")[1] + rest.partition("[text]")[2])
    assert ("numbers", "stale") in paper.wrong()


def test_words():
    """Every word that a check says is explained in the guide."""
    guide = Path(__file__).parents[2] / "docs" / "how-to" / "paper.md"
    for status in STATUSES:
        assert f"| {status} |" in guide.read_text()


@pytest.fixture
def figure(paper):
    """A paper with a figure."""
    pytest.importorskip("matplotlib")
    plan = '\n[figure.curves]\nkind = "training_curves"\nby = "config.optimizer"\n'
    paper.write(PLAN + plan, body("\\BestLoss \\Runs \\input{generated/figures/curves}"))
    assert paper.build()["figure.curves"] == "made"
    return paper


def test_swapped_figure(figure):
    """A figure is told by its bytes: in its place, as a copy, and under its name elsewhere."""
    assert figure.check().ok
    assert str(figure.check().coverage.figures) == "1 of 1"
    path = figure.path("figures/curves.pdf")
    good = path.read_bytes()
    path.write_bytes(good + b"\n% another")
    assert figure.wrong() == [("figure.curves", "swapped")]
    path.write_bytes(good)
    (figure.folder / "curves.pdf").write_bytes(good)
    (figure.folder / "main.tex").write_text(body("\\BestLoss \\includegraphics{curves}"))
    assert statuses(figure)["curves"] == "ok"
    (figure.folder / "curves.pdf").write_bytes(good[:-1])
    assert figure.wrong() == [("curves", "swapped")]
    (figure.folder / "curves.pdf").rename(figure.folder / "loss.pdf")
    (figure.folder / "main.tex").write_text(body("\\BestLoss \\includegraphics{loss.pdf}"))
    assert figure.wrong() == [("loss.pdf", "stale")]


def test_figure_is_the_same_again(figure):
    """Figures are the same bytes when they are made again."""
    before = figure.files()
    for path in (figure.folder / "generated" / "figures").iterdir():
        path.unlink()
    assert figure.build()["figure.curves"] == "made"
    assert figure.files() == before


FIGURES = """
[figure.a]
kind = "comparison"
of = "main"
[figure.b]
kind = "ablation"
of = "main"
baseline = "sgd"
[figure.c]
kind = "seed_bands"
of = "main"
column = "single"
formats = ["png", "svg"]
[figure.d]
kind = "parallel_coordinates"
metric = "val/loss"
[figure.e]
kind = "training_progress"
filter = 'name == "adamw-0"'
[figure.f]
kind = "training_progress"
[figure.g]
kind = "comparison"
"""


def test_kinds_of_figures(paper):
    """A figure is drawn of runs, of one run or of a comparison, as its function takes it."""
    pytest.importorskip("matplotlib")
    paper.write(PLAN.partition("[table.main]")[0] + FIGURES)
    done = {each.title: each for each in paper.built().done}
    failed = {title: each.why for title, each in done.items() if each.what == "failed"}
    assert set(failed) == {"figure.f", "figure.g"}
    assert "[figure.f] kind draws one run, and 7 match" in failed["figure.f"]
    assert "[figure.g] has no of: name the comparison" in failed["figure.g"]
    assert done["figure.c"].files[:2] == ("figures/c.png", "figures/c.svg")
    assert r"\includegraphics{generated/figures/c.png}" in paper.path("figures/c.tex").read_text()


def test_figures_over_tasks(paper):
    """Profiles and diagrams are named like the others; their `of` is a comparison or `scores`."""
    pytest.importorskip("matplotlib")
    for optimizer, score in (("adamw", 0.8), ("sgd", 0.7), ("lion", 0.6)):
        for at, task in enumerate("abcd"):
            loss = score + 0.01 * at
            record(paper.folder / "tasks", "r", loss, 0, metric="acc", opt=optimizer, task=task)
    section = '[figure.{}]\nkind = "{}"\ntask = "config.task"\n{}\n'
    own = 'metric = "acc"\nby = "config.opt"\ngoal = "maximize"'
    paper.write(
        '[paper]\nruns = "tasks"\n[comparison.m]\nmetric = "acc"\nby = "config.opt"\n'
        + section.format("a", "performance_profile", f'{own}\nscores = "mean scores"')
        + section.format("b", "critical_difference", own)
        + section.format("c", "critical_difference", 'of = "m"')
        + section.format("d", "performance_profile", 'of = "mean scores"')
    )
    with pytest.raises(SettingError, match=r"names the comparison 'mean scores'"):
        load(paper.folder)
    path = paper.folder / "paper.toml"
    path.write_text(path.read_text().partition("[figure.d]")[0])
    assert {each.why for each in paper.built().done if each.what == "failed"} == set()
    assert "Performance profiles of" in paper.path("figures/a.tex").read_text()
    assert "over n = 4 tasks" in paper.path("figures/b.tex").read_text()
    assert "over n = 4 tasks" in paper.path("figures/c.tex").read_text()


def test_figure_options(paper):
    """An option that the figure does not have is a mistake with its line."""
    paper.write('[figure.a]\nkind = "training_curves"\nwidht = 3\n[figure.b]\nkind = "curves"\n')
    whys = {each.title: each.why for each in paper.built().done}
    assert whys["figure.a"].startswith("paper.toml, line 3, [figure.a] widht is no option of")
    assert whys["figure.b"].startswith("paper.toml, line 5, [figure.b] kind is 'curves'")


@pytest.mark.needs("pdflatex", "pdftotext")
def test_latex(figure):
    """What was made compiles, and prints what the runs say."""
    from tex import typeset

    text = ("Loss \\BestLoss{} of \\Runs, \\claim{best_loss}{3.28}.\n\\input{generated/tables/main}"
            "\n\n\\input{generated/text/setup}\n\n\\input{generated/text/results_main}\n"
            "\\input{generated/figures/curves}")  # fmt: skip
    shown = typeset(figure.folder, text, before="\\input{generated/numbers}")
    assert "Loss 3.278 of 6, 3.28." in shown
    assert "Training and validation loss" in " ".join(shown.split()) or "Figure 1" in shown
