"""Values on a device: recorded without waiting for it.

Most of these need a CUDA device and are skipped without one; the queue itself is tested anywhere.
"""

import numpy as np
import pytest

import epochal
from epochal.core.problems import Problems
from epochal.read.parts import read_parts
from epochal.record.device import DeviceValues
from epochal.record.values import Clock

torch = pytest.importorskip("torch")

pytestmark = pytest.mark.torch
needs_cuda = pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device")


def points(run_dir, metric):
    """Return (steps, values) of a metric in order of step."""
    found = [p for part in read_parts(run_dir) for p in part.points(metric)]
    steps = np.concatenate([p.steps for p in found])
    values = np.concatenate([p.values for p in found])
    order = np.argsort(steps, kind="stable")
    return steps[order], values[order]


@pytest.fixture
def run(tmp_path):
    """A run that records problems strictly and has no mirrors."""
    with epochal.init(project="gpu", dir=str(tmp_path), follow="off", strict=True) as started:
        yield started


def test_rows_wait_for_their_values_in_order():
    """Each row is recorded once, in order, with the values as they were when it was put."""
    recorded = []

    def record(values, _, clock):
        recorded.append((clock.step, values))

    queue = DeviceValues(record, Problems())
    x = torch.zeros(())
    for step in range(100):
        x.fill_(float(step))
        queue.put(
            {"host": 0.5, "x": float("nan")},
            {"x": x},
            Clock(step, step_given=True, epoch=None, phase=None),
        )
    assert queue.flush(10)
    assert recorded == [(step, {"host": 0.5, "x": float(step)}) for step in range(100)]


@needs_cuda
def test_log_never_waits_for_the_device(run):
    """Logging a CUDA scalar passes PyTorch's own check against hidden synchronization."""
    x = torch.ones((), device="cuda")
    torch.cuda.synchronize()
    torch.cuda.set_sync_debug_mode("error")
    try:
        for step in range(500):
            x = x * 1.001
            run.log({"loss": x, "host": float(step), "lr": 0.1}, step=step)
    finally:
        torch.cuda.set_sync_debug_mode("default")
    assert run.flush()
    expected = np.cumprod(np.full(500, 1.001, np.float32))
    steps, values = points(run.dir, "loss")
    assert steps.tolist() == list(range(500))
    np.testing.assert_allclose(values, expected, rtol=1e-4)
    assert points(run.dir, "host")[1].tolist() == [float(s) for s in range(500)]


@needs_cuda
def test_a_tensor_may_be_changed_at_once(run):
    """What is recorded is the value at the time of the call, in every type."""
    for step, kind in enumerate((torch.float32, torch.bfloat16, torch.float16, torch.int64)):
        x = torch.full((1,), 3, device="cuda", dtype=kind)
        run.log({"x": x}, step=step)
        x.fill_(7)
    assert run.flush()
    assert points(run.dir, "x")[1].tolist() == [3.0] * 4


@needs_cuda
def test_a_busy_device_does_not_hold_up_the_loop(run):
    """Rows logged behind queued work are recorded when it is done, and a wait finds them."""
    a = torch.randn(4096, 4096, device="cuda")
    for step in range(50):
        b = a @ a
        run.log({"norm": b.norm(), "grad": b.mean().requires_grad_()}, step=step)
    assert run.flush(timeout=60)
    steps, values = points(run.dir, "norm")
    assert len(steps) == 50
    assert np.isfinite(values).all()
    assert run.health().waiting_for_device == 0


def test_a_jax_array_on_the_device(run):
    """JAX scalars are kept and read in the background."""
    jax = pytest.importorskip("jax")
    x = jax.numpy.float32(2.0)
    for step in range(20):
        run.log({"x": x * step}, step=step)
    assert run.flush(timeout=60)
    assert points(run.dir, "x")[1].tolist() == [2.0 * s for s in range(20)]
