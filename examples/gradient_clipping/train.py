"""A recurrent network that diverges without gradient clipping, and learns with it.

    python train.py                             # --config FILE: other settings
    python train.py --no-wandb --seed 4
    python train.py --no-clipping               # only the run that diverges

The task is the adding problem: two numbers of a long sequence are marked, and the answer is their
sum.  On its way back through the sequence the gradient is multiplied by the same matrix at every
number, so that now and then it is thousands of times too large.
"""

from __future__ import annotations

import argparse
import math
import os
import time
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn.functional import leaky_relu, mse_loss

from epochal.loggers import ExperimentConfig, ExperimentTracker
from epochal.measure import Numerics, clip_gradients, compute_grad_norm
from epochal.settings import load

HERE = Path(__file__).parent


class Adder(nn.Module):
    """A recurrent network that begins by keeping all that it has seen."""

    def __init__(self, hidden_size: int) -> None:
        super().__init__()
        self.read = nn.Linear(2, hidden_size)
        self.keep = nn.Linear(hidden_size, hidden_size, bias=False)
        self.answer = nn.Linear(hidden_size, 1)
        nn.init.normal_(self.read.weight, std=0.2)
        nn.init.zeros_(self.read.bias)
        nn.init.eye_(self.keep.weight)

    def forward(self, sequences: Tensor) -> Tensor:
        """Map sequences (batch, length, 2) to answers (batch,)."""
        seen = self.read(sequences).unbind(1)
        memory = torch.zeros_like(seen[0])
        for number in seen:
            memory = leaky_relu(number + self.keep(memory), 0.5)
        return self.answer(memory).squeeze(-1)


def draw(length: int, batch_size: int) -> tuple[Tensor, Tensor]:
    """Return numbers beside their marks (batch, length, 2), and the sums of those marked."""
    numbers, marks = torch.rand(batch_size, length), torch.zeros(batch_size, length)
    rows, half = torch.arange(batch_size), length // 2
    marks[rows, torch.randint(half, (batch_size,))] = 1
    marks[rows, torch.randint(half, length, (batch_size,))] = 1
    return torch.stack([numbers, marks], dim=-1), (numbers * marks).sum(1)


def counts(numerics: Numerics, loss: Tensor, step: int) -> dict[str, int]:
    """Return how many NaN and infinities are in the loss, the gradients and the parameters."""
    found = numerics.measure(loss, at=step)
    return {
        f"{kind}_count": int(sum(float(n) for name, n in found.items() if f"/{kind}_" in name))
        for kind in ("nan", "inf")
    }


def start(config: dict, *, clipping: bool, wandb: bool) -> ExperimentTracker:
    """Return a tracker for a new run, with TensorBoard and, if wanted, W&B beside it."""
    seed = config["training"]["seed"]
    name = f"{'with' if clipping else 'without'}-clipping-seed{seed}"
    experiment = ExperimentConfig(**config["logging"], run_name=name)
    tracker = ExperimentTracker(
        experiment, preset="Numerical Stability Focus", enable_wandb=wandb, seed=seed
    )
    tracker.log_hyperparameters({**config, "clipping": clipping})
    return tracker


def train(config: dict, *, clipping: bool, wandb: bool) -> ExperimentTracker:
    """Train one network, and record it."""
    settings = config["training"]
    steps, warmup = settings["steps"], settings["warmup_steps"]
    threshold = settings["clipping_threshold"] if clipping else None
    torch.manual_seed(settings["seed"])
    model = Adder(**config["model"])
    optimizer = torch.optim.SGD(
        model.parameters(), lr=settings["learning_rate"], momentum=settings["momentum"]
    )
    scheduler = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: min((step + 1) / warmup, (steps - step) / max(1, steps - warmup))
    )
    tracker, numerics, bad_steps = start(config, clipping=clipping, wandb=wandb), Numerics(model), 0
    tracker.log_model_architecture(model)
    for step in range(1, steps + 1):
        began = time.perf_counter()
        sequences, sums = draw(**config["task"])
        answers = model(sequences)
        loss, accuracy = mse_loss(answers, sums), ((answers - sums).abs() < 0.1).float().mean()
        optimizer.zero_grad()
        loss.backward()
        found = counts(numerics, loss, step)
        norm, clipped = compute_grad_norm(model), False
        if clipping:
            clipped = bool(clip_gradients(model, threshold)["gradients/clipped"])
        optimizer.step()
        tracker.log_training_step(
            step=step, loss=loss.item(), accuracy=accuracy.item(),
            learning_rate=scheduler.get_last_lr()[0], gradient_norm=norm, clipping_applied=clipped,
            clipping_threshold=threshold, **found, training_time=time.perf_counter() - began,
        )  # fmt: skip
        scheduler.step()
        bad_steps += not math.isfinite(loss.item())
        if bad_steps == settings["give_up_after"]:
            break
        if tracker.run.due("checkpoint", step) and not bad_steps:
            tracker.save_checkpoint(model, optimizer, 0, step, loss.item(), scheduler=scheduler)
    if first := numerics.first:
        where = {"step": first.at, "tensor": first.tensor, "kind": first.kind, "where": first.where}
        tracker.run.summary["numerics/first"] = where
        tracker.run.alert("training diverged", f"{first.kind} in {first.tensor}, step {first.at}")
    return tracker


def report(tracker: ExperimentTracker, seconds: float) -> None:
    """Draw the figure, end the run, and say how it went."""
    picture = os.path.join(tracker.run.dir, "training_progress.png")
    drawn, summary = tracker.create_visualization(picture), tracker.get_experiment_summary()
    tracker.close()
    losses, norms = summary["loss_stats"], summary["gradient_stats"]
    health = summary["numerical_stability"]
    print(f"\n{tracker.run.name}: {summary['total_steps']} steps in {seconds:.0f} s")
    print(f"  loss           lowest {losses['min']:.2g}, highest {losses['max']:.2g},"
          f" last {losses['final']:.2g}")  # fmt: skip
    print(f"  gradient norm  highest {norms['max']:.2g}, mean {norms['mean']:.2g}")
    print(f"  steps with NaN {health['steps_with_nan']}, with Inf {health['steps_with_inf']}")
    if first := tracker.run.summary.get("numerics/first"):
        print(f"  the first of them: {first['kind']} in {first['tensor']}, step {first['step']}")
    print(f"  recorded in    {tracker.run.dir}")
    if drawn:
        print(f"  figure         {picture}")


def main(arguments: list[str] | None = None) -> None:
    """Read the command line, train without clipping and with it, and say what happened."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--config", default=HERE / "config.yaml", help="a YAML or JSON file")
    parser.add_argument("--seed", type=int, help="instead of the config's")
    parser.add_argument("--no-wandb", action="store_true", help="no mirror to Weights & Biases")
    parser.add_argument("--no-clipping", action="store_true", help="only the run that diverges")
    options = parser.parse_args(arguments)
    config = load({"config": options.config}).config
    if options.seed is not None:
        config["training"]["seed"] = options.seed
    torch.set_num_threads(1)  # the matrices are small: more would wait for each other
    for clipping in [False] if options.no_clipping else [False, True]:
        began = time.perf_counter()
        tracker = train(config, clipping=clipping, wandb=not options.no_wandb)
        report(tracker, time.perf_counter() - began)
    print("\nSee them side by side: epochal tensorboard")


if __name__ == "__main__":
    main()
