"""What was found out about machine, packages and code, as the files that W&B's page shows it from.

W&B's client makes them itself for the process that it runs in; that is not the training here.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import Any


def save_environment(run: Any, values: Mapping[str, Any]) -> None:
    """Add ``wandb-metadata.json``, ``requirements.txt`` and ``diff.patch`` to W&B's run."""
    packages = _part(values, "packages")
    files = {
        "wandb-metadata.json": json.dumps(metadata(values), indent=2),
        "requirements.txt": "".join(f"{name}=={version}\n" for name, version in packages.items()),
        "diff.patch": _part(_part(values, "git"), "diff").get("text"),
    }
    for name, text in files.items():
        if text:
            path = os.path.join(run.dir, name)
            with open(path, "w", encoding="utf-8") as file:
                file.write(text)
            run.save(path, base_path=run.dir, policy="now")


def metadata(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of ``wandb-metadata.json`` that are known.

    Example:
        >>> metadata({"host": "node7", "argv": ["train.py", "--lr", "0.1"]})
        {'host': 'node7', 'program': 'train.py', 'args': ['--lr', '0.1']}
    """
    python, git = _part(values, "python"), _part(values, "git")
    gpus, argv = values.get("gpus") or [], values.get("argv") or []
    total = _part(values, "memory").get("total_bytes")
    found = {
        "os": "-".join(map(str, _part(values, "platform").values())),
        "python": f"{python.get('implementation')} {python.get('version')}" if python else None,
        "host": values.get("host"),
        "executable": python.get("executable"),
        "program": argv[0] if argv else None,
        "args": argv[1:],
        "root": values.get("cwd"),
        "git": {name: git[name] for name in ("remote", "commit") if git.get(name)},
        "cpu_count_logical": _part(values, "cpu").get("count"),
        "memory": {"total": str(total)} if total else None,
        "gpu": gpus[0].get("name") if gpus else None,
        "gpu_count": len(gpus),
    }
    return {name: value for name, value in found.items() if value}


def _part(values: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    part = values.get(name)
    return part if isinstance(part, Mapping) else {}
