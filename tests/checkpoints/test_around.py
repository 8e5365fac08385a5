"""What else knows of checkpoints: verify, gc, show, and the mirrors that upload."""

import json
import os
import time

import pytest
from click.testing import CliRunner

torch = pytest.importorskip("torch")

from epochal.checkpoints import drafts  # noqa: E402
from epochal.cli import main  # noqa: E402
from epochal.follow.follower import Follower  # noqa: E402
from epochal.store import cleaning, verify  # noqa: E402

pytestmark = pytest.mark.torch


@pytest.fixture
def saved(new_run):
    """A run that saved four checkpoints, of which two were kept, and ended."""
    run = new_run()
    for step, value in enumerate([5.0, 1.0, 3.0, float("nan")]):
        run.save_checkpoint(
            {"w": torch.full((2000,), value)}, epoch=1, step=step, keep_last=1,
            metrics={"val/loss": value}, monitor="val/loss", final=step == 3,
        )  # fmt: skip
    run.folder = os.path.join(run.dir, "checkpoints")
    run.finish()
    return run


def test_verify(saved):
    """Kept ones are compared with their hashes; removed ones are not missed."""
    found = verify.verify_run(saved.dir)
    assert found.ok
    assert found.bytes > 16_000
    path = os.path.join(saved.folder, "checkpoint_epoch_1_step_1.pt")
    with open(path, "r+b") as file:
        file.seek(5000)
        file.write(b"XX")
    os.unlink(os.path.join(saved.folder, "checkpoint_epoch_1_step_3.pt"))
    faults = {each.file: each.reason for each in verify.verify_run(saved.dir).damage}
    assert faults == {
        "checkpoints/checkpoint_epoch_1_step_1.pt": "its hash is not the recorded one",
        "checkpoints/checkpoint_epoch_1_step_3.pt": "the checkpoint is missing",
    }


def test_gc_finds_leftovers(saved):
    """A draft that a kill left goes with gc; checkpoints stay."""
    draft = drafts.new_name(saved.folder, "checkpoint_epoch_1_step_4.pt")
    with open(draft, "wb") as file:
        file.write(b"half")
    later_s = time.time() + 2 * cleaning.DRAFT_AGE_S
    now, later = (
        [each.path for each in cleaning.litter(saved.dir, now_s=s) if each.kind == "draft"]
        for s in (None, later_s)
    )
    assert now == []  # it may be being written
    assert later == [draft]


def test_show(saved):
    """A table of the checkpoints, and all of it as JSON."""
    said = CliRunner().invoke(main, ["show", saved.dir]).output
    section = said.partition("Checkpoints")[2].partition("Health")[0]
    assert "val/loss" in section
    assert "best" in section
    assert "final" in section
    assert "Artifacts" not in said
    found = json.loads(CliRunner().invoke(main, ["show", saved.dir, "--json"]).output)
    assert [each["step"] for each in found["checkpoints"]] == [1, 3]


def test_wandb_gets_versions_with_aliases(saved):
    """One artifact of the run, whose versions are what was kept, with their facts."""
    pytest.importorskip("wandb")
    from pathlib import Path

    from wandb_files import offline_run

    from epochal.sinks.wandb.runs import WandbSink

    assert Follower(saved.dir, WandbSink(mode="offline")).finish(time.monotonic() + 60)
    found = offline_run(Path(saved.dir)).artifacts
    name = f"checkpoint-{saved.id}"
    assert [(each.name, each.type) for each in found] == [(name, "checkpoint")] * 2
    assert [{*each.aliases} for each in found] == [{"latest", "best"}, {"latest", "final"}]
    facts = json.loads(found[1].metadata)
    assert (facts["epoch"], facts["step"], facts["value"]) == (1, 3, "nan")
    assert [entry.path for entry in found[0].manifest.contents] == ["checkpoint_epoch_1_step_1.pt"]
