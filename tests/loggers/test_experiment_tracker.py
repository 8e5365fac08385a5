"""``ExperimentTracker``: what its calls record, its checkpoints, figure and summary."""

import json
import math
from pathlib import Path

import numpy as np
import pytest

import epochal
from epochal.core.errors import CheckpointError, ConfigError
from epochal.loggers import ExperimentConfig, ExperimentTracker, ModelCheckpoint, TrainingMetrics

ALONE = {"follow": "off", "capture_environment": False}


@pytest.fixture
def new_tracker(tmp_path):
    """Makes trackers without mirrors that record into the test's folder."""
    made = []

    def make(config=None, **arguments):
        given = {"dir": str(tmp_path / "runs"), "project": "p", **ALONE, **arguments}
        made.append(ExperimentTracker(config, **given))
        return made[-1]

    yield make
    for tracker in made:
        tracker.close()


def read(tracker):
    """Ends a tracker's run and reads it."""
    tracker.close()
    return epochal.RunView(tracker.run.dir)


def described(tracker):
    """What `run.json` says of a tracker's run."""
    return json.loads(Path(tracker.run.dir, "run.json").read_text())


def test_training_steps(new_tracker):
    """Every field of a step is recorded by its name; steps are counted unless they are given."""
    tracker = new_tracker(ExperimentConfig(log_interval=1))
    tracker.log_training_step(
        loss=0.5, accuracy=0.9, learning_rate=0.1, gradient_norm=2.0, nan_count=0, inf_count=0,
        clipping_applied=True, clipping_threshold=1.0, training_time=0.2, memory_usage=512.0,
        gpu_utilization=80.0, bleu=0.3,
    )  # fmt: skip
    tracker.log_training_step(TrainingMetrics(loss=0.4))
    tracker.log_training_step({"loss": 0.3}, step=10, epoch=2)
    tracker.log_training_step(loss=0.2)
    assert (tracker.current_step, tracker.current_epoch) == (11, 2)
    run = read(tracker)
    loss = run.series("train/loss")
    assert loss.steps.tolist() == [1, 2, 10, 11]
    assert loss.values.tolist() == [0.5, 0.4, 0.3, 0.2]
    assert loss.epochs.tolist() == [0, 0, 2, 2]
    once = {
        "train/accuracy": 0.9, "lr": 0.1, "gradients/norm": 2.0, "gradients/clip_threshold": 1.0,
        "performance/training_time_s": 0.2, "performance/memory_usage_mb": 512.0,
        "performance/gpu_utilization": 80.0, "train/bleu": 0.3,
    }  # fmt: skip
    assert {name: run.series(name).values.tolist() for name in once} == {
        name: [value] for name, value in once.items()
    }
    assert run.series("gradients/clipped").values.tolist() == [1, 0]
    assert "train/step" not in run.metrics


@pytest.mark.parametrize("kind", ["object", "mapping", "file"])
def test_kinds_of_config(new_tracker, tmp_path, kind):
    """A config is an object, a mapping of its fields, or a file; by position or by name."""
    config = ExperimentConfig(experiment_name="kinds", log_interval=1)
    given = {
        "object": config,
        "mapping": {"experiment_name": "kinds", "log_interval": 1},
        "file": config.save(tmp_path / "config.json"),
    }[kind]
    for tracker in (new_tracker(given), new_tracker(config=given)):
        assert tracker.config == config
        tracker.log_training_step(loss=0.5)
        assert tracker.run.name == "kinds"
        assert read(tracker).series("train/loss").values.tolist() == [0.5]


def test_wrong_config(new_tracker, tmp_path):
    """A field that is none is named; a missing file is no empty folder of runs."""
    with pytest.raises(ConfigError, match=r"no field 'log_intervall'.*'log_interval'"):
        new_tracker({"log_intervall": 1})
    with pytest.raises(ConfigError, match=r"missing\.json"):
        new_tracker(str(tmp_path / "missing.json"))


def test_metrics_by_name(new_tracker):
    """The metrics of a step may be given as `metrics=`."""
    tracker = new_tracker(ExperimentConfig(log_interval=1))
    tracker.log_training_step(metrics=TrainingMetrics(loss=0.5), step=3)
    tracker.log_training_step(metrics={"loss": 0.4, "step": 4})
    assert read(tracker).series("train/loss").steps.tolist() == [3, 4]


def test_images_and_text_at_a_step(new_tracker):
    """Images and texts belong to the step that is given, else to the last one."""
    tracker = new_tracker(ExperimentConfig(log_interval=1))
    tracker.log_training_step(loss=0.5, step=5)
    pixels = np.zeros((4, 4, 3), np.uint8)
    tracker.log_images({"real": pixels, "made": pixels}, step=7)
    tracker.log_text("hello")
    run = read(tracker)
    assert [run.media[key][0].step for key in ("real", "made")] == [7, 7]
    assert run.texts("Text")[0].step == 5


@pytest.mark.parametrize("interval", ["10 steps", "1 epoch", "1h"])
@pytest.mark.parametrize("named", ["with its epoch", "without"])
def test_what_was_found_due_is_recorded(new_tracker, interval, named):
    """Asking whether texts and images are due first, with the epoch or without, loses neither."""
    tracker = new_tracker(cadence={"text": interval, "images": interval})
    pixels = np.zeros((4, 4, 3), np.uint8)
    tracker.log_training_step(loss=0.5, step=20, epoch=2)
    position = (20, 2) if named == "with its epoch" else (20,)
    assert tracker.run.due("text", *position)
    assert tracker.run.due("images", *position)
    for words in ("first", "second"):
        tracker.log_text(words, step=20)
    tracker.log_images(pixels)
    tracker.log_training_step(loss=0.5, step=21, epoch=2)
    tracker.log_text("not due any more")
    tracker.log_images(pixels)
    run = read(tracker)
    assert [text.text for text in run.texts("Text")] == ["first", "second"]
    assert [image.step for image in run.media["Images"]] == [20]


def test_texts_by_epochs(new_tracker):
    """An interval of epochs counts the epochs of the training; another one may be named."""
    tracker = new_tracker(cadence={"text": "2 epochs"})
    for step in range(6):
        tracker.log_training_step(loss=0.5, step=step, epoch=step // 2)
        tracker.log_text(f"step {step}")
    assert tracker.run.due("text", 6, 4)
    tracker.log_text("named", step=6, epoch=4)
    assert tracker.current_epoch == 2
    texts = read(tracker).texts("Text")
    assert [text.text for text in texts] == ["step 0", "step 4", "named"]


def test_every_value_that_is_not_finite(new_tracker):
    """A step is recorded between intervals for any value, of any kind, that is not finite."""
    tracker = new_tracker(ExperimentConfig(log_interval=100))
    bad = [1.0, np.float32("nan"), 1.0, np.array(np.inf), 1.0, -math.inf]
    for step, value in enumerate(bad, start=1):
        tracker.log_training_step(loss=0.5, gradient_norm=value, step=step)
    assert read(tracker).series("train/loss").steps.tolist() == [1, 2, 4, 6]


def test_interval_and_what_is_not_finite(new_tracker):
    """Steps are recorded at the interval, and each one at which something is not finite."""
    tracker = new_tracker(ExperimentConfig(log_interval=10))
    for step in range(1, 31):
        loss = math.inf if step == 13 else 1.0
        tracker.log_training_step(loss=loss, nan_count=3 * (step == 17), inf_count=step == 25)
    run = read(tracker)
    assert run.series("train/loss").steps.tolist() == [1, 10, 13, 17, 20, 25, 30]


@pytest.mark.parametrize(
    ("preset", "interval", "sinks", "gradients"),
    [
        ("Basic Tracking", 10, {"tensorboard"}, False),
        ("Full Tracking", 5, {"tensorboard", "wandb"}, True),
        ("Numerical Stability Focus", 1, {"tensorboard", "wandb"}, True),
    ],
)
def test_presets(new_tracker, preset, interval, sinks, gradients):
    """The presets are known by their names; fields that were not set leave them as they are."""
    tracker = new_tracker(ExperimentConfig(notes="n"), preset=preset)
    for _ in range(20):
        tracker.log_training_step(loss=1.0)
    named = described(tracker)
    assert {*named["sinks"], *named["sinks_missing"]} == {"csv", "json", *sinks}
    assert tracker.get_experiment_summary()["tracking_systems"] == {
        "tensorboard": True, "wandb": "wandb" in sinks,
    }  # fmt: skip
    steps = read(tracker).series("train/loss").steps.tolist()
    assert steps == sorted({1, *range(interval, 21, interval)})
    assert tracker.run.due("gradients") == gradients


def test_fields_override_a_preset(new_tracker):
    """A field that was set comes before the preset."""
    config = ExperimentConfig(log_interval=2, enable_wandb=False, enable_tensorboard=False)
    tracker = new_tracker(config, preset="stability", sinks=["csv"])
    for _ in range(4):
        tracker.log_training_step(loss=1.0)
    named = described(tracker)
    assert named["sinks"] == ["csv"]
    assert read(tracker).series("train/loss").steps.tolist() == [1, 2, 4]


def test_switches(new_tracker):
    """What a field of the config switches off is not recorded."""
    off = ExperimentConfig(log_metrics=False, log_images=False, log_text=False)
    tracker = new_tracker(off)
    tracker.log_training_step(loss=math.nan)
    tracker.log_images([[0.0, 1.0]])
    tracker.log_text("a")
    run = read(tracker)
    assert not run.metrics
    assert not run.media
    assert not run.text_keys()
    tracker = new_tracker(ExperimentConfig(log_interval=1), log_nan_inf_counts=False)
    tracker.log_training_step(loss=1.0, nan_count=3)
    assert set(read(tracker).metrics) == {"train/loss"}


def test_epochs_texts_images_hyperparameters(new_tracker):
    """Epochs, texts, images and hyperparameters are recorded under their names."""
    tracker = new_tracker()
    tracker.log_hyperparameters({"lr": 0.1, "model": {"depth": 2}})
    tracker.log_training_step(loss=1.0)
    tracker.log_epoch(3, {"train_loss": 0.5, "val_loss": 0.6, "accuracy": 0.7})
    tracker.log_text("hello")
    tracker.log_images(np.zeros((5, 8, 8)), tag="Samples", caption="five")
    assert tracker.current_epoch == 3
    run = read(tracker)
    assert run.config == {"lr": 0.1, "model": {"depth": 2}}
    for name, value in {"train_loss_mean": 0.5, "val_loss": 0.6, "epoch/accuracy": 0.7}.items():
        assert run.series(name).values.tolist() == [value]
        assert run.series(name).epochs.tolist() == [3]
    assert run.texts("Text")[0].text == "hello"
    (image,) = run.media["Samples"]
    assert (image.step, image.caption, image.about["images"]) == (1, "five", 5)


def test_names_and_folders(new_tracker, tmp_path):
    """Names go where they belong; the config is saved where it was asked to be."""
    config = ExperimentConfig(
        experiment_name="clip", run_name="seed-1", tags=["a"], wandb_job_type="train",
        config_save_dir=str(tmp_path / "configs"),
    )  # fmt: skip
    tracker = new_tracker(config, seed=1)
    run = read(tracker)
    assert (run.name, run.group, run.tags, run.seed) == ("seed-1", "clip", ["a"], 1)
    assert run.config == {}
    (saved,) = (tmp_path / "configs").iterdir()
    assert ExperimentConfig.load(saved) == config


def test_summary(new_tracker):
    """The summary has statistics over what is finite, and the counts of what is not."""
    tracker = new_tracker(ExperimentConfig(experiment_name="clip", log_interval=1))
    empty = tracker.get_experiment_summary()
    assert (empty["total_steps"], empty["loss_stats"]["min"]) == (0, None)
    for loss, bad in ((2.0, 0), (math.nan, 4), (1.0, 0)):
        tracker.log_training_step(loss=loss, accuracy=0.5, gradient_norm=loss, nan_count=bad)
    found = tracker.get_experiment_summary()
    assert found["experiment_name"] == "clip"
    assert (found["total_steps"], found["current_step"]) == (3, 3)
    assert found["loss_stats"] == {"min": 1.0, "max": 2.0, "mean": 1.5, "final": 1.0}
    assert found["numerical_stability"] == {
        "total_nan_count": 4, "total_inf_count": 0, "steps_with_nan": 1, "steps_with_inf": 0,
    }  # fmt: skip
    assert found["checkpoints"] == 0


def test_figure(new_tracker, tmp_path):
    """The figure is saved, recorded, and returned with a summary."""
    pytest.importorskip("matplotlib")
    tracker = new_tracker(ExperimentConfig(log_interval=1))
    for step in range(5):
        tracker.log_training_step(loss=1 / (step + 1), gradient_norm=1.0, nan_count=0)
    path = tmp_path / "pictures" / "progress.png"
    shown = tracker.create_visualization(path)
    assert path.read_bytes().startswith(b"\x89PNG")
    assert len([each for each in shown["figure"].axes if each.get_visible()]) >= 4
    assert shown["metrics_summary"]["total_steps"] == 5
    (figure,) = read(tracker).media["training_progress"]
    assert (figure.type, figure.step) == ("figure", 5)


def test_other_runs(new_tracker, tmp_path):
    """The tracker hands on to the registry: list, search, best, compare, register."""
    for rate in (0.1, 0.01):
        tracker = new_tracker(ExperimentConfig(experiment_name=f"lr-{rate}"))
        tracker.log_hyperparameters({"lr": rate})
        tracker.log_training_step(loss=rate)
        tracker.close()
    elsewhere = epochal.init(project="p", dir=str(tmp_path / "other"), **ALONE)
    elsewhere.finish()
    only = ExperimentTracker(tmp_path / "runs")
    assert len(only.list()) == 2
    assert [run.name for run in only.search("config.lr < 0.05")] == ["lr-0.01"]
    assert only.best("train/loss", "minimize").name == "lr-0.01"
    assert only.compare().num_rows == 2
    only.register(elsewhere)
    assert len(only.list()) == 3
    only.log_training_step(loss=1.0)
    only.close()
    assert len(tracker.list()) == 3


def test_errors_never_end_the_training(new_tracker):
    """What fails is told and counted, and the next call works."""
    tracker = new_tracker(ExperimentConfig(log_interval=1, log_gradients=True))
    tracker.log_training_step(loss=1.0, step="ten")
    tracker.log_gradients("no model")
    tracker.log_model_architecture(None)
    tracker.log_hyperparameters(3)
    tracker.log_epoch(1, None)
    assert tracker.create_visualization("/proc/nowhere/figure.png") is None
    assert tracker.save_checkpoint("no model", None, 1, 1, 0.5) is None
    assert len(tracker.run.health().problems) >= 7
    tracker.current_step = 1
    tracker.log_training_step(loss=0.5)
    assert read(tracker).series("train/loss").steps.tolist() == [2]


@pytest.mark.torch
def test_checkpoint(new_tracker, tmp_path):
    """A checkpoint has its keys, and the training stands there again when it is loaded."""
    import torch

    model = torch.nn.Linear(3, 2)
    optimizer = torch.optim.Adam(model.parameters())
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 5)
    config = ExperimentConfig(model_save_dir=str(tmp_path / "models"))
    tracker = new_tracker(config)
    tracker.log_hyperparameters({"lr": 0.1})
    path = tracker.save_checkpoint(
        model, optimizer, 2, 40, torch.tensor(0.5), {"accuracy": 0.9}, scheduler
    )
    assert Path(path) == tmp_path / "models" / "checkpoint_epoch_2_step_40.pt"
    assert tracker.get_experiment_summary()["checkpoints"] == 1
    other = new_tracker()
    assert other.load_checkpoint(tmp_path / "missing.pt") is None
    assert (other.current_epoch, other.current_step) == (0, 0)
    found = other.load_checkpoint(path)
    assert set(
        "epoch step loss metrics model_state_dict optimizer_state_dict scheduler_state_dict"
        " timestamp config".split()
    ) <= set(found)
    assert (found["loss"], found["metrics"], found["config"]) == (
        0.5,
        {"accuracy": 0.9},
        {"lr": 0.1},
    )
    assert (other.current_epoch, other.current_step) == (2, 40)
    typed = ModelCheckpoint.from_dict(found)
    assert torch.equal(typed.model_state["weight"], model.weight)
    assert typed.scheduler_state["step_size"] == 5
    other.log_training_step(loss=1.0)
    assert other.current_step == 41
    Path(path).write_bytes(Path(path).read_bytes()[:100])
    with pytest.raises(CheckpointError, match="damaged"):
        other.load_checkpoint(path)


@pytest.mark.torch
def test_the_best_checkpoint(new_tracker):
    """What is called the best is loaded by that word, also in a later session."""
    import torch

    model = torch.nn.Linear(2, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with new_tracker(ExperimentConfig(log_interval=1)) as tracker:
        tracker.save_checkpoint(model, optimizer, 1, 10, 0.5, best=True)
        tracker.save_checkpoint(model, optimizer, 2, 20, 0.6)
    again = new_tracker(ExperimentConfig(resume_run=tracker.run.dir))
    assert again.load_checkpoint("best")["step"] == 10
    assert (again.current_epoch, again.current_step) == (1, 10)
    assert again.load_checkpoint("last")["step"] == 20


def test_block_that_fails(new_tracker):
    """An exception in a `with` block makes the run's state "failed"."""
    with pytest.raises(KeyError), new_tracker() as tracker:
        raise KeyError("x")
    assert epochal.RunView(tracker.run.dir).state == "failed"


@pytest.mark.torch
def test_model_and_gradients(new_tracker):
    """A model's architecture and its gradients of this moment are recorded."""
    import torch

    model = torch.nn.Linear(3, 2)
    model(torch.ones(1, 3)).sum().backward()
    tracker = new_tracker(ExperimentConfig(log_gradients=True), log_histograms=True)
    tracker.log_model_architecture(model)
    tracker.log_training_step(loss=1.0)
    tracker.log_gradients(model)
    run = read(tracker)
    assert run.summary["model/parameters"] == 8
    assert run.series("gradients/norm").values[-1] == pytest.approx(math.sqrt(8))
    assert run.series("gradients/layers/weight/norm").steps.tolist() == [1]
    assert len(run.media["gradients/histograms/weight"]) == 1
    quiet = new_tracker()
    quiet.log_gradients(model)
    assert not read(quiet).metrics
