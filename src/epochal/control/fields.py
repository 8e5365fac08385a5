"""The fields of the form: what each is called, and what may stand in it.

A field reads what the browser, a saved form or a preset gives for it; what it cannot take is a
``ValueError`` with a sentence for the person, which stands beside the field.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Literal, NamedTuple

from epochal.core.errors import SettingError
from epochal.record.cadence import Every

Kind = Literal["line", "text", "whole", "number", "one", "some"]

MAX_NAME, MAX_NOTES, MAX_TAGS, MAX_PATH = 200, 20_000, 50, 1_000
MAX_STEPS, MAX_BATCH, MAX_SEED = 1_000_000, 4_096, 2**31 - 1


class Field(NamedTuple):
    """One field of the form.

    Attributes:
        key: its name in the program.
        label: its name on the page.
        info: the line below the label.
        default: its value in a new form.
        read: turns what was given into the value; raises ValueError.
        kind: how it looks.
        choices: (label, value) of what can be chosen, for the kinds "one" and "some".
    """

    key: str
    label: str
    info: str
    default: Any
    read: Callable[[Any], Any]
    kind: Kind = "line"
    choices: Sequence[tuple[str, str]] = ()


def _line(longest: int) -> Callable[[Any], str]:
    def read(given: Any) -> str:
        text = _text(given, longest).strip()
        if not text.isprintable():
            raise ValueError("Only one line of ordinary characters.")
        return text

    return read


def _text(given: Any, longest: int) -> str:
    if given is None:
        return ""
    if not isinstance(given, str):
        raise ValueError("This must be text.")  # noqa: TRY004 - the one error that readers raise
    if len(given) > longest:
        raise ValueError(f"{len(given):,} characters are too many: at most {longest:,}.")
    try:
        given.encode()
    except UnicodeEncodeError:
        raise ValueError("Half a character is in it: type it again.") from None
    return given


def _notes(given: Any) -> str:
    return _text(given, MAX_NOTES)


def _tags(given: Any) -> str:
    if isinstance(given, (list, tuple)):
        given = ", ".join(map(str, given))
    tags = [tag.strip() for tag in _line((MAX_NAME + 2) * MAX_TAGS)(given).split(",")]
    tags = list(dict.fromkeys(tag for tag in tags if tag))
    if len(tags) > MAX_TAGS or any(len(tag) > MAX_NAME for tag in tags):
        raise ValueError(f"At most {MAX_TAGS} tags of at most {MAX_NAME} characters each.")
    return ", ".join(tags)


def _interval(given: Any) -> str:
    try:
        every = Every.parse(_line(40)(str(given)))
    except SettingError:
        raise ValueError("Write 10 (steps), 30s, 5min, 2 epochs or never.") from None
    return str(every.count) if every.count and every.unit == "steps" else str(every)


def _number(given: Any) -> float:
    try:
        value = float(given)
    except (TypeError, ValueError, OverflowError):
        raise ValueError("Write a number.") from None
    if isinstance(given, bool) or not math.isfinite(value):
        raise ValueError("Write a number.")
    return value


def _whole(low: int, high: int) -> Callable[[Any], int]:
    def read(given: Any) -> int:
        value = _number(given)
        if value != int(value) or not low <= value <= high:
            raise ValueError(f"Write a whole number from {low:,} to {high:,}.")
        return int(value)

    return read


def _learning_rate(given: Any) -> float:
    value = _number(given)
    if not 0 < value <= 1000:
        raise ValueError("Write a number above 0, at most 1000.")
    return value


def _max_norm(given: Any) -> float:
    value = _number(given)
    if value < 0:
        raise ValueError("Write 0 (no clipping) or the largest norm that is kept.")
    return value


def _one_of(choices: Sequence[tuple[str, str]]) -> Callable[[Any], str]:
    known = {value for _, value in choices}

    def read(given: Any) -> str:
        if given not in known:
            raise ValueError(f"Choose one of {', '.join(label for label, _ in choices)}.")
        return str(given)

    return read


def _some_of(choices: Sequence[tuple[str, str]]) -> Callable[[Any], list[str]]:
    known = [value for _, value in choices]

    def read(given: Any) -> list[str]:
        given = [] if given is None else given
        if not isinstance(given, (list, tuple)) or any(each not in known for each in given):
            raise ValueError(f"Choose among {', '.join(label for label, _ in choices)}.")
        return [each for each in known if each in given]

    return read


MIRRORS = (
    ("CSV", "csv"), ("JSON", "json"), ("TensorBoard", "tensorboard"),
    ("Weights & Biases", "wandb"), ("MLflow", "mlflow"),
)  # fmt: skip

SWITCHES = (
    ("Training steps", "log_train"), ("Validation", "log_validation"),
    ("Learning rate", "log_learning_rate"), ("Epochs", "log_epoch"),
    ("NaN and Inf counts", "log_numerics"), ("Step times", "log_performance"),
    ("Gradients by layer", "log_gradients"), ("Histograms", "log_histograms"),
    ("Figures and images", "log_images"), ("Sample texts", "log_text"),
    ("Layers of the model", "log_model"), ("Hyperparameters in mirrors", "log_config"),
    ("Processors and memory", "log_system"), ("GPU memory", "log_memory"),
    ("Console output", "console"),
)  # fmt: skip
"""What is recorded: label, and the setting of that name."""

TRAININGS = (("Simulated", "simulated"), ("Real (PyTorch)", "real"))

IDENTITY = (
    Field("name", "Experiment", "May name settings: lr-{learning_rate}. Empty: a name is made.",
          "", _line(MAX_NAME)),
    Field("project", "Project", "Runs of a project are listed together.", "control",
          _line(MAX_NAME)),
    Field("tags", "Tags", "With commas between them; a/b makes a hierarchy.", "", _tags),
    Field("notes", "Notes", "What this run is to find out.", "", _notes, "text"),
)  # fmt: skip

WHAT = (
    Field("sinks", "Mirrors", "The same run in other tools; the run itself is always recorded.",
          ["csv", "json"], _some_of(MIRRORS), "some", MIRRORS),
    Field("log", "What to log", "",
          ["log_train", "log_validation", "log_learning_rate", "log_epoch", "log_numerics",
           "log_performance", "log_images", "log_text", "log_model", "log_config", "log_system",
           "log_memory"],
          _some_of(SWITCHES), "some", SWITCHES),
)  # fmt: skip

INTERVALS = (
    Field("every.train", "Training steps", "", "1", _interval),
    Field("every.validation", "Validation", "", "50", _interval),
    Field("every.numerics", "NaN and Inf counts", "", "1", _interval),
    Field("every.gradients", "Gradients by layer", "", "50", _interval),
    Field("every.histograms", "Histograms", "", "200", _interval),
    Field("every.text", "Sample texts", "", "200", _interval),
    Field("every.checkpoint", "Checkpoints", "", "500", _interval),
    Field("every.system", "Processors and memory", "", "10 s", _interval),
)  # fmt: skip

BELOW = "Below the folder of runs. Empty: the run's own."

PATHS = (
    Field("checkpoint_dir", "Folder for checkpoints", BELOW, "", _line(MAX_PATH)),
    Field("tensorboard_dir", "Folder for TensorBoard files", BELOW, "", _line(MAX_PATH)),
    Field("config_dir", "Folder for config files",
          "Below the folder of runs. Empty: no further copy.", "", _line(MAX_PATH)),
)  # fmt: skip

TRAINING = (
    Field("training", "Kind", "", "simulated", _one_of(TRAININGS), "one", TRAININGS),
    Field("steps", "Steps", "", 500, _whole(1, MAX_STEPS), "whole"),
    Field("learning_rate", "Learning rate", "", 0.003, _learning_rate, "number"),
    Field("batch_size", "Batch size", "", 16, _whole(1, MAX_BATCH), "whole"),
    Field("max_gradient_norm", "Max gradient norm", "0: no clipping.", 1.0,
          _max_norm, "number"),
    Field("seed", "Seed", "", 1, _whole(0, MAX_SEED), "whole"),
)  # fmt: skip

CONFIGURATION = (*IDENTITY, *WHAT, *INTERVALS, *PATHS)
FIELDS = (*CONFIGURATION, *TRAINING)
"""All fields, in the order in which the page has them."""

BY_KEY = {field.key: field for field in FIELDS}


def defaults() -> dict[str, Any]:
    """Return the values of a new form.

    Example:
        >>> defaults()["steps"]
        500
    """
    copied: Iterable[tuple[str, Any]] = (
        (each.key, list(each.default) if isinstance(each.default, list) else each.default)
        for each in FIELDS
    )
    return dict(copied)
