"""Files of a run in MLflow: media, texts, tables and artifacts.

=================================== ==============================================================
``media/<key>/step-<step>….<kind>`` images, videos, audio, histograms, tables, texts; the name ends
                                    with a part of the content's hash, so that what is sent again
                                    replaces itself
``media/<key>/step-….about.json``   key, caption and settings, where there are any
``artifacts/<name>/…``              what was logged as an artifact, if it is still what it was
=================================== ==============================================================
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import tempfile
from collections.abc import Mapping
from typing import Any, NamedTuple

from epochal.core.errors import DamageError, MissingExtraError
from epochal.core.name_map import NameMap
from epochal.core.records import Event
from epochal.media import stored
from epochal.sinks.json_rows import to_json
from epochal.sinks.mlflow.names import to_path
from epochal.sinks.mlflow.target import MlflowRun

FORMATS = {
    "image": ("png", "jpg", "gif"),
    "figure": ("png", "jpg"),
    "video": ("mp4", "gif"),
    "audio": ("wav",),
}
"""What MLflow's page can show; anything else is uploaded as it is."""

MAX_LEFT_OUT = 100


class _Source(NamedTuple):
    """A file of the user's, and what it was when it was logged."""

    path: str
    bytes: int
    sha256: str


class Files:
    """Collects files and uploads them together.

    Args:
        run_dir: the run.
        names: what keys are called in MLflow.
        left_out: what could not be uploaded so far.
        done: MLflow run, path and hash of what was uploaded before the last error.

    Attributes:
        waiting_bytes: of the media that wait in memory.
        left_out: by path in MLflow: why a file is not there, or not as it was recorded.
    """

    def __init__(
        self,
        run_dir: str,
        names: NameMap,
        left_out: Mapping[str, Any],
        done: set[tuple[str, str, str]],
    ) -> None:
        self._run_dir, self._names, self._done = run_dir, names, done
        self._bodies: dict[str, bytes] = {}
        self._sources: dict[str, _Source] = {}
        self.waiting_bytes = 0
        self.left_out: dict[str, Any] = dict(left_out)

    def add(self, path: str, body: bytes) -> None:
        """Take the content of a file for the next upload."""
        self._bodies[path] = body
        self.waiting_bytes += len(body)

    def medium(self, event: Event) -> None:
        """Take a medium, converted to what MLflow's page shows where that is possible."""
        data = event.data
        try:
            kind, body = self._encoded(data)
        except DamageError as error:
            self._leave_out(f"media/{data['key']}", str(error))
            return
        about = {key: data[key] for key in ("caption", "epoch") if data.get(key)}
        self._shown(event, body, kind, {"type": data["type"], **about})

    def text(self, event: Event, text: str, about: Mapping[str, Any]) -> None:
        """Take a text, complete.

        Args:
            event: of its last part.
            text: of all parts.
            about: caption and how it was made.
        """
        self._shown(event, text.encode("utf-8", "backslashreplace"), "txt", about)

    def artifact(self, event: Event) -> None:
        """Take an artifact of the user's: a file, or the recorded files of a folder.

        A checkpoint that the run removed to make room is forgotten, unless it was uploaded.
        """
        data = event.data
        name, path = data["name"], data["path"]
        files = data.get("files")
        if files is None:
            files = [[os.path.basename(path), data.get("bytes", 0), data["sha256"]]]
            path = os.path.dirname(path)
        for file, size, sha256 in files:
            place = f"artifacts/{to_path(name)}/{to_path(file)}"
            if event.kind == "artifact":
                self._sources[place] = _Source(os.path.join(path, file), size, sha256)
            elif not os.path.exists(os.path.join(path, file)):
                self._sources.pop(place, None)
                self.left_out.pop(place, None)

    def send(self, to: MlflowRun) -> None:
        """Upload what waits; what was uploaded just before an error is not uploaded again.

        Raises:
            SinkError: MLflow refuses a file.
            OSError: it cannot be reached.
        """
        bodies, sources = self._bodies, self._sources
        self._bodies, self._sources, self.waiting_bytes = {}, {}, 0
        if not bodies and not sources:
            return
        with tempfile.TemporaryDirectory(prefix="epochal-mlflow-") as folder:
            for path, body in bodies.items():
                this = (to.id, path, hashlib.sha256(body).hexdigest())
                if this not in self._done:
                    draft = os.path.join(folder, os.path.basename(path))
                    with open(draft, "wb") as file:
                        file.write(body)
                    to.upload(draft, path)
                    os.unlink(draft)
                    self._done.add(this)
            for path, source in sources.items():
                this = (to.id, path, source.sha256)
                if this not in self._done:
                    self._send_source(to, path, source, folder)
                    self._done.add(this)
        self._done.clear()

    def _send_source(self, to: MlflowRun, path: str, source: _Source, folder: str) -> None:
        """Upload a file of the user's, if it is what it was and stays so."""
        try:
            was = _checked(source)
        except (OSError, DamageError) as error:
            self._leave_out(path, str(error))
            return
        draft = source.path
        if os.path.basename(path) != os.path.basename(draft):
            draft = os.path.join(folder, os.path.basename(path))
            _link(source.path, draft)
        to.upload(draft, path)
        if _identity(source.path) == was:
            self.left_out.pop(path, None)
        else:
            self._leave_out(path, f"{source.path} changed while it was uploaded")

    def _encoded(self, data: Mapping[str, Any]) -> tuple[str, bytes]:
        if data.get("inline") is not None:
            return "json", to_json({**data["inline"], "about": data["about"]})
        formats = FORMATS.get(data["type"], ())
        if formats:
            with contextlib.suppress(MissingExtraError, ValueError):  # as it is, then
                return stored.encoded(self._run_dir, data, *formats)
        return str(data["format"]), stored.read(self._run_dir, data)

    def _shown(self, event: Event, body: bytes, kind: str, about: Mapping[str, Any]) -> None:
        data = event.data
        key = self._names[data["key"]]
        number, total = data.get("index", (1, 1))
        place = f"-{number:0{len(str(total))}d}" if total > 1 else ""
        step = data["step"]
        when = f"{step:08d}" if isinstance(step, int) else f"{step:.6g}"
        digest = hashlib.sha256(body).hexdigest()[:10]
        base = f"media/{to_path(key)}/step-{when}{place}-{digest}"
        self.add(f"{base}.{kind}", body)
        if set(about) - {"type"} or to_path(key) != data["key"]:
            more = {"key": data["key"], "step": step, "time_s": event.time_s, **about}
            self.add(f"{base}.about.json", to_json(more, indented=True) + b"\n")

    def _leave_out(self, path: str, why: str) -> None:
        self.left_out[path] = why
        for oldest in [*self.left_out][:-MAX_LEFT_OUT]:
            del self.left_out[oldest]


def _checked(source: _Source) -> tuple[int, ...]:
    """Return what tells whether a file is touched; it is what it was when it was logged.

    Raises:
        DamageError: it is not.
        OSError: it cannot be read.
    """
    was = _identity(source.path)
    digest = hashlib.sha256()
    if was[2:3] == (source.bytes,):  # else there is no need to read it
        with open(source.path, "rb") as file:
            while piece := file.read(1 << 20):
                digest.update(piece)
    if digest.hexdigest() != source.sha256 or was != _identity(source.path):
        raise DamageError(f"{source.path} is not, or not any more, the file that was logged")
    return was


def _identity(path: str) -> tuple[int, ...]:
    """Return what changes when a file is written or replaced; empty if it is gone."""
    try:
        about = os.stat(path)
    except FileNotFoundError:
        return ()
    return about.st_dev, about.st_ino, about.st_size, about.st_mtime_ns


def _link(source: str, path: str) -> None:
    try:
        os.symlink(os.path.abspath(source), path)
    except OSError:  # links need a privilege on Windows
        shutil.copyfile(source, path)
