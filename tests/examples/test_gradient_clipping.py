"""The example `gradient_clipping`: it diverges without clipping, and not with it."""

import math
import time
from pathlib import Path

import numpy as np
import pytest
import yaml
from example_files import load_example

import epochal
from epochal.settings import load

pytestmark = pytest.mark.torch

FOLDER = Path(__file__).parents[2] / "examples" / "gradient_clipping"
ARGUMENTS = ["--config", "config.yaml", "--no-wandb"]
STEPS = 60

# No warm-up: without clipping the second or third step is already too far.
TINY = {
    "training": {"steps": STEPS, "warmup_steps": 1, "give_up_after": 3},
    "logging": {"save_interval": 20},
}


@pytest.fixture(scope="module")
def example():
    """The training file as a module."""
    return load_example("gradient_clipping")


@pytest.fixture
def runs(tmp_path, monkeypatch):
    """Reads the runs by name; the current folder has a tiny config."""
    monkeypatch.chdir(tmp_path)
    config = yaml.safe_load((FOLDER / "config.yaml").read_text(encoding="utf-8"))
    for section, values in TINY.items():
        config[section] |= values
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")
    return lambda: {run.name: run for run in epochal.open("runs", "gradient-clipping").runs()}


@pytest.mark.parametrize("seed", range(1, 6))
def test_only_clipping_keeps_the_loss_finite(example, runs, seed):
    """Without clipping NaN comes in a few steps; with it every loss and gradient is finite."""
    import torch

    config = load({"config": "config.yaml"}).config
    config["training"]["seed"] = seed
    torch.set_num_threads(1)
    for clipping in (False, True):  # what `main` does, without drawing the figure
        example.train(config, clipping=clipping, wandb=False).close()
    found = runs()
    without = found[f"without-clipping-seed{seed}"]
    first = without.summary["numerics/first"]
    losses = without.series("train/loss")
    assert np.isfinite(losses.values[losses.steps < first["step"]]).all()
    assert not np.isfinite(losses.values[-3:]).any()
    assert len(losses) < STEPS
    assert without.series("numerics/nan_count").values[-1] > 0
    assert [alert["title"] for alert in without.alerts] == ["training diverged"]
    with_ = found[f"with-clipping-seed{seed}"]
    assert len(with_.series("train/loss")) == STEPS
    for metric in ("train/loss", "gradients/norm"):
        assert np.isfinite(with_.series(metric).values).all()
    assert with_.summary["numerics/nan_count"].max == with_.summary["numerics/inf_count"].max == 0
    clipped = with_.series("gradients/clipped").values == 1
    assert clipped.any()
    assert (clipped == (with_.series("gradients/norm").values > 0.3)).all()
    assert "numerics/first" not in with_.summary


def test_a_run_leaves_the_files_of_its_page(example, runs):
    """Figure and checkpoints are there; a checkpoint gives back model and optimizer."""
    import torch

    example.main([*ARGUMENTS, "--seed", "2"])
    run = runs()["with-clipping-seed2"]
    assert (run.state, run.group, run.tags) == ("finished", "adding-problem", ["rnn", "stability"])
    assert Path(run.dir, "training_progress.png").read_bytes().startswith(b"\x89PNG")
    assert [item.key for item in run.media if item.type == "figure"] == ["training_progress"]
    assert [checkpoint.step for checkpoint in run.checkpoints] == [1, 20, 40, 60]
    state = torch.load(run.checkpoints[-1].path, weights_only=True)
    model = example.Adder(**run.config["model"])
    model.load_state_dict(state["model_state_dict"])
    torch.optim.SGD(model.parameters(), momentum=0.9).load_state_dict(state["optimizer_state_dict"])
    assert state["loss"] == run.series("train/loss").values[-1]


def test_what_diverged_leaves_no_checkpoint_of_nan(example, runs):
    """The run without clipping has checkpoints from before its first NaN only."""
    example.main([*ARGUMENTS, "--no-clipping"])
    (run,) = runs().values()
    assert run.config["clipping"] is False
    steps = [checkpoint.step for checkpoint in run.checkpoints]
    assert steps == [1]
    assert steps[-1] < run.summary["numerics/first"]["step"]


def test_tensorboard_has_the_names_of_the_tracker(example, runs):
    """The event files have the tags that scripts for them read."""
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    example.main([*ARGUMENTS, "--seed", "2"])
    events = accumulator.EventAccumulator(f"{runs()['with-clipping-seed2'].dir}/tensorboard")
    tags = {"Loss/Train", "Accuracy/Train", "Learning_Rate", "Gradients/Norm",
            "Gradient_Clipping/Applied", "Gradient_Clipping/Threshold",
            "Numerical_Stability/NaN_Count", "Numerical_Stability/Inf_Count",
            "Performance/Training_Time"}  # fmt: skip

    def complete():
        found = events.Reload().Tags()
        if "Training_Progress" not in found["images"] or not tags <= set(found["scalars"]):
            return False
        return len(events.Scalars("Loss/Train")) >= STEPS

    deadline = time.monotonic() + 60
    while not complete():
        assert time.monotonic() < deadline, "not in time"
        time.sleep(0.1)
    assert len(events.Scalars("Loss/Train")) == STEPS


@pytest.mark.usefixtures("runs")
def test_the_seed_decides(example, capsys):
    """A seed gives the same losses in every bit, and what is printed is what was recorded."""
    for _ in range(2):
        example.main([*ARGUMENTS, "--no-clipping", "--seed", "7"])
    one, again = epochal.open("runs").runs()
    losses = one.series("train/loss").values
    assert losses.tobytes() == again.series("train/loss").values.tobytes()
    says = capsys.readouterr().out
    first = one.summary["numerics/first"]
    assert f"{first['kind']} in {first['tensor']}, step {first['step']}" in says
    assert f"lowest {losses[np.isfinite(losses)].min():.2g}" in says


def test_the_sums_are_those_of_the_marked_numbers(example):
    """Each sequence has one mark in each half, and the answer is their numbers' sum."""
    sequences, sums = example.draw(length=10, batch_size=64)
    numbers, marks = sequences.unbind(-1)
    assert (marks[:, :5].sum(1) == 1).all()
    assert (marks[:, 5:].sum(1) == 1).all()
    picked = [n[m == 1].sum().item() for n, m in zip(numbers, marks, strict=True)]
    assert sums.tolist() == pytest.approx(picked)
    assert math.isclose(numbers.mean(), 0.5, abs_tol=0.1)
