"""A diffusion model learns to draw digits.

    python train.py
    python train.py --config config.yaml --seed 2 --no-wandb

Model, noise and loop are plain PyTorch; what records is ``MetricsTracker``.
"""

from __future__ import annotations

import argparse
import math
import time
from pathlib import Path

import data
import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate, mse_loss, silu

import epochal
from epochal.loggers import MetricsTracker, compute_grad_norm, generate_all_plots, generate_report
from epochal.measure import Ema, alphas_bar, beta_schedule, compare_ema, describe_model, sample_grid
from epochal.settings import load

HERE = Path(__file__).parent

# -- model -----------------------------------------------------------------------------------


class Block(nn.Module):
    """Two convolutions, told which step and class it is, and added to what came in."""

    def __init__(self, inputs: int, outputs: int, condition: int) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.GroupNorm(8, inputs), nn.GroupNorm(8, outputs)
        self.conv1 = nn.Conv2d(inputs, outputs, 3, padding=1)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1)
        self.told = nn.Linear(condition, 2 * outputs)
        self.skip = nn.Conv2d(inputs, outputs, 1) if inputs != outputs else nn.Identity()
        nn.init.zeros_(self.conv2.weight)

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        """Map (batch, inputs, height, width) to (batch, outputs, height, width)."""
        scale, shift = self.told(condition)[:, :, None, None].chunk(2, dim=1)
        inside = self.conv1(silu(self.norm1(x)))
        inside = self.conv2(silu(self.norm2(inside) * (1 + scale) + shift))
        return self.skip(x) + inside


class UNet(nn.Module):
    """Predicts the noise in an image: down to half the side for each level, and up again."""

    def __init__(self, channels: list[int], condition: int, classes: int) -> None:
        super().__init__()
        self.frequencies = condition // 2
        self.step = nn.Sequential(
            nn.Linear(condition, condition), nn.SiLU(), nn.Linear(condition, condition)
        )
        self.label = nn.Embedding(classes, condition)
        self.first = nn.Conv2d(1, channels[0], 3, padding=1)
        pairs = list(zip([channels[0], *channels], channels, strict=False))
        self.down = nn.ModuleList(Block(a, b, condition) for a, b in pairs)
        self.middle = Block(channels[-1], channels[-1], condition)
        self.up = nn.ModuleList(Block(2 * b, a, condition) for a, b in reversed(pairs))
        self.last = nn.Sequential(
            nn.GroupNorm(8, channels[0]), nn.SiLU(), nn.Conv2d(channels[0], 1, 3, padding=1)
        )

    def forward(self, x: Tensor, t: Tensor, labels: Tensor) -> Tensor:
        """Map noisy images (batch, 1, side, side) and their steps and classes (batch,) to noise."""
        waves = torch.exp(torch.linspace(0, -math.log(10_000), self.frequencies))
        angles = t[:, None] * waves
        condition = silu(self.step(torch.cat([angles.sin(), angles.cos()], 1)) + self.label(labels))
        x, kept = self.first(x), []
        for level, block in enumerate(self.down):
            x = block(nn.functional.avg_pool2d(x, 2) if level else x, condition)
            kept.append(x)
        x = self.middle(x, condition)
        for level, block in enumerate(self.up):
            x = block(torch.cat([interpolate(x, scale_factor=2.0) if level else x, kept.pop()], 1),
                      condition)  # fmt: skip
        return self.last(x)


# -- diffusion -------------------------------------------------------------------------------


class Process:
    """Adds noise to images in many small steps, and takes it away again with a model."""

    def __init__(self, schedule: str, steps: int, sampling_steps: int) -> None:
        self.steps, self.sampling_steps = steps, sampling_steps
        self.left = alphas_bar(beta_schedule(schedule, steps)).float()  # of the image's variance

    def add_noise(self, images: Tensor, noise: Tensor, t: Tensor) -> Tensor:
        """Return images as they are after ``t`` (batch,) steps."""
        left = self.left[t].view(-1, 1, 1, 1)
        return left.sqrt() * images + (1 - left).sqrt() * noise

    @torch.no_grad()
    def sample(self, model: nn.Module, labels: Tensor, side: int) -> Tensor:
        """Draw an image of each class in ``labels``, from pure noise, always the same."""
        chance = torch.Generator().manual_seed(0)
        x = torch.randn((len(labels), 1, side, side), generator=chance)
        # Some of the steps will do: each then takes away what lies between it and the next one.
        visited = torch.linspace(self.steps - 1, 0, self.sampling_steps).round().long().tolist()
        for t, following in zip(visited, [*visited[1:], None], strict=True):
            now = self.left[t]
            then = torch.tensor(1.0) if following is None else self.left[following]
            noise = model(x, torch.full((len(x),), t), labels)
            image = ((x - (1 - now).sqrt() * noise) / now.sqrt()).clamp(-1, 1)
            alpha = now / then
            mean = (then.sqrt() * (1 - alpha) * image + alpha.sqrt() * (1 - then) * x) / (1 - now)
            spread = ((1 - alpha) * (1 - then) / (1 - now)).sqrt()
            x = mean + spread * torch.randn(x.shape, generator=chance)
        return x


def noise_error(model: nn.Module, images: Tensor, labels: Tensor, process: Process) -> float:
    """Return the mean squared error of the predicted noise, over steps from all of the schedule.

    Images, steps and noise are the same in each call.
    """
    chance, repeats, total = torch.Generator().manual_seed(0), 4, 0.0
    for part in range(repeats):
        # Every image meets steps from each quarter of the schedule.
        low, high = part * process.steps // repeats, (part + 1) * process.steps // repeats
        t = torch.randint(low, high, (len(images),), generator=chance)
        noise = torch.randn(images.shape, generator=chance)
        noisy = process.add_noise(images, noise, t)
        for few in torch.arange(len(images)).split(256):
            error = mse_loss(model(noisy[few], t[few], labels[few]), noise[few], reduction="sum")
            total += float(error)
    return total / repeats / images.numel()


# -- training --------------------------------------------------------------------------------


def split(images: Tensor, labels: Tensor, share: float, seed: int) -> list[tuple[Tensor, Tensor]]:
    """Divide images at random into those to learn from and those held out."""
    order = torch.randperm(len(images), generator=torch.Generator().manual_seed(seed))
    held_out = max(1, round(share * len(images)))
    return [(images[part], labels[part]) for part in (order[held_out:], order[:held_out])]


def schedule(done: float, warmup: float) -> float:
    """Return the factor of the learning rate: a linear warm-up, then a cosine down to 0."""
    if done < warmup:
        return done / warmup
    return (1 + math.cos(math.pi * (done - warmup) / (1 - warmup))) / 2


def train(config: dict, images: Tensor, labels: Tensor, tracker: MetricsTracker) -> dict:
    """Train a model and track it; return the errors on images that were held out."""
    settings = config["training"]
    torch.manual_seed(settings["seed"])
    (images, labels), held_out = split(
        images, labels, config["data"]["held_out_share"], settings["seed"]
    )
    classes = int(max(labels.max(), held_out[1].max())) + 1
    process = Process(**config["diffusion"])
    model = UNet(**config["model"], classes=classes)
    ema = Ema(model, settings["ema_decay"], warmup=True)
    optimizer = torch.optim.AdamW(model.parameters(), lr=settings["learning_rate"])
    steps = settings["epochs"] * math.ceil(len(images) / settings["batch_size"])
    scheduler = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: schedule((step + 1) / (steps + 1), settings["warmup_share"])
    )
    record = describe_model(model)
    record.log(tracker.run)
    print(f"{len(images)} images, {len(held_out[0])} held out, {record.parameters:,} parameters")
    began = time.perf_counter()
    for epoch in range(1, settings["epochs"] + 1):
        tracker.start_epoch(epoch)
        for batch in torch.randperm(len(images)).split(settings["batch_size"]):
            t = torch.randint(process.steps, (len(batch),))
            noise = torch.randn_like(images[batch])
            predicted = model(process.add_noise(images[batch], noise, t), t, labels[batch])
            loss = mse_loss(predicted, noise)
            optimizer.zero_grad()
            loss.backward()
            norm = compute_grad_norm(model)
            nn.utils.clip_grad_norm_(model.parameters(), settings["max_gradient_norm"])
            optimizer.step()
            ema.update()
            tracker.log_batch(
                loss.detach(), scheduler.get_last_lr()[0], norm, batch_size=len(batch)
            )
            scheduler.step()
        metrics = tracker.end_epoch(model, ema)
        errors = compare_ema(model, ema, lambda m: noise_error(m, *held_out, process))
        tracker.run.log(errors, step=tracker.step, epoch=epoch, phase="val")
        if epoch % settings["sample_every"] == 0 or epoch == settings["epochs"]:
            grid = draw(
                ema.model, process, classes, settings["samples_per_class"], images.shape[-1]
            )
            tracker.run.log({"samples/grid": grid}, step=tracker.step, epoch=epoch)
            print(
                f"epoch {epoch:3}  loss {metrics.loss_mean:.4f}  held-out noise MSE"
                f" {errors['loss']:.4f}, EMA {errors['ema/loss']:.4f}"
                f"  {time.perf_counter() - began:4.0f} s"
            )
    tracker.run.save_checkpoint(
        model=model, optimizer=optimizer, scheduler=scheduler, ema=ema, epoch=epoch,
        step=tracker.step, metrics=errors, final=True,
    )  # fmt: skip
    return errors


def draw(model: nn.Module, process: Process, classes: int, rows: int, side: int) -> epochal.Image:
    """Return a picture of samples: a column for each class, enlarged so that one sees pixels."""
    samples = process.sample(model, torch.arange(classes).repeat(rows), side)
    framed = nn.functional.pad(samples, (1, 1, 1, 1), value=-1)
    larger = interpolate(framed, scale_factor=max(1, 48 // side), mode="nearest")
    return sample_grid(larger, count=len(larger), columns=classes)


def save_samples(run_dir: str, folder: Path) -> list[Path]:
    """Write the sample grids of a run into a folder of their own; return their paths."""
    folder.mkdir(exist_ok=True)
    grids = epochal.RunView(run_dir).media["samples/grid"]
    return [Path(each.save(folder / f"epoch_{each.epoch:04.0f}.png")) for each in grids]


def main(arguments: list[str] | None = None) -> None:
    """Read the command line, train, draw the plots and write the report."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--config", default=HERE / "config.yaml", help="a YAML or JSON file")
    parser.add_argument("--seed", type=int, help="instead of the config's")
    parser.add_argument("--no-wandb", action="store_true", help="no mirror to Weights & Biases")
    options = parser.parse_args(arguments)
    config = load({"config": options.config}).config
    if options.seed is not None:
        config["training"]["seed"] = options.seed
    if options.no_wandb:
        config["logging"]["enable_wandb"] = False
    torch.set_num_threads(config["training"]["threads"])
    images, labels = data.load(config["data"])
    with MetricsTracker(config["output_dir"], config, seed=config["training"]["seed"]) as tracker:
        errors = train(config, images, labels, tracker)
    plots = generate_all_plots(tracker)
    samples = save_samples(tracker.run.dir, Path(tracker.output_dir) / "samples")
    report = generate_report(tracker, config, plot_paths={"samples": samples[-1], **plots})
    print(f"held-out noise MSE {errors['loss']:.4f}, of the EMA {errors['ema/loss']:.4f}")
    print(f"Report: {report}")
    print(f"Samples: {samples[-1]}")
    print(f"Recorded in {tracker.run.dir}")


if __name__ == "__main__":
    main()
