"""The options of the sink ``wandb``, and what they mean for a run."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from epochal.core.errors import SettingError
from epochal.core.name_map import NameMap
from epochal.core.records import RunInfo

MODES = {
    "online": "online", "run": "online", "shared": "online",
    "offline": "offline", "dryrun": "offline",
    "off": "off", "disabled": "off",
}  # fmt: skip
"""Ours, and those of ``WANDB_MODE``."""


@dataclass(frozen=True, kw_only=True)
class WandbOptions:
    """What may be said of the sink; everything has a default.

    Attributes:
        project, name, group, job_type, tags, notes: as in ``wandb.init``; by default the run's.
        entity: user or team; by default W&B's own.
        resume: as in ``wandb.init``; "allow" goes on with the run that has this one's id.
        anonymous: accepted and without effect, as in W&B itself.
        mode: "online", "offline" or "off"; by default ``WANDB_MODE``, else "online", which without
            a key is "offline".
        dir: folder in which the folder ``wandb`` is made; by default the run's.
        names: W&B's names of metrics, texts and media, see :class:`epochal.core.name_map.NameMap`.
        sync_tensorboard: upload the run's TensorBoard files, or those in this folder, when it ends.
        code: folder whose Python files are logged as an artifact; True: the working directory.
        save_media: send images, videos, audio, histograms, tables and HTML.
        init_timeout_s: how long W&B may take to answer at the start.
        finish_timeout_s: how long the last upload may take.

    Raises:
        SettingError: ``mode``, or ``WANDB_MODE``, is none of the three.
        ValueError: ``names`` is not a name map.

    Example:
        >>> WandbOptions(mode="dryrun").resolved_mode
        'offline'
    """

    project: str | None = None
    name: str | None = None
    entity: str | None = None
    group: str | None = None
    job_type: str | None = None
    tags: Sequence[str] | None = None
    notes: str | None = None
    resume: str = "allow"
    anonymous: str | None = None
    mode: str | None = None
    dir: str | None = None
    names: Mapping[str, str] = field(default_factory=dict)
    sync_tensorboard: bool | str = False
    code: bool | str = False
    save_media: bool = True
    init_timeout_s: float = 20.0
    finish_timeout_s: float = 300.0

    def __post_init__(self) -> None:
        mode_of(self.mode, os.environ)
        NameMap(self.names)

    @property
    def resolved_mode(self) -> str:
        """The mode in which the sink works: "online", "offline" or "off"."""
        return mode_of(self.mode, os.environ)

    def root(self, run: RunInfo) -> str:
        """Return the folder in which W&B's client makes its folder ``wandb``."""
        return os.path.abspath(self.dir or run.dir)

    def client_spec(
        self, run: RunInfo, skip: Sequence[tuple[int, int]], sent: str
    ) -> dict[str, Any]:
        """Return what :meth:`epochal.sinks.wandb.client.Client.begin` has to know.

        Args:
            run: the run.
            skip: records that W&B's client cannot take, as (session, seq).
            sent: file for :class:`epochal.sinks.wandb.sent.Sent`.
        """
        tags = tuple(run.tags if self.tags is None else self.tags)
        init = {
            "id": run.id, "dir": self.root(run), "mode": self.resolved_mode, "resume": self.resume,
            "project": re.sub(r"[/\\#?%:]", "-", self.project or run.project)[:128],
            "name": self.name or run.name, "entity": self.entity,
            "group": self.group or run.group, "job_type": self.job_type or run.job_type,
            "tags": valid_tags(tags), "config": dict(run.config),
            "notes": run.notes if self.notes is None else self.notes,
        }  # fmt: skip
        tensorboard, code = self.sync_tensorboard, self.code
        records = {
            "run_dir": run.dir, "names": dict(self.names), "tags": tags,
            "save_media": self.save_media, "skip": list(skip), "sent": sent,
            "tensorboard": f"{run.dir}/tensorboard" if tensorboard is True else tensorboard or "",
            "code": os.getcwd() if code is True else code or "",
        }  # fmt: skip
        limits = {"init_timeout": self.init_timeout_s, "finish_timeout": self.finish_timeout_s}
        return {"init": init, "settings": limits, "records": records}


def mode_of(given: str | None, environ: Mapping[str, str]) -> str:
    """Return the mode: the one that was given, else that of the environment, else online.

    Raises:
        SettingError: there is no such mode.

    Example:
        >>> mode_of(None, {"WANDB_MODE": "dryrun"}), mode_of("off", {}), mode_of(None, {})
        ('offline', 'off', 'online')
    """
    if given is None and environ.get("WANDB_DISABLED", "").lower() in ("true", "1", "yes"):
        return "off"
    mode = given or environ.get("WANDB_MODE") or "online"
    if mode not in MODES:
        whose = "mode" if given else "WANDB_MODE"
        message = f"{whose} {mode!r} of the sink 'wandb' is none of online, offline, off"
        raise SettingError(message)
    return MODES[mode]


def valid_tags(tags: Mapping[str, Any] | Sequence[str]) -> tuple[str, ...]:
    """Return tags as W&B takes them: 1 to 64 characters, each once.

    Example:
        >>> valid_tags(["a", "", "a", "b" * 100])[0], len(valid_tags(["b" * 100])[0])
        ('a', 64)
    """
    return tuple(dict.fromkeys(tag[:64] for tag in tags if tag))
