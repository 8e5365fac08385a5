"""``run.load_checkpoint``: last, best, final or a path, on new and resumed runs; lineage."""

import logging
import os

import pytest

torch = pytest.importorskip("torch")

from epochal.core.errors import CheckpointError, SettingError  # noqa: E402
from epochal.read.view import RunView  # noqa: E402

pytestmark = pytest.mark.torch


def save(run, *steps, **more):
    """Save small checkpoints; the metric is the distance of the step from 20."""
    return [
        run.save_checkpoint(
            {"w": torch.full((1000,), float(step))}, epoch=step // 10, step=step,
            metrics={"val/loss": abs(step - 20.0)}, monitor="val/loss", **more,
        )
        for step in steps
    ]  # fmt: skip


def seen(run):
    """The run as a reader sees it now."""
    run.flush()
    return RunView(run.dir)


def damage(path):
    """Change one byte in the middle."""
    with open(path, "r+b") as file:
        file.seek(os.path.getsize(path) // 2)
        file.write(b"\xa5")


@pytest.fixture
def first(new_run):
    """A run that saved three checkpoints and ended."""
    run = new_run()
    for step in range(40):
        run.log({"a": float(step)}, step=step)
    run.paths = save(run, 10, 20, 30)
    run.finish()
    return run


def test_last_best_and_paths(run):
    """In the process that saved them."""
    paths = save(run, 10, 20, 30)
    save(run, 40, final=True)
    save(run, 50)
    steps = {which: run.load_checkpoint(which)["step"] for which in ("last", "best", "final")}
    assert steps == {"last": 50, "best": 20, "final": 40}
    assert run.load_checkpoint()["step"] == 50
    assert run.load_checkpoint(paths[0])["step"] == 10
    assert run.load_checkpoint("checkpoint_epoch_3_step_30.pt")["step"] == 30


def test_a_resumed_run_finds_them(new_run, first):
    """Last and best go on, and so does the best value so far."""
    run = new_run(resume=first.id)
    assert run.load_checkpoint("best")["step"] == 20
    assert run.load_checkpoint("last")["step"] == 30
    save(run, 35)
    assert run.load_checkpoint("best")["step"] == 20
    assert [c.step for c in seen(run).checkpoints if c.best] == [20]


def test_what_a_resume_hides_is_not_loaded(new_run, first):
    """After ``resume_step=15`` there is one checkpoint, which is the best one too."""
    run = new_run(resume=first.id, resume_step=15)
    assert run.load_checkpoint("last")["step"] == 10
    assert run.load_checkpoint("best")["step"] == 10
    (path,) = save(run, 25)
    assert run.load_checkpoint("best")["step"] == 25
    assert [each.step for each in seen(run).checkpoints] == [10, 25]
    best = os.path.join(os.path.dirname(path), "best_model.pt")
    assert torch.load(best, weights_only=True)["step"] == 25


def test_best_model_is_the_visible_best_one(new_run, first):
    """Also when what is saved after a resume is no better."""
    run = new_run(resume=first.id, resume_step=15)
    (path,) = save(run, 9)
    best = os.path.join(os.path.dirname(path), "best_model.pt")
    assert torch.load(best, weights_only=True)["step"] == 10


def test_resuming_at_a_checkpoint(new_run, first):
    """``resume_step`` may name one: the newest sound one, or the best one."""
    damage(first.paths[2])
    run = new_run(resume=first.id, resume_step="last")
    assert run.step == run.load_checkpoint("last")["step"] == 20
    assert seen(run).series("a").steps.tolist() == [*range(21)]
    run.finish()
    run = new_run(resume=first.id, resume_step="best")
    assert run.load_checkpoint("last")["step"] == 20


def test_resuming_at_a_checkpoint_that_is_not_there(new_run):
    """All that was recorded is hidden, as it will be recorded again."""
    run = new_run()
    run.log({"a": 1.0}, step=0)
    run.finish()
    run = new_run(resume=run.id, resume_step="last")
    assert run.step is None
    run.log({"a": 2.0}, step=0)
    assert seen(run).series("a").values.tolist() == [2.0]
    with pytest.raises(CheckpointError, match="there is no last checkpoint"):
        run.load_checkpoint()
    with pytest.raises(SettingError, match="resume_step='lst'"):
        new_run(resume=run.id, resume_step="lst")


def test_lineage(new_run, first):
    """What is saved after loading names the checkpoint that it goes on from."""
    run = new_run(resume=first.id)
    save(run, 31)
    run.load_checkpoint("best")
    save(run, 41, 51)
    found = {each.step: each for each in seen(run).checkpoints}
    parents = {step: each.parent for step, each in found.items()}
    assert parents == {10: "", 20: "", 30: "", 31: "", 41: found[20].sha256, 51: found[20].sha256}


def test_a_fork_begins_with_its_parents(new_run, first):
    """Up to the step of the fork; old ones of the parent are never removed."""
    run = new_run(fork=(first.id, 25))
    assert run.load_checkpoint("last")["step"] == 20
    save(run, 26, 27, 28, keep_last=1)
    assert [each.step for each in seen(run).checkpoints] == [10, 20, 28]
    assert [each.step for each in seen(run).checkpoints if each.best] == [20]
    assert all(map(os.path.exists, first.paths))
    assert run.load_checkpoint("best")["step"] == 20


def test_a_damaged_last_one(new_run, first, caplog):
    """The newest that is sound is loaded; which and why is logged."""
    damage(first.paths[2])
    os.unlink(first.paths[1])
    run = new_run(resume=first.id)
    with caplog.at_level(logging.WARNING, "epochal"):
        assert run.load_checkpoint("last")["step"] == 20  # best_model.pt is the same file
    assert f"{first.paths[2]} is damaged: it has not the recorded hash" in caplog.text
    assert f"{first.paths[1]} is not there" in caplog.text
    assert f"loaded instead: {os.path.dirname(first.paths[0])}{os.sep}best_model.pt" in caplog.text


def test_a_damaged_best_one_is_no_other(new_run, first):
    """It is an error that names the remedy: another one would not be the best."""
    damage(first.paths[1])
    run = new_run(resume=first.id)
    says = "no sound best checkpoint: .*step_20.pt is damaged.*'last'"
    with pytest.raises(CheckpointError, match=says):
        run.load_checkpoint("best")
    with pytest.raises(CheckpointError, match="is damaged"):
        run.load_checkpoint(first.paths[1])


def test_all_damaged(new_run, first):
    """Each is named."""
    for path in first.paths:
        damage(path)
    with pytest.raises(CheckpointError, match=r"step_30.*step_20.*step_10"):
        new_run(resume=first.id).load_checkpoint()


def test_there_is_none(run):
    """The message says where it was looked for, and what to do."""
    for which in ("last", "best", "final"):
        says = f"there is no {which} checkpoint in .*checkpoints"
        with pytest.raises(CheckpointError, match=says):
            run.load_checkpoint(which)
    with pytest.raises(CheckpointError, match=r"nowhere\.pt is not there"):
        run.load_checkpoint("nowhere.pt")
    save(run, 1)
    with pytest.raises(CheckpointError, match="no final checkpoint"):
        run.load_checkpoint("final")


def test_one_that_was_not_recorded(new_run, first):
    """A kill between file and record: it is the last one, unless a resume hides its step."""
    other = os.path.join(os.path.dirname(first.paths[0]), "checkpoint_epoch_9_step_90.pt")
    os.link(first.paths[0], other)
    os.utime(first.paths[0])
    assert new_run(resume=first.id).load_checkpoint("last")["step"] == 10
    assert new_run(resume=first.id, resume_step=35).load_checkpoint("last")["step"] == 30
    os.unlink(other)
    os.rename(first.paths[1], other)  # older than the newest that was recorded
    os.utime(other, (1, 1))
    assert new_run(resume=first.id).load_checkpoint("last")["step"] == 30


def test_a_folder_without_records(new_run, tmp_path, first):
    """Files that lie in checkpoint_dir are found by their names."""
    place = tmp_path / "models"
    os.makedirs(place)
    for path in first.paths:
        os.link(path, place / os.path.basename(path))
    os.link(first.paths[1], place / "best_model.pt")
    run = new_run(checkpoint_dir=str(place))
    assert run.load_checkpoint("best")["step"] == 20
    assert run.load_checkpoint("last")["step"] == 30
    off = new_run(checkpoint_dir=str(place), mode="off")
    assert off.load_checkpoint("best")["step"] == 20


@pytest.mark.parametrize(
    ("parts", "says"),
    [
        ({"model": torch.nn.Linear(3, 3)}, "(?s)model_state_dict of .* does not fit .*mismatch"),
        ({"optimizer": torch.optim.SGD([torch.ones(1)])}, "has no optimizer_state_dict"),
        ({"ema": torch.nn.Linear(1, 1)}, "has no ema_state_dict: leave ema= out"),
        ({"model": 3}, "model= is a int"),
        ({"generators": {"g": torch.Generator()}}, "has no generator 'g'"),
        ({"model": {"g": torch.nn.Linear(1, 1)}}, "has no model.g_state_dict"),
    ],
    ids=lambda each: each if isinstance(each, str) else "-".join(each),
)  # fmt: skip
def test_what_does_not_fit(run, parts, says):
    """The message names the part."""
    run.save_checkpoint(torch.nn.Linear(1, 1), step=1)
    with pytest.raises(CheckpointError, match=says):
        run.load_checkpoint("last", **parts)


def test_random_state_is_left_alone_if_asked(run):
    """``rng=False``."""
    run.save_checkpoint(step=1)
    torch.rand(3)
    before = torch.get_rng_state()
    run.load_checkpoint("last", rng=False)
    assert torch.equal(torch.get_rng_state(), before)
    run.load_checkpoint("last")
    assert not torch.equal(torch.get_rng_state(), before)


def test_random_state_of_another_rank_is_left_alone(run):
    """It is rank 0's, with which all ranks would draw the same; given generators are set."""
    from torch import distributed
    from torch.testing._internal.distributed.fake_pg import FakeStore

    generator = torch.Generator().manual_seed(1)
    path = run.save_checkpoint(step=1, generators={"g": generator})
    expected = torch.rand(3, generator=generator)
    torch.rand(3)
    before = torch.get_rng_state()
    distributed.init_process_group("fake", store=FakeStore(), rank=1, world_size=2)
    try:
        run.load_checkpoint(path, generators={"g": generator})
    finally:
        distributed.destroy_process_group()
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(torch.rand(3, generator=generator), expected)
    run.load_checkpoint(path)
    assert not torch.equal(torch.get_rng_state(), before)
