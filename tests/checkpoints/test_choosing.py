"""Which checkpoint is the best one, and which old ones are removed."""

import logging
import os

import numpy as np
import pytest
from saved import files, saved_steps, seen

torch = pytest.importorskip("torch")

from epochal.checkpoints import load_file  # noqa: E402
from epochal.checkpoints.folder import Known  # noqa: E402
from epochal.checkpoints.of_run import RunCheckpoints  # noqa: E402
from epochal.core.errors import EpochalError  # noqa: E402

pytestmark = pytest.mark.torch


def test_the_best_one(run):
    """Lower losses take over best_model.pt; equal, higher and NaN ones do not."""
    values = [3.0, 2.0, 2.0, float("nan"), 5.0, 1.5, float("inf")]
    for step, value in enumerate(values):
        run.save_checkpoint(step=step, metrics={"val/loss": value}, monitor="val/loss")
    folder = os.path.join(run.dir, "checkpoints")
    assert load_file(os.path.join(folder, "best_model.pt"))["step"] == 5
    assert [each.step for each in seen(run).checkpoints if each.best] == [5]
    assert len(seen(run).checkpoints) == len(values)


@pytest.mark.parametrize(
    ("metric", "goal", "best"),
    [
        ("acc/top1", None, 1), ("acc/inverse", None, 0), ("acc/top1", "minimize", 0),
        ("val_Perplexity", None, 0), ("x", "maximize", 1),
    ],
)  # fmt: skip
def test_goals(run, metric, goal, best):
    """Given, defined for the name or its beginning, or known from how it ends."""
    run.define("acc*", goal="maximize")
    run.define("acc/inverse", goal="minimize")
    for step, value in enumerate([1.0, 3.0, 2.0]):
        run.save_checkpoint(step=step, metrics={metric: value}, monitor=metric, goal=goal)
    assert [each.step for each in seen(run).checkpoints if each.best] == [best]


def test_a_goal_that_is_not_known(run, caplog):
    """Told with the remedy, and the checkpoint is saved anyway."""
    with caplog.at_level(logging.WARNING, "epochal"):
        path = run.save_checkpoint(step=100, metrics={"accuracy": 1.0}, monitor="accuracy")
        run.save_checkpoint(step=101, metrics={"val/loss": 1.0}, monitor="val/los")
        run.save_checkpoint(step=102, metrics={"a": 1.0}, monitor="a", goal="min")
    assert os.path.exists(path)
    assert "goal of 'accuracy' is not known: give goal='minimize' or goal=" in caplog.text
    assert "monitor='val/los' is no number among metrics={...} (did you mean" in caplog.text
    assert "goal='min': give goal='minimize'" in caplog.text
    assert run.health().problems == {"checkpoint": 3}
    assert "best_model.pt" not in files(run)


def test_monitor_may_be_the_loss(run):
    """``monitor="loss"`` takes ``loss=``."""
    for step, loss in enumerate([2.0, 1.0, 3.0]):
        run.save_checkpoint(step=step, loss=loss, monitor="loss")
    assert run.load_checkpoint("best")["step"] == 1


def test_old_ones_go(run):
    """The newest are kept, the best one, and final ones; readers do not call others missing."""
    for step, value in enumerate([5.0, 1.0, 4.0, 3.0, 2.0, 6.0]):
        run.save_checkpoint(
            step=step, metrics={"val/loss": value}, monitor="val/loss", keep_last=2,
            final=step == 3,
        )  # fmt: skip
    names = [f"checkpoint_epoch_0_step_{step}.pt" for step in (1, 3, 4, 5)]
    assert files(run) == ["best_model.pt", *names, "final_model.pt"]
    assert saved_steps(run) == [1, 3, 4, 5]
    states = [each.check() for each in seen(run).artifacts]
    assert states == ["removed", "same", "removed", "same", "same", "same"]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"keep_last": 0}, "old checkpoints stay: keep_last=0 is not a whole number"),
        ({"keep_last": "2"}, "old checkpoints stay: keep_last='2' is not a whole number"),
        ({"monitor": 3}, "best_model.pt is left as it is: monitor=3 is not the name"),
        ({"monitor": "a", "goal": "min"}, "best_model.pt is left as it is: goal='min'"),
    ],
)
def test_a_wrong_choice_costs_no_checkpoint(new_run, caplog, arguments, says):
    """The state is saved whatever else was asked for; that is told and counted."""
    run = new_run()
    for step in range(2):
        with caplog.at_level(logging.WARNING, "epochal"):
            assert run.save_checkpoint(step=step, metrics={"a": 1.0}, **arguments)
    assert says in caplog.text
    assert len(files(run)) == 2
    assert run.health().problems == {"checkpoint": 2}


def test_keep_last_is_a_number_of_any_kind(run):
    """NumPy's too."""
    for step in range(4):
        run.save_checkpoint(step=step, keep_last=np.int64(2))
    assert saved_steps(run) == [2, 3]


def test_the_best_one_outlives_keep_last(new_run):
    """Through many saves and a resume, until another one is better."""
    first = new_run()
    for step, loss in enumerate([0.5, 0.1, 0.4, 0.3, 0.2]):
        first.save_checkpoint(step=step, loss=loss, monitor="loss", keep_last=1)
    assert saved_steps(first) == [1, 4]
    first.finish()
    second = new_run(resume=first.id)
    second.save_checkpoint(step=5, loss=0.6, monitor="loss", keep_last=1)
    assert saved_steps(second) == [1, 5]
    assert second.load_checkpoint("best", rng=False)["step"] == 1
    second.save_checkpoint(step=6, loss=0.05, monitor="loss", keep_last=1)
    assert saved_steps(second) == [6]


def test_earlier_records_that_cannot_be_read(tmp_path):
    """The state is saved; nothing is called the best, nothing is removed, until they can be."""
    told, recorded, readable = [], [], False
    place = tmp_path / "checkpoints"
    place.mkdir()
    path = str(place / "checkpoint_epoch_0_step_0.pt")
    torch.save({"step": 0}, path)
    os.link(path, place / "best_model.pt")

    def earlier():
        if not readable:
            raise OSError("the disk is away")
        about = {"best": True, "monitor": "loss", "goal": "minimize", "value": 0.1}
        return [Known(path, "", about), *recorded]

    checkpoints = RunCheckpoints(str(place), run_dir=str(tmp_path), earlier=earlier)

    def record(kind, fields):
        if kind == "artifact":
            recorded.append(Known(fields["path"], fields["sha256"], fields["about"]))
        return True

    def save(step):
        facts = dict.fromkeys(("epoch", "metrics", "config", "extra"))
        facts |= {"step": step, "loss": 0.5}
        parts = dict.fromkeys(("model", "optimizer", "scheduler", "ema"))
        return checkpoints.save(
            parts, facts, monitor="loss", goal=None, keep_last=1, final=False, generators=None,
            record=record, tell=told.append,
        )  # fmt: skip

    assert os.path.exists(save(1))
    assert os.path.samefile(path, place / "best_model.pt")
    assert len(told) == 1
    assert "the disk is away" in told[0]
    readable = True
    save(2)
    assert len(told) == 1
    assert os.path.samefile(path, place / "best_model.pt")
    assert sorted(os.listdir(place)) == [
        "best_model.pt", "checkpoint_epoch_0_step_0.pt", "checkpoint_epoch_0_step_2.pt",
    ]  # fmt: skip


def test_strict_mode_raises_what_the_choice_lacks(new_run):
    """A missing goal is raised there."""
    with pytest.raises(EpochalError, match="goal of 'accuracy'"):
        new_run(strict=True).save_checkpoint(metrics={"accuracy": 1.0}, monitor="accuracy")


def test_the_best_one_by_ones_own_judgment(run, tmp_path):
    """``best=True`` needs no metric; ``path=`` puts a file, and the best one's name, elsewhere."""
    run.save_checkpoint(step=1, best=True)
    run.save_checkpoint(step=2)
    assert run.load_checkpoint("best", rng=False)["step"] == 1
    path = run.save_checkpoint(step=3, best=True, path=tmp_path / "models" / "mine.pt")
    assert path == str(tmp_path / "models" / "mine.pt")
    assert run.load_checkpoint("best", rng=False)["step"] == 3
    assert os.path.samefile(path, tmp_path / "models" / "best_model.pt")
    assert [(each.step, each.best) for each in seen(run).checkpoints] == [
        (1, False), (2, False), (3, True),
    ]  # fmt: skip
