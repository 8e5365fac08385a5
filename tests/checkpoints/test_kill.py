"""SIGKILL at any moment of a save: a checkpoint that can be loaded, never a torn file."""

import os
import random
import re

import pytest
from recorded import THOROUGH, recover, run_script

import epochal
from epochal.checkpoints import load_file
from epochal.read.view import RunView

torch = pytest.importorskip("torch")

pytestmark = pytest.mark.torch

KILLS = 10 * THOROUGH
CHECKPOINT = re.compile(r"checkpoint_epoch_\d+_step_(\d+)\.pt|best_model\.pt|final_model\.pt")

# Each value of the weights is the step, so that a mixture of two checkpoints would show.
SAVING = """
    import mmap, os, random, signal, sys, time, warnings
    warnings.simplefilter("ignore", DeprecationWarning)
    import torch, epochal

    def save(run_id, steps, acknowledge):
        run = epochal.init(project="p", dir=sys.argv[1], id=run_id, follow="off",
                           capture_environment=False)
        for step in range(1, steps + 1):
            run.save_checkpoint(
                {"w": torch.full((300_000,), float(step))}, epoch=1, step=step,
                metrics={"loss": 1 / step}, monitor="loss", keep_last=3, final=step % 5 == 0,
            )
            acknowledge(step)
"""
ONCE = """
    save("killed0000", 12, lambda step: os.write(1, b"!"))
"""
# PyTorch is loaded once; each run is a process of its own.
VICTIMS = """
    counter = mmap.mmap(-1, 4096)  # shared with the children: what they have acknowledged
    acknowledged = memoryview(counter).cast("Q")
    chance = random.Random(int(sys.argv[3]))
    for number in range(int(sys.argv[2])):
        acknowledged[0] = 0
        pid = os.fork()
        if not pid:
            save(f"killed{number:04d}", 10**9, lambda step: acknowledged.__setitem__(0, step))
        while acknowledged[0] < 2 + number % 4:
            time.sleep(0.001)
        time.sleep(chance.random() * 0.02)
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        os.write(1, f"{acknowledged[0]}\\n".encode())
"""


def check(run_dir, acknowledged):
    """All files under final names are whole, and the last one is at least what was acknowledged."""
    folder = os.path.join(run_dir, "checkpoints")
    names = os.listdir(folder) if os.path.isdir(folder) else []
    steps = []
    for name in names:
        if name.startswith("."):
            continue
        match = CHECKPOINT.fullmatch(name)
        assert match, name
        found = load_file(os.path.join(folder, name))
        assert (found["model_state_dict"]["w"] == found["step"]).all()
        assert match[1] is None or int(match[1]) == found["step"]
        steps.append(found["step"])
    assert max(steps, default=0) >= acknowledged
    return bool(steps)


def go_on(run_dir, run_id):
    """Resume a killed run: its last and best are loaded, and its leftovers go with a save."""
    recover(run_dir)
    folder = os.path.dirname(os.path.dirname(run_dir))
    with epochal.init(
        project="p", dir=folder, resume=run_id, follow="off", capture_environment=False
    ) as run:
        last = run.load_checkpoint("last")["step"]
        recorded = [each.step for each in RunView(run_dir).checkpoints]
        assert last - max(recorded, default=0) in (0, 1)  # killed between file and record
        if recorded:
            assert run.load_checkpoint("best")["step"] == recorded[-1]
        run.save_checkpoint({"w": torch.ones(1)}, epoch=1, step=last + 1)
    names = os.listdir(os.path.join(run_dir, "checkpoints"))
    assert [name for name in names if name.startswith(".")] == []
    assert {each.check() for each in RunView(run_dir).checkpoints} == {"same"}
    assert "missing" not in [each.check() for each in RunView(run_dir).artifacts]


def test_killed_at_random(tmp_path):
    """Killed some time into a save: the old files or the new one, each whole."""
    seed = random.randrange(2**32)
    output, _ = run_script(SAVING + VICTIMS, tmp_path, KILLS, seed, timeout=280)
    assert len(output.split()) == KILLS
    for number, acknowledged in enumerate(map(int, output.split())):
        run_id = f"killed{number:04d}"
        (run_dir,) = tmp_path.glob(f"p/*{run_id}")
        assert check(str(run_dir), acknowledged), f"seed {seed}"
        go_on(str(run_dir), run_id)


@pytest.mark.needs("strace")
@pytest.mark.parametrize(
    ("call", "when"),
    [
        *(("fsync", n) for n in (1, 2, 3, 4, 9)), *(("/^rename", n) for n in (1, 2, 3, 4, 9)),
        *(("/^link", n) for n in (1, 2, 3)), *(("/^unlink", n) for n in (1, 2, 3)),
    ],
)  # fmt: skip
def test_killed_at_the_nth_system_call(tmp_path, ptrace, call, when):
    """Killed on entry of a call that matters: what was acknowledged before is there."""
    # With the filter only these calls are looked at: loading PyTorch makes twenty thousand others.
    strace = [
        *ptrace, "--seccomp-bpf", "-e", f"trace={call}",
        "-e", f"inject={call}:signal=KILL:when={when}",
    ]  # fmt: skip
    output, _ = run_script(SAVING + ONCE, tmp_path, before=strace, returncode=None, timeout=280)
    for described in tmp_path.glob("p/*killed0000/run.json"):  # none: killed before it began
        run_dir = str(described.parent)
        if check(run_dir, output.count("!")):
            go_on(run_dir, "killed0000")
