"""Trials of Optuna as runs."""

import importlib.util
import math

import pytest

if importlib.util.find_spec("optuna") is None:
    pytest.skip("the package optuna is not installed", allow_module_level=True)

import optuna

import epochal
from epochal.core.errors import SettingError
from epochal.sweeps import read
from epochal.sweeps.optuna import objective, recorded

QUIET = {"project": "p", "follow": "off", "capture_environment": False}


@pytest.fixture(autouse=True)
def _silent():
    """Optuna prints a line for each trial."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)


@pytest.fixture
def study():
    """A study that tries three learning rates in turn, and prunes nothing."""
    sampler = optuna.samplers.GridSampler({"lr": [0.25, 0.5, 1.0]}, seed=0)
    return optuna.create_study(study_name="tuning", sampler=sampler, direction="minimize")


@pytest.fixture
def place(tmp_path):
    """Arguments for runs in the test's folder that start no other process."""
    return {"dir": str(tmp_path), **QUIET}


def runs(tmp_path):
    """The runs of the test's folder, oldest first."""
    return list(epochal.open(tmp_path).runs(None, "created"))


def suggested(trial):
    """The learning rate of a trial."""
    return trial.suggest_categorical("lr", [0.25, 0.5, 1.0])


def test_each_trial_is_a_run(study, place, tmp_path):
    """A run has the trial's number, parameters, reports and value; the study knows its run."""

    @objective(config={"depth": 2}, tags=["mine"], **place)
    def train(trial, run):
        lr = suggested(trial)
        assert run.config["lr"] == lr
        for step in range(3):
            trial.report(lr * (3 - step), step)
        return lr

    study.optimize(train, n_trials=3)
    found = runs(tmp_path)
    for run, trial in zip(found, study.trials, strict=True):
        assert run.state == "finished"
        assert run.config == {"depth": 2, "lr": trial.params["lr"]}
        assert run.series("objective").values.tolist() == [trial.value]
        reports = run.series("objective/intermediate")
        assert dict(zip(reports.steps.tolist(), reports.values.tolist(), strict=True)) == (
            trial.intermediate_values
        )
        assert run.summary["sweep"]["number"] == trial.number
        assert run.summary["sweep"]["setting"] == trial.params
        assert trial.user_attrs["epochal_run"] == run.id
        assert (run.group, run.tags) == ("tuning", ["mine", "sweep/tuning"])
        assert run.metrics["objective"].definition.goal == "minimize"
    assert train.__name__ == "train"


def test_results(study, place, tmp_path):
    """A study is read back as a comparison whose best is the study's."""
    study.optimize(objective(**place)(lambda trial, _: suggested(trial)), n_trials=3)
    found = read(str(tmp_path), "tuning", "objective")
    assert [row.label for row in found.rows] == ["lr=0.25", "lr=0.5", "lr=1.0"]
    assert found.best().mean == study.best_value
    assert dict(found.best().setting) == study.best_params


def test_repeated_parameters_are_one_row(place, tmp_path):
    """Trials with the same parameters are repeats of one setting."""
    study = optuna.create_study(study_name="same")
    for _ in range(3):
        study.enqueue_trial({"lr": 0.5})
    study.optimize(objective(**place)(lambda trial, _: suggested(trial) + trial.number), n_trials=3)
    (row,) = read(str(tmp_path), "same", "objective").rows
    assert (row.n, row.mean) == (3, 1.5)


def test_pruned(place, tmp_path):
    """A pruned trial is a finished run with a tag, and is in no mean."""
    pruner = optuna.pruners.ThresholdPruner(upper=0.6)
    sampler = optuna.samplers.GridSampler({"lr": [0.5, 1.0]}, seed=0)
    study = optuna.create_study(study_name="pruning", sampler=sampler, pruner=pruner)

    @objective(**place)
    def train(trial, _):
        lr = suggested(trial)
        trial.report(lr, 0)
        if trial.should_prune():
            raise optuna.TrialPruned
        return lr

    study.optimize(train, n_trials=2)
    states = {run.config["lr"]: (run.state, "pruned" in run.tags) for run in runs(tmp_path)}
    assert states == {0.5: ("finished", False), 1.0: ("finished", True)}
    assert {trial.state.name for trial in study.trials} == {"COMPLETE", "PRUNED"}
    rows = {row.label: row for row in read(str(tmp_path), "pruning", "objective").rows}
    assert (rows["lr=0.5"].n, rows["lr=1.0"].n, rows["lr=1.0"].left_out) == (1, 0, "1 pruned")


def test_failed(study, place, tmp_path):
    """An exception makes the run failed and goes on to Optuna, which knows what to do."""

    @objective(**place)
    def train(trial, _):
        if suggested(trial) == 0.5:
            raise ValueError("diverged")
        return trial.params["lr"]

    study.optimize(train, n_trials=3, catch=(ValueError,))
    states = {run.config["lr"]: run.state for run in runs(tmp_path)}
    assert states == {0.25: "finished", 0.5: "failed", 1.0: "finished"}
    assert sorted(trial.state.name for trial in study.trials) == ["COMPLETE", "COMPLETE", "FAIL"]
    rows = {row.label: row for row in read(str(tmp_path), "tuning", "objective").rows}
    assert rows["lr=0.5"].left_out == "1 failed"


def test_nan_is_no_result(study, place, tmp_path):
    """A trial that gives NaN is recorded as it is, and is in no mean."""
    study.optimize(objective(**place)(lambda trial, _: suggested(trial) * math.nan), n_trials=1)
    (row,) = read(str(tmp_path), "tuning", "objective").rows
    assert (row.n, row.left_out) == (0, "1 missing")


def test_several_objectives(place, tmp_path):
    """Of several objectives each is a metric with its goal."""
    study = optuna.create_study(study_name="two", directions=["minimize", "maximize"])
    study.enqueue_trial({"lr": 0.5})
    study.optimize(objective(**place)(lambda trial, _: (suggested(trial), 3.0)), n_trials=1)
    assert read(str(tmp_path), "two", "objective/0").best().mean == 0.5
    assert read(str(tmp_path), "two", "objective/1").goal == "maximize"


def test_several_threads(study, place, tmp_path):
    """Trials at the same time have runs of their own."""
    study.optimize(objective(**place)(lambda trial, _: suggested(trial)), n_trials=3, n_jobs=3)
    assert sorted(run.config["lr"] for run in runs(tmp_path)) == [0.25, 0.5, 1.0]
    for run in runs(tmp_path):
        assert run.series("objective").values.tolist() == [run.config["lr"]]


def test_all_kinds_of_parameters(place, tmp_path):
    """Numbers, whole numbers and choices are recorded, once each, dotted names in their place."""
    study = optuna.create_study()

    @objective(name="kinds", config={"model": {}}, **place)
    def train(trial, _):
        trial.suggest_float("rate", 0.1, 1.0, log=True)
        trial.suggest_int("model.depth", 1, 4)
        assert trial.suggest_int("model.depth", 1, 4) == trial.params["model.depth"]
        trial.suggest_categorical("optimizer", ["adam", None])
        return 0.0

    study.optimize(train, n_trials=1)
    (run,) = runs(tmp_path)
    params = study.trials[0].params
    assert run.config == {
        "rate": params["rate"],
        "model": {"depth": params["model.depth"]},
        "optimizer": params["optimizer"],
    }
    assert run.group == "kinds"


def test_context(study, place, tmp_path):
    """Without the decorator: ask, record, tell; the trial is still one of Optuna's."""
    trial = study.ask()
    with recorded(trial, run_name="by hand", **place) as (watched, run):
        assert isinstance(watched, optuna.trial.Trial)
        assert watched.number == trial.number
        run.log({"objective": suggested(watched)}, step=1)
    study.tell(trial, run.config["lr"])
    (found,) = runs(tmp_path)
    assert found.name == "by hand"
    assert study.trials[0].params == {"lr": found.config["lr"]}


def test_interrupted(study, place, tmp_path):
    """Ctrl-C ends the study and the run, which is interrupted."""

    @objective(**place)
    def train(*_):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        study.optimize(train, n_trials=3)
    assert [run.state for run in runs(tmp_path)] == ["interrupted"]


def test_arguments_of_its_own(study, place):
    """A trial has a run of its own: it cannot be given another."""
    with pytest.raises(SettingError, match="resume="):
        objective(resume="x", **place)(lambda *_: 0.0)(study.ask())
