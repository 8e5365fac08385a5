"""Tables of trainings and of comparisons."""

import csv
import io
import math
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
import pytest
from hostile import NAMES

import epochal
from epochal.core.errors import EvidenceError
from epochal.loggers import ExperimentLogger, ExperimentTracker, MetricsLogger, MetricsTracker
from epochal.loggers.experiment_records import ExperimentConfig
from epochal.markup.cells import Column, Number
from epochal.present.spec import Provenance
from epochal.present.tables import Table, comparison, statistics
from epochal.present.tables.training import training
from epochal.present.whence import whence
from epochal.read.view import RunView

QUIET = {"project": "p", "follow": "off", "capture_environment": False}
LOSSES = [4.0, 2.0, 1.0, 3.0, 1.0, 0.5]  # of six steps; means of the epochs: 7/3 and 1.5
VAL = [0.75, 0.875]
NORMS = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]
LABELS = [
    "Total Epochs", "Best Train Loss", "Best Val Loss", "Final Train Loss", "Final Val Loss",
    "Avg Gradient Norm (± std)", "Training Time (hours)", "Total Steps", "Number of Parameters",
]  # fmt: skip


def by_metrics_logger(folder):
    """Six steps and two epochs."""
    with MetricsLogger(folder, "m", {"params": 1234}, **QUIET) as logger:
        for step, (loss, norm) in enumerate(zip(LOSSES, NORMS, strict=True), start=1):
            logger.log_step(step, loss, lr=0.1, grad_norm_total=norm)
            if step % 3 == 0:
                logger.log_epoch(step // 3, val_loss=VAL[step // 3 - 1])
    return logger.run.dir


def by_experiment_tracker(folder):
    """The same."""
    config = ExperimentConfig(
        experiment_name="t", project_name="p", enable_tensorboard=False, log_interval=1
    )
    tracker = ExperimentTracker(config, dir=folder, follow="off", capture_environment=False)
    tracker.run.summary["model/parameters"] = 1234
    for step, (loss, norm) in enumerate(zip(LOSSES, NORMS, strict=True), start=1):
        tracker.log_training_step(loss=loss, gradient_norm=norm, step=step)
        if step % 3 == 0:
            mean = float(np.mean(LOSSES[step - 3 : step]))
            tracker.log_epoch(step // 3, {"train_loss": mean, "val_loss": VAL[step // 3 - 1]})
    tracker.close()
    return tracker.run.dir


def by_experiment_logger(folder):
    """The same."""
    with ExperimentLogger(
        "p", "e", {"model": {"num_params": 1234}, "logging": {"log_training_every": 1}},
        use_wandb=False, dir=folder, follow="off", capture_environment=False,
    ) as logger:  # fmt: skip
        for step, (loss, norm) in enumerate(zip(LOSSES, NORMS, strict=True), start=1):
            logger.log_training_step(loss, 0.1, norm, step=step)
            if step % 3 == 0:
                mean = float(np.mean(LOSSES[step - 3 : step]))
                logger.log_epoch(step // 3, train_loss=mean, val_loss=VAL[step // 3 - 1])
    return logger.run.dir


def by_hand(folder):
    """The same with Epochal's plain names; the training loss of each epoch is logged too."""
    with epochal.init(dir=folder, **QUIET) as run:
        run.log({"model/parameters": 1234}, step=0)
        for step, (loss, norm) in enumerate(zip(LOSSES, NORMS, strict=True), start=1):
            run.log({"train/loss": loss, "gradients/norm": norm}, step=step)
            if step % 3 == 0:
                mean = float(np.mean(LOSSES[step - 3 : step]))
                row = {"train_loss_mean": mean, "val/loss": VAL[step // 3 - 1]}
                run.log(row, step=step, epoch=step // 3)
    return run.dir


def values(table):
    """Label → cell of the first column of values."""
    return {row[0]: row[1] for row in table.rows}


@pytest.mark.parametrize(
    "record", [by_metrics_logger, by_experiment_tracker, by_experiment_logger, by_hand]
)
def test_statistics_of_every_front_door(tmp_path, record):
    """Whatever the logger calls things, the table has the same rows with the same numbers."""
    table = statistics(record(str(tmp_path)))
    assert [row[0] for row in table.rows][:9] == LABELS
    found = values(table)
    assert found["Total Epochs"].value == 2
    assert found["Best Train Loss"].value == found["Final Train Loss"].value == 1.5
    assert (found["Best Val Loss"].value, found["Final Val Loss"].value) == (0.75, 0.875)
    norm = found["Avg Gradient Norm (± std)"]
    assert (norm.value, norm.error) == (3.5, pytest.approx(np.std(NORMS, ddof=1)))
    assert 0 < found["Training Time (hours)"].value < 0.1
    assert found["Total Steps"].value == 6
    assert found["Number of Parameters"].value == 1234
    assert found["Loss Improvement (%)"].value == pytest.approx(100 * (7 / 3 - 1.5) / (7 / 3))
    assert found["Convergence Epoch"].value == 1
    assert len(table.provenance.runs) == 1


def test_statistics_of_the_metrics_tracker(tmp_path):
    """Its epochs have other names; it has no validation loss, which is said and not made up."""
    with MetricsTracker(str(tmp_path), follow="off", capture_environment=False) as tracker:
        for epoch in (1, 2):
            tracker.start_epoch(epoch)
            for loss, norm in list(zip(LOSSES, NORMS, strict=True))[3 * epoch - 3 : 3 * epoch]:
                tracker.log_batch(loss, lr=0.1, grad_norm=norm, batch_size=4)
            tracker.end_epoch()
    found = values(statistics(tracker.run.dir))
    assert found["Total Epochs"].value == 2
    assert found["Best Train Loss"].value == 1.5
    assert found["Best Val Loss"] == found["Number of Parameters"] == "not recorded"
    assert found["Avg Gradient Norm (± std)"].value == 3.5


def test_values_that_are_not_finite(tmp_path):
    """The final value is what it is; best and mean leave it out, and a note says so."""
    with epochal.init(dir=str(tmp_path), **QUIET) as run:
        for step, loss in enumerate([2.0, 1.0, math.nan]):
            run.log({"val/loss": loss, "gradients/norm": loss}, step=step)
    table = statistics(run.dir)
    found = values(table)
    assert found["Best Val Loss"].value == 1.0
    assert math.isnan(found["Final Val Loss"].value)
    assert found["Avg Gradient Norm (± std)"].value == 1.5
    assert any("1 of the 3 values of val/loss are NaN" in note for note in table.notes)
    assert "| Final Val Loss | NaN |" in table.to_markdown()


def test_convergence_needs_the_whole_improvement(tmp_path):
    """The first epoch that leaves at most five percent of the improvement, whatever comes later."""
    losses = [10.0, 5.0, 0.6, 0.49, 0.0, 3.0]
    with epochal.init(dir=str(tmp_path), **QUIET) as run:
        for epoch, loss in enumerate(losses, start=1):
            run.log({"val_loss": loss, "val/ema/loss": loss + 0.25}, epoch=epoch)
    found = values(statistics(run.dir))
    assert found["Convergence Epoch"].value == 4
    assert found["Best Val Loss (EMA)"].value == 0.25
    assert found["Best Val Loss, EMA minus non-EMA"].value == 0.25


def test_parts_of_epochs_are_not_epochs(tmp_path):
    """Fractions are rounded up; a loss without epochs has none."""
    with epochal.init(dir=str(tmp_path), **QUIET) as run:
        for step in range(5):
            run.log({"train/loss": 1.0 / (step + 1)}, step=step, epoch=step / 2)
    assert training(RunView(run.dir)).epochs == 2
    with epochal.init(dir=str(tmp_path), **QUIET) as run:
        run.log({"train/loss": 1.0}, step=0)
    assert training(RunView(run.dir)).epochs is None


def test_what_a_script_says_of_its_run_counts_where_nothing_was_measured(tmp_path):
    """Values of the summary; a metric of the same meaning comes first."""
    with epochal.init(dir=str(tmp_path), **QUIET) as run:
        run.log({"val/loss": 0.5}, step=1)
        run.summary.update({"best_val_loss": 0.1, "best_train_loss": 0.2, "params": "many"})
    found = training(RunView(run.dir))
    assert (found.best_val_loss, found.best_train_loss, found.parameters) == (0.5, 0.2, None)


def test_several_runs(tmp_path):
    """A column each; with mean=True mean ± std over the runs that have the number."""
    folders = []
    for seed in range(3):
        with epochal.init(name=f"s{seed}", seed=seed, dir=str(tmp_path), **QUIET) as run:
            run.log({"val/loss": 1.0 + seed}, step=10)
            if seed:
                run.log({"train/loss": 2.0 * seed}, step=10)
        folders.append(run.dir)
    table = statistics(folders, mean=True)
    assert [column.heading for column in table.columns] == [
        "Metric", "s0", "s1", "s2", "Mean ± std (n = 3)",
    ]  # fmt: skip
    rows = {row[0]: row[1:] for row in table.rows}
    assert rows["Best Val Loss"][-1] == Number(2.0, 1.0)
    assert rows["Best Train Loss"][0] == "not recorded"
    assert rows["Best Train Loss"][-1] == Number(3.0, pytest.approx(2**0.5), mark="n = 2")
    with pytest.raises(EvidenceError, match="needs several runs, and 's0' is only one"):
        statistics(folders[0], mean=True)
    with pytest.raises(EvidenceError):
        statistics([])


# -- comparisons -----------------------------------------------------------------------------


@dataclass(frozen=True)
class Estimated:
    """Stands in for an estimate."""

    value: float
    low: float
    high: float
    n: int
    level: float = 0.95
    method: str = "t interval"


@dataclass(frozen=True)
class Setting:
    """Stands in for a group."""

    estimate: Estimated
    runs: tuple = ()


@dataclass(frozen=True)
class Compared:
    """Stands in for a comparison."""

    groups: dict
    best: str | None
    not_worse: tuple
    metric: str = "val/loss"
    statistic: str = "last"
    goal: str | None = "minimize"
    level: float = 0.95
    correction: str = "holm"
    verdicts: tuple = ()
    guards: tuple = field(default=())


def compared(**more):
    """Three settings, two of them as good."""
    groups = {
        "adamw": Setting(Estimated(3.27837, 3.27695, 3.27979, 13)),
        "muon": Setting(Estimated(3.27824, 3.27703, 3.27945, 13)),
        "sgd": Setting(Estimated(3.5, 3.45, 3.55, 5)),
    }
    return Compared(**{"groups": groups, "best": "muon", "not_worse": ("muon", "adamw"), **more})


def test_what_is_not_worse_is_bold_too():
    """The best without a mark, the others with one and a note; the worse are plain."""
    table = comparison(compared())
    numbers = {row[0]: row[1] for row in table.rows}
    assert [n.bold for n in numbers.values()] == [True, True, False]
    assert [n.mark for n in numbers.values()] == ["†", "", ""]
    assert [row[2].value for row in table.rows] == [13, 13, 5]
    text = table.to_markdown()
    assert "| adamw | **3.2784 ± 0.0014**† | 13 |" in text
    assert "| Setting | val/loss ↓ | n |" in text
    assert "± 95 % t interval." in text
    assert "† Not significantly worse than muon (alpha = 0.05, Holm-corrected)." in text


def test_arrows_come_from_the_goal():
    """Up for a metric that is maximized, none where nobody said."""
    assert comparison(compared(goal="maximize")).columns[1].arrow == "up"
    assert comparison(compared(goal=None)).columns[1].arrow == ""


def test_one_run_is_never_marked():
    """Of a single run nothing can be said: no bold, no mark, no error."""
    lonely = Setting(Estimated(3.0, math.nan, math.nan, 1))
    other = Setting(Estimated(3.5, 3.4, 3.6, 3))
    worse = Setting(Estimated(4.5, 4.4, 4.6, 3))
    groups = {"x": lonely, "y": other, "z": worse}
    table = comparison(compared(groups=groups, best="x", not_worse=("x", "y")))
    assert table.rows[0][1] == Number(3.0)
    assert table.rows[1][1] == Number(3.5, pytest.approx(0.1))
    table = comparison(compared(groups=groups, best="y", not_worse=("x", "y")))
    assert [row[1].bold for row in table.rows] == [False, True, False]
    assert not any("†" in note for note in table.notes)


def test_what_would_mark_all_marks_none():
    """Where no setting is shown to be worse, none stands out, and a note says so."""
    table = comparison(compared(not_worse=("adamw", "muon", "sgd")))
    assert not any(row[1].bold or row[1].mark for row in table.rows)
    assert "No setting is marked: none is shown to be worse than the best." in table.notes
    assert not comparison(compared(best="", not_worse=())).rows[0][1].bold


def test_a_real_comparison():
    """What the tests of groups give has all that the table asks for."""
    from epochal.analyze.groups import Group, Groups
    from epochal.analyze.judging import judge

    made = judge(Groups((
        Group.of("new", [2.30, 2.31, 2.29]), Group.of("same", [2.31, 2.30, 2.28]),
        Group.of("old", [2.47, 2.45, 2.50]),
    ), "val/loss"))  # fmt: skip
    table = comparison(made)
    assert [(row[1].bold, row[1].mark) for row in table.rows] == [
        (True, "†"), (True, ""), (False, ""),
    ]  # fmt: skip
    assert "Of each run the last val/loss; mean over n runs ± 95 % t interval." in table.notes
    assert set(map(str, made.guards)) <= {note.rstrip(".") for note in table.notes}


def test_guards_stand_below_the_table():
    """Everything that a reader must be told."""
    table = comparison(compared(guards=("2 runs failed and are left out.",)))
    assert table.notes[-1] == "2 runs failed and are left out."
    assert "2 runs failed" in table.to_latex()


def test_skewed_intervals_say_what_is_printed():
    """Of an interval that is no ± around the mean, half the width is given, and called so."""
    skewed = Setting(Estimated(1.0, 0.9, 1.4, 5, method="BCa bootstrap"))
    table = comparison(compared(groups={"s": skewed}, best=None, not_worse=()))
    assert "half the width of the 95 % BCa bootstrap" in table.notes[0]


# -- writing ---------------------------------------------------------------------------------


def test_files_say_where_they_come_from(tmp_path):
    """Each format has the provenance in a comment that can be read back."""
    origin = Provenance(("r1", "r--2"), {"table": "x --> y"}, ("3f2a",), "ab" * 32, "Epochal 9")
    table = Table((Column("a"),), (("b",),), provenance=origin)
    table.to_latex(tmp_path / "deep" / "t.tex")
    table.to_markdown(tmp_path / "t.md")
    text = table.to_csv(tmp_path / "t.csv")
    for path in (tmp_path / "deep" / "t.tex", tmp_path / "t.md", tmp_path / "t.csv"):
        assert whence(path).provenance == origin
    assert text.splitlines()[0].startswith("# epochal-provenance: ")


def test_csv_has_exact_numbers_and_a_column_for_errors():
    """Pandas reads it with comment="#"."""
    columns = (Column("setting"), Column("loss", "r", "nats", "down"), Column("n"))
    rows = (("=1+1", Number(0.1234567890123, 0.01), Number(3)), ("b", "not recorded", Number(4)))
    text = Table(columns, rows).to_csv()
    lines = list(csv.reader(io.StringIO(text.split("\n", 1)[1])))
    assert lines == [
        ["setting", "loss (nats)", "loss ±", "n"], ["'=1+1", "0.1234567890123", "0.01", "3"],
        ["b", "not recorded", "", "4"],
    ]  # fmt: skip
    frame = pd.read_csv(io.StringIO(text), comment="#")
    assert frame["loss ±"][0] == 0.01


def test_the_same_table_is_not_written_again(tmp_path):
    """A file that has its content keeps its time; another content replaces it."""
    path = tmp_path / "t.tex"
    table = Table((Column("a"),), (("b",),))
    text = table.to_latex(path)
    before = path.stat().st_mtime_ns, path.stat().st_ino
    assert table.to_latex(path) == text == path.read_text()
    assert (path.stat().st_mtime_ns, path.stat().st_ino) == before
    Table((Column("a"),), (("c",),)).to_latex(path)
    assert "\nc \\\\\n" in path.read_text()


def test_hostile_runs_and_metrics(tmp_path):
    """Runs and a metric with names made of code give tables in every format."""
    folders = []
    for name in NAMES[:6]:
        template = name.replace("{", "{{").replace("}", "}}")  # no keys of the config
        with epochal.init(name=template, dir=str(tmp_path), **QUIET) as run:
            run.log({"val/loss": 1.0}, step=1)
        folders.append(run.dir)
    table = statistics(folders)
    assert len(table.columns) == 7
    body = [line for line in table.to_latex().splitlines() if not line.startswith("%")]
    assert not any("\\input{" in line or "\\end{tabular}\\end" in line for line in body)
    bad = comparison(compared(metric="=cmd|' /C calc'!A0", groups={
        name: Setting(Estimated(1.0, 0.9, 1.1, 3)) for name in NAMES
    }, best=NAMES[0], not_worse=NAMES))  # fmt: skip
    lines = list(csv.reader(io.StringIO(bad.to_csv().split("\n", 1)[1], newline="")))
    assert lines[0][1].startswith("'=cmd")
    assert len(lines) == len(NAMES) + 1
    assert "<script" not in bad.to_markdown().split("-->", 1)[1]


def runs_of_seeds(folder, n=3):
    """Runs of one setting with the same number of parameters."""
    for seed in range(n):
        with epochal.init(dir=str(folder), name=f"s{seed}", seed=seed, **QUIET) as run:
            run.define("val/loss", goal="minimize", unit="nats")
            run.summary["params"] = 1234
            run.log({"val/loss": 2.0 + 0.1 * seed}, step=1)


def test_only_the_mean(tmp_path):
    """One column for all runs; what is the same in all has no ±, and notes are said once."""
    runs_of_seeds(tmp_path)
    table = statistics(str(tmp_path), mean="only")
    assert [column.heading for column in table.columns] == ["Metric", "Mean ± std (n = 3)"]
    found = values(table)
    assert (found["Best Val Loss"].value, found["Best Val Loss"].error) == pytest.approx((2.1, 0.1))
    assert found["Number of Parameters"] == Number(1234)
    assert table.notes == ("Validation loss: val/loss.",)
    assert len(statistics(str(tmp_path), mean=True).columns) == 5


def test_notes_name_the_runs_that_differ(tmp_path):
    """A metric that only some runs have is said of these."""
    runs_of_seeds(tmp_path, 2)
    with epochal.init(dir=str(tmp_path), name="other", **QUIET) as run:
        run.log({"train/loss": 1.0}, step=1)
    notes = statistics(str(tmp_path)).notes
    assert "other: train loss: train/loss." in notes
    assert {"s0, s1: validation loss: val/loss.", "s1, s0: validation loss: val/loss."} & {*notes}


def test_the_unit_of_a_comparison(tmp_path):
    """As the runs define it; none where they do not agree."""
    runs_of_seeds(tmp_path)
    with epochal.init(dir=str(tmp_path), name="other", config={"x": 1}, seed=0, **QUIET) as run:
        run.log({"val/loss": 3.0}, step=1)
    made = epochal.compare(str(tmp_path), "val/loss", goal="minimize")
    assert comparison(made).columns[1].unit == ""
    runs = epochal.open(str(tmp_path)).runs().filter('startswith(name, "s")')
    alone = epochal.compare(list(runs), "val/loss")
    assert comparison(alone).columns[1].title == "val/loss (nats) ↓"


def test_a_comment_of_a_csv_has_no_formula():
    """A name with a comma does not begin a cell in the first line."""
    provenance = Provenance(query={"groups": {"a,=cmd|' /C calc'!A0": 3}})
    table = Table((Column("a"),), (("x",),), provenance=provenance)
    (first, *_) = csv.reader(io.StringIO(table.to_csv()))
    assert not any(cell.lstrip(' "').startswith("=") for cell in first)
