"""Building a paper: what is made, what is left alone, and what is in the way."""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace

import pytest
from hostile import NAMES, squeezed, visible
from papers import PLAN, QUIET, record
from tex import typeset

import epochal
from epochal.core.errors import SettingError
from epochal.paper import state
from epochal.paper.build import build
from epochal.paper.plan import load
from epochal.paper.start import quoted


def test_everything_is_made(paper):
    """Tables, numbers and paragraphs lie in the output folder, and the lock knows their hashes."""
    assert set(paper.build().values()) == {"made"}
    assert set(paper.files()) == {
        "generated/numbers.md", "generated/numbers.tex", "generated/paper.lock.json",
        "generated/tables/main.md", "generated/tables/main.tex", "generated/text/results_main.md",
        "generated/text/results_main.tex", "generated/text/setup.md", "generated/text/setup.tex",
    }  # fmt: skip
    numbers = paper.path("numbers.tex").read_text()
    assert r"\newcommand{\BestLoss}{\ensuremath{3.278}}" in numbers
    assert r"\newcommand{\Runs}{\ensuremath{6}}" in numbers
    assert r"\providecommand{\claim}[2]{#2}" in numbers
    assert "3.2781" in paper.path("tables/main.md").read_text()


def test_unchanged(paper):
    """A second build changes no byte and touches no file."""
    paper.build()
    before = paper.files()
    times = {name: os.stat(paper.folder / name).st_mtime_ns for name in before}
    assert set(paper.build().values()) == {"unchanged"}
    assert paper.files() == before
    assert times == {name: os.stat(paper.folder / name).st_mtime_ns for name in before}


def test_unchanged_loads_little(paper):
    """A second build loads nothing that draws, tests or has data frames."""
    paper.build()
    program = (
        "import sys; from epochal.cli.paper import paper\n"
        "try: paper(['build'])\n"
        "except SystemExit as end: assert not end.code, end.code\n"
        "print({'matplotlib', 'scipy', 'pandas', 'torch'} & set(sys.modules))"
    )
    command = [sys.executable, "-c", program]
    result = subprocess.run(command, cwd=paper.folder, capture_output=True, text=True, check=True)
    assert result.stdout.splitlines()[-2:] == ["6 outputs, 6 unchanged", "set()"]


def test_same_bytes_elsewhere(paper, tmp_path):
    """Another folder, with copies of the runs, gives the same bytes: no path, no time."""
    paper.build()
    other = tmp_path / "other"
    other.mkdir()
    for name in ("runs", "paper.toml", "main.tex"):
        copy = shutil.copytree if name == "runs" else shutil.copy
        copy(paper.folder / name, other / name)
    build(load(other))
    made = {p.name: p.read_bytes() for p in (other / "generated").rglob("*") if p.is_file()}
    assert made == {name.rpartition("/")[2]: data for name, data in paper.files().items()}
    assert str(tmp_path).encode() not in b"".join(made.values())


def test_only_what_changed(paper):
    """A new run makes again what it belongs to, and says which run it is."""
    paper.write(PLAN + '[number.sgd]\nmetric = "val/loss"\nover = "mean"\n'
                       "filter = 'config.optimizer == \"sgd\"'\n").build()  # fmt: skip
    run = record(paper.folder / "runs", "adamw-4", 3.2, 4, optimizer="adamw", lr=0.001)
    done = {each.title: each for each in paper.built().done}
    assert done["number.sgd"].what == "unchanged"
    assert done["number.best_loss"].what == "made"
    assert done["number.best_loss"].why == f"run {run.id} is new"
    assert done["table.main"].what == done["text"].what == done["numbers"].what == "made"


def test_what_decides(paper):
    """A changed run or section makes again; a tag, a note and another section do not."""
    paper.build()
    (run,) = epochal.open(paper.folder / "runs").runs('name == "adamw-0"')
    run.tag("seen")
    run.note("looks good")
    assert set(paper.build().values()) == {"unchanged"}
    paper.write(PLAN.replace('of = "main"', 'of = "main"\ncaption = "Loss."'))
    assert [t for t, what in paper.build().items() if what == "made"] == ["table.main"]
    with epochal.init(resume=run.id, dir=str(paper.folder / "runs"), project="lab", follow="off",
                      capture_environment=False) as again:  # fmt: skip
        again.log({"val/loss": 3.1}, step=9)
    done = {each.title: each for each in paper.built().done}
    assert done["number.best_loss"].why == f"run {run.id} changed"
    assert done["number.runs"].what == "made"


def test_changed_by_hand(paper):
    """A file that was changed or removed by hand is made again, with a message."""
    paper.build()
    before = paper.files()
    paper.path("tables/main.tex").write_text("3.0")
    paper.path("text/setup.md").unlink()
    done = {each.title: each for each in paper.built().done if each.what == "made"}
    assert set(done) == {"table.main", "text"}
    assert done["table.main"].why.startswith("tables/main.tex was changed by hand")
    assert done["text"].why == "text/setup.md is not there anymore"
    assert paper.files() == before


def test_strangers_file(paper):
    """A file of the user is never replaced, also if the lock is lost."""
    paper.build()
    paper.path("paper.lock.json").unlink()
    assert set(paper.build().values()) == {"made"}  # ours, by what stands in it
    paper.path("paper.lock.json").unlink()
    paper.path("tables/main.tex").write_text("mine")
    done = {each.title: each for each in paper.built().done}
    assert done["table.main"].what == "failed"
    assert "is in the way" in done["table.main"].why
    assert paper.path("tables/main.tex").read_text() == "mine"


def test_made_no_more(paper):
    """What the plan names no more is removed, unless it was changed by hand."""
    paper.build()
    paper.path("text/setup.tex").write_text("mine")
    paper.write(PLAN.partition("[text]")[0]).build()
    assert "generated/text/setup.tex" in paper.files()
    assert "generated/text/setup.md" not in paper.files()
    assert "generated/text/results_main.tex" not in paper.files()


def test_failure_stops_nothing(paper):
    """What cannot be made is reported, the rest is made, and what was made before stays."""
    paper.build()
    table = paper.path("tables/main.tex").read_bytes()
    paper.write(PLAN.replace('"val/loss"\nby', '"val/los"\nby') + '[number.more]\nover = "count"\n')
    built = paper.built()
    done = {each.title: each for each in built.done}
    assert not built.ok
    assert done["table.main"].what == "failed"
    assert "line 6, [comparison.main]" in done["table.main"].why
    assert "did you mean 'val/loss'?" in done["table.main"].why
    assert done["number.more"].what == "made"
    assert paper.path("tables/main.tex").read_bytes() == table


def test_same_command(paper):
    """Two numbers with the same LaTeX command are a mistake that names both."""
    paper.write(PLAN + '[number.best-loss]\nover = "count"\n')
    (done,) = [each for each in paper.built().done if each.title == "numbers"]
    assert done.what == "failed"
    assert r"[number.best-loss] gives the command \BestLoss, as [number.best_loss] does" in done.why


def test_lock(paper):
    """The lock is strict JSON, sorted; one that a merge has mixed is not believed."""
    paper.build()
    path = paper.path("paper.lock.json")
    lock = json.loads(path.read_text(), parse_constant=pytest.fail)
    assert path.read_text() == json.dumps(lock, indent=1, sort_keys=True) + "\n"
    lock["outputs"]["number.best_loss"]["facts"]["value"] = 3.1
    path.write_text(json.dumps(lock))
    with pytest.raises(SettingError, match=r"damaged.*delete it and run `epochal paper build`"):
        paper.build()


def test_lock_cannot_reach_out(paper):
    """A lock that names files elsewhere is not believed: nothing there is removed."""
    mine = paper.folder / "mine.tex"
    mine.write_text("mine")
    paper.build()
    out = str(paper.folder / "generated")
    made = state.read(out)
    hashes = {"../mine.tex": state.sha256_of(str(mine))}
    state.write(out, {**made, "table.x": replace(made["table.main"], files=hashes)})
    with pytest.raises(SettingError, match=r"is damaged at table\.x"):
        paper.build()
    assert mine.read_text() == "mine"


def test_no_runs(paper):
    """A folder of runs that is not there is named with its line."""
    shutil.rmtree(paper.folder / "runs")
    with pytest.raises(SettingError, match=r"line 3, \[paper\] runs"):
        paper.build()


def test_no_file_knows_of_earlier_looks(paper, monkeypatch, tmp_path):
    """How often one looked at the data stands in a cache: files are the same without it."""
    paper.build()
    record(paper.folder / "runs", "more", 3.2785, 7, optimizer="adamw", lr=0.001)
    (done,) = [each for each in paper.built().done if each.title == "comparison.main"]
    assert any("this is look 2" in note for note in done.notes)
    before = paper.files()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    shutil.rmtree(paper.folder / "generated")
    paper.build()
    assert paper.files() == before
    assert not any(b"this is look" in content for content in before.values())


def test_other_metrics_of_the_paper(paper):
    """A paper that compares the same groups by two metrics says so below both tables."""
    for run in list((paper.folder / "runs").iterdir()):
        shutil.rmtree(run)
    for seed in range(3):
        for at, kind in enumerate("ab"):
            with epochal.init(config={"k": kind}, seed=seed, dir=str(paper.folder / "runs"),
                              **QUIET) as run:  # fmt: skip
                run.log({"loss": at + 0.1 * seed * seed, "acc": at + 0.2 * seed * seed}, step=1)
    plan = '[comparison.a]\nmetric = "loss"\n[table.t]\nof = "a"\ncaption = "T."\n'
    other = (
        '[comparison.b]\nmetric = "acc"\ngoal = "maximize"\n[table.u]\nof = "b"\ncaption = "U"\n'
    )
    paper.write(plan).build()
    alone = paper.path("tables/t.tex").read_text()
    assert "compared on the same groups" not in alone
    assert paper.write(plan + other).build()["table.t"] == "made"
    told = "is compared on the same groups too: p is not corrected over both metrics"
    assert f"acc {told}" in paper.path("tables/t.tex").read_text()
    assert f"loss {told}" in paper.path("tables/u.tex").read_text()
    assert r"\label{tab:t}" in alone
    assert r"\label{tab:u}" in paper.path("tables/u.tex").read_text()


def test_a_run_is_renamed(paper):
    """What shows names of runs is made again, and numbers are not."""
    paper.write(PLAN + '[table.all]\nkind = "statistics"\n').build()
    (run,) = epochal.open(paper.folder / "runs").runs().filter('name == "sgd-0"')
    run.rename("baseline")
    assert ("table.all", "stale") in paper.wrong()
    done = paper.build()
    assert (done["table.all"], done["number.runs"]) == ("made", "unchanged")
    assert "baseline" in paper.path("tables/all.tex").read_text()


@pytest.mark.needs("pdflatex", "pdftotext")
def test_hostile_names(tmp_path):
    """Names of runs, metrics and settings that are code come out as text, in a real LaTeX too."""
    metric = r"loss \input{x} & 50% #1 $y$ _z^"
    names = [name for name in NAMES if name.isascii() and name.isprintable()][:12]
    for at, name in enumerate(names):
        for seed in range(2):
            record(tmp_path / "runs", name, 1 + at + 0.01 * seed, seed, metric=metric, kind=name)
    quoted_metric, first = quoted(metric), quoted(f"config.kind == {quoted(names[0])}")
    (tmp_path / "paper.toml").write_text(
        f'[comparison.c]\nmetric = {quoted_metric}\nby = "config.kind"\n'
        '[table.t]\nof = "c"\n'
        f'[number.n]\nmetric = {quoted_metric}\nover = "mean"\n'
        f'[number.word]\npath = "config.kind"\nfilter = {first}\n'
        f'[text]\nsetup = {first}\nresults = ["c"]\n'
    )  # fmt: skip
    built = build(load(tmp_path))
    assert [each.why for each in built.done if each.what == "failed"] == []
    out = tmp_path / "generated"
    body = r"\input{generated/tables/t}\par\Word\par\N\par\input{generated/text/results_c}"
    shown = squeezed(typeset(tmp_path, body, before=r"\input{generated/numbers}"))
    for name in [*names, metric]:
        assert squeezed(visible(name)) in shown, name
    assert all("<script>" not in path.read_text() for path in out.rglob("*.md"))
