"""A small language model, trained and recorded: the example of the tutorial.

A decoder-only transformer learns to write Python, byte by byte, from the standard library's own
source files.  All that records is ``import epochal``; the rest is an ordinary training loop.
"""
# mypy: disable-error-code="misc,no-any-return"

from __future__ import annotations

import math
import sysconfig
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

import epochal

CONFIG: dict[str, Any] = {
    "width": 96, "layers": 2, "heads": 4, "context": 64, "batch": 16, "steps": 1200,
    "lr": 3e-3, "lr_schedule": "cosine", "evaluations": 24,
}  # fmt: skip


class Transformer(nn.Module):
    """Decoder-only: predicts each byte of a text from those before it."""

    def __init__(self, width: int, layers: int, heads: int, context: int) -> None:
        super().__init__()
        self.byte, self.position = nn.Embedding(256, width), nn.Embedding(context, width)
        self.blocks = nn.ModuleList(
            nn.TransformerEncoderLayer(width, heads, 4 * width, dropout=0.0, activation="gelu",
                                       batch_first=True, norm_first=True)
            for _ in range(layers)
        )  # fmt: skip
        self.head = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, 256))
        for embedding in (self.byte, self.position):
            nn.init.normal_(embedding.weight, std=0.02)

    def forward(self, text: Tensor) -> Tensor:
        """Map bytes (batch, time) to logits of the next byte (batch, time, 256)."""
        x = self.byte(text) + self.position.weight[: text.shape[1]]
        causal = nn.Transformer.generate_square_subsequent_mask(text.shape[1])
        for block in self.blocks:
            x = block(x, causal, is_causal=True)
        return self.head(x)


def read_text() -> tuple[Tensor, Tensor]:
    """Return the bytes for training and, of every tenth file, for validation; tabs indent."""
    files = sorted(Path(sysconfig.get_paths()["stdlib"]).glob("[a-z]*.py"))
    texts = [file.read_bytes().replace(b"    ", b"\t") for file in files]
    train, val = [text for i, text in enumerate(texts) if i % 10], texts[::10]
    buffers = (bytearray(b"".join(part)) for part in (train, val))
    return tuple(torch.frombuffer(buffer, dtype=torch.uint8).long() for buffer in buffers)


def loss_on(model: Transformer, text: Tensor, starts: Tensor) -> Tensor:
    """Return the mean loss (nats per byte) on the windows of text that begin at ``starts``."""
    windows = text[starts[:, None] + torch.arange(len(model.position.weight) + 1)]
    return cross_entropy(model(windows[:, :-1]).flatten(0, 1), windows[:, 1:].flatten())


def learning_rate(step: int, lr: float, schedule: str, steps: int) -> float:
    """Return the rate of a step: constant, or a linear warm-up and then a cosine down to 0."""
    warmup = max(1, steps // 10)
    done = max(0, step - warmup) / max(1, steps - warmup)
    cosine = lr * min(1, step / warmup) * (1 + math.cos(math.pi * done)) / 2
    return {"constant": lr, "cosine": cosine}[schedule]


def sample(model: Transformer, length: int = 400, temperature: float = 0.7) -> str:
    """Return what the model writes after ``def``."""
    text, context = list(b"\n\tdef "), len(model.position.weight)
    for _ in range(length):
        logits = model(torch.tensor([text[-context:]]))[0, -1]
        text.append(int(torch.multinomial((logits / temperature).softmax(-1), 1)))
    return bytes(text).decode("utf-8", errors="replace")


def train(config: Mapping[str, Any], seed: int, *, group: str | None = None, dir: str | None = None,
          on_step: Callable[[int, float], None] | None = None) -> str:  # fmt: skip
    """Train a model and record it as a run of the project "demo"; return the run's id."""
    torch.manual_seed(seed)
    train_text, val_text = read_text()
    context, steps, schedule = config["context"], config["steps"], config["lr_schedule"]
    model = Transformer(config["width"], config["layers"], config["heads"], context)
    optimizer = torch.optim.AdamW(model.parameters(), betas=(0.9, 0.95), weight_decay=0.1)
    val_starts = torch.linspace(0, len(val_text) - context - 1, 128).long()  # the same in all runs

    with epochal.init("demo", f"{schedule}-seed{seed}", config, seed=seed, group=group, dir=dir,
                      tags=["demo", f"schedule/{schedule}"]) as run:  # fmt: skip
        run.define("val/loss", unit="nats", goal="minimize")
        run.summary["parameters"] = sum(p.numel() for p in model.parameters())
        for step in range(1, steps + 1):
            began = time.perf_counter()
            lr = learning_rate(step, config["lr"], schedule, steps)
            optimizer.param_groups[0]["lr"] = lr
            starts = torch.randint(len(train_text) - context, (config["batch"],))
            loss = loss_on(model, train_text, starts)
            optimizer.zero_grad()
            loss.backward()
            grad_norm = nn.utils.clip_grad_norm_(model.parameters(), max_norm=1.0)
            optimizer.step()
            speed = config["batch"] * context / (time.perf_counter() - began)
            run.log({"train/loss": loss, "lr": lr, "grad_norm_total": grad_norm,
                     "tokens_per_s": speed}, step)  # fmt: skip
            if step % max(1, steps // config["evaluations"]) == 0 or step == steps:
                with torch.no_grad():
                    val_loss = loss_on(model, val_text, val_starts).item()
                run.log({"loss": val_loss, "perplexity": math.exp(val_loss)}, step, phase="val")
            if on_step:
                on_step(step, loss.item())
        with torch.no_grad():
            run.log({"sample": sample(model)}, step)
    return run.id


if __name__ == "__main__":
    train(CONFIG, seed=1)
