"""What is made of runs: files for each, a comparison of all, and one page that links them."""

import csv
import math
import os
import re
import shutil
from html import unescape
from urllib.parse import unquote

import pytest
from hostile import NAMES, squeezed, visible

import epochal
from epochal.core.errors import EvidenceError, MetricNotFoundError
from epochal.core.names import printable
from epochal.present.analysis import analyze
from epochal.present.comparison_files import Question, metric_of
from epochal.present.whence import whence
from epochal.read.view import RunView

OF_A_RUN = {
    *(f"{name}.{end}" for name in ("training_curves", "loss_distribution")
      for end in ("pdf", "png", "json", "csv")),
    "statistics_table.tex", "statistics_table.md", "paragraphs.tex", "paragraphs.md",
    "training_report.md",
}  # fmt: skip
OF_ALL = {
    *(f"{name}.{end}" for name in ("comparison", "seed_bands")
      for end in ("pdf", "png", "json", "csv")),
    "comparison_table.tex", "comparison_table.md", "comparison_table.csv", "verdicts.md",
    "comparison.tex",
}  # fmt: skip


def record(base, name, seed=0, *, state="finished", level=1.0, **config):
    """Record a training of 60 steps, and return its folder."""
    run = epochal.init(
        project="study", name=name, dir=str(base), seed=seed, config=config, follow="off",
        capture_environment=False,
    )  # fmt: skip
    for step in range(60):
        run.log({"train/loss": level + 2 / (1 + step), "lr": 0.1}, step=step)
        if step % 10 == 9:
            noise = 0.01 * (int(10 * level) * seed % 7)
            run.log({"val/loss": level + noise + 2 / (1 + step)}, step=step)
    run.finish(state)
    return run.dir


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """Two settings with three seeds each, one of which failed."""
    base = tmp_path_factory.mktemp("study")
    for optimizer, level in (("adamw", 1.0), ("sgd", 1.5)):
        for seed in range(3):
            record(base, f"{optimizer}-{seed}", seed, level=level, optimizer=optimizer)
    record(base, "sgd-3", 3, state="failed", optimizer="sgd")
    return base


@pytest.fixture(scope="module")
def made(study, tmp_path_factory):
    """Everything, made of the study once."""
    return analyze(study, tmp_path_factory.mktemp("out"), question=Question())


def text_of(path):
    """The text of a file."""
    with open(path, encoding="utf-8") as file:
        return file.read()


def links(html):
    """Every address of a page."""
    return [unescape(each) for each in re.findall(r'(?:href|src)="([^"]*)"', html)]


def test_of_one_run_the_files_lie_in_the_folder(study, tmp_path):
    """Exactly the promised files, PNG at 300 dpi, and the page."""
    (run,) = study.glob("study/adamw-0-*")
    found = analyze(run, tmp_path / "out")
    assert set(os.listdir(tmp_path / "out")) == {*OF_A_RUN, "index.html"}
    assert {os.path.basename(path) for path in found.files} == {*OF_A_RUN, "index.html"}
    from PIL import Image

    with Image.open(tmp_path / "out" / "training_curves.png") as picture:
        assert round(picture.info["dpi"][0]) == 300


def test_of_several_runs_each_has_its_folder(made):
    """All runs, the failed one too; and the comparison in the folder itself."""
    inside = set(os.listdir(made.folder))
    assert inside == {*OF_ALL, "index.html", "runs"}
    names = sorted(os.listdir(os.path.join(made.folder, "runs")))
    assert names == ["adamw-0", "adamw-1", "adamw-2", "sgd-0", "sgd-1", "sgd-2", "sgd-3"]
    for name in names:
        assert set(os.listdir(os.path.join(made.folder, "runs", name))) == OF_A_RUN
    assert not made.problems


def test_the_verdict_is_on_the_page_and_in_its_file(made):
    """In words, with n, the guards and the run that was left out."""
    (verdict,) = made.comparison.compared.verdicts
    assert verdict.word == "better"
    page, text = text_of(made.index), text_of(os.path.join(made.folder, "verdicts.md"))
    for shown in (page, text.replace("\\", "")):
        assert str(verdict) in unescape(shown)
        assert "sgd-3 (sgd): failed" in shown
    assert "n = 3" in str(verdict)


def test_every_link_leads_to_a_file_and_every_file_is_linked(made):
    """The page knows all that was made, with relative paths only."""
    found = set()
    for address in links(text_of(made.index)):
        if address.startswith("#"):
            assert f'id="{address[1:]}"' in text_of(made.index)
            continue
        assert address.startswith("./")
        path = os.path.join(made.folder, unquote(address))
        assert os.path.isfile(path), address
        found.add(os.path.normpath(path))
    assert found == {os.path.normpath(path) for path in made.files[1:]}


def test_every_file_says_where_it_comes_from(made):
    """Figures, tables, texts and the page itself name their runs."""
    ids = {run.run_id for run in made.runs}
    for path in made.files:
        if not path.endswith((".csv", ".json")) or path.endswith("_table.csv"):
            assert set(whence(path).provenance.runs) <= ids, path
    assert set(whence(made.index).provenance.runs) == ids


def test_made_again_with_a_helper_nothing_changes(study, made, tmp_path):
    """Part of the work in another process: the same bytes in the same order, elsewhere."""
    counted = []
    found = analyze(
        study, tmp_path / "out", question=Question(), helper=True, done=lambda: counted.append(1)
    )
    assert len(counted) == 8
    assert [run.name for run in found.runs] == [run.name for run in made.runs]
    for old, new in zip(made.files, found.files, strict=True):
        with open(old, "rb") as one, open(new, "rb") as other:
            assert one.read() == other.read(), new


def test_the_table_has_exact_numbers(made):
    """The CSV of the comparison reads back as numbers."""
    with open(os.path.join(made.folder, "comparison_table.csv"), encoding="utf-8") as file:
        rows = list(csv.DictReader(line for line in file if not line.startswith("#")))
    (value,) = [float(row["val/loss"]) for row in rows if row["Setting"] == "adamw"]
    assert value == pytest.approx(1.0 + (0 + 0.03 + 0.06) / 3 + 2 / 60)


def test_a_question_without_an_answer_is_a_problem(study, tmp_path):
    """The runs' own files are made all the same, and the page names what is missing."""
    found = analyze(
        [*study.glob("study/adamw-*")], tmp_path, question=Question("val/los", by=["optimizer"])
    )
    assert found.comparison is None
    assert len(found.runs) == 3
    (problem,) = found.problems
    assert "val/los" in problem
    assert "val/loss" in unescape(text_of(found.index))


def test_one_setting_is_nothing_to_compare(study, tmp_path):
    """There is a mean with its interval, no verdict, and a sentence that says why."""
    found = analyze([*study.glob("study/adamw-*")], tmp_path, question=Question())
    assert not found.problems
    assert "there is nothing to compare" in text_of(found.index)
    assert "0.0" in text_of(tmp_path / "verdicts.md")


def test_runs_of_the_same_name_do_not_share_a_folder(tmp_path):
    """Two runs called alike get the names of their run folders."""
    runs = [record(tmp_path / "runs", "same", seed) for seed in range(2)]
    found = analyze(runs, tmp_path / "out")
    assert [os.path.basename(run.folder) for run in found.runs] == [
        os.path.basename(run) for run in runs
    ]


def test_a_run_that_cannot_be_read_does_not_stop_the_others(study, tmp_path):
    """Its place on the page says what is wrong."""
    (run,) = study.glob("study/adamw-0-*")
    good, bad = shutil.copytree(run, tmp_path / "good"), shutil.copytree(run, tmp_path / "bad")
    for path in bad.rglob("*"):
        if path.is_file() and path.name != "run.json":
            path.write_bytes(b"damaged" * 100)
    found = analyze([good, bad], tmp_path / "out")
    assert len(found.runs[0].files) == len(OF_A_RUN)
    assert os.path.exists(found.index)


def test_empty_runs_have_a_page(tmp_path):
    """A run that logged nothing gives figures that say so."""
    with epochal.init(project="p", dir=str(tmp_path / "runs"), follow="off") as run:
        pass
    found = analyze(run.dir, tmp_path / "out")
    assert not found.problems
    assert len(found.runs[0].figures) == 2


def test_no_runs_are_an_error(tmp_path):
    """A folder without runs is not an empty page."""
    with pytest.raises(EvidenceError, match="no runs"):
        analyze(tmp_path, tmp_path / "out")


def test_what_is_compared_unless_it_is_said(study, tmp_path):
    """The validation loss; the training loss where there is none; else an error."""
    views = [RunView(path) for path in study.glob("study/*-202*")]
    assert metric_of(views) == "val/loss"
    with epochal.init(project="p", dir=str(tmp_path), follow="off") as run:
        run.log({"bleu": 1.0}, step=1)
    with pytest.raises(EvidenceError, match="choose another metric") as said:
        metric_of([RunView(run.dir)])
    assert "--" not in str(said.value)  # it is shown in the browser too
    assert not issubclass(MetricNotFoundError, EvidenceError)


HOSTILE = [name for name in NAMES if name.strip()][1::7]


@pytest.mark.filterwarnings("ignore:Glyph")
def test_hostile_names_are_text_everywhere(tmp_path):
    """Runs and settings called like code come out as text on the page, and nothing else."""
    for at, name in enumerate(HOSTILE):
        run = record(tmp_path / "runs", "x", level=1.0 + at, optimizer=name)
        RunView(run).rename(name.encode("utf-8", "replace").decode())
    found = analyze(tmp_path / "runs", tmp_path / "out", question=Question(by=["optimizer"]))
    assert not found.problems
    page = text_of(found.index)
    assert "<script" not in page.replace("&lt;", "")
    shown = squeezed(unescape(re.sub(r"<[^>]*>", "", page.partition("</head>")[2])))
    for name in HOSTILE:
        assert visible(printable(name.encode("utf-8", "replace").decode())) in shown


def test_nan_on_the_page(tmp_path):
    """A run whose loss became NaN says so, and its page is made."""
    with epochal.init(project="p", name="nan", dir=str(tmp_path / "r"), follow="off") as run:
        for step in range(60):
            run.log({"train/loss": math.nan if step > 30 else 1.0}, step=step)
    found = analyze(run.dir, tmp_path / "out")
    assert "train/loss is NaN or infinite 29 times of 60, first at step 31." in text_of(found.index)


def test_further_metrics_have_their_verdicts(study, tmp_path):
    """Each metric has its verdicts on the page and in the text; the first has the figures."""
    question = Question("val/loss", by=["optimizer"], also=["train/loss"])
    made = analyze(study, tmp_path, question=question).comparison
    assert [each.metric for each in (made.compared, *made.others)] == ["val/loss", "train/loss"]
    text = (tmp_path / "verdicts.md").read_text()
    assert "val/loss (last, lower is better)" in text
    assert "train/loss (last, lower is better)" in text
    assert "train/loss (last" in (tmp_path / "index.html").read_text()
