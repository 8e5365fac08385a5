"""Which keys of a config say how a run was trained: a map that users can extend."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from epochal.core.nested import flatten

KEYS: Mapping[str, tuple[str, ...]] = {
    "optimizer": (
        "optimizer", "optimizer.name", "optimizer.type", "optimizer._target_", "optimizer.class",
        "optimizer_name", "optimizer_type", "optim", "optim.name", "optim.type", "opt", "opt.name",
    ),
    "learning rate": (
        "learning_rate", "lr", "base_lr", "base_learning_rate", "peak_lr", "max_lr", "init_lr",
        "initial_lr", "optimizer.params.lr",
    ),
    "warm-up steps": (
        "warmup_steps", "num_warmup_steps", "lr_warmup_steps", "warmup_iters", "n_warmup_steps",
        "warm_up_steps", "warmup.steps",
    ),
    "warm-up share": ("warmup_share", "warmup_ratio", "warmup_fraction", "warmup_proportion"),
    "schedule": (
        "lr_schedule", "lr_scheduler", "lr_scheduler_type", "lr_schedule.name",
        "lr_schedule.type", "lr_scheduler.name", "lr_scheduler.type", "lr_scheduler._target_",
        "scheduler", "scheduler.name", "scheduler.type", "scheduler._target_",
        "learning_rate_schedule", "lr_decay_style", "training.schedule", "train.schedule",
        "optimizer.schedule",
    ),
    "EMA decay": ("ema_decay", "ema.decay", "ema_beta", "ema_rate", "model_ema_decay"),
    "epochs": (
        "epochs", "num_epochs", "n_epochs", "max_epochs", "num_train_epochs", "total_epochs",
    ),
    "batch size": (
        "batch_size", "train_batch_size", "per_device_train_batch_size",
        "per_device_batch_size", "per_gpu_batch_size", "micro_batch_size", "batchsize", "bs",
    ),
    "accumulation steps": (
        "gradient_accumulation_steps", "accumulation_steps", "grad_accum_steps",
        "accumulate_grad_batches", "grad_accumulation_steps", "gradient_accumulation",
        "grad_accum", "accum_steps", "accum_iter",
    ),
}  # fmt: skip
"""What a set-up paragraph says → keys of a config; the first that is there counts.

Upper and lower case are the same, and ``-`` is ``_``.  A key counts at the top of the config and
inside of :data:`SECTIONS`: ``training.batch_size``, but not ``eval.batch_size``.
"""

SECTIONS = (
    "training", "train", "trainer", "training_args", "optimizer", "optim", "optimization", "opt",
    "scheduler", "lr_scheduler", "ema", "data", "dataloader", "dataset", "task", "config", "cfg",
    "args", "params", "hparams", "hyperparameters",
)  # fmt: skip
"""Parts of a nested config that are about the training, also one inside the other."""


@dataclass(frozen=True)
class Found:
    """What a config says of something.

    Attributes:
        value: text or number; None: nothing.
        key: the name in the map under which it was found.
        contradicting: keys of the config that say different things; then there is no value.
    """

    value: Any = None
    key: str = ""
    contradicting: tuple[str, ...] = ()


def find(config: Mapping[str, Any], names: Sequence[str]) -> Found:
    """Return what a config says under the first of some names that it has.

    Of several keys that fit one name the least nested counts.  A key whose value is None or a list
    says nothing; a text that is a number counts as one.

    Example:
        >>> find({"training": {"lr": "3e-4"}, "model": {"lr": 1}}, ["learning_rate", "lr"])
        Found(value=0.0003, key='lr', contradicting=())
        >>> find({"train": {"lr": 1}, "optimizer": {"lr": 2}}, ["lr"]).contradicting
        ('train.lr', 'optimizer.lr')
    """
    leaves = flatten(config)
    for name in names:
        wanted = _plain(name)
        fits = [key for key in leaves if _fits(_plain(key), wanted) and _says(leaves[key])]
        if not fits:
            continue
        least = min(key.count(".") for key in fits)
        fits = [key for key in fits if key.count(".") == least]
        values = {_number(leaves[key]) for key in fits}
        return Found(values.pop(), name) if len(values) == 1 else Found(None, name, tuple(fits))
    return Found()


def _plain(key: str) -> str:
    return key.lower().replace("-", "_")


def _fits(key: str, name: str) -> bool:
    if key == name:
        return True
    before = key.removesuffix(f".{name}")
    return before != key and all(part in SECTIONS for part in before.split("."))


def _says(value: Any) -> bool:
    return isinstance(value, str | int | float) and not isinstance(value, bool)


def _number(value: Any) -> Any:
    """Return a text that is a number as one: YAML reads 3e-4 as text."""
    if isinstance(value, str):
        for kind in (int, float):
            try:
                return kind(value)
            except ValueError:
                continue
    return value
