"""A video diffusion model learns to draw hands that sign words.

    python train.py
    python train.py --config config.yaml --seed 2 --no-wandb

Model, noise and loop are plain PyTorch; what records is the plain interface of Epochal.
"""

from __future__ import annotations

import argparse
import math
import time
from pathlib import Path

import data
import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate, pixel_shuffle, pixel_unshuffle, silu

import epochal
from epochal import measure
from epochal.settings import load

HERE = Path(__file__).parent

# -- model -----------------------------------------------------------------------------------


class Block(nn.Module):
    """A convolution over each frame and one over time, told step and words, added to what came."""

    def __init__(self, inputs: int, outputs: int, condition: int) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.GroupNorm(8, inputs), nn.GroupNorm(8, outputs)
        self.space = nn.Conv3d(inputs, outputs, (1, 3, 3), padding=(0, 1, 1))
        self.time = nn.Conv3d(outputs, outputs, (3, 1, 1), padding=(1, 0, 0))
        self.told = nn.Linear(condition, 2 * outputs)
        self.skip = nn.Conv3d(inputs, outputs, 1) if inputs != outputs else nn.Identity()
        nn.init.zeros_(self.time.weight)

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        """Map (batch, inputs, frames, height, width) to the same with ``outputs`` channels."""
        scale, shift = self.told(condition)[:, :, None, None, None].chunk(2, dim=1)
        inside = self.space(silu(self.norm1(x)))
        return self.skip(x) + self.time(silu(self.norm2(inside) * (1 + scale) + shift))


class Denoiser(nn.Module):
    """Predicts the velocity of a noisy clip, at a half and at a quarter of its width and height.

    The velocity is √ᾱ · noise - √(1 - ᾱ) · clip: in a clip that is nearly clean it is the noise, in
    one that is nearly noise the clip (Salimans and Ho 2022, *Progressive Distillation*).

    The text is the mean of what its words stand for; no words are zeros.
    """

    def __init__(self, channels: int, condition: int, words: int, frames: int, side: int) -> None:
        super().__init__()
        c, d = channels, condition
        self.frequencies = condition // 2
        self.step = nn.Sequential(nn.Linear(d, d), nn.SiLU(), nn.Linear(d, d))
        self.words = nn.EmbeddingBag(words + 1, d, mode="mean", padding_idx=0)
        self.place = nn.Parameter(torch.zeros(c, frames, side // 2, side // 2))
        self.first = nn.Conv3d(4, c, (1, 3, 3), padding=(0, 1, 1))
        self.down = nn.ModuleList([Block(c, c, d), Block(c, 2 * c, d)])
        self.middle = nn.ModuleList([Block(2 * c, 2 * c, d), Block(2 * c, 2 * c, d)])
        self.up = nn.ModuleList([Block(4 * c, c, d), Block(2 * c, c, d)])
        self.norm = nn.GroupNorm(8, c)
        self.last = nn.Conv3d(c, 4, (1, 3, 3), padding=(0, 1, 1))

    def forward(self, x: Tensor, t: Tensor, text: Tensor) -> Tensor:
        """Map noisy clips (batch, 1, frames, side, side), steps (batch,) and words to velocity."""
        waves = torch.exp(torch.linspace(0, -math.log(10_000), self.frequencies))
        angles = t[:, None] * waves
        told = silu(self.step(torch.cat([angles.sin(), angles.cos()], 1)) + self.words(text))
        x = self.first(pixel_unshuffle(x.transpose(1, 2), 2).transpose(1, 2)) + self.place
        half = self.down[0](x, told)
        quarter = self.down[1](nn.functional.avg_pool3d(half, (1, 2, 2)), told)
        x = quarter
        for block in self.middle:
            x = block(x, told)
        x = self.up[0](torch.cat([x, quarter], 1), told)
        x = interpolate(x, scale_factor=(1.0, 2.0, 2.0))
        x = self.up[1](torch.cat([x, half], 1), told)
        x = self.last(silu(self.norm(x)))
        return pixel_shuffle(x.transpose(1, 2), 2).transpose(1, 2)


class Vocabulary:
    """The words of all captions, numbered from 1."""

    def __init__(self, captions: list[str]) -> None:
        self.words = sorted({word for text in captions for word in text.lower().split()})
        self.numbers = {word: number for number, word in enumerate(self.words, start=1)}
        self.longest = max(len(text.split()) for text in captions)

    def encode(self, captions: list[str]) -> Tensor:
        """Return texts as (batch, longest) numbers; 0 stands behind the last word."""
        rows = [[self.numbers[word] for word in text.lower().split()] for text in captions]
        return torch.tensor([row + [0] * (self.longest - len(row)) for row in rows])


# -- diffusion -------------------------------------------------------------------------------


class Process:
    """Adds noise to clips in many small steps, and takes it away again with a model."""

    def __init__(self, schedule: str, timesteps: int, sampling_steps: int, guidance: float) -> None:
        self.timesteps, self.sampling_steps = timesteps, sampling_steps
        self.guidance = guidance
        self.betas = measure.beta_schedule(schedule, timesteps)
        self.left = measure.alphas_bar(self.betas).float()  # of the clip's variance

    def add_noise(self, clips: Tensor, noise: Tensor, t: Tensor) -> Tensor:
        """Return clips as they are after ``t`` (batch,) steps."""
        signal, spread = self.shares(t)
        return signal * clips + spread * noise

    def velocity(self, clips: Tensor, noise: Tensor, t: Tensor) -> Tensor:
        """Return what the model is to predict."""
        signal, spread = self.shares(t)
        return signal * noise - spread * clips

    def noise(self, x: Tensor, velocity: Tensor, t: Tensor) -> Tensor:
        """Return the noise in clips ``x``, if that is their velocity."""
        signal, spread = self.shares(t)
        return spread * x + signal * velocity

    def shares(self, t: Tensor) -> tuple[Tensor, Tensor]:
        """Return what a clip is multiplied by after ``t`` steps, and what the noise in it is."""
        left = self.left[t].view(-1, 1, 1, 1, 1)
        return left.sqrt(), (1 - left).sqrt()

    def guided(self, model: nn.Module, x: Tensor, t: int, text: Tensor) -> Tensor:
        """Return the velocity, moved further away from what it is without words."""
        both = torch.cat([text, torch.zeros_like(text)])
        told, untold = model(torch.cat([x, x]), torch.full((len(both),), t), both).chunk(2)
        return untold + self.guidance * (told - untold)

    @torch.no_grad()
    def sample(self, model: nn.Module, text: Tensor, shape: torch.Size) -> Tensor:
        """Draw a clip of each text, from pure noise, always the same."""
        chance = torch.Generator().manual_seed(0)
        x = torch.randn((len(text), *shape), generator=chance)
        # Some of the steps will do: each then takes away what lies between it and the next one.
        steps = torch.linspace(self.timesteps - 1, 0, self.sampling_steps).round().long().tolist()
        for t, following in zip(steps, [*steps[1:], None], strict=True):
            now = self.left[t]
            then = torch.tensor(1.0) if following is None else self.left[following]
            velocity = self.guided(model, x, t, text)
            clip = (now.sqrt() * x - (1 - now).sqrt() * velocity).clamp(-1, 1)
            alpha = now / then
            mean = (then.sqrt() * (1 - alpha) * clip + alpha.sqrt() * (1 - then) * x) / (1 - now)
            spread = ((1 - alpha) * (1 - then) / (1 - now)).sqrt()
            x = mean + spread * torch.randn(x.shape, generator=chance)
        return x


def noise_error(model: nn.Module, clips: Tensor, text: Tensor, process: Process) -> float:
    """Return the mean squared error of the predicted noise, over steps from all of the schedule.

    Clips, steps and noise are the same in each call.
    """
    chance, repeats, total = torch.Generator().manual_seed(0), 4, 0.0
    for part in range(repeats):
        # Every clip meets steps from each quarter of the schedule.
        low, high = (process.timesteps * edge // repeats for edge in (part, part + 1))
        t = torch.randint(low, high, (len(clips),), generator=chance)
        noise = torch.randn(clips.shape, generator=chance)
        noisy = process.add_noise(clips, noise, t)
        for few in torch.arange(len(clips)).split(32):
            velocity = model(noisy[few], t[few], text[few])
            error = process.noise(noisy[few], velocity, t[few]) - noise[few]
            total += float(error.square().sum())
    return total / repeats / clips.numel()


def parts_of_loss(error: Tensor) -> dict[str, Tensor]:
    """Divide the mean squared error into two parts, whose sum it is.

    ``loss/content`` is that of the mean over all frames, ``loss/motion`` that of what moves.
    """
    content = error.mean(2, keepdim=True)
    return {
        "loss/content": content.square().mean(),
        "loss/motion": (error - content).square().mean(),
    }


# -- training --------------------------------------------------------------------------------


def schedule(done: float, warmup: float) -> float:
    """Return the factor of the learning rate: a linear warm-up, then a cosine down to 0."""
    if done < warmup:
        return done / warmup
    return (1 + math.cos(math.pi * (done - warmup) / (1 - warmup))) / 2


class Training:
    """A model, what trains it, and what measures it.

    Args:
        config: the whole configuration.
        clips: (count, 1, frames, side, side) from -1 to 1.
        captions: a text for each.
        run: where it is recorded.
    """

    def __init__(self, config: dict, clips: Tensor, captions: list[str], run: epochal.Run) -> None:
        self.settings, self.run, self.step = config["training"], run, 0
        torch.manual_seed(self.settings["seed"])
        self.vocabulary = Vocabulary(captions)
        self.captions = sorted(set(captions))
        order = torch.randperm(len(clips))
        held_out = max(1, round(config["data"]["held_out_share"] * len(clips)))
        pairs = torch.utils.data.TensorDataset(
            clips[order], self.vocabulary.encode(captions)[order]
        )
        self.held_out = pairs[:held_out]
        self.loader = torch.utils.data.DataLoader(
            torch.utils.data.Subset(pairs, range(held_out, len(clips))),
            batch_size=self.settings["batch_size"], shuffle=True,
        )  # fmt: skip
        self.clips = clips
        self.process = Process(**config["diffusion"])
        self.model = Denoiser(
            **config["model"], words=len(self.vocabulary.words),
            frames=clips.shape[2], side=clips.shape[-1],
        )  # fmt: skip
        self.ema = measure.Ema(self.model, self.settings["ema_decay"], warmup=True)
        self.optimizer = torch.optim.AdamW(
            self.model.parameters(), lr=self.settings["learning_rate"]
        )
        steps = self.settings["epochs"] * len(self.loader)
        self.scheduler = torch.optim.lr_scheduler.LambdaLR(
            self.optimizer,
            lambda step: schedule((step + 1) / (steps + 1), self.settings["warmup_share"]),
        )
        # What measures: each is asked with measure() when it is time.
        self.watch = epochal.watch(run, self.model, self.optimizer, histograms=True)
        self.diffusion = measure.Diffusion(self.process.betas, buckets=5)
        self.throughput = measure.Throughput(warmup_steps=2)
        self.learning_rate = measure.LearningRate(self.optimizer)
        self.ema_distance = measure.EmaDistance(self.model, self.ema)
        self.of_epoch = measure.Aggregates()
        measure.forecast(self.scheduler, steps, start=1).log(run, step=0)
        run.log(measure.measure_quality(clips, "data"), step=0)

    def train(self) -> dict[str, float]:
        """Train for all epochs; return the errors on clips that were held out."""
        began, last = time.perf_counter(), self.settings["epochs"]
        for epoch in range(1, last + 1):
            for clips, text in self.throughput.batches(self.loader):
                self.train_step(clips, text, epoch)
            with self.throughput.paused():
                errors = measure.compare_ema(
                    self.model, self.ema, lambda m: noise_error(m, *self.held_out, self.process)
                )
                row = self.end_epoch(epoch, errors)
                self.save(epoch, errors, final=epoch == last)
                if epoch % self.settings["sample_every"] == 0 or epoch == last:
                    self.draw(epoch)
            print(
                f"epoch {epoch:3}  loss {row['train_loss_mean']:.4f}  held-out noise MSE"
                f" {errors['loss']:.4f}, EMA {errors['ema/loss']:.4f}"
                f"  {time.perf_counter() - began:4.0f} s"
            )
        return errors

    def train_step(self, clips: Tensor, text: Tensor, epoch: int) -> None:
        """Train on a batch, and record what is due."""
        self.step += 1
        t = torch.randint(self.process.timesteps, (len(clips),))
        noise = torch.randn_like(clips)
        without = torch.rand(len(clips), 1) < self.settings["drop_words"]
        noisy = self.process.add_noise(clips, noise, t)
        velocity = self.model(noisy, t, text.masked_fill(without, 0))
        error = velocity - self.process.velocity(clips, noise, t)
        parts = parts_of_loss(error)
        loss = sum(parts.values())
        self.optimizer.zero_grad()
        loss.backward()
        self.watch.loss(loss)
        clipped = measure.clip_gradients(self.model, self.settings["max_gradient_norm"])
        self.optimizer.step()
        self.ema.update()
        self.throughput.step(samples=len(clips))
        predicted = self.process.noise(noisy, velocity, t).detach()
        self.diffusion.add(predicted, noise, t, loss=error.detach().square().mean((1, 2, 3, 4)))

        norm = clipped["gradients/norm_before_clip"]
        row = {"loss": loss, **self.learning_rate.measure(), "grad_norm_total": norm}
        self.of_epoch.add(row, weight=len(clips))
        if self.run.due("train", self.step, epoch):
            self.run.log(row | parts, step=self.step, epoch=epoch, phase="train")
        if self.run.due("gradients", self.step, epoch):
            self.run.log(clipped, step=self.step, epoch=epoch)
        if self.run.due("performance", self.step, epoch):
            self.run.log(self.throughput.measure(), step=self.step, epoch=epoch)
        if self.run.due("noise", self.step, epoch):
            picture = measure.noise_comparison(predicted, noise)
            self.run.log({"noise/comparison": picture}, step=self.step, epoch=epoch)
        if self.run.due("diagnostics", self.step, epoch):
            drawn = {"diffusion/timesteps": self.diffusion.timesteps()}
            measured = self.diffusion.measure() | self.ema_distance.measure()
            self.run.log(drawn | measured, step=self.step, epoch=epoch)
        self.scheduler.step()

    def end_epoch(self, epoch: int, errors: dict[str, float]) -> dict[str, float]:
        """Record the row of the epoch, and return it."""
        found, rates = self.of_epoch.results(), self.throughput.end_epoch()
        self.of_epoch.reset()
        row = {
            "duration_s": rates.pop("performance/epoch_s"),
            **found["loss"].as_dict("train_loss_"),
            "val_loss": errors["loss"],
            "ema_val_loss": errors["ema/loss"],
            "learning_rate": found["lr"].last,
            "grad_norm_avg": found["grad_norm_total"].mean,
            "grad_norm_max": found["grad_norm_total"].max,
            "samples_processed": self.throughput.samples,
            "ema_step_counter": self.ema.steps,
            **rates,
        }
        if self.run.due("epoch", epoch=epoch):
            self.run.log(row, epoch=epoch)
        return row

    def save(self, epoch: int, errors: dict[str, float], *, final: bool) -> None:
        """Save a checkpoint, from which samples can be drawn and training can go on."""
        self.run.save_checkpoint(
            model=self.model, optimizer=self.optimizer, scheduler=self.scheduler, ema=self.ema,
            epoch=epoch, step=self.step, metrics={"ema_val_loss": errors["ema/loss"]},
            monitor="ema_val_loss", keep_last=self.settings["keep_checkpoints"], final=final,
            extra={"words": self.vocabulary.words},
        )  # fmt: skip

    def draw(self, epoch: int) -> None:
        """Let the averaged model sign each caption once, and record the clips."""
        shown = self.captions[:16]
        samples = self.process.sample(
            self.ema.model, self.vocabulary.encode(shown), self.clips.shape[1:]
        )
        larger = interpolate(samples, scale_factor=(1.0, 3.0, 3.0))  # one sees pixels
        self.run.log(
            {
                "samples/grid": measure.sample_grid(larger, caption=", ".join(shown)),
                "samples/video": epochal.Video(
                    larger, ", ".join(shown), layout="NCTHW", value_range=(-1, 1), fps=6
                ),
                **measure.measure_quality(samples, data=self.clips),
            },
            step=self.step, epoch=epoch,
        )  # fmt: skip


def main(arguments: list[str] | None = None) -> None:
    """Read the command line and the clips, and train."""
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
    clips, captions = data.load(config["data"])
    sinks = {"csv": {}, "json": {}, "tensorboard": {"layout": "sections"}}
    if config["logging"]["enable_wandb"]:
        sinks["wandb"] = {}
    with epochal.init(
        config=config, seed=config["training"]["seed"], sinks=sinks, cadence=config["cadence"]
    ) as run:
        errors = Training(config, clips, captions, run).train()
    print(f"held-out noise MSE {errors['loss']:.4f}, of the EMA {errors['ema/loss']:.4f}")
    print(f"Recorded in {run.dir}")
    print(f"Look at it: epochal tensorboard {run.dir}")


if __name__ == "__main__":
    main()
