"""The run folder: where things lie, and how a run is found again.

::

    <dir>/<project slug>/<name slug>-<YYYYMMDD-HHMMSS>-<id>/
        run.json      who, what, config at the start; written once
        journal/      sessions: the truth while it runs
        sealed/       Parquet and manifests: the truth afterwards
        follow/       cursors of the mirrors
        csv/ json/    mirrors

User text never becomes a path: names live in ``run.json``, identity is the id.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
from collections.abc import Iterator, Mapping
from typing import Any

from epochal.core.errors import AmbiguousRunError, RunFolderError, RunNotFoundError, did_you_mean
from epochal.core.names import folder_name, slug
from epochal.core.records import RunInfo
from epochal.core.shapes import (
    ID,
    INSTANT,
    PATH,
    SEED,
    STEP,
    TEXT,
    TREE,
    Shape,
    holding,
    listed,
    mapping,
)
from epochal.core.system import open_plain

RUN_FILE = "run.json"
FORMAT = 1
_TEXTS = listed(TEXT)
_SHAPE = Shape(
    {"id": ID, "name": TEXT, "project": TEXT, "created_s": INSTANT},
    {
        "config": TREE, "tags": _TEXTS, "notes": TEXT, "sinks": _TEXTS, "sinks_missing": _TEXTS,
        "sink_options": mapping(TREE), "sink_objects": _TEXTS, "argv": _TEXTS, "cwd": TEXT,
    },
    {
        "group": TEXT, "job_type": TEXT, "seed": SEED, "job": TEXT, "host": TEXT,
        "fork": holding({"run": TEXT, "step": STEP}, dir=PATH),
    },
)  # fmt: skip
"""What every ``run.json`` has, and what it may have."""

_FOLDER = re.compile(r"[a-z0-9-]+-\d{8}-\d{6}-([a-z0-9]{8,64})\Z")


def create(base: str, description: Mapping[str, Any]) -> str:
    """Make the folder of a new run with its ``run.json``; return its absolute path.

    Args:
        base: folder of all runs; made if it is missing.
        description: has ``id``, ``name``, ``project``, ``created_s`` and whatever else.

    Raises:
        RunFolderError: the folder cannot be made or written.
    """
    name = folder_name(description["name"], description["id"], description["created_s"])
    path = os.path.join(os.path.abspath(base), slug(description["project"]), name)
    try:
        os.makedirs(path, mode=0o700)
        body = json.dumps({"format": FORMAT, **description}, indent=2, default=str)
        draft = os.path.join(path, f".{RUN_FILE}")
        with open(draft, "x", encoding="ascii") as file:
            file.write(body + "\n")
        os.rename(draft, os.path.join(path, RUN_FILE))
    except OSError as error:
        message = (
            f"cannot make the run folder {path}: {error.strerror or error};"
            " give a writable folder as dir= or EPOCHAL_DIR"
        )
        raise RunFolderError(message) from error
    return path


def describe(run_dir: str) -> dict[str, Any]:
    """Return a run's ``run.json``.

    Raises:
        RunFolderError: it is missing or damaged.
    """
    path = os.path.join(run_dir, RUN_FILE)
    try:
        with open_plain(path) as file:
            found = json.loads(file.read())
    except (OSError, ValueError, RecursionError) as error:
        message = f"cannot read {path}: {error}"
        raise RunFolderError(message) from error
    if not isinstance(found, dict) or (wrong := _SHAPE.fault(found)):
        why = wrong if isinstance(found, dict) else "it is no object"
        message = f"{path} does not describe a run: {why}"
        raise RunFolderError(message)
    return found


def odd_files(run_dir: str) -> list[tuple[str, str]]:
    """Return what of a run's journal and sealed files is not read, and why."""
    found = []
    for part in ("journal", "sealed"):
        path = os.path.join(run_dir, part)
        if os.path.lexists(path) and (os.path.islink(path) or not os.path.isdir(path)):
            found.append((part, "is no folder: it is not read"))
            continue
        with contextlib.suppress(OSError), os.scandir(path) as entries:  # it may not be there
            odd = sorted(each.name for each in entries if not each.is_file(follow_symlinks=False))
            found += [(f"{part}/{name}", "is no plain file: it is not read") for name in odd]
    return found


def info(run_dir: str) -> RunInfo:
    """Return what sinks are told of a run, as of its start."""
    about = describe(run_dir)
    return RunInfo(
        id=about["id"], name=about["name"], project=about["project"], slug=slug(about["name"]),
        dir=os.path.abspath(run_dir), config=about.get("config", {}),
        tags=tuple(about.get("tags", ())), notes=about.get("notes", ""),
        group=about.get("group"), job_type=about.get("job_type"), created_s=about["created_s"],
    )  # fmt: skip


def is_run(path: str) -> bool:
    """Say whether a folder is a run's folder."""
    return os.path.isfile(os.path.join(path, RUN_FILE))


def run_id(path: str) -> str | None:
    """Return the id that a folder's name carries, None if it is not a run's name."""
    match = _FOLDER.match(os.path.basename(path))
    return match[1] if match else None


def run_folders(root: str) -> Iterator[str]:
    """Yield all run folders below a folder of runs, a project folder or a run folder itself."""
    if is_run(root):
        yield root
        return
    for entry in _folders(root):
        if run_id(entry) is not None:
            yield entry
        else:
            yield from (inner for inner in _folders(entry) if run_id(inner) is not None)


def _folders(path: str) -> list[str]:
    try:
        with os.scandir(path) as entries:
            return sorted(e.path for e in entries if e.is_dir() and not e.name.startswith("."))
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        return []


def find(root: str, key: str) -> str:
    """Return the folder of the run with this id, folder, name, or unique prefix of id or folder.

    Raises:
        RunNotFoundError, AmbiguousRunError: none or several fit.
    """
    if os.sep in key and is_run(key):
        return os.path.abspath(key)
    known = list(run_folders(root))
    by_id = [path for path in known if key in (run_id(path), os.path.basename(path))]
    if len(by_id) == 1:
        return by_id[0]
    names = {path: str(describe(path)["name"]) for path in known if is_run(path)}
    named = [path for path, name in names.items() if name == key]
    started = [
        path for path in known
        if (run_id(path) or "").startswith(key) or os.path.basename(path).startswith(key)
    ]  # fmt: skip
    fitting = named or started
    if len(fitting) == 1:
        return fitting[0]
    if fitting:
        some = ", ".join(os.path.basename(path) for path in fitting[:5])
        message = f"{key!r} fits {len(fitting)} runs in {root}: {some}; give more of the id"
        raise AmbiguousRunError(message)
    hint = did_you_mean(key, names.values())
    message = f"there is no run {key!r} in {root}{hint}"
    raise RunNotFoundError(message)
