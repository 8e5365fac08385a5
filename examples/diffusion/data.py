"""Small gray images with labels: IDX files, as those of EMNIST, or the digits of scikit-learn."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

BYTES = 0x08  # the type of the values, third byte of the file


def read_idx(path: str | Path) -> np.ndarray:
    """Return the array of an IDX file (idx1-ubyte, idx3-ubyte), which may be gzipped.

    The file is two zeros, the type of the values, the number of axes, the length of each as four
    bytes (the highest first), then the values.
    """
    data = Path(path).read_bytes()
    if data[:2] == b"\x1f\x8b":
        data = gzip.decompress(data)
    if data[:3] != bytes([0, 0, BYTES]):
        raise ValueError(f"{path} is no IDX file of bytes: it begins with {data[:4].hex()}")
    axes = data[3]
    shape = np.frombuffer(data, ">u4", axes, offset=4)
    values = np.frombuffer(data, np.uint8, offset=4 + 4 * axes)
    if values.size != shape.prod(dtype=np.int64):
        raise ValueError(f"{path} holds {values.size} values, not {' x '.join(map(str, shape))}")
    return values.reshape(shape)


def load_idx(
    images: str | Path, labels: str | Path, *, transposed: bool, limit: int | None = None
) -> tuple[Tensor, Tensor]:
    """Return images (count, 1, side, side) from -1 to 1, and their classes from 0.

    EMNIST's images lie on their side: with ``transposed`` rows and columns change places.
    EMNIST counts letters from 1: classes are numbered anew, in the order of the labels.
    """
    pixels, names = read_idx(images)[:limit], read_idx(labels)[:limit]
    if pixels.ndim != 3 or names.shape != pixels.shape[:1]:
        raise ValueError(f"{images} {pixels.shape} and {labels} {names.shape} do not fit together")
    if transposed:
        pixels = pixels.swapaxes(1, 2)
    classes = np.unique(names, return_inverse=True)[1]
    return scaled(pixels, 255), torch.from_numpy(classes.reshape(-1)).long()


def load_digits() -> tuple[Tensor, Tensor]:
    """Return the 1,797 digits of 8 x 8 pixels that come with scikit-learn."""
    try:
        from sklearn import datasets
    except ImportError as error:
        raise SystemExit(
            "The default data are the digits of scikit-learn: pip install scikit-learn,"
            " or name IDX files in the section `data` of the config."
        ) from error
    digits = datasets.load_digits()
    return scaled(digits.images, 16), torch.from_numpy(digits.target).long()


def scaled(pixels: np.ndarray, white: float) -> Tensor:
    """Return images (count, height, width) as (count, 1, height, width) from -1 to 1."""
    return torch.from_numpy(pixels.astype(np.float32)).unsqueeze(1) / (white / 2) - 1


def load(settings: dict) -> tuple[Tensor, Tensor]:
    """Return the images and classes that a config's section ``data`` asks for."""
    if settings["images"] is None:
        images, labels = load_digits()
        return images[: settings["limit"]], labels[: settings["limit"]]
    if settings["labels"] is None:
        raise SystemExit("data.images names a file: data.labels must name that of its labels.")
    return load_idx(
        settings["images"], settings["labels"],
        transposed=settings["transposed"], limit=settings["limit"],
    )  # fmt: skip
