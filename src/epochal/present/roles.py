"""Which metric of a run is its training loss, which its learning rate: names and their roles.

Runs of every front door, of imports and of other people's scripts give the same thing different
names; figures, tables and reports ask for the role.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

NAMES: Mapping[str, tuple[str, ...]] = {
    "train_loss": ("train/loss", "train_loss", "loss", "train_loss_mean", "loss_mean"),
    "train_loss_mean": ("train_loss_mean", "loss_mean"),
    "train_loss_std": ("train_loss_std", "loss_std"),
    "train_loss_min": ("train_loss_min", "loss_min"),
    "train_loss_max": ("train_loss_max", "loss_max"),
    "train_loss_median": ("train_loss_median", "loss_median"),
    "val_loss": ("val/loss", "val_loss", "val_loss_mean"),
    "lr": ("lr", "train/lr", "learning_rate", "train/learning_rate"),
    "grad_norm": (
        "gradients/norm", "train/grad_norm_total", "grad_norm_total", "train/grad_norm",
        "grad_norm", "grad_norm_avg", "train/grad_norm_avg", "gradients/norm_mean",
    ),
    "grad_norm_mean": ("gradients/norm_mean", "train/grad_norm_avg", "grad_norm_avg"),
    "grad_norm_max": ("gradients/norm_max", "train/grad_norm_max", "grad_norm_max"),
    "accuracy": ("train/accuracy", "accuracy", "val/accuracy"),
    "val_accuracy": ("val/accuracy",),
    "perplexity": ("val/perplexity", "perplexity", "train/perplexity"),
    "samples_per_s": ("performance/samples_per_s", "samples_per_sec", "samples_per_s"),
    "step_s": ("performance/step_s", "step_s"),
    "epoch_s": ("performance/epoch_s", "duration_s", "epoch_time_sec", "epoch_s"),
    "ema_distance": ("ema/distance", "ema_delta_norm"),
    "nan_count": (
        "numerics/nan_count", "nan_count", "numerics/nan_gradients", "numerics/nan_loss",
        "numerics/nan_parameters",
    ),
    "inf_count": (
        "numerics/inf_count", "inf_count", "numerics/inf_gradients", "numerics/inf_loss",
        "numerics/inf_parameters",
    ),
}  # fmt: skip
"""Role → names, the first one that a run has counts.  Names of per-step metrics come first."""

WORDS: Mapping[str, tuple[str, ...]] = {
    "train_loss": ("loss train", "loss step train", "loss", "loss total train", "epoch loss train"),
    "val_loss": ("loss val", "epoch loss val", "loss total val"),
    "lr": ("lr", "lr train"),
    "grad_norm": ("grad norm", "grad norm train", "grad norm total", "grad norm stats total"),
    "grad_norm_max": ("grad max norm",),
    "accuracy": ("accuracy train", "accuracy", "accuracy val"),
    "val_accuracy": ("accuracy val",),
    "perplexity": ("perplexity val", "perplexity", "perplexity train"),
    "samples_per_s": ("performance samples_per_s", "samples_per_s", "samples_per_s train"),
    "step_s": ("performance step_s", "step_s"),
    "epoch_s": ("epoch_s performance", "epoch_s"),
    "nan_count": ("count nan", "count nan numerical stability"),
    "inf_count": ("count inf", "count inf numerical stability"),
}
"""Role → words of names that are in no list, sorted; by order of preference."""

_SAME = {
    "training": "train", "valid": "val", "validation": "val", "eval": "val", "evaluation": "val",
    "dev": "val", "gradient": "grad", "gradients": "grad", "grads": "grad", "acc": "accuracy",
    "ppl": "perplexity", "losses": "loss", "learningrate": "lr", "avg": "mean",
}  # fmt: skip
_PHRASES = (
    (r"\blearning rate\b", "lr"),
    (r"\bsamples (per )?(second|sec|s)\b", "samples_per_s"),
    (r"\bstep (time|duration|s|sec|seconds)( (s|sec|seconds))?\b", "step_s"),
    (r"\bepoch (time|duration|s|sec|seconds)( (s|sec|seconds))?\b", "epoch_s"),
)


def role_of(metrics: Iterable[str]) -> dict[str, str]:
    """Return which of a run's metrics plays which role; roles that none plays are left out.

    The names of Epochal and of its front doors are known (:data:`NAMES`); others are understood by
    their words: ``eval/loss``, ``trainLoss`` and ``01_Training/Loss`` are what they say.  Learning
    rates of several parameter groups are represented by the first.

    Args:
        metrics: names of a run's metrics, such as ``run.metrics``.

    Example:
        >>> role_of(["train/loss", "eval/loss", "learning_rate", "bleu"])
        {'train_loss': 'train/loss', 'val_loss': 'eval/loss', 'lr': 'learning_rate'}
    """
    known = list(dict.fromkeys(metrics))
    by_words: dict[str, str] = {}
    for name in sorted(known, key=lambda each: (len(each), each)):
        by_words.setdefault(words(name), name)
    exact, found = set(known), {}
    for role, names in NAMES.items():
        hit = next((name for name in names if name in exact), None)
        if hit is None and role == "lr":  # of several parameter groups
            hit = next((name for name in known if is_rate(name)), None)
        if hit is None:
            hit = next((by_words[key] for key in WORDS.get(role, ()) if key in by_words), None)
        if hit is not None:
            found[role] = hit
    return found


def is_rate(metric: str) -> bool:
    """Say whether a metric is the learning rate of one of several parameter groups.

    Example:
        >>> is_rate("lr/head"), is_rate("lr"), is_rate("lr/")
        (True, False, False)
    """
    return re.fullmatch(r"(train/)?(lr|learning_rate)/.+", metric) is not None


def words(metric: str) -> str:
    """Return the words of a name in one spelling, sorted; numbers are left out.

    Example:
        >>> words("01_Training/Gradient_Norm"), words("valLoss")
        ('grad norm train', 'loss val')
    """
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z][a-z])", " ", metric)
    plain = " ".join(re.findall(r"[a-z]+", spaced.lower()))
    for pattern, word in _PHRASES:
        plain = re.sub(pattern, word, plain)
    return " ".join(sorted({_SAME.get(word, word) for word in plain.split()}))
