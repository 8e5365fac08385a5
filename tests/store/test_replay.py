"""A mirror that is lost is made again, byte for byte, from whatever of the run is sealed."""

import os
import shutil
import time
from pathlib import Path

import pytest

import epochal
from epochal.follow import plugins
from epochal.follow.follower import Follower
from epochal.store import replay
from epochal.store.seal import seal_run


def mirrors(run_dir):
    """Return the content of all mirrored files by relative path."""
    root = Path(run_dir)
    files = [path for sink in ("csv", "json") for path in sorted((root / sink).iterdir())]
    return {str(path.relative_to(root)): path.read_bytes() for path in files}


def bring_up_to_date(run_dir):
    """Follow the run with both sinks to its end."""
    for name in ("csv", "json"):
        assert Follower(run_dir, plugins.load(name, {})).finish(time.monotonic() + 60)


@pytest.fixture
def run_dir(tmp_path):
    """A finished, not yet sealed run with every kind of record and more key sets than tables."""
    with epochal.init(project="p", dir=str(tmp_path), follow="off", config={"lr": 0.1}) as run:
        for step in range(400):
            run.log({"x": step / 3, "y": -0.0, "z": float("nan")}, step=step)
            run.log({"loss": 1.0 / (step + 1)}, step=step, phase="val")
            if step < 40:
                run.log({f"rare{step}": 1.0, "inf": float("inf")}, step=step + 0.5)
            if step % 100 == 0:
                run.log({"text": f"sample {step}", "big": 2**60 + step}, step=step)
                run.log({"val_loss": 0.5}, epoch=step // 100)
        run.define("val/loss", goal="minimize")
        run.tag("a/b")
        run.config.update({"model": {"depth": 3}})
        run.summary["params"] = 12
    return run.dir


def test_a_lost_mirror_is_made_again_from_sealed_files(run_dir):
    """CSV and JSON from the journal and from Parquet are the same bytes."""
    bring_up_to_date(run_dir)
    before = mirrors(run_dir)
    assert seal_run(run_dir).deleted
    assert not os.listdir(f"{run_dir}/journal")
    for sink in ("csv", "json"):
        shutil.rmtree(f"{run_dir}/{sink}")
    bring_up_to_date(run_dir)
    assert mirrors(run_dir) == before


def test_replay_goes_on_at_a_position(run_dir):
    """Stopping anywhere in the sealed part and going on gives every record exactly once."""
    bring_up_to_date(run_dir)
    seal_run(run_dir)
    whole = replay.RunReader(run_dir)
    expected = []
    while batch := whole.read():
        expected += batch
    assert len(expected) == 400 + 400 + 40 + 8 + 4 + 5
    positions, found = {}, []
    while batch := (reader := replay.RunReader(run_dir, positions)).read():
        found += batch
        positions = reader.positions()
    assert [record.seq for record in found] == [record.seq for record in expected]
