"""Checking sealed files in a process of its own.

A Parquet file whose footer is damaged can make the Parquet library end the process that reads it.
Whoever verifies damaged files has to survive that.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from typing import NamedTuple

from epochal.store.sealed import SealedFile
from epochal.store.sequence import Range

CODE = (
    "import sys; sys.path[:0] = {path!r};"
    " from epochal.store.pages import serve; serve(sys.stdin, sys.stdout)"
)


class Content(NamedTuple):
    """What a check found.

    Attributes:
        damage: (start, stop, reason) of bytes that cannot be used.
        seq: the sequence numbers that the file holds; None: they cannot be read.
    """

    damage: list[tuple[int, int, str]]
    seq: list[Range] | None


class Checker:
    """Checks sealed files one by one, from one thread; close it in the end.

    Example:
        >>> with contextlib.closing(Checker()) as checker:
        ...     checker.check("/nowhere.parquet", SealedFile("nowhere.parquet", "rows", 1, 100))
        Content(damage=[(0, 100, 'the file is missing')], seq=None)
    """

    def __init__(self) -> None:
        self._process: subprocess.Popen[str] | None = None

    def check(self, path: str, file: SealedFile) -> Content:
        """Read a whole file, verifying each page, and compare it with what its manifest says."""
        if not os.path.exists(path):
            return Content([(0, file.bytes, "the file is missing")], None)
        question = json.dumps({"path": path, "file": file.to_dict()})
        process = self._process = self._process or _start()
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            process.stdin.write(question + "\n")
            process.stdin.flush()
            answer = process.stdout.readline()
        except BrokenPipeError:
            answer = ""
        if not answer:
            self.close()
            why = "its footer is damaged, so that the Parquet library cannot go on"
            return Content([(0, os.path.getsize(path), why)], None)
        found = json.loads(answer)
        seq = found["seq"]
        return Content(
            [(start, stop, why) for start, stop, why in found["damage"]],
            None if seq is None else [(start, stop) for start, stop in seq],
        )

    def close(self) -> None:
        """End the process."""
        if self._process is not None:
            self._process.kill()
            with contextlib.suppress(BrokenPipeError), self._process:
                self._process = None


def _start() -> subprocess.Popen[str]:
    root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    return subprocess.Popen(
        [sys.executable, "-c", CODE.format(path=[root])],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        encoding="ascii",
    )  # fmt: skip
