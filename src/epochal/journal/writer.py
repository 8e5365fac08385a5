"""The writer thread: moves items from the ring to the journal.

One daemon thread copies whatever is in the ring into frames, at least every 200 ms, with one
system call a tick and straight from the ring's memory.  A second one makes the disk keep them,
every 2 s.  Neither is ever waited for by the training thread, except in ``flush``.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Callable
from typing import Protocol

from epochal.core import items
from epochal.core.bell import Bell
from epochal.core.items import Layout, to_json
from epochal.core.ring import HEAD, TAIL, Ring
from epochal.core.system import sync_data, sync_folder
from epochal.journal import frames
from epochal.journal.segment import Buffer, SegmentFile
from epochal.journal.session import Session, descriptor_payload

TICK_S = 0.2
SYNC_S = 2.0
HEARTBEAT_S = 10.0
SLOWEST_RETRY_S = 1.0


class Source(Protocol):
    """What the writer needs to see of the recorder."""

    ring: Ring
    layouts: list[Layout]
    seq: int
    dropped: int


class JournalWriter:
    """Writes one session's journal.

    Args:
        run_dir: the run's folder; the files go to its ``journal`` folder.
        session: whose journal it is.
        on_problem: called with (topic, message) when writing fails; must not raise.

    Attributes:
        failing: the message of the error that is being retried, or "".
        synced_seq: items before this one survive power loss.
    """

    def __init__(
        self, run_dir: str, session: Session, on_problem: Callable[[str, str], None]
    ) -> None:
        self.folder = os.path.join(run_dir, "journal")
        self.session, self._on_problem = session, on_problem
        self.failing = ""
        self._source: Source | None = None
        self._index = 0
        self._file: SegmentFile | None = None
        self._full: list[SegmentFile] = []
        self._io = threading.Lock()
        self._bell = Bell()
        self._stopping = threading.Event()
        self._threads: list[threading.Thread] = []
        self._heartbeat_at = 0.0
        self._described = 0
        self._ending = False
        self._folder_synced = False

    # -- called by the training thread -------------------------------------------------------

    def start(self, source: Source) -> bool:
        """Open the first segment and start both threads; False: no thread can be started."""
        self._source = source
        os.makedirs(self.folder, mode=0o700, exist_ok=True)
        with self._io:
            self._open_next()
        try:
            for name, body in (("write", self._write_loop), ("sync", self._sync_loop)):
                thread = threading.Thread(target=body, name=f"epochal-{name}", daemon=True)
                thread.start()
                self._threads.append(thread)
        except RuntimeError:  # the interpreter shuts down, or a subinterpreter forbids threads
            self._stopping.set()
            return False
        return True

    def wake(self) -> None:
        """Hurry the writer; safe in a signal handler."""
        self._bell.ring()
        if not self._threads and self._source is not None:
            self.drain()

    def flush(self, *, sync: bool, timeout_s: float) -> bool:
        """Wait until everything published so far is in the journal; False: it took too long."""
        if self._source is None:
            return True
        counters = self._source.ring.counters
        target, deadline = counters[HEAD], time.monotonic() + timeout_s
        while counters[TAIL] < target:
            if time.monotonic() > deadline:
                return False
            self.wake()
            time.sleep(0.0005)
        return self._sync_until(deadline) if sync else True

    def stop(self, timeout_s: float) -> bool:
        """End both threads after a last drain and sync; True: the journal has everything."""
        deadline = time.monotonic() + timeout_s
        self._ending = True
        complete = self.flush(sync=True, timeout_s=timeout_s)
        self._stopping.set()
        self.wake()
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        if not any(thread.is_alive() for thread in self._threads):
            for file in (*self._full, self._file):
                if file is not None:
                    file.close()
            self._file, self._full = None, []
        return complete

    def lag_s(self) -> float:
        """Return how old the oldest item is that is not yet in the journal."""
        source = self._source
        if source is None or source.ring.counters[TAIL] >= source.ring.counters[HEAD]:
            return 0.0
        for _, _, piece in source.ring.pending():
            _, _, _, mono_ns = items.HEADER.unpack_from(piece)
            return max(0.0, (time.monotonic_ns() - mono_ns) / 1e9) if mono_ns else 0.0
        return 0.0

    # -- the writing thread ------------------------------------------------------------------

    def _write_loop(self) -> None:
        delay_s = TICK_S
        while not self._stopping.is_set():
            self._bell.wait(delay_s)
            good = self.drain()
            delay_s = TICK_S if good else min(delay_s * 2, SLOWEST_RETRY_S)
            if not good:  # a wake-up must not turn the retry into a busy loop
                self._stopping.wait(0.02)

    def drain(self) -> bool:
        """Move what is in the ring to the journal; False: the disk refused, it will be retried."""
        with self._io:
            try:
                self._drain()
            except Exception as error:  # noqa: BLE001 - this thread must live; told, tried again
                if not self._stopping.is_set():
                    self._failed(error)
                return False
        if self.failing:
            self.failing = ""
            self._on_problem("journal", "the journal is being written again; nothing was lost")
        return True

    def _drain(self) -> None:
        source = self._source
        if source is None:
            return
        if self._file is None or self._file.size >= frames.SEGMENT_BYTES:
            self._open_next()
        parts: list[Buffer] = []
        taken = source.ring.counters[TAIL]
        for _, resume, piece in source.ring.pending():
            parts += self._item_frames(piece)
            taken = resume
        parts += self._about()
        if parts:
            self._append(parts)
            source.ring.take(taken)

    def _about(self) -> list[Buffer]:
        """Return what is due besides items: a heartbeat, a descriptor that lists new layouts.

        Each layout is soon listed by a second frame, so that a damaged one does not take along
        the meaning of all rows that follow.
        """
        assert self._file is not None
        assert self._source is not None
        parts: list[Buffer] = []
        due = time.monotonic() - self._heartbeat_at > HEARTBEAT_S
        if due:
            parts += self._heartbeat(self._file)
        known = len(self._source.layouts)
        if known > self._described and (due or self._ending or known >= 2 * self._described):
            parts += self._descriptor(self._file)
        return parts

    def _item_frames(self, piece: memoryview) -> list[Buffer]:
        assert self._file is not None
        if len(piece) > frames.MAX_PAYLOAD_BYTES:
            message = f"a piece of {len(piece)} bytes is larger than a frame"
            raise AssertionError(message)
        (_, _, seq, _) = items.HEADER.unpack_from(piece)
        return self._file.frame(frames.ITEMS, seq, piece)

    def _heartbeat(self, file: SegmentFile) -> list[Buffer]:
        assert self._source is not None
        self._heartbeat_at = time.monotonic()
        body = {"wall_ns": time.time_ns(), "mono_ns": time.monotonic_ns(),
                "dropped": self._source.dropped}  # fmt: skip
        return file.frame(frames.HEARTBEAT, self._source.seq, to_json(body))

    def _append(self, parts: list[Buffer]) -> None:
        assert self._file is not None
        if self._file.fresh >= frames.DESCRIPTOR_EVERY_BYTES:
            parts = [*self._descriptor(self._file), *parts]
            self._file.fresh = 0
        self._file.append(parts)

    def _descriptor(self, file: SegmentFile) -> list[Buffer]:
        assert self._source is not None
        layouts = tuple(self._source.layouts)
        self._described = len(layouts)
        payload = descriptor_payload(
            {**self.session.describe(), "segment": file.segment.index}, layouts
        )
        return file.frame(frames.DESCRIPTOR, self._source.seq, payload)

    def _open_next(self) -> None:
        """Begin a new segment; the last one is closed by the sync thread once it is safe."""
        following = SegmentFile(self.folder, self.session.segment(self._index + 1))
        try:
            following.append([*self._descriptor(following), *self._heartbeat(following)])
        except OSError:
            os.unlink(following.path)
            following.close()
            raise
        self._index += 1
        if self._file is not None:
            self._full.append(self._file)
        self._file, self._folder_synced = following, False

    def _failed(self, error: Exception) -> None:
        if not self.failing:
            self.failing = f"{getattr(error, 'strerror', None) or error!r} ({self.folder})"
            self._on_problem(
                "journal",
                f"cannot write the journal: {self.failing}; training goes on, rows wait in memory"
                " and are written when there is room again",
            )

    # -- the syncing thread ------------------------------------------------------------------

    def _sync_loop(self) -> None:
        while not self._stopping.wait(SYNC_S):
            self.sync()

    def _sync_until(self, deadline: float) -> bool:
        done = threading.Event()

        def body() -> None:
            while time.monotonic() < deadline and not done.is_set():
                if self.sync():  # refused: the data went to another file, which is synced now
                    done.set()
                else:
                    time.sleep(0.01)

        try:
            threading.Thread(target=body, name="epochal-flush", daemon=True).start()
        except RuntimeError:
            return self.sync() or self.sync()
        return done.wait(max(0.0, deadline - time.monotonic()))

    def sync(self) -> bool:
        """Make the disk keep what was written; False: it refused, the data goes to a new file."""
        with self._io:
            file, full, self._full = self._file, self._full, []
        good = True
        for each in (*full, file):
            if each is not None:
                good &= self._sync_file(each)
        for each in full:
            each.close()
        if good and not self._folder_synced:
            self._sync_folders()
        return good

    def _sync_file(self, file: SegmentFile) -> bool:
        size = file.size
        if size == file.synced:
            return True
        try:
            if not file.suspect:
                sync_data(file.fd)
                file.synced = size
                return True
        except OSError as error:
            self._on_problem("sync", f"cannot sync {file.path}: {error.strerror}; written again")
        self._rewrite(file)
        return False

    def _rewrite(self, file: SegmentFile) -> None:
        """Write again, to a new file, what a failed sync may have lost.

        After a failed sync the kernel forgets which pages were dirty, so a second sync of the same
        file would report success for data that is gone.  If this fails too, it is tried again.
        """
        file.suspect = True
        with self._io, contextlib.suppress(OSError):
            data = file.unsynced()
            if self._file is file:
                self._open_next()
            for found in frames.scan(data, file.segment.mark):
                if isinstance(found, frames.Frame) and self._file is not None:
                    self._append(self._file.frame(found.kind, found.seq, found.payload))
            file.synced, file.suspect = file.size, False

    def _sync_folders(self) -> None:
        self._folder_synced = True
        for folder in (self.folder, os.path.dirname(self.folder)):
            with contextlib.suppress(OSError):
                sync_folder(folder)

    def abandon(self) -> None:
        """Forget everything in a forked child: files, locks and threads are the parent's."""
        for file in (*self._full, self._file):
            if file is not None:
                file.close()
        self._source, self._file, self._full, self._threads = None, None, [], []
        self._io = threading.Lock()
