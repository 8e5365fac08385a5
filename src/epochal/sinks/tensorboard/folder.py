"""The names of a run's files in a folder that TensorBoard reads, perhaps at this moment."""

from __future__ import annotations

import os
import re
import time

from epochal.core.system import host_name

START = "events.out.tfevents."


class EventFolder:
    """A folder that may hold event files of this run and of others.

    TensorBoard reads the files of a folder in the order of their names, and never again one whose
    name it knows.

    Args:
        path: the folder.
        run_id: part of the names of this run's files.
    """

    def __init__(self, path: str, run_id: str) -> None:
        self.path, self._run_id = path, run_id
        self._own = re.compile(rf"{re.escape(START)}(\d+)\..*\.{re.escape(run_id)}\.\w+")

    def new_stem(self) -> str:
        """Return the beginning of names that no file of this run had; they come last."""
        found = map(self._own.fullmatch, os.listdir(self.path))
        times = [int(match[1]) for match in found if match]
        stamp = max([int(time.time()), *(each + 1 for each in times)])
        host = re.sub(r"[^\w-]", "-", host_name()) or "host"
        return f"{START}{stamp:010d}.{host}.{self._run_id}"

    def file(self, stem: str, part: str) -> str:
        """Return the path of a file."""
        return os.path.join(self.path, f"{stem}.{part}")

    def keep_only(self, stem: str) -> None:
        """Empty the files of this run that were replaced; remove those that were empty before.

        A TensorBoard that follows a file stops for good when the file is gone.
        """
        for name in filter(self._own.fullmatch, os.listdir(self.path)):
            path = os.path.join(self.path, name)
            if name.startswith(f"{stem}."):
                continue
            if os.path.getsize(path):
                os.truncate(path, 0)
            else:
                os.unlink(path)
