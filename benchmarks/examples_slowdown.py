"""How much recording slows the trainings of two examples."""

from __future__ import annotations

import importlib.util
import random
import sys
import time
from pathlib import Path
from typing import Any, Protocol

from subject import Row, Subject, trimmed_mean

EXAMPLES = Path(__file__).parent.parent / "examples"
BLOCK_S, SETTLE_S, LIMIT_S = 4.0, 0.5, 140.0
LANGUAGE, DIFFUSION = "language model", "diffusion model"
KINDS = ("scalars", "full")

SUBJECT = Subject(
    title="Slowdown of two examples",
    how=(
        "the models, data, batches and number of threads of `examples/language_model` and"
        " `examples/diffusion`; blocks of 4 s with and without recording, in random"
        " order within each pair, each after 0.5 s; scalars: loss, learning rate and gradient norm"
        ' of each step; full: `preset="full"` with its mirrors TensorBoard and W&B (offline),'
        " `epochal.watch` at its default cadence, means, throughput and learning rate each 5 steps;"
        " mean of the pairs' ratios without the outer 10 %, with its 95 % bootstrap interval."
    ),
    rows=tuple(
        row
        for name in (LANGUAGE, DIFFUSION)
        for row in (
            Row(f"{name}: a step without recording", "step_ms", "ms", case=f"{name}, scalars",
                peers=False),
            Row(f"{name}: slowdown by scalars", "slowdown_pct", "%", 2.0, fold=trimmed_mean,
                case=f"{name}, scalars", peers=False),
            Row(f"{name}: slowdown by all of it", "slowdown_pct", "%", 5.0, fold=trimmed_mean,
                case=f"{name}, full", peers=False),
            Row("the same in processor time of the training thread", "processor_pct", "%",
                fold=trimmed_mean, case=f"{name}, full", peers=False),
        )
    ),
    cases=tuple(f"{name}, {kind}" for name in (LANGUAGE, DIFFUSION) for kind in KINDS),
    repeat=1,
    timeout_s=400.0,
)  # fmt: skip


class Training(Protocol):
    """An example's training, step by step."""

    model: Any
    optimizer: Any
    scheduler: Any
    batch_size: int

    def step(self) -> tuple[Any, Any]:
        """Do one step; return its loss and the norm of its gradients."""


class LanguageModel:
    """The training of ``examples/language_model``."""

    def __init__(self) -> None:
        import torch

        example, config = _example("language_model", "train_with_wandb", "config_with_wandb")
        torch.manual_seed(0)
        self._torch, self.batch_size = torch, config["training"]["batch_size"]
        self.model = example.Transformer(**config["model"])
        text, _ = example.split(example.read_text(None), 0.1)
        self._rows = example.windows(text, self.model.context_length)
        self.optimizer, self.scheduler = _optimizer(self.model)

    def step(self) -> tuple[Any, Any]:
        """Do one step."""
        batch = self._rows[self._torch.randint(len(self._rows), (self.batch_size,))]
        return _step(self, self.model.loss(batch))


class DiffusionModel:
    """The training of ``examples/diffusion``."""

    def __init__(self) -> None:
        import torch

        example, config = _example("diffusion", "train", "config")
        torch.manual_seed(0)
        self._torch, self.batch_size = torch, config["training"]["batch_size"]
        self._images, self._labels = example.data.load(config["data"])
        self._process = example.Process(**config["diffusion"])
        self.model = example.UNet(**config["model"], classes=int(self._labels.max()) + 1)
        self.optimizer, self.scheduler = _optimizer(self.model)

    def step(self) -> tuple[Any, Any]:
        """Do one step."""
        torch, process = self._torch, self._process
        chosen = torch.randint(len(self._images), (self.batch_size,))
        images, t = self._images[chosen], torch.randint(process.steps, (self.batch_size,))
        noise = torch.randn_like(images)
        predicted = self.model(process.add_noise(images, noise, t), t, self._labels[chosen])
        return _step(self, torch.nn.functional.mse_loss(predicted, noise))


def measure(case: str, *, quick: bool, folder: str) -> dict[str, Any]:
    """Measure one example with one amount of recording."""
    name, kind = case.split(", ")
    training: Training = LanguageModel() if name == LANGUAGE else DiffusionModel()
    recorder = _Recorder(training, folder, full=kind == "full")
    scale = 0.1 if quick else 1.0
    rng, slowdowns, processor, steps = random.Random(0), [], [], []
    _block(training, None, 2 * scale)
    began = time.perf_counter()
    while time.perf_counter() - began < LIMIT_S * scale:
        took = {}
        for recording in rng.sample((True, False), 2):
            used = recorder if recording else None
            _block(training, used, SETTLE_S * scale)
            took[recording] = _block(training, used, BLOCK_S * scale)
        (with_s, with_cpu_s), (without_s, without_cpu_s) = took[True], took[False]
        slowdowns.append((with_s / without_s - 1) * 100)
        processor.append((with_cpu_s / without_cpu_s - 1) * 100)
        steps.append(without_s * 1e3)
    recorder.run.finish()
    step_ms = sorted(steps)[len(steps) // 2]
    return {"slowdown_pct": slowdowns, "processor_pct": processor, "step_ms": step_ms}


class _Recorder:
    """What an example records in a step."""

    def __init__(self, training: Training, folder: str, *, full: bool) -> None:
        import epochal
        from epochal import measure as instruments

        given: dict[str, Any] = {}
        if full:
            given = {"preset": "full", "sink_options": {"wandb": {"mode": "offline"}}}
        self.run = epochal.init(project="slowdown", dir=folder, **given)
        self._full, self._training, self.steps = full, training, 0
        self._epochal = epochal
        self._means, self._throughput = instruments.Aggregates(), instruments.Throughput()
        self._rate = instruments.LearningRate(training.optimizer, training.scheduler)
        self._watch: Any = None

    def begin(self) -> None:
        """Begin a block."""
        if self._full:
            training = self._training
            self._watch = self._epochal.watch(
                self.run, training.model, training.optimizer, model_record=not self.steps
            )

    def end(self) -> None:
        """End a block."""
        if self._watch is not None:
            self._watch.close()

    def record(self, loss: Any, norm: Any) -> None:
        """Record a step."""
        self.steps += 1
        if not self._full:
            rate = self._training.optimizer.param_groups[0]["lr"]
            self.run.log({"train/loss": loss, "lr": rate, "gradients/norm": norm}, self.steps)
            return
        self._means.add({"loss": loss.detach()}, weight=self._training.batch_size)
        self._throughput.step(samples=self._training.batch_size)
        if self.run.due("train", self.steps):
            self.run.log(self._means.means("train/"), self.steps)
            self.run.log(self._throughput.measure() | self._rate.measure(), self.steps)


def _block(training: Training, recorder: _Recorder | None, seconds: float) -> tuple[float, float]:
    """Train for so long; return the mean seconds of a step, and of processor time."""
    if recorder is not None:
        recorder.begin()
    began = now = time.perf_counter()
    cpu_s = time.thread_time()
    steps = 0
    while now - began < seconds:
        loss, norm = training.step()
        if recorder is not None:
            recorder.record(loss, norm)
        steps += 1
        now = time.perf_counter()
    cpu_s = time.thread_time() - cpu_s
    if recorder is not None:
        recorder.end()
    return (now - began) / steps, cpu_s / steps


def _optimizer(model: Any) -> tuple[Any, Any]:
    import torch

    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4)
    return optimizer, torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 1_000_000)


def _step(training: Training, loss: Any) -> tuple[Any, Any]:
    import torch

    training.optimizer.zero_grad()
    loss.backward()
    norm = torch.nn.utils.clip_grad_norm_(training.model.parameters(), 1.0)
    training.optimizer.step()
    training.scheduler.step()
    return loss, norm


def _example(folder: str, module: str, config: str) -> tuple[Any, dict[str, Any]]:
    """Return an example's training file as a module, and its config."""
    import yaml

    sys.path.insert(0, str(EXAMPLES / folder))
    spec = importlib.util.spec_from_file_location(module, EXAMPLES / folder / f"{module}.py")
    assert spec is not None
    assert spec.loader is not None
    found = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(found)
    read = yaml.safe_load((EXAMPLES / folder / f"{config}.yaml").read_text())
    found.torch.set_num_threads(read["training"]["threads"])
    return found, read
