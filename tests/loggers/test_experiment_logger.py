"""``ExperimentLogger``: what its calls record, how often, and when W&B is asked."""

import csv
import json
import logging
import math
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))

from recorded import wait_until

import epochal
from epochal.core.errors import LogError
from epochal.loggers import ExperimentLogger, log_experiment, log_training_experiment

ALONE = {"follow": "off", "capture_environment": False}


@pytest.fixture
def new_logger(tmp_path):
    """Makes loggers without mirrors that record into the test's folder."""
    made = []

    def make(config=None, **arguments):
        given = {"use_wandb": False, "dir": str(tmp_path / "runs"), **ALONE, **arguments}
        made.append(ExperimentLogger("p", "first", config, **given))
        return made[-1]

    yield make
    for logger in made:
        logger.finish()


def read(logger):
    """Ends a logger's run and reads it."""
    logger.finish()
    return epochal.RunView(logger.run.dir)


def sinks(logger):
    """The sinks that a logger's run was to have, whether they are installed or not."""
    described = json.loads(Path(logger.run.dir, "run.json").read_text())
    return {*described["sinks"], *described["sinks_missing"]}


def test_training_and_validation(new_logger):
    """Both kinds of steps are recorded by name, with step and epoch."""
    logger = new_logger({"lr": 1e-3}, tags=["a"], notes="n")
    logger.log_training_step(0.5, 1e-3, 2.0, step=10, epoch=1, tokens=64)
    logger.log_training_step(loss=0.4, learning_rate=9e-4)
    logger.log_validation_step(0.6, perplexity=1.8, accuracy=0.7)
    run = read(logger)
    assert (run.project, run.name, run.tags, run.notes) == ("p", "first", ["a"], "n")
    assert run.config == {"lr": 1e-3}
    assert run.series("train/loss").steps.tolist() == [10, 11]
    assert run.series("train/loss").epochs.tolist()[0] == 1
    assert run.series("lr").values.tolist() == [1e-3, 9e-4]
    assert run.series("gradients/norm").values.tolist() == [2.0]
    assert run.series("train/tokens").values.tolist() == [64]
    for name, value in {"loss": 0.6, "perplexity": 1.8, "accuracy": 0.7}.items():
        found = run.series(f"val/{name}")
        assert (found.steps.tolist(), found.values.tolist()) == ([11], [value])


def test_logging_section(new_logger):
    """The section `logging` of a config says how often, and what is left out."""
    section = {
        "log_training_every": 10, "log_validation_every": 50, "log_gradient_norms": False,
        "log_learning_rate": False, "log_compute_time": False, "tags": ["section"],
    }  # fmt: skip
    logger = new_logger({"logging": section})
    for step in range(100):
        logger.log_training_step(1.0, 1e-3, 2.0, step=step)
        logger.log_validation_step(1.0, step=step)
    run = read(logger)
    assert run.series("train/loss").steps.tolist() == list(range(0, 100, 10))
    assert run.series("val/loss").steps.tolist() == [0, 50]
    assert set(run.metrics) == {"train/loss", "val/loss"}
    assert run.tags == ["section"]


def test_time_of_a_step(new_logger):
    """Seconds per step are those between recorded steps, divided by their distance."""
    logger = new_logger({"logging": {"log_training_every": 5}})
    for step in range(11):
        logger.log_training_step(1.0, step=step)
    run = read(logger)
    found, elapsed = run.series("performance/step_s"), run.series("train/loss").elapsed_s
    assert found.steps.tolist() == [5, 10]
    assert 0 < found.values.sum() * 5 <= elapsed[-1] + 1


def test_epochs_reach_the_epochs_file(tmp_path):
    """An epoch is a line of the CSV file of epochs, in the columns that scripts read."""
    logger = ExperimentLogger(
        "p", use_wandb=False, dir=str(tmp_path), sinks=["csv"], capture_environment=False
    )
    logger.log_training_step(0.9, step=7)
    logger.log_epoch(0, 0.8, 0.7, train_metrics={"accuracy": 0.5}, val_metrics={"accuracy": 0.4})
    logger.finish()
    (path,) = wait_until(lambda: list(Path(logger.run.dir, "csv").glob("*_epochs.csv")))

    def lines():
        return list(csv.DictReader(path.read_text(encoding="utf-8").splitlines()))

    (line,) = wait_until(lines)
    assert (line["epoch"], line["train_loss_mean"], line["val_loss"]) == ("0", "0.8", "0.7")
    assert (line["epoch/train_accuracy"], line["epoch/val_accuracy"]) == ("0.5", "0.4")


def test_custom_metric_and_text(new_logger):
    """A custom metric keeps what is said of it; a text keeps how it was sampled."""
    logger = new_logger()
    logger.log_custom_metric("latency", 3.5, step=4, unit="ms", batch=8)
    logger.log_text_generation("To", "To be", 0.8, 0.9, 32, step=4, top_k=5)
    run = read(logger)
    assert run.series("custom/latency").values.tolist() == [3.5]
    assert run.series("custom/latency_batch").steps.tolist() == [4]
    assert run.texts("custom/latency_unit")[0].text == "ms"
    (text,) = run.texts("generation/generated_text")
    assert text.text == "To be"
    assert text.about == {
        "prompt": "To", "temperature": 0.8, "top_p": 0.9, "max_tokens": 32, "top_k": 5,
    }  # fmt: skip


def test_ablation(new_logger):
    """Baseline and ablated metrics stand side by side; what one of them lacks is NaN."""
    logger = new_logger()
    logger.log_hyperparameter_ablation(
        "no-rope", {"loss": 1.0, "ppl": 3.0}, {"loss": 1.25}, {"rope": False}, step=9
    )
    run = read(logger)
    assert run.series("ablation/no-rope/baseline_loss").values.tolist() == [1.0]
    assert run.series("ablation/no-rope/ablated_loss").values.tolist() == [1.25]
    assert run.summary["ablation/no-rope/config"] == {"rope": False}
    assert run.tags == ["ablation/no-rope"]
    (table,) = run.media
    first, second = table.table.to_pylist()
    assert first == {"metric": "loss", "baseline": 1.0, "ablated": 1.25, "difference": 0.25}
    assert (second["metric"], second["baseline"]) == ("ppl", 3.0)
    assert math.isnan(second["ablated"])


def test_summary(new_logger):
    """The summary has the values by their names, and how many steps there were."""
    logger = new_logger()
    logger.log_training_step(0.5, step=41)
    logger.log_experiment_summary(0.5, best_val_loss=0.4, accuracy=0.9)
    summary = read(logger).summary
    wanted = {"final_train_loss": 0.5, "best_val_loss": 0.4, "total_steps": 41, "accuracy": 0.9}
    assert {name: summary[name] for name in wanted} == wanted
    assert "final_val_loss" not in summary


@pytest.mark.parametrize(
    ("arguments", "variable", "section", "wanted"),
    [
        ({"use_wandb": None}, {}, {}, True),
        ({}, {}, {}, True),
        ({"use_wandb": False}, {}, {}, False),
        ({"use_wandb": False}, {}, {"enable_wandb": True}, False),
        ({"use_wandb": True}, {"EPOCHAL_NO_WANDB": "1"}, {}, True),
        ({}, {"EPOCHAL_NO_WANDB": "1"}, {}, False),
        ({}, {"EPOCHAL_SINKS": "csv"}, {}, False),
        ({}, {"EPOCHAL_SINKS": "-wandb"}, {}, False),
        ({}, {}, {"enable_wandb": False}, False),
        ({}, {}, {"no_wandb": True}, False),
        ({"sinks": ["csv"]}, {}, {}, False),
        ({"sinks": {"wandb": {"mode": "offline"}}}, {}, {}, True),
        ({"no_wandb": True}, {}, {}, False),
    ],
)
def test_when_wandb_is_asked(tmp_path, monkeypatch, arguments, variable, section, wanted):
    """W&B is the default; an argument, a variable or the section of the config switches it off."""
    for name, value in variable.items():
        monkeypatch.setenv(name, value)
    config = {"logging": section} if section else {}
    logger = ExperimentLogger("p", config=config, dir=str(tmp_path), **ALONE, **arguments)
    logger.finish()
    assert ("wandb" in sinks(logger)) == wanted
    assert epochal.RunView(logger.run.dir).config == config


def test_errors_are_told_and_counted(new_logger, caplog):
    """What cannot be logged does not raise; it is told once and counted."""
    logger = new_logger()
    with caplog.at_level(logging.WARNING, "epochal"):
        logger.log_training_step(1.0, step="ten")
        logger.log_hyperparameter_ablation("x", {"loss": "much"}, {}, step=1)
        logger.log_model_architecture("no model")
        logger.log_training_step()
    logger.log_training_step(0.5, step=11)
    problems = logger.run.health().problems
    assert problems["log_training_step"] == 2
    assert problems["log_hyperparameter_ablation"] == 1
    assert "log_hyperparameter_ablation() failed" in caplog.text
    assert read(logger).series("train/loss").steps.tolist() == [11]


def test_strict_raises(new_logger):
    """In strict mode the same errors raise, so that tests find them."""
    with pytest.raises(LogError, match="log_hyperparameter_ablation"):
        new_logger(strict=True).log_hyperparameter_ablation("x", {"loss": "much"}, {})


@pytest.mark.parametrize(("code", "state"), [(0, "finished"), (1, "failed")])
def test_exit_code(new_logger, code, state):
    """An exit code other than 0 is a failed run."""
    logger = new_logger()
    logger.finish(code)
    assert epochal.RunView(logger.run.dir).state == state


def test_as_a_context(new_logger):
    """An exception ends the run as failed and goes on."""
    logger = new_logger()
    with pytest.raises(ZeroDivisionError), logger:
        logger.log_training_step(1 / 0)
    assert epochal.RunView(logger.run.dir).state == "failed"


def test_resume_goes_on_counting(new_logger):
    """A resumed run is the same one, and steps that are not given follow the last one."""
    first = new_logger()
    first.log_training_step(1.0, step=100)
    first.finish()
    second = new_logger(resume=first.get_run_id())
    second.log_training_step(0.5)
    assert second.get_run_id() == first.get_run_id()
    assert read(second).series("train/loss").steps.tolist() == [100, 101]


def test_off_is_silent(tmp_path):
    """With mode off every call does nothing."""
    logger = ExperimentLogger("p", mode="off", dir=str(tmp_path))
    logger.log_training_step(1.0)
    logger.log_epoch(0, 1.0)
    logger.log_experiment_summary(1.0)
    logger.finish()
    assert not list(tmp_path.iterdir())


def test_one_call(tmp_path):
    """An experiment that is over is recorded in one call."""
    key = log_experiment(
        "no-warmup", "without warm-up", {"val_loss": 1.5}, "p", ["x"], config={"warmup": 0},
        use_wandb=False, dir=str(tmp_path), **ALONE,
    )  # fmt: skip
    run = epochal.open(str(tmp_path)).run(key)
    assert (run.name, run.notes, run.tags, run.state) == (
        "no-warmup", "without warm-up", ["x"], "finished",
    )  # fmt: skip
    assert run.summary["custom/val_loss"].last == 1.5


def test_yaml_file(tmp_path):
    """The YAML file of a script starts its logger, section `logging` included."""
    path = tmp_path / "config_with_wandb.yaml"
    path.write_text(
        "model: {depth: 2}\n"
        "logging:\n  project_name: lm\n  experiment_name: depth-{model.depth}\n"
        "  tags: [base]\n  notes: first\n  log_training_every: 100\n"
    )
    logger = log_training_experiment(str(path), use_wandb=False, dir=str(tmp_path), **ALONE)
    run = read(logger)
    assert (run.project, run.name, run.tags, run.notes) == ("lm", "depth-2", ["base"], "first")
    assert run.config["model"] == {"depth": 2}


@pytest.mark.torch
def test_model_and_checkpoints(new_logger, tmp_path):
    """A model is described; a checkpoint has its keys, its hash, and a name as the best one."""
    import torch

    from epochal.checkpoints import load_file

    model = torch.nn.Linear(3, 2)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    logger = new_logger({"lr": 0.1})
    logger.log_model_architecture(model)
    path = tmp_path / "models" / "mine.pt"
    saved = logger.log_checkpoint(
        model, optimizer, 1, 10, torch.tensor(0.5), str(path), is_best=True,
        additional_metadata={"accuracy": 0.9},
    )  # fmt: skip
    own = logger.log_checkpoint(model, optimizer, epoch=2, step=20, loss=0.4)
    assert saved == str(path)
    assert Path(own).name == "checkpoint_epoch_2_step_20.pt"
    for file, epoch in ((saved, 1), (path.with_name("best_model.pt"), 1), (own, 2)):
        contents = load_file(file)
        assert set(
            "epoch step loss metrics model_state_dict optimizer_state_dict scheduler_state_dict"
            " timestamp config".split()
        ) <= set(contents)
        assert contents["epoch"] == epoch
        assert torch.equal(contents["model_state_dict"]["weight"], model.weight)
    assert load_file(saved)["metrics"] == {"accuracy": 0.9}
    assert load_file(saved)["loss"] == 0.5
    run = read(logger)
    assert run.summary["model/parameters"] == 8
    checked = {each.path: each.check() for each in run.artifacts if each.type == "checkpoint"}
    assert checked[str(path)] == "same"


@pytest.mark.torch
def test_the_best_checkpoint(new_logger, tmp_path):
    """The one that was called the best is loaded as "best", at its own path or the usual one."""
    import torch

    model = torch.nn.Linear(1, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    logger = new_logger()
    logger.log_checkpoint(model, optimizer, 1, 10, 0.5, is_best=True)
    logger.log_checkpoint(model, optimizer, 2, 20, 0.6)
    assert logger.run.load_checkpoint("best")["step"] == 10
    own = tmp_path / "models" / "epoch-3.pt"
    logger.log_checkpoint(model, optimizer, 3, 30, 0.7, own, is_best=True)
    logger.log_checkpoint(model, optimizer, 4, 40, 0.6)
    assert logger.run.load_checkpoint("best")["step"] == 30
    assert logger.run.load_checkpoint("last")["step"] == 40
    own.unlink()  # best_model.pt is beside it
    assert logger.run.load_checkpoint("best")["step"] == 30
    assert [each.best for each in read(logger).checkpoints] == [False, False, True, False]
    again = new_logger(resume=logger.run.dir)
    assert again.run.load_checkpoint("best")["step"] == 30


@pytest.mark.torch
def test_checkpoint_that_is_not_recorded(new_logger, tmp_path):
    """With `log_artifacts=False` checkpoints are files, and nothing else knows of them."""
    import torch

    from epochal.checkpoints import load_file

    model = torch.nn.Linear(1, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    logger = new_logger({"lr": 0.1}, log_artifacts=False)
    path = logger.log_checkpoint(model, optimizer, 1, 10, 0.5, tmp_path / "m.pt", is_best=True)
    own = logger.log_checkpoint(model, optimizer, 2, 20, 0.4)
    assert own == str(Path(logger.run.dir, "checkpoints", "checkpoint_epoch_2_step_20.pt"))
    for file, step in ((path, 10), (tmp_path / "best_model.pt", 10), (own, 20)):
        found = load_file(file)
        assert (found["step"], found["config"]) == (step, {"lr": 0.1})
    run = read(logger)
    assert not run.checkpoints
    assert not run.artifacts


@pytest.mark.torch
def test_checkpoint_that_cannot_be_saved(new_logger, tmp_path):
    """A folder that cannot be written costs the checkpoint, not the training."""
    import torch

    model = torch.nn.Linear(1, 1)
    (tmp_path / "file").write_text("")
    logger = new_logger()
    path = tmp_path / "file" / "model.pt"
    assert logger.log_checkpoint(model, torch.optim.SGD(model.parameters()), 0, 0, 1, path) is None
    assert logger.run.health().problems["checkpoint"] == 1
