"""What makes two runs replicates of one setting: config keys that are seeds, places and names."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from epochal.core.names import printable

SEED_WORDS = ("seed", "seeds")
"""A key is seed-like if a part of it is one of these, or its last part begins or ends with one:
``seed``, ``data_seed``, ``seed_init``, ``seed.data``; and so is ``random_state``."""

NO_SEEDS = frozenset("length len size count num number text prompt token tokens".split())
"""With one of these words it is none: ``seed_length`` is how long a prompt is."""

PLACE_ENDINGS = frozenset("dir directory path folder file out output".split())
"""Text under a key with such a last word is a place that a run writes to: ``checkpoint_dir`` ..."""

INPUT_WORDS = frozenset(
    "data dataset datasets train training val valid validation test eval input inputs in source src"
    " from load init resume restore pretrained teacher model weights vocab tokenizer corpus split"
    " config cfg manifest label labels annotation annotations image images reference".split()
)
"""... unless it has one of these words: ``data_dir`` is what a run reads, a setting ..."""

OUTPUT_WORDS = frozenset("output out save log logs logging result results run work".split())
"""... except with one of these: ``train_log_dir`` is written to."""

NAME_KEYS = frozenset(
    "run_name run_id exp_name exp_id experiment_name experiment_id job_name job_id slurm_job_id"
    " wandb_id wandb_name wandb_run_id wandb_run_name timestamp datetime start_time hostname"
    " master_port".split()
)
"""Last parts of keys that say which run it is and not what it does."""

GENERIC = frozenset("name type class kind id value mode _target_ target".split())
"""Last parts that say too little alone: ``optimizer.name`` is not shortened to ``name``."""

UNSET = "unset"
LIMIT = 40

_NO_WORDS = frozenset({UNSET, "none", "nan", "inf", "true", "false"})
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


def words(key: str) -> list[str]:
    """Return the words of a key's last part, in lower case.

    Example:
        >>> words("optimizer.weightDecay"), words("output-dir")
        (['weight', 'decay'], ['output', 'dir'])
    """
    last = _CAMEL.sub("_", key.rpartition(".")[2])
    return [word for word in re.split(r"[^a-z0-9]+", last.lower()) if word]


def seed_role(key: str, value: Any, roles: Mapping[str, Any] | None = None) -> str | None:
    """Return what a seed-like key is the seed of: "seed" for a plain one; None: it is no seed.

    Args:
        key: of the flat config.
        value: its value; a seed is a whole number or None.
        roles: the run's seeds by role; a key called like one, with the same value, is a seed too.

    Example:
        >>> seed_role("seed", 3), seed_role("train.data_seed", 3), seed_role("lr", 0.1)
        ('seed', 'data', None)
    """
    last = key.rpartition(".")[2]
    if isinstance(value, bool) or not isinstance(value, int | None):
        return None
    if roles and last in roles and roles[last] == value:
        return last
    found = words(key)
    if found == ["random", "state"]:
        return "seed"
    above = key.lower().split(".")[:-1]
    seedy = bool(found) and (found[0] in SEED_WORDS or found[-1] == "seed")
    if not (seedy or set(above) & set(SEED_WORDS)) or NO_SEEDS & set(found):
        return None
    return "_".join(word for word in found if word not in SEED_WORDS) or "seed"


def is_place_or_name(key: str, value: Any) -> bool:
    """Return whether a key says where a run writes to or what it is called, not what it does.

    Example:
        >>> is_place_or_name("output_dir", "/out/3"), is_place_or_name("data_dir", "/data/cifar")
        (True, False)
    """
    found = words(key)
    if "_".join(found) in NAME_KEYS:
        return True
    if not found or found[-1] not in PLACE_ENDINGS or not isinstance(value, str | None):
        return False
    if len(found) == 1 and "." in key:  # data.path: the part above says of what
        found = [*words(key.rpartition(".")[0]), *found]
    reads = INPUT_WORDS | ({"checkpoint", "ckpt"} if found[-1] in ("path", "file") else set())
    return bool(OUTPUT_WORDS & set(found)) or not reads & set(found)


def canonical(value: Any) -> str:
    """Return text that is equal for equal config values: 1 and 1.0 are, 1 and True are not.

    Example:
        >>> canonical(1) == canonical(1.0), canonical(1) == canonical(True)
        (True, False)
    """
    return json.dumps(_plain(value), sort_keys=True, default=str)


def _plain(value: Any) -> Any:
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, Mapping):
        return {str(key): _plain(inner) for key, inner in value.items()}
    return [_plain(inner) for inner in value] if isinstance(value, list | tuple) else value


def varied(settings: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the keys in which settings differ, in the order in which they first stand.

    Example:
        >>> varied([{"lr": 0.1, "depth": 2}, {"lr": 0.2, "depth": 2}])
        ['lr']
    """
    keys = dict.fromkeys(key for setting in settings for key in setting)
    return [
        key for key in keys
        if len({canonical(s[key]) if key in s else UNSET for s in settings}) > 1
    ]  # fmt: skip


def short_keys(keys: Iterable[str], known: Iterable[str]) -> dict[str, str]:
    """Return for each key the shortest end of it that names no other key.

    Args:
        keys: dotted keys to shorten.
        known: all keys of the configs.

    Example:
        >>> short_keys(["optimizer.lr", "model.name"], ["optimizer.lr", "model.name", "lr_decay"])
        {'optimizer.lr': 'lr', 'model.name': 'model.name'}
    """
    everything = {*known, *keys}
    found = {}
    for key in keys:
        parts = key.split(".")
        at = len(parts) - 1
        while at > 0 and (parts[at] in GENERIC or _ambiguous(parts[at:], key, everything)):
            at -= 1
        found[key] = ".".join(parts[at:])
    return found


def _ambiguous(parts: list[str], key: str, everything: Iterable[str]) -> bool:
    end = ".".join(parts)
    return any(o != key and (o == end or o.endswith(f".{end}")) for o in everything)


def names(
    settings: Sequence[Mapping[str, Any]], known: Iterable[str] = ()
) -> list[tuple[str, str]]:
    """Return (name, label) of settings: only what they hold, short, and no two alike.

    The label is "key=value, key=value".  Where the settings hold a single key whose values are
    words, the name is the word alone.

    Args:
        settings: key → value, only the keys that are to be named; the same for all.
        known: all keys of the configs, so that a shortened one is clear.

    Example:
        >>> names([{"optimizer": "adamw"}, {"optimizer": "sgd"}])
        [('adamw', 'optimizer=adamw'), ('sgd', 'optimizer=sgd')]
        >>> [name for name, _ in names([{"lr": 0.001}, {"lr": None}, {}])]
        ['lr=0.001', 'lr=none', 'lr=unset']
    """
    keys = list(dict.fromkeys(key for setting in settings for key in setting))
    short = short_keys(keys, known)
    digits = {key: _digits([setting.get(key) for setting in settings]) for key in keys}
    labels = [
        ", ".join(f"{printable(short[key])}={_shown(setting, key, digits[key])}" for key in keys)
        for setting in settings
    ]
    labels = _distinct(labels or [], settings)
    values = [setting.get(keys[0]) if len(keys) == 1 else None for setting in settings]
    plain = all(isinstance(value, str) and _is_word(value) for value in values)
    if not plain:
        return [(label or "all", label or "all runs") for label in labels]
    alone = [label.partition("=")[2] for label in labels]
    return list(zip(alone, labels, strict=True))


def _is_word(text: str) -> bool:
    """Return whether a text stands for itself without its key: not a number, not empty."""
    return bool(re.search(r"[^\W\d_]{2}", text)) and text.lower() not in _NO_WORDS


def _digits(values: Iterable[Any]) -> int:
    """Return how many digits tell numbers apart: six unless they are closer to each other."""
    numbers = {value for value in values if isinstance(value, float) and math.isfinite(value)}
    enough = (n for n in (6, 9, 12) if len({f"{each:.{n}g}" for each in numbers}) == len(numbers))
    return next(enough, 17)


def _number(value: Any, digits: int) -> str:
    """Return a number without what binary rounding left in it: 0.45, not 0.44999999999999996."""
    return str(float(f"{value:.{digits}g}")) if isinstance(value, float) else str(value)


def _shown(setting: Mapping[str, Any], key: str, digits: int) -> str:
    if key not in setting:
        return UNSET
    value = setting[key]
    if isinstance(value, bool) or value is None:
        text = str(value).lower()
    elif isinstance(value, list | tuple):
        text = "[" + ", ".join(_number(each, digits) for each in value) + "]"
    else:
        text = printable(_number(value, digits))
    return text if len(text) <= LIMIT else text[: LIMIT - 1] + "…"


def _distinct(labels: list[str], settings: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return labels with a number after each that stands for several settings."""
    seen: dict[str, int] = {}
    made = []
    for label, _ in zip(labels, settings, strict=True):
        seen[label] = seen.get(label, 0) + 1
        made.append(label if labels.count(label) == 1 else f"{label} ({seen[label]})")
    return made
