"""The example `diffusion`: IDX files, the way from noise to image, and all files of a training."""

import gzip
import math
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml
from example_files import load_example

import epochal

FOLDER = Path(__file__).parents[2] / "examples" / "diffusion"

TINY = {
    "data": {"images": "images.idx3-ubyte.gz", "labels": "labels.idx1-ubyte"},
    "model": {"channels": [8, 8], "condition": 8},
    "diffusion": {"steps": 20, "sampling_steps": 4},
    "training": {"epochs": 2, "batch_size": 16, "sample_every": 1, "samples_per_class": 2},
}
PLOTS = (
    "loss_linear loss_log loss_distribution learning_rate grad_norm throughput gpu_memory"
    " ema_divergence epoch_timing loss_derivative training_dashboard"
).split()


@pytest.fixture(scope="module")
def example():
    """The training file as a module; its module of data is `example.data`."""
    pytest.importorskip("torch")
    pytest.importorskip("matplotlib")
    return load_example("diffusion")


def write_idx(path: Path, array: np.ndarray) -> Path:
    """Writes bytes as an IDX file, gzipped if its name says so."""
    shape = np.array(array.shape, ">u4").tobytes()
    content = bytes([0, 0, 8, array.ndim]) + shape + array.astype(np.uint8).tobytes()
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)
    return path


def letters(count: int) -> tuple[np.ndarray, np.ndarray]:
    """Images of bars, lying as EMNIST's do, with labels from 1 on."""
    labels = np.arange(count) % 3 + 1
    images = np.zeros((count, 8, 8))
    for image, label in zip(images, labels, strict=True):
        image[2 * label, :] = 255
    return images, labels


def test_idx_files_are_read(example, tmp_path):
    """Pixels, axes and labels come back, from a gzipped file too."""
    pixels = np.arange(2 * 3 * 4).reshape(2, 3, 4)
    found = example.data.read_idx(write_idx(tmp_path / "images.gz", pixels))
    assert np.array_equal(found, pixels)
    labels = example.data.read_idx(write_idx(tmp_path / "labels", np.array([7, 9])))
    assert labels.tolist() == [7, 9]


def test_emnist_images_are_put_upright(example, tmp_path):
    """Rows and columns change places, pixels go from -1 to 1, and classes begin at 0."""
    images, labels = letters(6)
    paths = write_idx(tmp_path / "i", images), write_idx(tmp_path / "l", labels)
    found, classes = example.data.load_idx(*paths, transposed=True)
    assert found.shape == (6, 1, 8, 8)
    assert classes.tolist() == [0, 1, 2, 0, 1, 2]
    assert found[0, 0, :, 2].tolist() == [1.0] * 8  # the bar stands
    assert found[0, 0, :, 3].tolist() == [-1.0] * 8
    lying, _ = example.data.load_idx(*paths, transposed=False, limit=1)
    assert lying[0, 0, 2].tolist() == [1.0] * 8


@pytest.mark.parametrize("spoil", [lambda b: b[:-1], lambda b: b"\x01" + b[1:], lambda b: b + b"1"])
def test_a_damaged_idx_file_is_named(example, tmp_path, spoil):
    """A file that is cut, too long, or something else, is an error that says which file."""
    path = write_idx(tmp_path / "broken-idx3", np.zeros((2, 3, 3)))
    path.write_bytes(spoil(path.read_bytes()))
    with pytest.raises(ValueError, match="broken-idx3"):
        example.data.read_idx(path)


def test_without_scikit_learn_its_name_is_told(example, monkeypatch):
    """The default data need a package; without it the error says which."""
    monkeypatch.setitem(sys.modules, "sklearn", None)
    with pytest.raises(SystemExit, match="pip install scikit-learn"):
        example.data.load({"images": None, "limit": None})


def test_default_data_are_the_digits(example):
    """Scikit-learn's digits are 1,797 images of 8 x 8 pixels from -1 to 1."""
    pytest.importorskip("sklearn")
    images, labels = example.data.load({"images": None, "limit": None})
    assert images.shape == (1797, 1, 8, 8)
    assert (float(images.min()), float(images.max())) == (-1.0, 1.0)
    assert sorted(set(labels.tolist())) == list(range(10))


def test_perfect_noise_predictions_lead_to_the_image(example):
    """A model that knows the image makes the sampler draw exactly that."""
    import torch

    process = example.Process("linear", 200, 20)
    image = torch.rand(1, 1, 4, 4) * 2 - 1

    def knows(x, t, _):
        left = process.left[t].view(-1, 1, 1, 1)
        return (x - left.sqrt() * image) / (1 - left).sqrt()

    assert torch.allclose(process.sample(knows, torch.zeros(1).long(), 4), image, atol=1e-3)


def test_a_tiny_training_leaves_all_files(example, tmp_path, monkeypatch, capsys):
    """The command line trains, and leaves table, report, eleven plots, samples and a run."""
    monkeypatch.chdir(tmp_path)
    config = yaml.safe_load((FOLDER / "config.yaml").read_text(encoding="utf-8"))
    for section, values in TINY.items():
        config[section] |= values
    Path("config.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")
    images, labels = letters(60)
    write_idx(Path(TINY["data"]["images"]), images)
    write_idx(Path(TINY["data"]["labels"]), labels)

    example.main(["--config", "config.yaml", "--seed", "5", "--no-wandb"])

    output = Path("training_output")
    plots = sorted(path.name for path in (output / "plots").iterdir())
    assert plots == sorted(f"{name}.png" for name in PLOTS)
    rows = np.genfromtxt(output / "training_metrics.csv", delimiter=",", names=True)
    assert rows["epoch"].tolist() == [1, 2]
    assert np.isfinite(rows["loss_mean"]).all()
    assert (rows["ema_delta_norm"] > 0).all()
    report = (output / "training_report.md").read_text(encoding="utf-8")
    assert "(samples/epoch_0002.png)" in report
    assert (output / "samples" / "epoch_0001.png").stat().st_size > 0
    run = epochal.open(output / "runs").runs()[0]
    assert (run.seed, run.state) == (5, "finished")
    assert run.name == "ddpm-seed5"
    assert len(run.series("val/ema/loss").values) == 2
    assert run.checkpoints
    told = capsys.readouterr().out.split("held-out noise MSE ")[-1]
    live, ema = told.splitlines()[0].split(", of the EMA ")
    assert math.isclose(float(live), run.series("val/loss").values[-1], abs_tol=1e-4)
    assert math.isclose(float(ema), run.series("val/ema/loss").values[-1], abs_tol=1e-4)
