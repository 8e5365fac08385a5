"""Quality of pictures and videos: each formula against NumPy in float64."""

import itertools
import math

import numpy as np
import pytest

from epochal.core.errors import SettingError
from epochal.measure import measure_quality, pixel_frechet

torch = pytest.importorskip("torch")

pytestmark = pytest.mark.torch


def random(*shape, seed=0):
    """Returns a tensor around the range of pictures, with values beyond its ends."""
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed)) * 0.8


def reference(batch, low=-1.0, high=1.0):
    """Returns what quality should, by loops over NumPy arrays."""
    x = batch.double().numpy()
    videos = x if x.ndim == 5 else x[:, :, None]
    gray = videos.mean(1)
    pictures = gray.reshape(-1, *gray.shape[-2:])
    sharp = []
    for g in pictures:
        laplacian = g[1:-1, :-2] + g[1:-1, 2:] + g[:-2, 1:-1] + g[2:, 1:-1] - 4 * g[1:-1, 1:-1]
        sharp.append(laplacian.var())
    pairs = itertools.combinations(x.reshape(len(x), -1), 2)
    found = {
        "mean": x.mean(), "std": x.std(), "min": x.min(), "max": x.max(),
        "saturation": ((x <= low) | (x >= high)).mean(),
        "contrast": np.mean([g.std() for g in pictures]),
        "total_variation": np.abs(np.diff(x, axis=-2)).mean() + np.abs(np.diff(x, axis=-1)).mean(),
        "sharpness": np.mean(sharp),
        "diversity": np.mean([math.sqrt(((a - b) ** 2).mean()) for a, b in pairs]),
    }  # fmt: skip
    if x.ndim == 5:
        found["frame_difference"] = np.abs(np.diff(x, axis=2)).mean()
    return found


@pytest.mark.parametrize("shape", [(5, 1, 8, 8), (4, 3, 6, 9), (3, 3, 4, 8, 8), (2, 1, 2, 3, 3)])
def test_formulas(shape):
    """Pictures and videos of several sizes give the reference's numbers."""
    batch = random(*shape)
    expected = {f"samples/{name}": value for name, value in reference(batch).items()}
    assert measure_quality(batch) == pytest.approx(expected, rel=1e-10)


def test_half_precision_and_ranges():
    """Half precision is measured in full, and saturation by the range that is given."""
    batch = random(4, 1, 8, 8).bfloat16()
    expected = {f"data/{k}": v for k, v in reference(batch, 0.0, 0.5).items()}
    measured = measure_quality(batch, "data", value_range=(0.0, 0.5))
    assert measured == pytest.approx(expected, rel=1e-10)


def test_what_cannot_be_measured_is_left_out():
    """One sample has no diversity, two pixels no sharpness, one frame no difference."""
    assert "samples/diversity" not in measure_quality(random(1, 1, 8, 8))
    assert "samples/sharpness" not in measure_quality(random(2, 1, 2, 2))
    assert "samples/frame_difference" not in measure_quality(random(2, 1, 1, 8, 8))
    assert measure_quality(random(2, 1, 1, 1))["samples/total_variation"] == 0.0
    for wrong in (random(8, 8), random(2, 0, 8, 8)):
        with pytest.raises(SettingError):
            measure_quality(wrong)


def test_a_nan_in_samples_is_seen():
    """Samples with NaN have no mean."""
    batch = random(2, 1, 8, 8)
    batch[0, 0, 0, 0] = float("nan")
    measured = measure_quality(batch)
    assert math.isnan(measured["samples/mean"])
    assert math.isnan(measured["samples/diversity"])


def test_distance_of_samples_from_data():
    """The distance of moments equals its formula, and is 0 for the data itself."""
    samples, data = random(6, 1, 4, 4), random(9, 1, 4, 4, seed=1) + 0.3
    a, b = samples.double().numpy(), data.double().numpy()
    expected = ((a.mean(0) - b.mean(0)) ** 2 + (a.std(0) - b.std(0)) ** 2).mean()
    assert float(pixel_frechet(samples, data)) == pytest.approx(expected, rel=1e-10)
    found = measure_quality(samples, data=data)["samples/pixel_frechet"]
    assert found == pytest.approx(expected, rel=1e-10)
    assert float(pixel_frechet(data, data)) == 0.0
    with pytest.raises(SettingError, match="equal shapes"):
        pixel_frechet(samples, random(9, 1, 5, 5))


def test_no_device_is_waited_for():
    """On a CUDA device the quality is measured without a synchronization, with equal numbers."""
    if not torch.cuda.is_available():
        pytest.skip("there is no CUDA device")
    batch = random(4, 3, 4, 8, 8)
    on_device = batch.cuda()
    measure_quality(on_device)  # libraries load
    torch.cuda.synchronize()
    torch.cuda.set_sync_debug_mode("error")
    try:
        measured = measure_quality(on_device, data=on_device)
    finally:
        torch.cuda.set_sync_debug_mode("default")
    numbers = {name: float(value) for name, value in measured.items()}
    assert numbers == pytest.approx(measure_quality(batch, data=batch), rel=1e-9, abs=1e-12)
