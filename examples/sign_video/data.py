"""Clips with captions: a folder of your own, or drawn hands that sign words.

A folder of clips has a folder for each label::

    signs/hello/anna.mp4          a clip is a video, a GIF, an array (frames, height, width) or
    signs/hello/ben.gif           (frames, height, width, channels) of bytes or of numbers 0 to 1,
    signs/thank_you/001.npy
    signs/thank_you/002/01.png    or a folder of pictures, in the order of their names
    signs/thank_you/002/02.png
    signs/thank_you/002.txt       the caption of that clip; others are captioned "thank you"
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import interpolate

MOVIES, ARRAYS, PICTURES = (".gif", ".mp4"), (".npy",), (".png", ".jpg", ".jpeg")

# -- a folder of clips -----------------------------------------------------------------------


def load_folder(folder: str | Path, frames: int, side: int) -> tuple[Tensor, list[str]]:
    """Return the clips of a folder (count, 1, frames, side, side) from -1 to 1, and captions."""
    clips, captions = [], []
    for path in clip_paths(Path(folder)):
        clips.append(fit(read_clip(path), frames, side))
        text = path.with_suffix(".txt")
        label = path.parent.name.replace("_", " ")
        captions.append(text.read_text(encoding="utf-8").strip() if text.exists() else label)
    if not clips:
        known = ", ".join((*MOVIES, *ARRAYS, *PICTURES))
        raise ValueError(f"there are no clips in {folder}: no <label>/<clip> with {known}")
    return torch.stack(clips), captions


def clip_paths(folder: Path) -> Iterator[Path]:
    """Yield files that are clips and folders of pictures, below a folder for each label."""
    for path in sorted(folder.glob("*/*")):
        if path.suffix.lower() in (*MOVIES, *ARRAYS) or (path.is_dir() and pictures(path)):
            yield path


def pictures(folder: Path) -> list[Path]:
    """Return the pictures in a folder, by name."""
    return [path for path in sorted(folder.iterdir()) if path.suffix.lower() in PICTURES]


def read_clip(path: Path) -> Tensor:
    """Return a clip as gray values (frames, height, width) from 0 to 1."""
    if path.suffix.lower() in ARRAYS:
        frames = np.load(path)
    elif path.suffix.lower() == ".gif":
        from PIL import Image, ImageSequence

        with Image.open(path) as film:
            frames = np.stack(
                [np.asarray(each.convert("L")) for each in ImageSequence.Iterator(film)]
            )
    elif path.suffix.lower() == ".mp4":
        import av

        with av.open(path) as film:
            frames = np.stack([each.to_ndarray(format="gray") for each in film.decode(video=0)])
    else:
        from PIL import Image

        frames = np.stack([np.asarray(Image.open(each).convert("L")) for each in pictures(path)])
    gray = frames.mean(-1) if frames.ndim == 4 else frames
    return torch.from_numpy(gray / (255 if frames.dtype == np.uint8 else 1)).float()


def fit(clip: Tensor, frames: int, side: int) -> Tensor:
    """Return (1, frames, side, side) from -1 to 1: frames from all over it, the middle square."""
    chosen = torch.linspace(0, len(clip) - 1, frames).round().long()
    height, width = clip.shape[1:]
    square = min(height, width)
    top, left = (height - square) // 2, (width - square) // 2
    middle = clip[chosen, top : top + square, left : left + square]
    return interpolate(middle[None], size=(side, side), mode="area") * 2 - 1


# -- drawn hands -----------------------------------------------------------------------------

# A hand stands on its wrist, x to the right and y up, the palm about 1 wide.  Fingers from thumb
# to little finger: where each begins, its direction in degrees from up, its length.
FINGERS = (
    (-0.42, 0.42, -52, 0.62), (-0.34, 0.92, -16, 0.80), (-0.11, 0.98, -3, 0.90),
    (0.12, 0.95, 8, 0.82), (0.34, 0.84, 21, 0.64),
)  # fmt: skip
FIST, OPEN = (1, 1, 1, 1, 1), (0, 0, 0, 0, 0)
SHOWN = {  # which fingers are bent at the end, 1 is bent; the hand begins as a fist
    "one": (1, 0, 1, 1, 1), "two": (1, 0, 0, 1, 1), "five": OPEN, "good": (0, 1, 1, 1, 1),
    "love": (0, 0, 1, 1, 0),
}  # fmt: skip
WORDS = (*SHOWN, "hello", "come", "yes")


def pose(word: str, time: float) -> tuple[np.ndarray, float, float]:
    """Return how much each finger is bent (0 to 1), the hand's tilt in degrees, and its height.

    ``time`` goes from 0 to 1 over a clip.
    """
    if word in SHOWN:
        opened = 1 / (1 + math.exp(-18 * (time - 0.35)))
        return np.array(FIST) + opened * np.subtract(SHOWN[word], FIST), 0.0, 0.0
    wave = math.sin(2 * math.pi * time)
    if word == "hello":  # the open hand tilts to one side and to the other
        return np.array(OPEN, float), 24 * wave, 0.0
    if word == "come":  # the fingers bend and stretch
        return np.array([0, 1, 1, 1, 1]) * (0.5 - 0.5 * math.cos(2 * math.pi * time)), 0.0, 0.0
    return np.array(FIST, float), 0.0, 0.24 * wave  # "yes": a fist nods


def draw_hand(
    bent: np.ndarray, tilt: float, at: tuple[float, float], size: float, side: int
) -> np.ndarray:
    """Return a picture (side, side) from 0 to 1 of a hand."""
    fine = 3  # points for each pixel and axis
    places = (np.arange(side * fine) + 0.5) / fine / side * 2 - 1
    x, y = np.meshgrid(places, -places)
    angle = math.radians(tilt)
    x, y = (x - at[0]) / size, (y - at[1]) / size
    x, y = x * math.cos(angle) - y * math.sin(angle), x * math.sin(angle) + y * math.cos(angle)
    picture = np.zeros_like(x)

    def stroke(start: np.ndarray, end: np.ndarray, radius: float, shade: float) -> None:
        along = end - start
        share = ((x - start[0]) * along[0] + (y - start[1]) * along[1]) / max(along @ along, 1e-9)
        share = share.clip(0, 1)
        far = np.hypot(x - start[0] - share * along[0], y - start[1] - share * along[1])
        picture[far < radius] = shade

    stroke(np.array([-0.04, -0.9]), np.array([-0.02, 0.2]), 0.26, 0.45)  # the arm
    for left in (-0.2, 0.0, 0.18):  # the palm
        stroke(np.array([left, 0.3]), np.array([left, 0.75]), 0.24, 0.55)
    for (begin_x, begin_y, direction, length), bend in zip(FINGERS, bent, strict=True):
        begin = np.array([begin_x, begin_y])
        outwards = np.array([math.sin(math.radians(direction)), math.cos(math.radians(direction))])
        # A bent finger points at whom looks at it: it is shorter, and its end lies on the palm.
        knuckle = begin + outwards * 0.5 * length * math.cos(math.radians(80 * bend))
        tip = knuckle + outwards * 0.5 * length * math.cos(math.radians(165 * bend))
        stroke(begin, knuckle, 0.105, 0.8)
        stroke(knuckle, tip, 0.10, 0.8 + 0.2 * bend)
    return picture.reshape(side, fine, side, fine).mean((1, 3))


def draw_clip(word: str, frames: int, side: int, chance: np.random.Generator) -> np.ndarray:
    """Return a clip (frames, side, side) from 0 to 1: each has its own place, size and pace."""
    at, size = chance.uniform(-0.07, 0.07, 2), chance.uniform(0.70, 0.80)
    leaning, late, light = (
        chance.uniform(-8, 8),
        chance.uniform(-0.08, 0.08),
        chance.uniform(0.85, 1),
    )
    film = []
    for time in np.linspace(0, 1, frames):
        bent, tilt, height = pose(word, time + late)
        place = (float(at[0]), float(at[1]) - 0.55 + height)
        film.append(draw_hand(bent, tilt + leaning, place, size, side))
    return light * np.stack(film)


def draw_clips(
    words: Iterable[str], per_word: int, frames: int, side: int, seed: int
) -> tuple[Tensor, list[str]]:
    """Return drawn clips (count, 1, frames, side, side) from -1 to 1, and the word of each."""
    chance, clips, captions = np.random.default_rng(seed), [], []
    for word in words:
        clips += [draw_clip(word, frames, side, chance) for _ in range(per_word)]
        captions += [word] * per_word
    return torch.from_numpy(np.stack(clips)).float().unsqueeze(1) * 2 - 1, captions


def load(settings: dict) -> tuple[Tensor, list[str]]:
    """Return the clips and captions that a config's section ``data`` asks for."""
    frames, side = settings["frames"], settings["side"]
    if settings["folder"] is not None:
        return load_folder(settings["folder"], frames, side)
    return draw_clips(WORDS, settings["clips_per_word"], frames, side, seed=0)
