"""`epochal.sweep`: runs for many settings, and their results."""

import contextlib
import errno
import logging
import math
import subprocess
import sys
import textwrap

import pytest

import epochal
from epochal.core.errors import ConfigError, RunNotFoundError, SettingError
from epochal.sweeps import ablation, read

QUIET = {"follow": "off", "capture_environment": False}


@pytest.fixture
def plan(tmp_path):
    """Plans a sweep in the test's folder that starts no other process."""

    def make(settings, name="s", **arguments):
        given = {"dir": str(tmp_path / "runs"), "project": "p", **QUIET, **arguments}
        return epochal.sweep(settings, name, **given)

    return make


def train(run):
    """Something to log: a loss that depends on the learning rate and the seed."""
    for step in range(3):
        run.log({"val/loss": run.config["lr"] * (3 - step) + run.config.get("seed", 0)}, step=step)


def run_all(sweep, but=()):
    """Runs every trial; those of the labels in `but` fail. Returns the names of the runs."""
    names = []
    for run in sweep:
        with run:
            names.append(run.name)
            if any(label in run.name for label in but):
                raise RuntimeError(f"no {run.name}")
            train(run)
    return names


def runs(tmp_path, filter=None):
    """The runs of the test's folder, oldest first."""
    return list(epochal.open(tmp_path / "runs").runs(filter, "created"))


def test_each_trial_is_a_run(plan, tmp_path):
    """Each setting and seed has a run with its config, seed, group, tag and name."""
    grid = {"lr": [0.25, 0.5], "model.width": [64]}
    sweep = plan(grid, "wide", seeds=2, config={"model": {"depth": 1}}, tags=["mine"])
    assert len(sweep) == 4
    run_all(sweep)
    found = runs(tmp_path)
    assert [run.config for run in found] == [
        {"model": {"depth": 1, "width": 64}, "lr": lr, "seed": seed}
        for seed in (0, 1)
        for lr in (0.25, 0.5)
    ]
    assert [run.seed for run in found] == [0, 0, 1, 1]
    assert {run.group for run in found} == {"wide"}
    assert {tuple(run.tags) for run in found} == {("mine", "sweep/wide")}
    assert {run.state for run in found} == {"finished"}
    assert found[0].name == "lr=0.25 model.width=64 seed=0"


def test_names_of_runs(plan, tmp_path):
    """The name of the runs may be a template; braces in a setting are none."""
    run_all(plan([{"lr": 0.5}], run_name="rate-{lr}"))
    run_all(plan([{"lr": 0.25, "text": "{x}"}], "t"))
    assert [run.name for run in runs(tmp_path)] == ["rate-0.5", "lr=0.25 text={x}"]


def test_name_of_a_sweep(plan):
    """Without a name a sweep has one of its keys, the same each time."""
    assert plan({"lr": [0.1], "depth": [1]}, None).name == "sweep lr depth"
    changes = {"no clip": {"clip": None}}
    assert plan(ablation({"lr": 0.1, "clip": 1}, changes), None).name == "sweep clip"


def test_settings_files_count(plan, tmp_path, monkeypatch):
    """The config of a trial holds what the settings file says, and the trial is known again."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "epochal.toml").write_text(
        "[epochal]\nproject = 'q'\n[epochal.config]\nwarmup = 3\n"
    )
    assert len(run_all(plan([{"lr": 0.5}], project=None))) == 1
    assert len(run_all(plan([{"lr": 0.5}], project=None))) == 0
    (run,) = runs(tmp_path)
    assert (run.project, run.config) == ("q", {"warmup": 3, "lr": 0.5})


# -- again -----------------------------------------------------------------------------------


def test_finished_trials_are_left_out(plan):
    """A sweep that is started again runs what is new, failed or was stopped."""
    with pytest.raises(RuntimeError):
        run_all(plan({"lr": [0.25, 0.5, 1.0]}), but=["lr=0.5"])
    assert run_all(plan({"lr": [0.25, 0.5, 1.0, 2.0]})) == ["lr=0.5", "lr=1.0", "lr=2.0"]
    assert run_all(plan({"lr": [0.25, 0.5, 1.0, 2.0]})) == []


def test_another_config_is_another_trial(plan):
    """A trial is finished only if the whole config was the same; `again` asks for all."""
    settings = [{"lr": 0.5}]
    assert len(run_all(plan(settings, config={"epochs": 1}))) == 1
    assert len(run_all(plan(settings, config={"epochs": 2}))) == 1
    assert len(run_all(plan(settings, config={"epochs": 2}))) == 0
    assert len(run_all(plan(settings, config={"epochs": 2}, seeds=1))) == 1
    assert len(run_all(plan(settings, "other", config={"epochs": 2}))) == 1
    assert len(run_all(plan(settings, config={"epochs": 2}, again=True))) == 1


def test_a_config_that_changes_while_it_runs(plan):
    """What the training adds to the config does not make it another trial."""
    for _ in range(2):
        for run in plan([{"lr": 0.5}]):
            with run:
                run.config["parameters"] = 1000
                train(run)
    assert run_all(plan([{"lr": 0.5}])) == []


def test_settings_with_names_of_secrets(plan):
    """What is redacted in the config still makes trials and rows of their own."""
    settings = {"pool.token": ["cls", "mean"]}
    assert len(run_all(plan(settings, config={"lr": 1.0, "token": "abc"}))) == 2
    again = plan(settings, config={"lr": 1.0, "token": "def"})
    assert run_all(again) == []  # a new password makes no new trial
    assert [row.n for row in again.results("val/loss").rows] == [1, 1]


def test_killed(plan, tmp_path):
    """A trial whose process was killed is run again, the finished ones are not."""
    code = """
        import os, signal, sys, epochal
        for run in epochal.sweep({"lr": [0.25, 0.5]}, "s", project="p", dir=sys.argv[1],
                                 follow="off", capture_environment=False):
            with run:
                run.log({"val/loss": run.config["lr"]}, step=1)
                if run.config["lr"] == 0.5:
                    os.kill(os.getpid(), signal.SIGKILL)
    """
    argv = [sys.executable, "-c", textwrap.dedent(code), str(tmp_path / "runs")]
    assert subprocess.run(argv, check=False, timeout=120).returncode == -9
    assert run_all(plan({"lr": [0.25, 0.5]})) == ["lr=0.5"]


def test_parts(plan):
    """Processes that share a sweep have different trials, and all of them together."""
    parts = [run_all(plan({"lr": [1.0, 2.0, 3.0, 4.0, 5.0]}, part=(i, 2))) for i in range(2)]
    assert parts == [["lr=1.0", "lr=3.0", "lr=5.0"], ["lr=2.0", "lr=4.0"]]


SHARED = """
    import os, sys, time, epochal
    folder, killed = sys.argv[1], sys.argv[2] == "killed"
    sweep = epochal.sweep({"lr": [float(i) for i in range(8)]}, "s", project="p", dir=folder,
                          on_error="continue", follow="off", capture_environment=False)
    for run in sweep:
        with run:
            run.log({"val/loss": run.config["lr"]}, step=1)
            if killed:
                print("running", flush=True)
                time.sleep(600)
            for _ in range(1000):  # until each of the others has a trial
                if len(list(epochal.open(folder).runs())) >= 3:
                    break
                time.sleep(0.01)
            if run.config["lr"] == 5.0:
                raise RuntimeError("diverged")
"""


def shared(tmp_path, how="whole", **arguments):
    """A process that runs the shared sweep."""
    argv = [sys.executable, "-c", textwrap.dedent(SHARED), str(tmp_path / "runs"), how]
    return subprocess.Popen(argv, text=True, **arguments)


def test_processes_share_a_sweep(plan, tmp_path):
    """Started three times at once, each trial is run once, also the one that fails."""
    processes = [shared(tmp_path) for _ in range(3)]
    assert [process.wait(200) for process in processes] == [0, 0, 0]
    found = runs(tmp_path)
    assert sorted(run.name for run in found) == [f"lr={i}.0" for i in range(8)]
    assert [run.name for run in found if run.state == "failed"] == ["lr=5.0"]
    assert run_all(plan({"lr": [float(i) for i in range(8)]})) == ["lr=5.0"]  # started again


def test_a_claim_ends_with_its_process(plan, tmp_path):
    """A trial that another process runs is left out; when that was killed, it is free."""
    process = shared(tmp_path, "killed", stdout=subprocess.PIPE)
    settings = {"lr": [0.0, 1.0]}
    with process:
        assert process.stdout.readline() == "running\n"
        assert run_all(plan(settings)) == ["lr=1.0"]
        process.kill()
    assert run_all(plan(settings)) == ["lr=0.0"]


def test_ranks_of_a_job_run_the_same_trials(plan, monkeypatch):
    """They train together: what one of them runs is not taken from the others."""
    monkeypatch.setenv("RANK", "0")
    monkeypatch.setenv("WORLD_SIZE", "2")
    sweeps = [iter(plan({"lr": [1.0]})) for _ in range(2)]
    with contextlib.ExitStack() as stack:
        for each in sweeps:
            stack.callback(each.close)
            assert next(each).name == "lr=1.0"


def test_a_folder_without_locks(plan, monkeypatch):
    """A sweep needs none."""

    def refuse(*_):
        raise OSError(errno.ENOLCK, "no locks available")

    monkeypatch.setattr("fcntl.lockf", refuse)
    assert run_all(plan({"lr": [1.0, 2.0]})) == ["lr=1.0", "lr=2.0"]


def test_off(plan, tmp_path):
    """With mode="off" the loop runs and nothing is recorded."""
    assert len(run_all(plan({"lr": [1.0, 2.0]}, mode="off"))) == 2
    assert not (tmp_path / "runs").exists()


# -- failures --------------------------------------------------------------------------------


def test_a_failure_ends_the_loop(plan, tmp_path):
    """By default an exception leaves the loop; its run has failed, the others are not begun."""
    with pytest.raises(RuntimeError, match=r"no lr=0\.25"):
        run_all(plan({"lr": [0.25, 0.5]}), but=["lr=0.25"])
    (run,) = runs(tmp_path)
    assert run.state == "failed"
    assert "RuntimeError: no lr=0.25" in run.error


def test_the_sweep_goes_on(plan, tmp_path, caplog):
    """With on_error="continue" a failed trial is recorded and told, and the next one begins."""
    with caplog.at_level(logging.WARNING, "epochal"):
        run_all(plan({"lr": [0.25, 0.5]}, on_error="continue"), but=["lr=0.25"])
    assert [run.state for run in runs(tmp_path)] == ["failed", "finished"]
    assert "lr=0.25 failed: RuntimeError" in caplog.text


def test_ctrl_c_ends_the_sweep(plan, tmp_path):
    """Ctrl-C is no failure of a trial: the sweep ends in any case."""

    def stopped(sweep):
        for run in sweep:
            with run:
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stopped(plan({"lr": [0.25, 0.5]}, on_error="continue"))
    assert [run.state for run in runs(tmp_path)] == ["interrupted"]


def test_without_with(plan, tmp_path):
    """A run is ended when the next one begins; the one at which the loop is left, interrupted."""
    for run in plan({"lr": [0.25, 0.5, 1.0]}):
        train(run)
        if run.config["lr"] == 0.5:
            break
    del run
    assert [run.state for run in runs(tmp_path)] == ["finished", "interrupted"]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"on_error": "skip"}, "on_error"),
        ({"part": (2, 2)}, "part"),
        ({"group": "g"}, "group= is not for a sweep"),
        ({"seed": 3}, "seed= is not for a sweep"),
    ],
)
def test_wrong_arguments(plan, arguments, says):
    """Arguments that are not allowed are refused in words."""
    with pytest.raises(SettingError, match=says):
        plan({"lr": [0.5]}, **arguments)


def test_seeds_twice(plan):
    """Seeds in the settings and as an argument exclude each other."""
    with pytest.raises(ConfigError, match="leave out seeds="):
        plan([{"lr": 0.5}, {"seed": 1}], seeds=2)


# -- results ---------------------------------------------------------------------------------


def test_results(plan, tmp_path):
    """A row for each setting: n, mean, std, ends over the seeds; best at any step; best first."""
    sweep = plan({"lr": [0.5, 0.25]}, seeds=[0, 2])
    run_all(sweep)
    found = read(str(tmp_path / "runs"), "s", "val/loss")
    assert [row.label for row in found.rows] == ["lr=0.25", "lr=0.5"]
    row = found.rows[0]
    assert (row.n, row.values, row.seeds) == (2, [0.25, 2.25], [0, 2])
    assert (row.mean, row.std, row.min, row.max) == (1.25, math.sqrt(2), 0.25, 2.25)
    assert found.best() is row
    assert [r.mean for r in sweep.results("val/loss", goal="maximize").rows] == [1.5, 1.25]
    first = sweep.results("val/loss", statistic="max")
    assert [(r.mean, r.best) for r in first.rows] == [(1.75, 0.25), (2.5, 0.5)]
    assert sweep.results("val/loss", statistic="best").rows[0].mean == 1.25


def test_table(plan):
    """The table has the settings' keys and the statistics as columns."""
    sweep = plan([{"lr": 0.5}, {"lr": 0.25, "clip": 1}])
    run_all(sweep)
    table = sweep.results("val/loss").table()
    assert table.column_names == [
        "label", "lr", "clip", "n", "mean", "std", "min", "max", "best",
        "failed", "unfinished", "pruned", "missing",
    ]  # fmt: skip
    assert table["lr"].to_pylist() == [0.25, 0.5]
    assert table["clip"].to_pylist() == [1, None]


def test_what_does_not_count_is_counted(plan):
    """Failed, unfinished and not yet begun trials, and those without a value, are in no mean."""
    sweep = plan({"lr": [0.25, 0.5, 1.0, 2.0]}, seeds=2, on_error="continue")
    for run in sweep:
        with run:
            if run.config["lr"] == 0.25 and run.config["seed"] == 1:
                raise RuntimeError
            if run.config["lr"] == 0.5:
                run.log({"val/loss": math.nan}, step=1)
            elif run.config["lr"] == 1.0:
                run.log({"other": 1.0}, step=1)
            else:
                train(run)
        if run.config["lr"] == 1.0 and run.config["seed"] == 1:
            break
    rows = {row.label: row for row in sweep.results("val/loss").rows}
    assert [(rows[f"lr={lr}"].n, rows[f"lr={lr}"].left_out) for lr in (0.25, 0.5, 1.0, 2.0)] == [
        (1, "1 failed"), (0, "2 missing"), (0, "2 missing"), (1, "1 unfinished"),
    ]  # fmt: skip
    assert math.isnan(rows["lr=0.5"].mean)
    assert [row.label for row in sweep.results("val/loss").rows][:2] == ["lr=0.25", "lr=2.0"]


def test_a_trial_counts_once(plan):
    """A trial that failed and was repeated is one that is finished."""
    settings = {"lr": [0.25]}
    with pytest.raises(RuntimeError):
        run_all(plan(settings), but=["lr"])
    run_all(plan(settings))
    run_all(plan(settings, again=True))
    with pytest.raises(RuntimeError):
        run_all(plan(settings, again=True), but=["lr"])
    (row,) = plan(settings).results("val/loss").rows
    assert (row.n, row.left_out) == (1, "")


def test_two_configs_are_two_rows(plan, tmp_path):
    """A setting that was tried within two configs has two rows: they are not one mean."""
    run_all(plan([{"lr": 0.5}], config={"epochs": 1}))
    run_all(plan([{"lr": 0.5}], config={"epochs": 2}))
    rows = read(str(tmp_path / "runs"), "s", "val/loss").rows
    assert [row.n for row in rows] == [1, 1]
    assert len({row.label for row in rows}) == 2


def test_goal_by_definition(plan):
    """The goal is what the runs define, before what the name says."""
    sweep = plan({"lr": [0.25, 0.5]})
    for run in sweep:
        with run:
            run.define("val/loss", goal="maximize", summary="best")
            train(run)
    found = sweep.results("val/loss")
    assert (found.goal, [row.mean for row in found.rows]) == ("maximize", [1.5, 0.75])


def test_no_goal(plan):
    """Without a goal rows are in the order of the settings, and nothing is the best."""
    sweep = plan({"lr": [0.5, 0.25]})
    for run in sweep:
        with run:
            run.log({"reward": run.config["lr"]}, step=1)
    found = sweep.results("reward")
    assert [row.label for row in found.rows] == ["lr=0.5", "lr=0.25"]
    assert math.isnan(found.rows[0].best)
    with pytest.raises(SettingError, match="goal="):
        found.best()
    with pytest.raises(SettingError, match="goal="):
        sweep.results("reward", statistic="best")


def test_ablation_against_the_baseline(plan):
    """Every setting is a difference from the baseline, in pairs of the same seed."""
    base = {"lr": 1.0, "clip": True}
    settings = ablation(base, {"low": {"lr": 0.5}, "open": {"clip": False}})
    sweep = plan(settings, "ablation", seeds=[0, 4], on_error="continue")
    for run in sweep:
        with run:
            if run.config["clip"] is False and run.config["seed"] == 4:
                raise RuntimeError
            train(run)
    found = sweep.results("val/loss")
    opened, low = found.against("baseline")
    assert (low.label, low.n, low.difference, low.pairs) == ("low", 2, -0.5, 2)
    assert low.percent == pytest.approx(-100 * 0.5 / 3)
    assert (opened.n, opened.difference, opened.pairs) == (1, 0.0, 1), "seed 4 is no gain"
    text = found.to_markdown("baseline")
    assert "| low | 2 | 2.5 | 2.828 | 0.5 | 4.5 | 0.5 | -0.5 | -16.67 | 2 |  |" in text
    assert "1 failed" in text
    with pytest.raises(SettingError, match="did you mean 'baseline'"):
        found.against("base line")


def test_results_are_logged(plan, tmp_path):
    """The rows can be recorded in a run as a table."""
    sweep = plan({"lr": [0.5]})
    run_all(sweep)
    with epochal.init(project="p", dir=str(tmp_path / "runs"), **QUIET) as run:
        sweep.results("val/loss").log(run)
    (table,) = epochal.RunView(run.dir).media
    assert table.key == "sweep/s"
    assert table.about["rows"] == 1


def test_unknown_sweep(plan, tmp_path):
    """A sweep that is not there is an error that knows a similar one."""
    run_all(plan({"lr": [0.5]}, "learning rates"))
    with pytest.raises(RunNotFoundError, match="did you mean 'learning rates'"):
        read(str(tmp_path / "runs"), "learning rate", "val/loss")
    with pytest.raises(RunNotFoundError, match="no sweep"):
        read(str(tmp_path / "nowhere"), "s", "val/loss")


@pytest.mark.parametrize("wrong", [{"goal": "low"}, {"statistic": "median"}])
def test_wrong_results(plan, wrong):
    """A goal or statistic that does not exist is refused."""
    with pytest.raises(SettingError, match="is"):
        plan({"lr": [0.5]}).results("val/loss", **wrong)


def test_markdown_has_safe_cells(plan):
    """A label with a bar does not break the table."""
    sweep = plan([{"lr": 0.5, "mix": "a|b"}])
    run_all(sweep)
    assert r"mix=a\|b" in str(sweep.results("val/loss"))
