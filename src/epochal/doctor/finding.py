"""What a check finds, and where it writes."""

from __future__ import annotations

import os
import tempfile
from typing import NamedTuple


class Finding(NamedTuple):
    """What one check found.

    Attributes:
        name: what was checked.
        state: "ok", "warning" (something is missing that can be missing) or "failed".
        detail: what was found.
        remedy: what to do about it, "" if nothing has to be done.
    """

    name: str
    state: str
    detail: str
    remedy: str = ""


class Patient:
    """Where the checks write: a temporary folder, in the folder of runs where that can be."""

    def __init__(self, base: str) -> None:
        self.base = base
        self.parent = base
        while not os.path.isdir(self.parent):
            self.parent = os.path.dirname(self.parent)
        writable = os.access(self.parent, os.W_OK | os.X_OK)
        place = self.parent if writable else None
        self.folder = tempfile.mkdtemp(prefix=".epochal-doctor-", dir=place)
        self.run_dir = ""


def ok(detail: str) -> Finding:
    """All is well."""
    return Finding("", "ok", detail)


def failed(detail: str, remedy: str) -> Finding:
    """It does not work."""
    return Finding("", "failed", detail, remedy)


def warning(detail: str, remedy: str) -> Finding:
    """Something is missing that can be missing."""
    return Finding("", "warning", detail, remedy)
