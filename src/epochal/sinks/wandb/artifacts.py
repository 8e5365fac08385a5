"""Artifacts of a run, such as checkpoints and code, as W&B's artifacts."""

from __future__ import annotations

import hashlib
import math
import os
import re
from collections.abc import Iterator, Mapping
from typing import Any

from epochal.core.errors import DamageError
from epochal.core.optional import require
from epochal.core.problems import logger

CHUNK_BYTES = 1 << 20


def log_artifact(run: Any, data: Mapping[str, Any]) -> None:
    """Send an artifact if its files are still those that were recorded.

    The files are not copied: W&B's client, and ``wandb sync``, read them where they are.  The
    checkpoints of a run are versions of one artifact, with the aliases "best" and "final" where
    they belong; one that is not there any more was removed to make room, and is left out.

    Raises:
        DamageError: a file is missing or was changed.
    """
    wandb = require("wandb", extra="wandb", why="the mirror 'wandb'")
    files = list(_files(data))
    facts = data.get("about") if data["type"] == "checkpoint" else None
    if facts is not None and not os.path.exists(data["path"]):
        logger.info("%s is not there any more: W&B does not get it", data["path"])
        return
    for path, _, sha256 in files:
        if digest(path) != sha256:
            what = f"artifact {data['name']!r}"
            raise DamageError(f"{what} is not sent: {path} is not the file that was recorded")
    about = {"path": data["path"], "bytes": data["bytes"], "sha256": data["sha256"]}
    name, aliases = data["name"], ["latest"]
    if facts is not None:
        name, about = f"checkpoint-{run.id}", {**about, "file": name, **_json_able(facts)}
        aliases += [alias for alias in ("best", "final") if facts.get(alias)]
    artifact = wandb.Artifact(name_of(name), type_of(data["type"]), metadata=about)
    for path, inner, _ in files:
        artifact.add_file(path, inner, skip_cache=True, policy="immutable")
    run.log_artifact(artifact, aliases=aliases)


def name_of(name: str) -> str:
    """Return a name as W&B takes it for an artifact: letters, digits, ``-_.``, at most 128.

    Example:
        >>> name_of("best model/ema"), name_of("損失")
        ('best-model-ema', 'artifact')
    """
    return re.sub(r"[^A-Za-z0-9_.-]+", "-", name)[:128].strip("-") or "artifact"


def type_of(type: str) -> str:
    """Return a type as W&B takes it; some are kept for itself."""
    name = name_of(type)
    return f"epochal-{name}" if name in ("job", "run_table") or name.startswith("wandb-") else name


def digest(path: str) -> str:
    """Return the SHA-256 of a file, "" if it cannot be read."""
    found = hashlib.sha256()
    try:
        with open(path, "rb") as file:
            while piece := file.read(CHUNK_BYTES):
                found.update(piece)
    except OSError:
        return ""
    return found.hexdigest()


def _json_able(value: Any) -> Any:
    """Return facts as JSON can hold them: not finite numbers as text."""
    if isinstance(value, Mapping):
        return {key: _json_able(inner) for key, inner in value.items()}
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value


def _files(data: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    """Yield path, name in the artifact and hash of each file."""
    root = data["path"]
    if not data.get("files"):
        yield root, os.path.basename(root), data["sha256"]
    for name, _, sha256 in data.get("files") or ():
        yield os.path.join(root, name), name, sha256
