"""What each instrument costs, alone."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator
from typing import Any

from subject import Row, Subject

EVERY = {"gradients": 100, "parameters": 100, "histograms": 500, "noise": 500}
"""Default cadence in steps of what is not measured at each step."""

# Name of the figure, what it is, steps between two measurements at the default cadence.
INSTRUMENTS = (
    ("gradients", "gradients: total and per layer", EVERY["gradients"]),
    ("parameters", "parameters: total and per layer", EVERY["parameters"]),
    ("histograms", "histograms of gradients and parameters", EVERY["histograms"]),
    ("numerics", "NaN and Inf in loss, gradients, parameters", 1),
    ("clip", "clipping with norms before and after", 1),
    ("clip_torch", "the same clipping by PyTorch alone", 1),
    ("ema", "distance of the moving average", 1),
    ("learning_rate", "learning rate and scheduler", 1),
    ("aggregate", "aggregate of a loss, one batch", 1),
    ("throughput", "throughput, one batch", 1),
    ("diffusion", "diffusion: one batch of 64 images, 16 by 16", EVERY["noise"]),
)

SUBJECT = Subject(
    title="Instruments",
    how=(
        "a Transformer of 0.8 million parameters in 53 tensors, on one thread; each instrument"
        " alone, 300 times after a warm-up of 20, median; in the second half divided by the steps"
        " between two measurements at the default cadence."
    ),
    rows=(
        *(Row(f"{what}, one measurement", f"{name}_us", "µs", peers=False)
          for name, what, _ in INSTRUMENTS),
        *(Row(f"{what}, per step at its cadence ({every})", f"{name}_step_us", "µs", peers=False)
          for name, what, every in INSTRUMENTS if every > 1),
        Row("a training step of that model", "step_us", "µs", peers=False),
    ),
    cases=("epochal",),
    repeat=3,
)  # fmt: skip


def measure(_case: str, *, quick: bool, folder: str) -> dict[str, float]:  # noqa: ARG001 - no files
    """Measure all of them in one process."""
    times, warm_up = (20, 2) if quick else (300, 20)
    every = {name: steps for name, _, steps in INSTRUMENTS}
    found = {}
    for name, call in _calls():
        took = []
        for number in range(times + warm_up):
            began = time.perf_counter()
            call()
            if number >= warm_up:
                took.append(time.perf_counter() - began)
        found[f"{name}_us"] = statistics.median(took) * 1e6
        if every.get(name, 1) > 1:
            found[f"{name}_step_us"] = found[f"{name}_us"] / every[name]
    return found


def _calls() -> Iterator[tuple[str, Callable[[], Any]]]:
    """Yield each instrument's name and one measurement with it."""
    import torch

    from epochal import measure as instruments

    torch.set_num_threads(1)
    torch.manual_seed(0)
    layer = torch.nn.TransformerEncoderLayer(128, 4, 512, batch_first=True)
    model = torch.nn.Sequential(
        torch.nn.Embedding(96, 128), torch.nn.TransformerEncoder(layer, 4), torch.nn.Linear(128, 96)
    )
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-5)
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 10_000)
    text = torch.randint(96, (8, 64))

    def step() -> torch.Tensor:
        optimizer.zero_grad()
        loss = torch.nn.functional.cross_entropy(model(text).flatten(0, 1), text.flatten())
        loss.backward()
        optimizer.step()
        return loss

    loss = step().detach()
    ema = instruments.Ema(model, 0.999)
    numerics, aggregate = instruments.Numerics(model), instruments.Aggregate()
    throughput = instruments.Throughput()
    diffusion = instruments.Diffusion(instruments.beta_schedule("linear", 1000))
    noise, times = torch.randn(64, 1, 16, 16), torch.randint(1000, (64,))

    def one_batch() -> None:
        diffusion.add(noise * 0.9, noise, times)
        diffusion.measure()

    yield "step", step
    yield "gradients", instruments.Gradients(model).measure
    yield "parameters", instruments.Parameters(model).measure
    yield "histograms", instruments.Histograms(model).measure
    yield "numerics", lambda: numerics.measure(loss)
    yield "clip", lambda: instruments.clip_gradients(model, 1e9)
    yield "clip_torch", lambda: torch.nn.utils.clip_grad_norm_(model.parameters(), 1e9)
    yield "ema", instruments.EmaDistance(model, ema).measure
    yield "learning_rate", instruments.LearningRate(optimizer, scheduler).measure
    yield "aggregate", lambda: aggregate.add(0.5, 64)
    yield "throughput", lambda: throughput.step(samples=64)
    yield "diffusion", one_batch
