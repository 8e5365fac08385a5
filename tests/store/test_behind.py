"""Which mirrors are behind, also when a run is sealed already."""

import json
import os

import epochal
from epochal.core.records import Row
from epochal.follow.follower import Follower
from epochal.store.seal import seal_run
from epochal.store.verify import behind
from epochal.testing import MemorySink


def test_a_mirror_that_begins_after_sealing(tmp_path):
    """A mirror that never began is behind by all of the run, and gets all of it when it begins."""
    with epochal.init(project="p", dir=str(tmp_path), sinks=[], seal=False, follow="off") as run:
        for step in range(100):
            run.log({"loss": step / 7}, step=step)
    path = os.path.join(run.dir, "run.json")
    with open(path, encoding="ascii") as file:
        about = json.load(file)
    with open(path, "w", encoding="ascii") as file:
        json.dump({**about, "sinks_missing": ["memory"]}, file)
    before = behind(run.dir)
    assert before.keys() == {"memory"}
    assert seal_run(run.dir).segments == 1
    assert not os.listdir(os.path.join(run.dir, "journal"))
    assert behind(run.dir) == before
    sink = MemorySink()
    assert Follower(run.dir, sink).finish(float("inf"))
    values = [record.values["loss"] for record in sink.records if isinstance(record, Row)]
    assert values == [step / 7 for step in range(100)]
    assert behind(run.dir) == {}
