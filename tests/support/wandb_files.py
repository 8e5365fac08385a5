"""Reads W&B's offline folders: everything in a `.wandb` file, checked, by our own framing."""

import json
import os
import re
import struct
import time
import warnings
import zlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

MAGIC = b":W&B\xe1\xbe\x00"
BLOCK = 32768


@pytest.fixture
def wandb_home(monkeypatch, tmp_path_factory):
    """Hides the user's settings, keys and caches of W&B; returns the folder that stands in."""
    for name in [name for name in os.environ if name.startswith("WANDB_")]:
        monkeypatch.delenv(name)
    home = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("NETRC", str(home / "netrc"))
    monkeypatch.setenv("WANDB_CONFIG_DIR", str(home / "config"))
    monkeypatch.setenv("WANDB_CACHE_DIR", str(home / "cache"))
    return home


def records(path: Path) -> list[Any]:
    """Every record of a `.wandb` file as W&B's protobuf; checksums and order must be right."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from wandb.proto import wandb_internal_pb2

    data = path.read_bytes()
    assert data[:7] == MAGIC, data[:7]
    found, parts, at = [], [], 7
    while at < len(data):
        left = BLOCK - at % BLOCK
        if left < 7:
            at += left
            continue
        checksum, length, kind = struct.unpack_from("<IHB", data, at)
        payload = data[at + 7 : at + 7 + length]
        assert len(payload) == length, "cut off"
        assert zlib.crc32(payload, zlib.crc32(bytes([kind]))) == checksum
        assert (kind in (1, 2)) == (not parts)
        parts.append(payload)
        if kind in (1, 4):
            found.append(wandb_internal_pb2.Record.FromString(b"".join(parts)))
            parts = []
        at += 7 + length
    numbers = [record.num for record in found]
    assert numbers == list(range(1, len(found) + 1))
    return found


@dataclass
class OfflineRun:
    """What an offline folder says of a run."""

    folder: Path
    history: list[dict[str, Any]] = field(default_factory=list)
    config: dict[str, Any] = field(default_factory=dict)
    summary: dict[str, Any] = field(default_factory=dict)
    metrics: dict[str, Any] = field(default_factory=dict)
    files: list[str] = field(default_factory=list)
    artifacts: list[Any] = field(default_factory=list)
    alerts: list[tuple[str, str, str]] = field(default_factory=list)
    log: str = ""
    run: Any = None
    exit_codes: list[int] = field(default_factory=list)

    def column(self, key: str) -> list[Any]:
        """Values of one column, in order."""
        return [row[key] for row in self.history if key in row]

    def points(self) -> list[tuple[float, str, float]]:
        """(step, Epochal's name, value) of all numbers, in order."""
        return [point for row in self.history for point in row_points(row)]

    def path(self, value: dict[str, Any]) -> Path:
        """The file of a medium in the history."""
        return self.folder / "files" / value["path"]


def row_points(row: dict[str, Any]) -> list[tuple[float, str, float]]:
    """(step, Epochal's name, value) of the numbers in a row of W&B's history."""
    return [
        (row["step"], own_name(key), value)
        for key, value in row.items()
        if not re.fullmatch("step|epoch|_step|_runtime|_timestamp", key)
        and isinstance(value, int | float)
    ]


def own_name(key: str) -> str:
    """Epochal's name of a column that is named after a metric."""
    taken = re.fullmatch(r"(step|epoch|_step|_runtime|_timestamp|_wandb)_*", key)
    return key[:-1] if taken else key


def decoded(text: str) -> Any:
    """A value that W&B wrote as JSON: whole floats without a point, minus zero as -0."""
    return json.loads(text, parse_int=lambda digits: -0.0 if digits == "-0" else int(digits))


def offline_folders(folder: Path) -> list[Path]:
    """The offline folders below a run folder."""
    return sorted(folder.glob("wandb/offline-run-*"))


def offline_run(folder: Path) -> OfflineRun:
    """Read the one offline folder below a run folder."""
    (found,) = offline_folders(folder)
    (path,) = found.glob("*.wandb")
    run = OfflineRun(found)
    for record in records(path):
        _take(run, record)
    return run


def _take(run: OfflineRun, record: Any) -> None:
    kind = record.WhichOneof("record_type")
    content = getattr(record, kind)
    match kind:
        case "history":
            row: dict[str, Any] = {}
            _update(row, content.item)
            assert row["_step"] == len(run.history), "W&B's steps count the rows"
            run.history.append(row)
        case "run":
            run.run = content
            _update(run.config, content.config.update)
        case "config" | "summary":
            _update(getattr(run, kind), content.update)
        case "metric":
            run.metrics[content.name or content.glob_name] = content
        case "files":
            run.files += [file.path for file in content.files]
        case "artifact":
            run.artifacts.append(content)
        case "alert":
            run.alerts.append((content.title, content.text, content.level))
        case "output_logger":
            run.log += content.line
        case "exit":
            run.exit_codes.append(content.exit_code)


def _update(target: dict[str, Any], items: Any) -> None:
    for item in items:
        _put(target, list(item.nested_key) or [item.key], decoded(item.value_json))


def _put(target: dict[str, Any], path: list[str], value: Any) -> None:
    for part in path[:-1]:
        inner = target.get(part)
        target[part] = target = inner if isinstance(inner, dict) else {}
    target[path[-1]] = value


def gone(*pids: int, timeout_s: float = 60.0) -> bool:
    """Wait until processes have ended; False: some have not."""
    deadline = time.monotonic() + timeout_s
    while any(map(_runs, pids)):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def _runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
