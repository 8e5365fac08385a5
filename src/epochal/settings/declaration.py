"""The one declaration of every setting: name, type, default, meaning.

Everything that lists settings (files, environment, arguments, documentation, command line) is
made from the fields of :class:`Settings`.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import MISSING, Field, dataclass, field, fields
from types import MappingProxyType
from typing import Any, Literal, NamedTuple

from epochal.core.sink import Sink
from epochal.core.system import user_id
from epochal.record.cadence import ALLOWED, KINDS, Every
from epochal.settings.values import (
    CADENCE,
    CONFIG,
    FREE_TEXT,
    NAMES,
    OPTIONAL_PATH,
    OPTIONAL_TEXT,
    OPTIONS,
    PATH,
    PRESET,
    SINKS,
    SWITCH,
    TEXT,
    Value,
    one_of,
)

PREFIX = "EPOCHAL_"
OF_COMMANDS = frozenset({"EPOCHAL_TOKEN"})
"""Variables that commands read; they are no settings of a training."""

Derive = Callable[[str, Mapping[str, str]], Any]


def _about(
    value: Value, meaning: str, *, derived: tuple[str, Derive] | None = None
) -> Mapping[str, Any]:
    """Return a field's metadata; ``derived``: how a default that depends on the place is found."""
    return MappingProxyType({"value": value, "meaning": meaning, "derived": derived})


def _runs_dir(cwd: str, _: Mapping[str, str]) -> str:
    return os.path.join(cwd, "runs")


def _folder_name(cwd: str, _: Mapping[str, str]) -> str:
    return os.path.basename(cwd) or "default"


def _cache_dir(_: str, environ: Mapping[str, str]) -> str:
    given = environ.get("XDG_CACHE_HOME", "")
    if os.path.isabs(given):  # the XDG specification says to ignore relative ones
        return os.path.join(given, "epochal")
    home = environ.get("HOME") or os.path.expanduser("~")
    if home != "~":
        return os.path.join(home, ".cache", "epochal")
    # A user without a home, as in some containers.
    temporary = environ.get("TMPDIR") or "/tmp"  # noqa: S108
    return os.path.join(temporary, f"epochal-cache-{user_id()}")


def _default_of(derive: Derive) -> Callable[[], Any]:
    return lambda: derive(os.getcwd(), os.environ)


def _log(meaning: str, *, default: bool = True) -> Any:
    return field(default=default, metadata=_about(SWITCH, meaning))


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Every path and switch of a run; :func:`epochal.settings.load` makes and checks one.

    Each field is a setting: ``epochal.settings.describe()`` lists them with their meanings.  Paths
    are absolute; the mappings are not to be changed.

    Example:
        >>> Settings().mode, Settings(log_video=False).schedule()["video"]
        ('on', Every(count=0, unit='steps'))
    """

    dir: str = field(
        default_factory=_default_of(_runs_dir),
        metadata=_about(PATH, "folder that holds the runs", derived=("./runs", _runs_dir)),
    )
    cache_dir: str = field(
        default_factory=_default_of(_cache_dir),
        metadata=_about(
            PATH,
            "folder for what can be made again, such as the catalog of runs",
            derived=("$XDG_CACHE_HOME/epochal or ~/.cache/epochal", _cache_dir),
        ),
    )
    checkpoint_dir: str | None = field(
        default=None,
        metadata=_about(OPTIONAL_PATH, "folder for checkpoints; none: the run's own folder"),
    )
    tensorboard_dir: str | None = field(
        default=None,
        metadata=_about(OPTIONAL_PATH, "folder for TensorBoard files; none: the run's own folder"),
    )
    config_dir: str | None = field(
        default=None,
        metadata=_about(OPTIONAL_PATH, "folder for config files; none: the run's own folder"),
    )
    project: str = field(
        default_factory=_default_of(_folder_name),
        metadata=_about(
            TEXT,
            "the project that runs belong to",
            derived=("name of the current folder", _folder_name),
        ),
    )
    name: str | None = field(
        default=None,
        metadata=_about(
            OPTIONAL_TEXT,
            "name of the run, also a template over the config such as 'lr-{lr}'; none: a readable"
            " name is made",
        ),
    )
    group: str | None = field(
        default=None,
        metadata=_about(OPTIONAL_TEXT, "group of runs that are read together"),
    )
    job_type: str | None = field(
        default=None, metadata=_about(OPTIONAL_TEXT, "role of the run, such as 'train' or 'eval'")
    )
    tags: tuple[str, ...] = field(
        default=(), metadata=_about(NAMES, "tags of the run; '/' makes a hierarchy")
    )
    notes: str = field(default="", metadata=_about(FREE_TEXT, "notes on the run"))
    job: str | None = field(
        default=None,
        metadata=_about(
            OPTIONAL_TEXT,
            "name of this job, the same when it is started again; none: the scheduler's",
        ),
    )
    resume: str | None = field(
        default=None,
        metadata=_about(
            OPTIONAL_TEXT,
            "run to go on with: id, name, path, or 'auto' (the run of this requeued job)",
        ),
    )
    config: Mapping[str, Any] = field(
        default_factory=dict,
        metadata=_about(CONFIG, "the run's configuration; sources are merged deep"),
    )
    preset: str | None = field(
        default=None, metadata=_about(PRESET, "named settings and config to start from")
    )
    mode: Literal["on", "off"] = field(
        default="on", metadata=_about(one_of("on", "off"), "'off' makes every call do nothing")
    )
    strict: bool = field(
        default=False, metadata=_about(SWITCH, "raise on problems in logging, for tests")
    )
    ranks: Literal["zero", "all"] = field(
        default="zero",
        metadata=_about(
            one_of("zero", "all"),
            "which processes of a distributed job write: rank 0, or each its part of one run",
        ),
    )
    sinks: tuple[str | Sink, ...] = field(
        default=("csv", "json"), metadata=_about(SINKS, "mirrors that follow the run")
    )
    sink_options: Mapping[str, Mapping[str, Any]] = field(
        default_factory=dict, metadata=_about(OPTIONS, "options of each sink")
    )
    follow: Literal["process", "thread", "off"] = field(
        default="process",
        metadata=_about(
            one_of("process", "thread", "off"),
            "where sinks run: in a process of their own, in a thread, or later by 'epochal sync'",
        ),
    )
    console: bool = field(default=False, metadata=_about(SWITCH, "record what the program prints"))
    seal: bool = field(
        default=True, metadata=_about(SWITCH, "turn finished parts of the journal into Parquet")
    )
    capture_environment: bool = field(
        default=True, metadata=_about(SWITCH, "record machine, packages, command line and commit")
    )
    capture_diff: bool = field(
        default=False, metadata=_about(SWITCH, "record changes that are not committed")
    )
    cadence: Mapping[str, Every] = field(
        default_factory=lambda: {kind: known.every for kind, known in KINDS.items()},
        metadata=_about(CADENCE, "how often each kind is recorded"),
    )
    log_train: bool = _log("record metrics of training steps")
    log_validation: bool = _log("record metrics of validation")
    log_epoch: bool = _log("record statistics over epochs")
    log_learning_rate: bool = _log("record the learning rate")
    log_gradients: bool = _log("record norms of gradients of a watched model")
    log_parameters: bool = _log("record statistics of parameters of a watched model")
    log_histograms: bool = _log("record histograms of a watched model", default=False)
    log_numerics: bool = _log("count NaN and Inf in loss, gradients and parameters")
    log_noise: bool = _log("record predicted and true noise of a diffusion model")
    log_images: bool = _log("record images and figures")
    log_video: bool = _log("record videos")
    log_audio: bool = _log("record audio")
    log_text: bool = _log("record text")
    log_system: bool = _log("sample processors, memory and disk")
    log_memory: bool = _log("record memory of the accelerator")
    log_performance: bool = _log("record throughput and durations")
    log_diagnostics: bool = _log("record other measurements on the model")
    log_config: bool = _log("hand the config to sinks as hyperparameters")
    log_model: bool = _log("record the architecture of a watched model")

    def schedule(self) -> dict[str, Every]:
        """Return the cadence of each kind, never for kinds whose ``log_`` switch is off.

        Example:
            >>> str(Settings(log_gradients=False).schedule()["gradients"])
            'never'
        """
        off = Every(0)
        return {
            kind: every if getattr(self, f"log_{kind}", True) else off
            for kind, every in self.cadence.items()
        }


FIELDS: Mapping[str, Field[Any]] = {field.name: field for field in fields(Settings)}
"""Every setting by name."""


def variable(name: str) -> str:
    """Return the environment variable of a setting.

    Example:
        >>> variable("cadence.images")
        'EPOCHAL_CADENCE_IMAGES'
    """
    return PREFIX + name.replace(".", "_").upper()


def defaults(cwd: str, environ: Mapping[str, str]) -> dict[str, Any]:
    """Return the value that each setting has when nobody says anything."""
    values: dict[str, Any] = {}
    for name, declared in FIELDS.items():
        derived = declared.metadata["derived"]
        if derived is not None:
            values[name] = derived[1](cwd, environ)
        elif declared.default_factory is not MISSING:
            values[name] = declared.default_factory()
        else:
            values[name] = declared.default
    return values


class Description(NamedTuple):
    """A setting as documentation and the command line show it; all fields are text."""

    name: str
    type: str
    default: str
    variable: str
    allowed: str
    meaning: str


def describe() -> list[Description]:
    """Return a description of every setting, the kinds of the cadence one by one.

    Example:
        >>> [(row.name, row.default) for row in describe() if row.name.startswith("capture")]
        [('capture_environment', 'true'), ('capture_diff', 'false')]
    """
    rows: list[Description] = []
    for name, declared in FIELDS.items():
        if name == "cadence":
            rows += [
                Description(
                    f"cadence.{kind}",
                    "interval",
                    str(known.every),
                    variable(f"cadence.{kind}"),
                    ALLOWED,
                    f"how often: {known.meaning}",
                )
                for kind, known in KINDS.items()
            ]
            continue
        value: Value = declared.metadata["value"]
        default, meaning = _default_text(declared), declared.metadata["meaning"]
        rows.append(Description(name, value.type, default, variable(name), value.allowed, meaning))
    return rows


def _default_text(declared: Field[Any]) -> str:
    if declared.metadata["derived"] is not None:
        return str(declared.metadata["derived"][0])
    value = declared.default
    if value is MISSING or value is None or value in ("", ()):
        return "none"
    if isinstance(value, bool):
        return str(value).lower()
    return ", ".join(value) if isinstance(value, tuple) else str(value)
