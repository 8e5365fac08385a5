"""Media on their way: frozen in the training thread, encoded, written and recorded in another.

The queue is bounded.  When a loop gives more than the machine can encode, media are kept raw
instead; when even that is too slow they are dropped, counted and told.
"""

from __future__ import annotations

import hashlib
import os
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from epochal.core.bell import Bell
from epochal.core.media import Encoded, Frozen, Media
from epochal.core.problems import Problems, logger
from epochal.record.media_files import MediaFiles

PRESSURE_BYTES = 64 << 20
"""When so much waits, media are no longer encoded but kept raw."""

MAX_WAITING_BYTES = 256 << 20
MAX_WAITING = 200_000
"""Beyond these, media are dropped and counted."""

SYNC_S = 2.0
POLL_S = 0.002
RETRY_S = 0.5
HURRY_S = 0.5
"""So long the end of a run waits for encoding; what is left then is kept raw."""
GIVE_UP_S = 1.0
"""The end of a run waits as long as something is finished this often, at most LAST_CHANCE_S."""
LAST_CHANCE_S = 60.0

PutEvent = Callable[[str, Mapping[str, Any], int], bool]


class _Waiting(NamedTuple):
    """A medium; ``fields`` are those of the event that are known."""

    fields: dict[str, Any]
    frozen: Frozen
    mono_ns: int


class _Artifact(NamedTuple):
    """A file or folder whose content is to be hashed."""

    fields: dict[str, Any]
    mono_ns: int
    frozen: Frozen = Frozen(0, lambda: True, lambda: Encoded("", b"", {}))


class MediaQueue:
    """Takes media and files of one session; one thread encodes, writes and records them.

    Args:
        files: where bytes go.
        put: records an event: (kind, fields, monotonic time of the call).
        problems: told what is dropped or cannot be encoded.
    """

    def __init__(self, files: MediaFiles, put: PutEvent, problems: Problems) -> None:
        self._files, self._put, self._problems = files, put, problems
        self._waiting: deque[_Waiting | _Artifact] = deque()
        self._bytes = 0
        self._hurry = self._dirty = self._dead = False
        self._done = 0
        self._thread: threading.Thread | None = None
        self._arrived = Bell()

    def __len__(self) -> int:
        """Return how many wait."""
        return len(self._waiting)

    def put(self, where: dict[str, Any], media: Media) -> None:
        """Take a medium; what it was made of may be changed at once.

        Raises:
            ValueError, TypeError, OSError: it is not what it should be.
        """
        frozen = media.freeze()
        if self._bytes + frozen.nbytes > MAX_WAITING_BYTES or len(self) >= MAX_WAITING:
            self._problems.note(
                "media", f"{where['key']!r} was dropped: {len(self):,} media"
                f" ({self._bytes / 2**20:,.0f} MiB) already wait to be written; log fewer of them",
            )  # fmt: skip
            return
        self._bytes += frozen.nbytes
        fields = {**where, "type": media.type, "caption": str(media.caption or "")}
        self._add(_Waiting(fields, frozen, time.monotonic_ns()))

    def put_artifact(self, fields: dict[str, Any]) -> None:
        """Take a file or folder, whose content is hashed in the thread."""
        self._add(_Artifact(fields, time.monotonic_ns()))

    def flush(self, *, sync: bool, timeout_s: float) -> bool:
        """Wait until nothing waits; False: it took too long, or the disk does not take it."""
        deadline = time.monotonic() + timeout_s
        while self._waiting:
            if time.monotonic() > deadline:
                return False
            time.sleep(POLL_S)
        return self._sync() if sync else True

    def finish(self) -> None:
        """Write what waits before the run ends, as long as it goes on; the rest is counted."""
        start = moved = time.monotonic()
        done = self._done
        while self._waiting and self._thread is not None and self._thread.is_alive():
            now = time.monotonic()
            if done != self._done:
                done, moved = self._done, now
            self._hurry = now - start > HURRY_S
            if now - moved > GIVE_UP_S or now - start > LAST_CHANCE_S:
                break
            time.sleep(POLL_S)
        self._dead = True
        if left := len(self._waiting):
            self._problems.counts["media"] += left
            self._problems.tell("media_end", f"{left:,} media were not written before the end")
        self._arrived.ring()
        self._sync()
        self._files.close()

    def abandon(self) -> None:
        """Forget everything in a forked child."""
        self._waiting.clear()
        self._dead, self._thread = True, None

    def _add(self, item: _Waiting | _Artifact) -> None:
        self._waiting.append(item)
        if self._thread is None:
            self._thread = threading.Thread(target=self._loop, name="epochal-media", daemon=True)
            self._thread.start()
        self._arrived.ring()

    def _loop(self) -> None:
        synced = time.monotonic()
        while not self._dead:
            self._arrived.wait(SYNC_S if self._dirty else None)
            while self._waiting and not self._dead:
                item = self._waiting[0]
                while not (item.frozen.ready() or self._dead):
                    time.sleep(POLL_S)
                if not self._try(item):
                    time.sleep(RETRY_S)
                    continue
                self._bytes -= item.frozen.nbytes
                self._done += 1
                self._waiting.popleft()
            if self._dirty and time.monotonic() - synced >= SYNC_S:
                self._sync()
                synced = time.monotonic()

    def _try(self, item: _Waiting | _Artifact) -> bool:
        """Encode, write and record an item; False: the disk does not take it now."""
        try:
            if isinstance(item, _Artifact):
                kind, fields, body = "artifact", hashed(item.fields), b""
            else:
                kind, (fields, body) = "media", self._encoded(item)
        except Exception as error:  # noqa: BLE001 - a stranger's array or file; counted and told
            name = item.fields["name"] if isinstance(item, _Artifact) else item.fields["key"]
            self._problems.counts["media"] += 1
            why = f"{type(error).__name__}: {error}"
            self._problems.tell(f"media:{name}", f"cannot record {name!r}: {why}")
            return True
        try:
            if body:
                fields |= self._written(fields, body)
        except OSError as error:
            self._problems.tell("media_disk", f"media wait as they cannot be written: {error}")
            return False
        self._record(kind, fields, item.mono_ns)
        return True

    def _encoded(self, item: _Waiting) -> tuple[dict[str, Any], bytes]:
        """Return the fields and the bytes of a medium."""
        encoded = self._encode(item)
        fields: dict[str, Any] = {
            **item.fields, "format": encoded.format, "bytes": len(encoded.data), "sha256": "",
            "about": encoded.about,
        }  # fmt: skip
        if encoded.inline is not None:
            fields["inline"] = encoded.inline
        return fields, encoded.data

    def _encode(self, item: _Waiting) -> Encoded:
        raw = item.frozen.raw
        if raw is None:
            return item.frozen.encode()
        if self._hurry or self._bytes > PRESSURE_BYTES:
            self._problems.tell(
                "media_raw", "media come faster than they can be encoded: they are kept raw, which"
                " takes more room; log fewer of them",
            )  # fmt: skip
            return raw()
        try:
            return item.frozen.encode()
        except Exception as error:  # noqa: BLE001 - a stranger's encoder; told, nothing is lost
            why = f"{type(error).__name__}: {error}; such media are kept raw"
            self._problems.tell(f"media_encoder:{item.fields['type']}", why)
            return raw()

    def _written(self, fields: Mapping[str, Any], body: bytes) -> dict[str, Any]:
        """Write the bytes; return where they are."""
        digest = hashlib.sha256(body).hexdigest()
        place = self._files.put(body, digest, fields["key"], fields["step"], fields["format"])
        self._dirty = True
        where: dict[str, Any] = {"sha256": digest, "file": place.file}
        return where if place.offset is None else {**where, "offset": place.offset}

    def _record(self, kind: str, fields: dict[str, Any], mono_ns: int) -> None:
        try:
            placed = self._put(kind, fields, mono_ns)
        except ValueError as error:  # the run was finished without waiting for this
            logger.debug("a medium came too late: %s", error)
            placed = False
        if not placed:
            name = fields.get("key") or fields.get("name")
            self._problems.counts["media"] += 1
            self._problems.tell("media_room", f"there was no room to record {name!r}")

    def _sync(self) -> bool:
        try:
            self._files.sync()
        except OSError as error:
            self._problems.tell("media_sync", f"media may not survive power loss: {error}")
            return False
        self._dirty = False
        return True


def hashed(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of an artifact with size and SHA-256 of its file or all files of a folder.

    Raises:
        OSError: it cannot be read.
    """
    path = fields["path"]
    if not os.path.isdir(path):
        size, digest = _hash(path)
        return {**fields, "bytes": size, "sha256": digest}
    files = []
    for folder, _, names in sorted(os.walk(path)):
        for name in sorted(names):
            inner = os.path.join(folder, name)
            if os.path.isfile(inner):
                files.append([os.path.relpath(inner, path), *_hash(inner)])
    return {**fields, "bytes": sum(f[1] for f in files), "sha256": "", "files": files}


def _hash(path: str) -> tuple[int, str]:
    digest, size = hashlib.sha256(), 0
    with open(path, "rb") as file:
        while piece := file.read(1 << 20):
            digest.update(piece)
            size += len(piece)
    return size, digest.hexdigest()
