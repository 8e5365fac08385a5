"""A small transformer learns to write Python's documentation, byte by byte.

    python train_with_wandb.py --config config_with_wandb.yaml
    python train_with_wandb.py --config config_with_wandb.yaml --no-wandb --seed 2
    python train_with_wandb.py --config config_with_wandb.yaml --ablate-lr 0.0003 0.001 0.01

Model, data and loop are plain PyTorch; what records is ``ExperimentLogger``.
"""

from __future__ import annotations

import argparse
import copy
import math
import time
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, scaled_dot_product_attention

from epochal.loggers import ExperimentLogger
from epochal.measure import Aggregate, clip_gradients, perplexity
from epochal.present.logbook import logbook
from epochal.settings import load

CONFIG = Path(__file__).with_name("config_with_wandb.yaml")

# What EXPERIMENT_LOG.md has of each run; of the metrics it is the smallest value.
LOGGED_KEYS = ("training.learning_rate", "model.num_layers", "model.d_model", "training.epochs")
LOGGED_METRICS = ("val_loss", "val/perplexity")

# -- data ------------------------------------------------------------------------------------


def read_text(path: str | None) -> bytes:
    """Return a file's bytes, or what Python's own ``help()`` says about the language."""
    if path is not None:
        return Path(path).read_bytes()
    from pydoc_data.topics import topics

    # Pages quote each other: a paragraph that was in training must not be in validation too.
    paragraphs = dict.fromkeys("\n\n".join(topics.values()).split("\n\n"))
    prose = [each for each in paragraphs if "----" not in each]  # tables are mostly spaces
    return "\n\n".join(prose).encode()


def split(text: bytes, validation_share: float, block: int = 4096) -> tuple[Tensor, Tensor]:
    """Divide a text into training and validation, which is blocks from all over it."""
    blocks = [text[start : start + block] for start in range(0, len(text), block)]
    every = round(1 / validation_share)
    parts = b"".join(b for i, b in enumerate(blocks) if i % every), b"".join(blocks[::every])
    train, val = (torch.tensor(list(part)) for part in parts)
    return train, val


def windows(text: Tensor, length: int) -> Tensor:
    """Cut a text into rows of ``length`` bytes and the one that comes after them."""
    return text.unfold(0, length + 1, length)


def batches(text: Tensor, length: int, batch_size: int) -> list[Tensor]:
    """Return one epoch: the whole text, cut at new places and shuffled."""
    rows = windows(text[torch.randint(length, ()) :], length)
    return list(rows[torch.randperm(len(rows))].split(batch_size))


def trigram_loss(train: Tensor, val: Tensor) -> float:
    """Return what a trigram model of the same bytes reaches, in nats per byte.

    It is smoothed as Witten and Bell do it: each order is mixed with the one below, the more so
    the more kinds of bytes were seen in that context.
    """
    probabilities = torch.full((1, 256), 1 / 256)
    for order in (1, 2, 3):
        places = ngrams(train, order)
        counts = torch.bincount(places, minlength=256**order).view(-1, 256).float()
        total, kinds = counts.sum(1, keepdim=True), (counts > 0).sum(1, keepdim=True)
        below = probabilities.repeat(len(counts) // len(probabilities), 1)
        mixed = (counts + kinds * below) / (total + kinds)
        probabilities = torch.where(total > 0, mixed, below)
    return float(-probabilities.flatten()[ngrams(val, 3)].log().mean())


def ngrams(text: Tensor, order: int) -> Tensor:
    """Return each run of ``order`` bytes as one number."""
    length = len(text) - order + 1
    return sum(text[i : i + length] * 256 ** (order - 1 - i) for i in range(order))


# -- model -----------------------------------------------------------------------------------


class Block(nn.Module):
    """Causal self-attention and a feed-forward network, each added to what came in."""

    def __init__(self, d_model: int, num_heads: int, d_ff: int) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.norm1, self.norm2 = nn.LayerNorm(d_model), nn.LayerNorm(d_model)
        self.qkv = nn.Linear(d_model, 3 * d_model, bias=False)
        self.out = nn.Linear(d_model, d_model, bias=False)
        self.feed_forward = nn.Sequential(
            nn.Linear(d_model, d_ff), nn.GELU(), nn.Linear(d_ff, d_model)
        )

    def forward(self, x: Tensor) -> Tensor:
        """Map (batch, time, d_model) to the same shape."""
        heads = self.qkv(self.norm1(x)).unflatten(-1, (3, self.num_heads, -1))
        query, key, value = heads.permute(2, 0, 3, 1, 4)  # each (batch, heads, time, width)
        mixed = scaled_dot_product_attention(query, key, value, is_causal=True)
        x = x + self.out(mixed.transpose(1, 2).flatten(2))
        return x + self.feed_forward(self.norm2(x))


class Transformer(nn.Module):
    """Predicts each byte of a text from those before it."""

    def __init__(
        self, d_model: int, num_layers: int, num_heads: int, d_ff: int, context_length: int
    ) -> None:
        super().__init__()
        self.context_length = context_length
        self.byte, self.position = nn.Embedding(256, d_model), nn.Embedding(context_length, d_model)
        self.blocks = nn.Sequential(*(Block(d_model, num_heads, d_ff) for _ in range(num_layers)))
        self.norm, self.head = nn.LayerNorm(d_model), nn.Linear(d_model, 256)
        for embedding in (self.byte, self.position):
            nn.init.normal_(embedding.weight, std=0.02)

    def forward(self, text: Tensor) -> Tensor:
        """Map bytes (batch, time) to logits of the next byte (batch, time, 256)."""
        x = self.byte(text) + self.position.weight[: text.shape[1]]
        return self.head(self.norm(self.blocks(x)))

    def loss(self, rows: Tensor) -> Tensor:
        """Return the mean loss on windows of bytes, in nats per byte."""
        return cross_entropy(self(rows[:, :-1]).flatten(0, 1), rows[:, 1:].flatten())


@torch.no_grad()
def validate(model: Transformer, text: Tensor) -> float:
    """Return the loss on all of a text."""
    rows = windows(text, model.context_length)
    return sum(float(model.loss(part)) * len(part) for part in rows.split(64)) / len(rows)


@torch.no_grad()
def generate(
    model: Transformer, prompt: str, temperature: float, top_p: float, max_tokens: int
) -> str:
    """Return what the model writes after a prompt; a token is a byte.

    Each byte is drawn from the likeliest ones that together have the probability ``top_p``.
    """
    text, chance = list(prompt.encode()), torch.Generator().manual_seed(0)
    for _ in range(max_tokens):
        logits = model(torch.tensor([text[-model.context_length :]]))[0, -1]
        likely, order = (logits / temperature).softmax(-1).sort(descending=True)
        likely[likely.cumsum(-1) - likely > top_p] = 0
        text.append(int(order[torch.multinomial(likely, 1, generator=chance)]))
    return bytes(text[len(prompt.encode()) :]).decode(errors="replace")


# -- training --------------------------------------------------------------------------------


def schedule(step: int, steps: int, warmup: int) -> float:
    """Return the factor of the learning rate: a linear warm-up, then a cosine down to a tenth."""
    if step < warmup:
        return (step + 1) / warmup
    done = min(1.0, (step - warmup) / max(1, steps - warmup))
    return 0.1 + 0.9 * (1 + math.cos(math.pi * done)) / 2


def train(config: dict, text: tuple[Tensor, Tensor], logger: ExperimentLogger) -> dict[str, float]:
    """Train a model and record it; return its losses in nats per byte."""
    settings, (train_text, val_text) = config["training"], text
    torch.manual_seed(settings["seed"])
    model = Transformer(**config["model"])
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=settings["learning_rate"], betas=(0.9, 0.95),
        weight_decay=settings["weight_decay"],
    )  # fmt: skip
    length, batch_size = model.context_length, settings["batch_size"]
    steps = settings["epochs"] * math.ceil(len(train_text) / length / batch_size)
    scheduler = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: schedule(step, steps, settings["warmup_steps"])
    )
    logger.log_model_architecture(model)
    step, best, began = 0, math.inf, time.perf_counter()
    for epoch in range(1, settings["epochs"] + 1):
        losses = Aggregate()
        for rows in batches(train_text, length, batch_size):
            step += 1
            loss = model.loss(rows)
            optimizer.zero_grad()
            loss.backward()
            clipped = clip_gradients(model, settings["max_gradient_norm"])
            optimizer.step()
            losses.add(loss.detach())
            logger.log_training_step(
                loss=loss.detach(), learning_rate=scheduler.get_last_lr()[0],
                gradient_norm=clipped["gradients/norm_before_clip"], step=step, epoch=epoch,
            )  # fmt: skip
            scheduler.step()
            if logger.run.due("validation", step, epoch):
                val_loss = validate(model, val_text)
                logger.log_validation_step(val_loss, perplexity(val_loss), step, epoch)
        train_loss, val_loss = losses.result().mean, validate(model, val_text)
        logger.log_epoch(epoch, train_loss, val_loss, {}, {"perplexity": perplexity(val_loss)})
        written = generate(model, **config["generation"])
        logger.log_text_generation(**config["generation"], generated_text=written, step=step)
        best = min(best, val_loss)
        logger.run.save_checkpoint(
            model=model, optimizer=optimizer, scheduler=scheduler, epoch=epoch, step=step,
            loss=train_loss, metrics={"val_loss": val_loss}, monitor="val_loss", keep_last=2,
            final=epoch == settings["epochs"],
        )  # fmt: skip
        print(
            f"epoch {epoch}  step {step:5}  train loss {train_loss:.3f}  val loss {val_loss:.3f}"
            f"  perplexity {perplexity(val_loss):6.2f}  {time.perf_counter() - began:4.0f} s"
        )
    print(f"\n{config['generation']['prompt']}{written}\n")
    logger.log_experiment_summary(train_loss, val_loss, best, time.perf_counter() - began)
    return {"train_loss": train_loss, "val_loss": val_loss, "best_val_loss": best}


# -- experiments -----------------------------------------------------------------------------


def start(config: dict, *, wandb: bool, **more: str) -> ExperimentLogger:
    """Return a logger for a new run, which does as the section ``logging`` of the config says."""
    return ExperimentLogger(config=config, use_wandb=wandb, seed=config["training"]["seed"], **more)


def train_one(config: dict, text: tuple[Tensor, Tensor], *, wandb: bool) -> str:
    """Train with the config's settings, and say how good the model is; return the run's folder."""
    print(f"{len(text[0]):,} bytes to learn from, {len(text[1]):,} for validation")
    trigram = trigram_loss(*text)
    print(f"smoothed trigram model: val loss {trigram:.3f}  perplexity {perplexity(trigram):.2f}")
    with start(config, wandb=wandb) as logger:
        logger.log_custom_metric("trigram_val_loss", trigram, unit="nats per byte")
        val_loss = train(config, text, logger)["val_loss"]
    print(f"val loss {val_loss:.3f}, of the trigram model {trigram:.3f} nats per byte")
    return logger.run.dir


def ablate(config: dict, text: tuple[Tensor, Tensor], rates: list[float], *, wandb: bool) -> str:
    """Compare short runs of the config's learning rate and others; return a run's folder."""
    group, baseline = f"ablate-lr-{time.strftime('%Y%m%d-%H%M%S')}", None
    for rate in dict.fromkeys([config["training"]["learning_rate"], *rates]):
        changed = copy.deepcopy(config)
        changed["training"] |= {"learning_rate": rate, "epochs": config["ablation"]["epochs"]}
        changed["logging"]["experiment_name"] = f"lr-{rate:g}"
        print(f"learning rate {rate:g}")
        with start(changed, wandb=wandb, group=group) as logger:
            result = train(changed, text, logger)
            baseline = baseline or result
            logger.log_hyperparameter_ablation(
                "learning_rate", baseline, result, {"learning_rate": rate}
            )
    return logger.run.dir


def main(arguments: list[str] | None = None) -> None:
    """Read the command line, train, and bring the experiment log up to date."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--config", default=CONFIG, help="a YAML or JSON file")
    parser.add_argument("--no-wandb", action="store_true", help="no mirror to Weights & Biases")
    parser.add_argument("--seed", type=int, help="instead of the config's")
    parser.add_argument("--text", metavar="FILE", help="learn from this file")
    parser.add_argument("--ablate-lr", type=float, nargs="+", metavar="LR",
                        help="compare short runs with these learning rates")  # fmt: skip
    options = parser.parse_args(arguments)
    config = load({"config": options.config}).config
    if options.seed is not None:
        config["training"]["seed"] = options.seed
    if options.text is not None:
        config["data"]["text"] = options.text
    text = split(read_text(config["data"]["text"]), config["data"]["validation_share"])
    if len(text[1]) <= config["model"]["context_length"]:
        parser.error(f"{len(text[1])} bytes for validation are too few: learn from a longer text")
    torch.set_num_threads(config["training"]["threads"])
    wandb = not options.no_wandb
    if options.ablate_lr:
        run_dir = ablate(config, text, options.ablate_lr, wandb=wandb)
    else:
        run_dir = train_one(config, text, wandb=wandb)
    print(f"Recorded in {run_dir}")
    print(f"All runs: {logbook(Path(run_dir).parent, keys=LOGGED_KEYS, metrics=LOGGED_METRICS)}")


if __name__ == "__main__":
    main()
