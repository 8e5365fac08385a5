"""``run.save_checkpoint``: names, content, records, the best one, old ones, failures."""

import hashlib
import logging
import os
from pathlib import Path

import pytest
from saved import files, saved_steps, seen

torch = pytest.importorskip("torch")

import epochal  # noqa: E402
from epochal.checkpoints import load_file  # noqa: E402
from epochal.core.errors import CheckpointError  # noqa: E402
from epochal.read.view import RunView  # noqa: E402

pytestmark = pytest.mark.torch

KEYS = {
    "epoch", "step", "loss", "metrics", "model_state_dict", "optimizer_state_dict",
    "scheduler_state_dict", "timestamp", "config", "rng_state",
}  # fmt: skip


def test_the_dictionary(new_run):
    """Exactly the promised keys, with plain values, loadable without running code."""
    run = new_run(config={"lr": 0.1, "api_key": "sk-abcdefghijklmnopqrstuvwx"})
    model = torch.nn.Linear(2, 1)
    optimizer = torch.optim.Adam(model.parameters())
    scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda epoch: 0.9**epoch)
    path = run.save_checkpoint(
        model, optimizer, scheduler, epoch=3, step=900, loss=torch.tensor(0.25),
        metrics={"val": {"loss": torch.tensor(0.5)}, "n": 3},
    )  # fmt: skip
    found = torch.load(path, weights_only=True)
    assert {*found} == KEYS
    assert (found["epoch"], found["step"], found["loss"]) == (3, 900, 0.25)
    assert found["metrics"] == {"val": {"loss": 0.5}, "n": 3}
    assert found["config"]["lr"] == 0.1
    assert "sk-abc" not in str(found["config"])
    assert torch.equal(found["model_state_dict"]["weight"], model.weight)
    assert found["optimizer_state_dict"]["param_groups"][0]["lr"] == 0.001
    assert found["timestamp"].startswith("20")
    assert {*found["rng_state"]} == {"python", "numpy", "torch", "cuda", "generators"}
    more = load_file(run.save_checkpoint(ema=model, extra={"tokens": 7}, generators={}))
    assert {*more} == KEYS | {"ema_state_dict", "extra"}
    assert more["model_state_dict"] is None


@pytest.mark.parametrize(
    ("epoch", "step", "name"),
    [
        (3, 900, "checkpoint_epoch_3_step_900.pt"), (3.0, 2.5, "checkpoint_epoch_3_step_2.5.pt"),
        (None, None, "checkpoint_epoch_0_step_0.pt"),
        (1e9, -1, "checkpoint_epoch_1000000000_step_-1.pt"),
        (torch.tensor(2), 7, "checkpoint_epoch_2_step_7.pt"),
    ],
)  # fmt: skip
def test_names(run, epoch, step, name):
    """Epoch and step of any kind; 0 for what is not known."""
    path = run.save_checkpoint(epoch=epoch, step=step)
    assert path == os.path.join(run.dir, "checkpoints", name)
    assert files(run) == [name]


def test_the_step_is_the_last_one_logged(run):
    """Unless it is given."""
    run.log({"a": 1.0}, step=41)
    assert load_file(run.save_checkpoint())["step"] == 41


def test_the_record(run):
    """Size, hash, where the training was, and that it is the same still; also after a move."""
    path = run.save_checkpoint(
        torch.nn.Linear(2, 1), epoch=1, step=10, loss=0.5, metrics={"val/loss": 2.0},
        monitor="val/loss", final=True,
    )  # fmt: skip
    run.finish()
    content = Path(path).read_bytes()
    (found,) = seen(run).checkpoints
    assert (found.path, found.bytes) == (path, len(content))
    assert found.sha256 == hashlib.sha256(content).hexdigest()
    assert (found.epoch, found.step, found.loss, found.metrics) == (1, 10, 0.5, {"val/loss": 2.0})
    assert (found.monitor, found.goal, found.value) == ("val/loss", "minimize", 2.0)
    assert (found.best, found.final, found.parent) == (True, True, "")
    assert sorted(found.load()["model_state_dict"]) == ["bias", "weight"]
    (artifact,) = seen(run).artifacts
    assert (artifact.name, artifact.type) == ("checkpoint_epoch_1_step_10.pt", "checkpoint")
    moved = f"{run.dir}-moved"
    os.rename(run.dir, moved)
    (found,) = RunView(moved).checkpoints
    assert (found.check(), RunView(moved).artifacts[0].check()) == ("same", "same")
    with open(found.path, "r+b") as file:
        file.write(b"XX")
    assert found.check() == "changed"
    with pytest.raises(CheckpointError, match="is changed since it was recorded"):
        found.load()
    os.unlink(found.path)
    assert found.check() == "missing"


def test_saved_twice(run):
    """The same name again replaces the file; readers see one checkpoint."""
    for weight in (1.0, 2.0):
        run.save_checkpoint({"w": torch.tensor(weight)}, step=1, keep_last=1)
    (found,) = seen(run).checkpoints
    assert found.load()["model_state_dict"]["w"] == 2.0


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"extra": {"f": print}}, "extra.f is a builtin_function_or_method"),
        ({"model": 3}, "model= is a int: give an object with state_dict"),
        ({"epoch": "one"}, "epoch='one' is not a number"),
        ({"step": float("nan")}, "step=nan is not finite"),
        ({"metrics": [1]}, "metrics= is a list"),
        ({"generators": [1]}, "generators= is a list, not a mapping"),
    ],
)
def test_what_cannot_be_saved(new_run, caplog, arguments, says):
    """Told each time, counted, nothing is written; raised in strict mode only."""
    run = new_run()
    for step in range(2):
        with caplog.at_level(logging.WARNING, "epochal"):
            assert run.save_checkpoint(**{"step": step, **arguments}) is None
    assert f"a checkpoint was not saved: {says}" in caplog.text
    assert run.health().problems == {"checkpoint": 2}
    assert not run.health().ok
    assert not os.path.exists(os.path.join(run.dir, "checkpoints"))
    with pytest.raises(CheckpointError, match=says[:12]):
        new_run(strict=True).save_checkpoint(**arguments)


def test_a_disk_error_does_not_end_the_training(new_run, tmp_path, caplog):
    """The folder cannot be made: told, counted, the training goes on."""
    (tmp_path / "file").write_text("no folder")
    run = new_run(checkpoint_dir=str(tmp_path / "file"))
    with caplog.at_level(logging.WARNING, "epochal"):
        assert run.save_checkpoint(step=1) is None
    assert "cannot be written" in caplog.text
    run.log({"a": 1.0}, step=2)
    assert run.health().problems == {"checkpoint": 1}


def test_a_broken_model_does_not_end_the_training(run):
    """Whatever its state_dict raises."""

    class Broken(torch.nn.Module):
        def state_dict(self, *_, **__):
            raise ZeroDivisionError

    assert run.save_checkpoint(Broken()) is None
    assert run.health().problems == {"checkpoint": 1}


def test_off(tmp_path):
    """Nothing is saved, and no folder is made; a path can be loaded."""
    run = epochal.init(mode="off", dir=str(tmp_path / "runs"))
    assert run.save_checkpoint(torch.nn.Linear(1, 1), step=1) is None
    assert not (tmp_path / "runs").exists()
    with pytest.raises(CheckpointError, match="give the path of a checkpoint"):
        run.load_checkpoint("last")


def test_a_finished_run_still_saves(new_run, caplog):
    """The file is worth more than its record, which is told to be lost."""
    run = new_run()
    run.finish()
    with caplog.at_level(logging.WARNING, "epochal"):
        path = run.save_checkpoint({"w": torch.ones(1)}, step=1)
    assert load_file(path)["step"] == 1
    assert "is finished" in caplog.text


def test_a_folder_of_its_own(new_run, tmp_path, caplog):
    """Checkpoints go to checkpoint_dir; those of another run there are never replaced."""
    place = tmp_path / "models"
    first, second = (new_run(checkpoint_dir=str(place)) for _ in range(2))
    for run in (first, second):
        for step in (1, 2):
            with caplog.at_level(logging.WARNING, "epochal"):
                run.save_checkpoint(
                    {"id": torch.ones(step)}, step=step, extra=run.id,
                    metrics={"loss": 1 / step}, monitor="loss",
                )  # fmt: skip
    assert caplog.text.count("holds checkpoints that are not this run's, such as best_model") == 1
    assert load_file(place / "checkpoint_epoch_0_step_1.pt")["extra"] == first.id
    assert load_file(place / "best_model.pt")["extra"] == first.id
    assert first.load_checkpoint("best")["extra"] == first.id
    assert second.load_checkpoint("last")["extra"] == second.id
    assert second.load_checkpoint("best")["extra"] == second.id
    first.save_checkpoint(step=9, extra=first.id)  # the youngest in the folder
    second.finish()
    third = new_run(checkpoint_dir=str(place), resume=second.id)
    assert third.load_checkpoint("last")["extra"] == second.id
    path = third.save_checkpoint(step=3)
    assert os.path.dirname(path) == str(place / os.path.basename(second.dir))


def test_runs_do_not_mix_their_checkpoints(new_run, tmp_path):
    """Also where the names differ: "last" would be another run's."""
    place = str(tmp_path / "models")
    first, second = (new_run(checkpoint_dir=place) for _ in range(2))
    first.save_checkpoint(step=1, extra=first.id)
    second.save_checkpoint(step=2, extra=second.id)
    first.finish()
    again = new_run(checkpoint_dir=place, resume=first.id)
    assert again.load_checkpoint("last")["extra"] == first.id


def test_threads(run):
    """Saves of several threads do not mix."""
    from threading import Thread

    def save(number):
        for step in range(3):
            run.save_checkpoint({"n": torch.tensor(number)}, epoch=number, step=step, keep_last=2)

    threads = [Thread(target=save, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(saved_steps(run)) == 2
    assert files(run) == [os.path.basename(e.path) for e in sorted(
        seen(run).checkpoints, key=lambda each: each.path)]  # fmt: skip
    assert run.health().problems == {}
