"""Clipping: the gradients that PyTorch leaves, and what was done to them."""

import math
import os
import subprocess
import sys
import textwrap

import pytest

torch = pytest.importorskip("torch")

from epochal.core.errors import SettingError  # noqa: E402
from epochal.measure import clip_gradients, compute_grad_norm  # noqa: E402

pytestmark = pytest.mark.torch


def model_with(*grads, dtype=torch.float32):
    """A module with these gradients."""
    model = torch.nn.ParameterDict()
    for number, grad in enumerate(grads):
        model[f"p{number}"] = torch.nn.Parameter(torch.zeros(len(grad), dtype=dtype))
        model[f"p{number}"].grad = torch.tensor(grad, dtype=dtype)
    return model


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("threshold", [0.5, 100.0])
def test_gradients_are_those_of_pytorch(dtype, threshold):
    """Bit for bit what clip_grad_norm_ leaves, clipped or not."""
    ours, theirs = (model_with([3.0, 0.0], [4.0], dtype=dtype) for _ in range(2))
    measured = clip_gradients(ours, threshold)
    torch.nn.utils.clip_grad_norm_(theirs.parameters(), threshold)
    for one, other in zip(ours.parameters(), theirs.parameters(), strict=True):
        assert torch.equal(one.grad, other.grad)
    clipped = threshold < 5
    assert measured == {
        "gradients/norm_before_clip": pytest.approx(5.0),
        "gradients/norm_after_clip": pytest.approx(0.5 if clipped else 5.0, rel=1e-6),
        "gradients/clipped": float(clipped),
        "gradients/clip_threshold": threshold,
    }
    after = compute_grad_norm(ours)
    rel = 1e-6 if dtype is torch.float32 else 1e-2
    assert measured["gradients/norm_after_clip"] == pytest.approx(after, rel=rel)


def test_parameters_are_taken_too():
    """A list, a generator and one parameter are as good as a module."""
    for give in (list, iter, lambda parameters: next(iter(parameters))):
        model = model_with([3.0, 4.0])
        measured = clip_gradients(give(model.parameters()), 1.0)
        assert measured["gradients/clipped"] == 1.0
        assert compute_grad_norm(model.parameters()) == pytest.approx(1.0, rel=1e-5)


def test_without_gradients_there_is_nothing_to_clip():
    """It is no error, and nothing is measured."""
    assert clip_gradients(torch.nn.Linear(2, 2), 1.0) == {}


def test_nan_is_shown():
    """A NaN norm is recorded as it is and does not count as clipped."""
    measured = clip_gradients(model_with([math.nan, 1.0]), 1.0)
    assert math.isnan(measured["gradients/norm_before_clip"])
    assert measured["gradients/clipped"] == 0.0


@pytest.mark.parametrize("threshold", [0.0, -1.0, math.nan])
def test_thresholds_that_end_learning_are_refused(threshold):
    """A threshold of 0 would erase all gradients."""
    with pytest.raises(SettingError, match="max_norm"):
        clip_gradients(model_with([1.0]), threshold)


SHARDED = """
    import sys
    import torch
    import torch.distributed as dist
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.tensor import Shard, distribute_tensor
    from epochal.measure import clip_gradients

    dist.init_process_group(
        "gloo", init_method=f"file://{sys.argv[1]}", rank=int(sys.argv[2]), world_size=2
    )
    mesh = init_device_mesh("cpu", (2,))
    model = torch.nn.Module()
    model.weight = torch.nn.Parameter(distribute_tensor(torch.ones(8), mesh, [Shard(0)]))
    model.weight.grad = distribute_tensor(torch.full((8,), 0.25), mesh, [Shard(0)])
    measured = clip_gradients(model, 0.6)  # above the norm of one part, below that of all
    print(*measured.values(), *model.weight.grad.to_local().tolist())
    dist.destroy_process_group()
"""


def test_sharded_gradients(tmp_path):
    """Each process of a sharded model records the norm of all parts, by which they are clipped."""
    pytest.importorskip("torch.distributed.tensor")
    script = tmp_path / "train.py"
    script.write_text(textwrap.dedent(SHARDED))
    ranks = [
        subprocess.Popen(
            [sys.executable, script, tmp_path / "store", str(rank)], stdout=subprocess.PIPE,
            text=True, env={**os.environ, "OMP_NUM_THREADS": "1"},
        )
        for rank in range(2)
    ]  # fmt: skip
    for each in ranks:
        printed, _ = each.communicate(timeout=300)
        assert each.returncode == 0
        before, after, clipped, threshold, *left = map(float, printed.split())
        assert before == pytest.approx(math.sqrt(8) / 4, rel=1e-6)
        assert (after, clipped) == (pytest.approx(0.6, rel=1e-5), 1.0)
        assert threshold == pytest.approx(0.6)
        assert left == pytest.approx([0.6 / math.sqrt(8)] * 4, rel=1e-5)
