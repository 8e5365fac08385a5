"""What logging media costs the training thread, and that all of them arrive."""

from __future__ import annotations

import time
from typing import Any

from subject import Row, Subject, median

EVERY_S = 0.08
"""A hundred steps of 0.8 ms: media are logged so often."""

SUBJECT = Subject(
    title="Logging media",
    how=(
        "a video of 16 frames of 64 by 64 and a grid of 64 images of 64 by 64, both in color and"
        " float32, every 80 ms (100 steps of 0.8 ms), 100 times; median seconds of the call, and"
        " all of them read back."
    ),
    rows=(
        Row("caller's time of a video", "video_ms", "ms", 1.0, fold=median, peers=False),
        Row("caller's time of a grid of 64 images", "grid_ms", "ms", 1.0, fold=median, peers=False),
        Row("media lost or changed", "wrong", "media", 0, fold=lambda v: median([sum(v)]),
            peers=False),
    ),
    cases=("epochal",),
    repeat=3,
)  # fmt: skip


def measure(case: str, *, quick: bool, folder: str) -> dict[str, Any]:  # noqa: ARG001 - one case
    """Measure the calls and count what can be read back."""
    import numpy as np

    import epochal

    rng = np.random.default_rng(0)
    video = rng.random((16, 3, 64, 64), np.float32)
    grid = rng.random((64, 64, 64, 3), np.float32)
    run = epochal.init(project="bench", dir=folder)
    took: dict[str, list[float]] = {"video_ms": [], "grid_ms": []}
    times = 10 if quick else 100
    for step in range(times):
        for name, media in (("video_ms", epochal.Video(video)), ("grid_ms", epochal.Image(grid))):
            before = time.perf_counter()
            run.log({name: media}, step=step)
            took[name].append((time.perf_counter() - before) * 1e3)
        time.sleep(EVERY_S)
    run.finish()
    found = epochal.open(run.dir).runs()[0].media
    shapes = {"video_ms": (16, 64, 64, 3), "grid_ms": (526, 526, 3)}
    good = sum(each.array().shape == shapes[each.key] for each in found)
    middle = {name: sorted(values)[times // 2] for name, values in took.items()}
    return {**middle, "wrong": 2 * times - good}
