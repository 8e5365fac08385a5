"""A channel: what one process needs to write to one run, opened by its first call.

The composition root (``epochal.api``) says how a session, its ring and its journal are made; this
layer only knows what they can do.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

from epochal.core.problems import Problems
from epochal.core.ring import Ring
from epochal.record.device import DeviceValues
from epochal.record.media import MediaQueue
from epochal.record.media_files import MediaFiles
from epochal.record.recorder import Recorder, Refuse
from epochal.record.values import Values


class Journal(Protocol):
    """What a channel needs of the journal's writer (``epochal.journal.writer``)."""

    failing: str

    def start(self, source: Any) -> bool:
        """Begin to move items from the ring; False: only when asked, as no thread can run."""

    def wake(self) -> None:
        """Hurry."""

    def flush(self, *, sync: bool, timeout_s: float) -> bool:
        """Wait until the ring is in the journal; False: not in time."""

    def stop(self, timeout_s: float) -> bool:
        """Flush, sync and end; False: something is still in the ring."""

    def lag_s(self) -> float:
        """Return the age of the oldest item that is only in the ring."""

    def abandon(self) -> None:
        """Forget everything in a forked child."""


class Opened(NamedTuple):
    """A new session: where its records and its media go, and types of media that it leaves out."""

    ring: Ring
    journal: Journal
    files: MediaFiles
    off: frozenset[str] = frozenset()


OpenSession = Callable[[], Opened]


class Channel:
    """Recorder, ring, journal, device queue and media of one process for one run."""

    def __init__(self, open_session: OpenSession, problems: Problems, refuse: Refuse) -> None:
        self.ring, self.journal, files, off = open_session()
        self.device = DeviceValues(self._late_row, problems)
        self.media = MediaQueue(files, self._late_event, problems)
        self.values = Values(self._put_event, self.device.put, problems, self.media.put, off)
        # A character is at most twelve bytes of JSON (two escapes), an item a quarter of the ring.
        self.values.text_chars = self.ring.capacity // 4 // 16
        self.recorder = Recorder(
            self.ring, self.journal.wake, self.values, self.values.names, refuse,
            problems.tell_noted,
        )  # fmt: skip
        self.survives = self.ring.survives_the_process
        try:
            if not self.journal.start(self.recorder):
                self.recorder.wake_each_call()
        except BaseException:  # Ctrl-C too: no ring stays, and the caller is told what it was
            self.ring.close(unlink=True)
            raise

    def _put_event(self, kind: str, data: Any) -> bool:
        return self.recorder.put_event(kind, data)

    def _late_row(self, *row: Any) -> None:
        self.recorder.late_row(*row)

    def _late_event(self, kind: str, data: Any, mono_ns: int) -> bool:
        return self.recorder.event(kind, data, mono_ns)

    def flush(self, *, sync: bool, timeout_s: float) -> bool:
        """Wait for device values and media, then for the journal."""
        return (
            self.device.flush(timeout_s)
            and self.media.flush(sync=sync, timeout_s=timeout_s)
            and self.journal.flush(sync=sync, timeout_s=timeout_s)
        )

    def close(self, timeout_s: float) -> bool:
        """End everything; False: the ring stays behind for recovery."""
        complete = self.journal.stop(timeout_s)
        self.ring.close(unlink=complete)
        return complete

    def abandon(self) -> None:
        """Drop the parent's side in a forked child."""
        self.media.abandon()
        self.journal.abandon()
        self.ring.abandon()
