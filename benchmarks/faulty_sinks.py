"""Mirrors that fail, as a stranger's package would bring them."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any


class Hanging:
    """A sink whose ``write`` never returns."""

    name = "hanging"

    def open(self, run: Any, state: Mapping[str, Any] | None) -> None:
        """Begin."""

    def write(self, records: Sequence[Any]) -> None:  # noqa: ARG002 - the protocol's arguments
        """Hang for ever."""
        threading.Event().wait()

    def flush(self) -> Mapping[str, Any]:
        """Do nothing."""
        return {}

    def close(self) -> None:
        """Do nothing."""


class Raising(Hanging):
    """A sink whose ``write`` always raises."""

    name = "raising"

    def write(self, records: Sequence[Any]) -> None:
        """Raise."""
        raise RuntimeError(f"{len(records)} records refused")


def install(folder: Path) -> str:
    """Make both known by entry points in a folder; return the search path that finds them."""
    about = folder / "faulty_sinks-0.dist-info"
    about.mkdir(parents=True)
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: faulty-sinks\nVersion: 0\n")
    (about / "entry_points.txt").write_text(
        "[epochal.sinks]\nhanging = faulty_sinks:Hanging\nraising = faulty_sinks:Raising\n"
    )
    return f"{folder}:{Path(__file__).parent}"
