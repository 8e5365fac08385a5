"""Pictures of samples and noise: what stands where."""

import numpy as np
import pytest

import epochal
from epochal.core.errors import SettingError
from epochal.measure import noise_comparison, sample_grid

torch = pytest.importorskip("torch")

pytestmark = pytest.mark.torch


def drawn(image, tmp_path):
    """Returns the pixels of an image that went through a run, and its caption."""
    with epochal.init(project="p", dir=str(tmp_path), follow="off", strict=True) as run:
        run.log({"image": image}, step=0)
    medium = epochal.RunView(run.dir).media["image"][0]
    return medium.array(), medium.caption


def test_noise_side_by_side(tmp_path):
    """Each row has predicted, true and their difference, on one scale around gray."""
    predicted = torch.tensor([3.0, -3.0]).view(2, 1, 1, 1).expand(2, 1, 4, 4)
    true = torch.tensor([0.0, -1.5]).view(2, 1, 1, 1).expand(2, 1, 4, 4)
    pixels, caption = drawn(noise_comparison(predicted, true), tmp_path)
    assert pixels.shape == (10, 16, 1)
    assert caption == "predicted | true | predicted - true"
    assert [int(pixels[0, column, 0]) for column in (0, 6, 12)] == [255, 128, 255]
    assert [int(pixels[6, column, 0]) for column in (0, 6, 12)] == [0, 64, 64]


def test_noise_of_videos(tmp_path):
    """Of videos some frames are chosen, from the first to the last, each in a row."""
    predicted = torch.arange(5.0).view(1, 1, 5, 1, 1).expand(1, 3, 5, 4, 4) / 2
    pixels, _ = drawn(
        noise_comparison(predicted, torch.zeros_like(predicted), value_range=(0, 2)), tmp_path
    )
    assert pixels.shape == (16, 16, 3)
    assert [int(pixels[row, 0, 0]) for row in (0, 6, 12)] == [0, 128, 255]
    assert not pixels[:, 6:10].any()


def test_latents_are_drawn_without_transparency(tmp_path):
    """Of four channels three are drawn, of two one."""
    for channels, expected in ((4, 3), (2, 1)):
        noise = torch.zeros(2, channels, 4, 4)
        pixels, _ = drawn(noise_comparison(noise, noise), tmp_path)
        assert pixels.shape[-1] == expected


def test_half_precision(tmp_path):
    """Noise in half precision is drawn as well."""
    noise = torch.zeros(1, 1, 4, 4, dtype=torch.bfloat16)
    pixels, _ = drawn(noise_comparison(noise, noise), tmp_path)
    assert np.unique(pixels[:4, :4]).tolist() == [128]


def test_samples_as_a_grid(tmp_path):
    """The first samples become a grid of the size that is asked for."""
    samples = torch.zeros(40, 1, 4, 4)
    assert drawn(sample_grid(samples), tmp_path)[0].shape == (22, 22, 1)
    pixels, caption = drawn(sample_grid(samples, 3, columns=3, caption="three"), tmp_path)
    assert pixels.shape == (4, 16, 1)
    assert caption == "three"


def test_samples_of_videos_are_rows_of_frames(tmp_path):
    """Each video is a row, its frames go from left to right."""
    videos = torch.stack([torch.full((3, 9, 4, 4), -1.0), torch.full((3, 9, 4, 4), 1.0)])
    videos[0, :, 8] = 1.0
    pixels, _ = drawn(sample_grid(videos, frames=3), tmp_path)
    assert pixels.shape == (10, 16, 3)
    assert [int(pixels[0, column, 0]) for column in (0, 6, 12)] == [0, 0, 255]
    assert pixels[6:, :4].min() == 255
    assert drawn(sample_grid(videos[:, :, :2], frames=3), tmp_path)[0].shape == (10, 10, 3)


def test_what_is_no_picture_is_refused():
    """Other axes, other shapes and nothing at all are refused with their shape."""
    with pytest.raises(SettingError, match=r"\(3, 4\)"):
        sample_grid(torch.zeros(3, 4))
    with pytest.raises(SettingError):
        sample_grid(torch.zeros(3, 1, 4, 4), 0)
    with pytest.raises(SettingError, match="equal shapes"):
        noise_comparison(torch.zeros(1, 1, 4, 4), torch.zeros(2, 1, 4, 4))
