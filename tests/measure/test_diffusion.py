"""Diffusion: schedules, noise statistics and losses by step against a float64 reference."""

import math

import numpy as np
import pytest

import epochal
from epochal.core.deferred import Transfer
from epochal.core.errors import SettingError
from epochal.measure import (
    Diffusion,
    alphas_bar,
    beta_schedule,
    noise_mse,
    noise_statistics,
    snr,
    transfer,
)

torch = pytest.importorskip("torch")

pytestmark = pytest.mark.torch

STEPS = 50


def batches(count=3, dtype=None, size=(16, 2, 4, 4)):
    """Returns batches of (predicted, true, t) that go together."""
    generator = torch.Generator().manual_seed(3)
    found = []
    for _ in range(count):
        true = torch.randn(size, generator=generator)
        predicted = 0.7 * true + 0.3 * torch.randn(size, generator=generator) + 0.1
        t = torch.randint(0, STEPS, size[:1], generator=generator)
        found.append((predicted.to(dtype or true.dtype), true.to(dtype or true.dtype), t))
    return found


def joined(found):
    """Returns all batches as float64 arrays."""
    return [torch.cat(parts).double().numpy() for parts in zip(*found, strict=True)]


def reference_statistics(p, t):
    """Returns the statistics of noise, by NumPy."""
    p, t = p.reshape(-1), t.reshape(-1)
    found = {}
    for name, x in (("predicted", p), ("true", t)):
        found |= {f"noise/{name}_mean": x.mean(), f"noise/{name}_std": x.std()}
        found |= {f"noise/{name}_min": x.min(), f"noise/{name}_max": x.max()}
    found["noise/correlation"] = np.corrcoef(p, t)[0, 1]
    found["noise/cosine"] = p @ t / (np.linalg.norm(p) * np.linalg.norm(t))
    return found


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_noise_statistics(dtype):
    """Means, spreads, extremes, correlation and cosine equal NumPy's in float64."""
    predicted, true, _ = batches(1, getattr(torch, dtype))[0]
    expected = reference_statistics(predicted.double().numpy(), true.double().numpy())
    assert noise_statistics(predicted, true) == pytest.approx(expected, rel=1e-9, abs=1e-12)
    mse = (predicted.double() - true.double()).square().mean()
    assert float(noise_mse(predicted, true)) == pytest.approx(float(mse), rel=1e-12)


def test_schedules_are_those_of_their_papers():
    """Linear, scaled linear and cosine betas follow their formulas."""
    linear = beta_schedule("linear", 1000).numpy()
    assert np.allclose(linear, np.linspace(1e-4, 0.02, 1000), rtol=1e-12)
    scaled = beta_schedule("scaled_linear", 1000, start=0.00085, end=0.012).numpy()
    assert np.allclose(scaled, np.linspace(0.00085**0.5, 0.012**0.5, 1000) ** 2, rtol=1e-12)

    def left(at):
        return math.cos((at + 0.008) / 1.008 * math.pi / 2) ** 2

    expected = [min(1 - left((t + 1) / 100) / left(t / 100), 0.999) for t in range(100)]
    assert np.allclose(beta_schedule("cosine", 100).numpy(), expected, rtol=1e-9)
    with pytest.raises(SettingError, match="did you mean 'cosine'"):
        beta_schedule("cosin")


def test_signal_to_noise_ratio():
    """The ratio is alpha_bar / (1 - alpha_bar) at each step."""
    left = alphas_bar([0.1, 0.2, 0.5])
    assert left.tolist() == pytest.approx([0.9, 0.72, 0.36])
    found = snr(left, torch.tensor([0, 2]))
    assert found.tolist() == pytest.approx([9.0, 0.36 / 0.64])
    for wrong in ([1.5], [-0.1], [float("nan")], [], [[0.1]]):
        with pytest.raises(SettingError):
            alphas_bar(wrong)


def test_measure_equals_a_reference_over_batches():
    """Everything that is measured equals NumPy's float64 result over all batches together."""
    betas = beta_schedule("linear", STEPS)
    diffusion = Diffusion(betas, buckets=7)
    found = batches()
    for batch in found:
        diffusion.add(*batch)
    measured = diffusion.measure()
    p, true, t = joined(found)
    t = t.astype(int)
    left = np.cumprod(1 - betas.numpy())
    ratio = left / (1 - left)
    expected = reference_statistics(p, true) | {
        "diffusion/noise_mse": ((p - true) ** 2).mean(),
        "diffusion/beta": betas.numpy()[t].mean(),
        "diffusion/alpha_bar": left[t].mean(),
        "diffusion/snr": ratio[t].mean(),
        "diffusion/snr_db": (10 * np.log10(ratio[t])).mean(),
        "diffusion/timestep_mean": t.mean(),
        "diffusion/timestep_std": t.std(),
    }
    losses = ((p - true) ** 2).reshape(len(p), -1).mean(1)
    bucket = t * 7 // STEPS
    for index in range(7):
        steps = np.flatnonzero(np.arange(STEPS) * 7 // STEPS == index)
        name = f"diffusion/loss/t{steps[0]}-{steps[-1]}"
        expected[name] = losses[bucket == index].mean()
    assert measured == pytest.approx(expected, rel=1e-9, abs=1e-12)


def test_each_measure_begins_anew():
    """A second interval has nothing of the first; without a batch there is nothing."""
    first, second = batches(2)
    diffusion, other = (
        Diffusion(beta_schedule("cosine", STEPS)),
        Diffusion(beta_schedule("cosine", STEPS)),
    )
    assert diffusion.measure() == {}
    diffusion.add(*first)
    diffusion.measure()
    assert diffusion.measure() == {}
    diffusion.add(*second)
    other.add(*second)
    assert diffusion.measure() == pytest.approx(other.measure())


def test_losses_of_their_own_by_bucket():
    """A loss for each sample goes to the bucket of its step; one without samples has no loss."""
    diffusion = Diffusion([0.1] * 10, buckets=2)
    noise = torch.randn(3, 4)
    diffusion.add(noise, noise, torch.tensor([0, 4, 2]), loss=torch.tensor([1.0, 2.0, 6.0]))
    measured = diffusion.measure()
    assert measured["diffusion/loss/t0-4"] == 3.0
    assert "diffusion/loss/t5-9" not in measured
    diffusion.add(noise, noise, torch.tensor([0, 4, 9]), loss=torch.tensor([1.0, 2.0, math.nan]))
    assert math.isnan(diffusion.measure()["diffusion/loss/t5-9"])  # a loss that is NaN is no gap


def test_losses_on_a_device_that_nobody_can_look_at(monkeypatch):
    """There a bucket without samples is known only later; it is no number then, and never 0."""
    sent = []

    def arrives_later(vector):
        numbers = [1.0] * (vector.numel() - 2) + [0.0, 3.0]  # samples in the buckets
        sent.append(vector.device.type)
        return Transfer(lambda: True, lambda: numbers)

    monkeypatch.setattr(transfer, "_start_thread", arrives_later)
    diffusion = Diffusion([0.1] * 10, buckets=2)
    noise = torch.zeros(3, 4, device="meta")
    diffusion.add(noise, noise, torch.zeros(3, dtype=torch.int64, device="meta"))
    measured = diffusion.measure()
    assert sent == ["meta"]
    assert measured["diffusion/loss/t0-4"].read() is None
    assert measured["diffusion/loss/t5-9"].read() == 1.0
    assert measured["noise/cosine"].read() == 1.0


def test_large_batches_are_converted_in_pieces(monkeypatch):
    """Nothing depends on how many values are converted at a time."""
    whole = Diffusion(beta_schedule("linear", STEPS))
    found = batches(2)
    for batch in found:
        whole.add(*batch)
    expected = whole.measure()
    for block in (1, 5, 32, 100):
        monkeypatch.setattr("epochal.measure.tensors.BLOCK", block)
        pieces = Diffusion(beta_schedule("linear", STEPS))
        for batch in found:
            pieces.add(*batch)
        assert pieces.measure() == pytest.approx(expected, rel=1e-12, abs=1e-12)


def test_mixed_precision_leaves_the_sums_alone():
    """Inside autocast the numbers are the same, to the bit."""
    (batch,) = batches(1)
    plain, cast = (Diffusion(beta_schedule("linear", STEPS)) for _ in range(2))
    plain.add(*batch)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        cast.add(*batch)
        measured = cast.measure()
    assert measured == plain.measure()


def test_extreme_schedules():
    """Steps without noise or without signal count as what they are, and only where drawn."""
    betas = [0.0, 0.5, 1.0]
    noise = torch.randn(2, 4)
    diffusion = Diffusion(betas, buckets=1)
    diffusion.add(noise, noise, torch.tensor([1, 1]))
    measured = diffusion.measure()
    assert (measured["diffusion/snr"], measured["diffusion/snr_db"]) == (1.0, 0.0)
    diffusion.add(noise, noise, torch.tensor([0, 1]))
    assert diffusion.measure()["diffusion/snr"] == math.inf
    diffusion.add(noise, noise, torch.tensor([2, 2]))
    measured = diffusion.measure()
    assert (measured["diffusion/snr"], measured["diffusion/snr_db"]) == (0.0, -math.inf)


def test_steps_that_the_schedule_lacks_are_not_hidden():
    """A step outside the schedule makes the means over it NaN; the error is still measured."""
    diffusion = Diffusion([0.1] * 10, buckets=2)
    noise = torch.randn(2, 4)
    diffusion.add(noise, noise + 1, torch.tensor([3, 10]))
    measured = diffusion.measure()
    assert math.isnan(measured["diffusion/snr"])
    assert math.isnan(measured["diffusion/timestep_mean"])
    assert measured["diffusion/noise_mse"] == pytest.approx(1.0, rel=1e-6)
    assert "diffusion/loss/t5-9" not in measured
    diffusion.add(noise, noise, torch.tensor([3, 3]))
    assert diffusion.measure()["diffusion/timestep_mean"] == 3.0


def test_wrong_shapes_are_refused():
    """What does not belong together is refused with the shapes."""
    diffusion, noise = Diffusion([0.1] * 10), torch.zeros(2, 3)
    t = torch.tensor([0, 1])
    for wrong in (
        (noise, torch.zeros(2, 4), t),
        (noise, noise, torch.tensor([0])),
        (noise, noise, torch.tensor([0.5, 0.1])),
        (noise, noise, t, torch.tensor(0.5)),
        (noise[:, :0], noise[:, :0], t),
    ):
        with pytest.raises(SettingError):
            diffusion.add(*wrong)
    with pytest.raises(SettingError):
        Diffusion([0.1] * 10, buckets=11)
    with pytest.raises(SettingError):
        noise_mse(torch.zeros(3, 1), torch.zeros(3))  # (3, 3) values, if it were broadcast


@pytest.mark.parametrize("steps", [7, 1000, 1050])
def test_timesteps_as_a_histogram(tmp_path, steps):
    """The counts of drawn steps are exact, in at most 100 bins."""
    diffusion = Diffusion([0.01] * steps, buckets=3)
    t = torch.randint(0, steps, (500,), generator=torch.Generator().manual_seed(0))
    noise = torch.zeros(500, 1)
    with epochal.init(project="p", dir=str(tmp_path), follow="off") as run:
        run.log({"none": diffusion.timesteps()}, step=0)
        diffusion.add(noise, noise, t)
        run.log({"diffusion/timesteps": diffusion.timesteps()}, step=1)
    media = epochal.RunView(run.dir).media
    counts, edges = media["diffusion/timesteps"][0].histogram
    assert len(counts) == min(steps, 100)
    assert counts.tolist() == np.histogram(t.numpy(), edges)[0].tolist()
    assert counts.sum() == 500
    assert len(media["none"]) == 1


def test_no_device_is_waited_for():
    """On a CUDA device batches are added and measured without a synchronization."""
    if not torch.cuda.is_available():
        pytest.skip("there is no CUDA device")
    betas = beta_schedule("linear", STEPS)
    diffusion, other = Diffusion(betas), Diffusion(betas)
    found = batches()
    on_device = [[part.cuda() for part in batch] for batch in found]
    torch.cuda.synchronize()
    torch.cuda.set_sync_debug_mode("error")
    try:
        for batch in on_device:
            diffusion.add(*batch)
        measured = diffusion.measure()
    finally:
        torch.cuda.set_sync_debug_mode("default")
    for batch in found:
        other.add(*batch)
    numbers = {name: value.read() for name, value in measured.items()}
    there = {name: number for name, number in numbers.items() if number is not None}
    assert there == pytest.approx(other.measure(), rel=1e-9, abs=1e-12)
