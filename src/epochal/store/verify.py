"""Verifying a run: every stored byte is checked, what is damaged or missing is named.

Nothing is changed, and nothing has to be stopped: a run may be verified while it is recorded.
"""

from __future__ import annotations

import contextlib
import json
import os
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from epochal.core import ring
from epochal.core.errors import DamageError, RunFolderError
from epochal.core.event_shapes import Sieve
from epochal.core.items import Layout
from epochal.core.names import slug
from epochal.journal import frames
from epochal.journal.frames import Segment
from epochal.journal.reader import Position
from epochal.journal.session import rank_of
from epochal.store import checkpoint_check, cursor, folder, media_check, sealed, sequence
from epochal.store.checker import Checker
from epochal.store.checkpoint_check import CheckpointRecord
from epochal.store.columns import SegmentData, read_segment
from epochal.store.events import Events, decoded, of_manifest
from epochal.store.level_files import level_path, open_level
from epochal.store.liveness import Life, life
from epochal.store.media_check import MediaRecord
from epochal.store.sealed import Manifest, SealedFile
from epochal.store.sequence import Range


class Damaged(NamedTuple):
    """Bytes ``start`` to ``stop`` of a file (relative to the run folder) that cannot be used.

    0 to 0: the bytes are sound, and what they say cannot be used.
    """

    file: str
    start: int
    stop: int
    reason: str


class Gap(NamedTuple):
    """Records ``first`` to ``last`` of a session that are nowhere."""

    session: str
    first: int
    last: int

    @property
    def records(self) -> int:
        """How many there are."""
        return self.last - self.first + 1


@dataclass
class Verification:
    """What was found in one run.

    Attributes:
        run_dir: the run.
        files, bytes: how much was checked.
        records: rows and events that are there.
        media: images, videos and the like, compared with their hashes.
        unused_bytes: bytes in ``media/`` that no record points at.
        damage: bytes that cannot be used.
        gaps: records that are missing.
        dropped: records that the training had to drop and counted; they are gaps too.
        behind: sink → bytes of the journal that it has not taken yet.
        refused: sink → records that it refused, set aside in ``follow/``.
        remarks: what is worth knowing and no loss.
    """

    run_dir: str
    files: int = 0
    bytes: int = 0
    records: int = 0
    damage: list[Damaged] = field(default_factory=list)
    gaps: list[Gap] = field(default_factory=list)
    dropped: int = 0
    media: int = 0
    unused_bytes: int = 0
    behind: dict[str, int] = field(default_factory=dict)
    refused: dict[str, int] = field(default_factory=dict)
    remarks: list[str] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Whether nothing is damaged and nothing is missing; mirrors may be behind."""
        return not self.damage and not self.gaps

    @property
    def missing(self) -> int:
        """How many records are missing."""
        return sum(gap.records for gap in self.gaps)


def verify_run(run_dir: str, checker: Checker | None = None) -> Verification:
    """Check every file of a run that Epochal answers for.

    Args:
        run_dir: the run's folder.
        checker: for several runs one after the other, to share its process.

    Returns:
        What was found; damage is reported, never raised.

    Raises:
        OSError: the folder cannot be read.

    Example:
        >>> import epochal, tempfile
        >>> with epochal.init(project="doc", dir=tempfile.mkdtemp()) as run:
        ...     run.log({"loss": 0.5}, step=1)
        >>> verify_run(run.dir).ok
        True
    """
    found = Verification(run_dir)
    _check_description(found)
    closing = contextlib.closing(Checker()) if checker is None else contextlib.nullcontext(checker)
    with closing as files:
        sessions = [_Session(found, each, files) for each in _by_session(run_dir).values()]
        for session in sessions:
            session.check()
    _check_media(found, set().union(*(session.media for session in sessions)))
    _check_checkpoints(found, [each for session in sessions for each in session.checkpoints])
    _check_mirrors(found)
    return found


def _by_session(run_dir: str) -> dict[str, list[Segment]]:
    # The journal is listed first: what is sealed in between is then seen twice, never not.
    live = frames.segments(os.path.join(run_dir, "journal"))
    done = sealed.sealed_segments(os.path.join(run_dir, "sealed"))
    sessions: dict[str, list[Segment]] = {}
    for segment in sorted({*live, *done}):
        sessions.setdefault(segment.session, []).append(segment)
    return sessions


def _check_description(found: Verification) -> None:
    path = os.path.join(found.run_dir, folder.RUN_FILE)
    found.damage += [Damaged(file, 0, 0, why) for file, why in folder.odd_files(found.run_dir)]
    size = os.path.getsize(path) if os.path.exists(path) else 0
    found.files, found.bytes = found.files + 1, found.bytes + size
    try:
        folder.describe(found.run_dir)
    except RunFolderError as error:
        found.damage.append(Damaged(folder.RUN_FILE, 0, size, _why(error.__cause__ or error)))


class _Session:
    """Checks the segments of one session, sealed or not."""

    def __init__(self, found: Verification, segments: list[Segment], files: Checker) -> None:
        self.found, self.segments, self.files = found, segments, files
        self.journal = os.path.join(found.run_dir, "journal")
        self.sealed = os.path.join(found.run_dir, "sealed")
        self.layouts: dict[int, Layout] = {}
        self.seq: list[Range] = []
        self.end = 0
        self.torn: Damaged | None = None
        self.descriptor: dict[str, Any] = {}
        self.media: set[MediaRecord] = set()
        self.checkpoints: list[CheckpointRecord] = []

    def check(self) -> None:
        """Check all segments, then whether any record is missing between them."""
        for segment in self.segments:
            manifest = self._manifest(segment)
            if os.path.exists(os.path.join(self.journal, segment.name)):
                self._check_journal(segment, last=segment == self.segments[-1])
            if manifest is not None:
                self._check_sealed(segment, manifest)
        self._check_end()
        self._check_sequence()

    def _manifest(self, segment: Segment) -> Manifest | None:
        name = sealed.manifest_name(segment)
        path = os.path.join(self.sealed, name)
        if not os.path.exists(path):
            return None
        self._counted(path)
        try:
            manifest = sealed.read_manifest(self.sealed, segment)
        except DamageError as error:
            self._damaged(f"sealed/{name}", 0, os.path.getsize(path), _why(error))
            return None
        self.layouts.update(sealed.layouts_of(manifest))
        return manifest

    def _check_journal(self, segment: Segment, *, last: bool) -> None:
        path = os.path.join(self.journal, segment.name)
        try:
            data = read_segment(self.journal, segment, self.layouts)
        except FileNotFoundError:
            return  # sealed since it was listed: its manifest comes next
        self._counted(path)
        self.descriptor = data.descriptor or self.descriptor
        self._take(segment, data)
        for each in data.damage:
            damaged = Damaged(f"journal/{segment.name}", each.start, each.stop, each.reason)
            if not each.torn:
                self.found.damage.append(damaged)
            elif last:
                self.torn = damaged
            else:  # a killed writer's last frame: recovery wrote its records to the next segment
                self.found.remarks.append(
                    f"{damaged.file}: bytes {each.start:,} to {each.stop:,} are an unfinished"
                    " frame; what it held is in the next file"
                )

    def _take(self, segment: Segment, data: SegmentData) -> None:
        for block in data.blocks:
            self.seq += sequence.ranges(block.rows["seq"])
        self.seq += sequence.ranges(np.array(data.events.seq))
        self._take_events(segment, data.events)

    def _take_events(self, segment: Segment, events: Events) -> None:
        sieve = Sieve(segment.name)
        fields = zip(events.kinds, decoded(events.texts), strict=True)
        events = events.where([sieve.passes(data, (kind,)) for kind, data in fields])
        for reason in sieve.reasons():
            self._damaged(f"journal/{segment.name}", 0, 0, reason)
        self.media |= media_check.records(events)
        self.checkpoints += checkpoint_check.records(events)
        self.found.dropped += sum(int(e.data.get("dropped") or 0) for e in events.of("end"))

    def _check_sealed(self, segment: Segment, manifest: Manifest) -> None:
        self.descriptor = manifest.descriptor or self.descriptor
        if not os.path.exists(os.path.join(self.journal, segment.name)):
            for start, stop, reason in manifest.damage:  # as it was when it was sealed
                self._damaged(f"journal/{segment.name}", start, stop, f"{reason} (before sealing)")
            with contextlib.suppress(DamageError):  # told below
                self._take_events(segment, of_manifest(self.sealed, manifest))
        self.seq += [(event["seq"], event["seq"] + 1) for event in manifest.events]
        for file in manifest.files:
            content = self.files.check(os.path.join(self.sealed, file.name), file)
            self._counted(os.path.join(self.sealed, file.name))
            for start, stop, reason in content.damage:
                self._damaged(f"sealed/{file.name}", start, stop, reason)
            self._check_level(file)
            self.seq += content.seq or []
            if content.seq is None:
                self.end = max(self.end, manifest.seq[1])

    def _check_level(self, file: SealedFile) -> None:
        """Check what a table was condensed to; nothing is lost with it."""
        with contextlib.suppress(FileNotFoundError):
            try:
                open_level(self.sealed, file).check()
            except DamageError as error:
                why = str(error).removeprefix(self.found.run_dir + os.sep)
                self.found.remarks.append(f"{why} by `epochal seal`")
            self._counted(level_path(self.sealed, file))

    def _check_end(self) -> None:
        """Say what an unfinished frame at the very end means: still written, unsaved or lost."""
        name = self.segments[-1].session
        try:
            state = life(self.found.run_dir, name) if self._has_journal() else Life.ENDED
        except (OSError, IndexError, ValueError, KeyError):
            state = Life.SILENT
        waiting = state is Life.DEAD and ring.is_alive(self.descriptor.get("ring", "")) is False
        if waiting:
            self.found.remarks.append(
                f"session {name}: its process is gone and its last records are still in memory;"
                " `epochal recover` saves them"
            )
        if self.torn is not None and state is not Life.ALIVE and not waiting:
            self.found.damage.append(self.torn._replace(reason=f"{self.torn.reason}, at its end"))

    def _has_journal(self) -> bool:
        return any(os.path.exists(os.path.join(self.journal, s.name)) for s in self.segments)

    def _check_sequence(self) -> None:
        """Find the numbers that are missing; what a damaged sealed file held counts as missing."""
        known = sequence.joined(self.seq)
        self.found.records += sum(stop - start for start, stop in known)
        session = self.segments[0].session
        for start, stop in sequence.missing(known, self.end):
            self.found.gaps.append(Gap(session, start, stop - 1))

    def _counted(self, path: str) -> int:
        size = os.path.getsize(path) if os.path.exists(path) else 0
        self.found.files, self.found.bytes = self.found.files + 1, self.found.bytes + size
        return size

    def _damaged(self, file: str, start: int, stop: int, reason: str) -> None:
        self.found.damage.append(Damaged(file, start, stop, reason))


def _check_media(found: Verification, media: set[MediaRecord]) -> None:
    found.media = len(media)
    for file in media_check.check(found.run_dir, media):
        found.files, found.bytes = found.files + 1, found.bytes + file.bytes
        found.damage += [Damaged(*fault) for fault in file.faults]
        found.unused_bytes += file.unused
    if found.unused_bytes:
        found.remarks.append(
            f"{found.unused_bytes:,} bytes in {media_check.FOLDER}/ belong to no record: whoever"
            " wrote them was killed, or is about to record them"
        )


def _check_checkpoints(found: Verification, records: list[CheckpointRecord]) -> None:
    for file in checkpoint_check.check(found.run_dir, records):
        found.files, found.bytes = found.files + 1, found.bytes + file.bytes
        if file.fault:
            found.damage.append(Damaged(file.file, 0, file.bytes, file.fault))


# -- mirrors ---------------------------------------------------------------------------------


def behind(run_dir: str) -> dict[str, int]:
    """Return the bytes of a run that each mirror has not taken yet; only those with some.

    What is sealed counts as it was in the journal: a mirror that begins late replays it.  Of a
    distributed job, mirrors take what rank 0 recorded.

    Raises:
        RunFolderError: the run's description cannot be read.
    """
    known = cursor.cursors(run_dir)
    live = frames.segments(os.path.join(run_dir, "journal"))
    others = {s.session for s in {s.session: s for s in live}.values() if _is_other(run_dir, s)}
    sizes = {s: 0 if s.session in others else _size(run_dir, s) for s in live}
    sealed_only = set(sealed.sealed_segments(os.path.join(run_dir, "sealed"))) - set(sizes)
    sizes |= {segment: _sealed_size(run_dir, segment) for segment in sealed_only}
    lag = {}
    about = folder.describe(run_dir)
    ended_with_their_process = set(map(slug, about.get("sink_objects", ())))
    named = [*about.get("sinks", ()), *about.get("sinks_missing", ())]
    names = {slug(name): name for name in named}
    for sink in sorted({*names, *known} - ended_with_their_process):
        positions = known[sink].positions if sink in known else {}
        left = sum(_left(segment, size, positions) for segment, size in sizes.items())
        if left:
            lag[names.get(sink, sink)] = left
    return lag


def _left(segment: Segment, size: int, positions: dict[str, Position]) -> int:
    at = positions.get(segment.session, Position())
    if at.index > segment.index:
        return 0
    return max(0, size - at.offset) if at.index == segment.index else size


def _size(run_dir: str, segment: Segment) -> int:
    try:
        return os.path.getsize(os.path.join(run_dir, "journal", segment.name))
    except FileNotFoundError:
        return 0  # sealed meanwhile, so every mirror has it


def _is_other(run_dir: str, segment: Segment) -> bool:
    """Say whether another rank than 0 wrote a segment of the journal."""
    try:
        return bool(rank_of(os.path.join(run_dir, "journal"), segment))
    except FileNotFoundError:
        return False


def _sealed_size(run_dir: str, segment: Segment) -> int:
    try:
        manifest = sealed.read_manifest(os.path.join(run_dir, "sealed"), segment)
    except (DamageError, OSError):
        return 0  # reported where sealed files are checked
    return 0 if manifest.rank else manifest.source_bytes


def _check_mirrors(found: Verification) -> None:
    try:
        found.behind = behind(found.run_dir)
    except RunFolderError:
        return  # reported as a damaged description
    follow = os.path.join(found.run_dir, "follow")
    for name in sorted(frames.plain_names(follow)):
        path = os.path.join(follow, name)
        if name.endswith(".refused.jsonl"):
            with open(path, "rb") as file:
                found.refused[name.removesuffix(".refused.jsonl")] = sum(1 for _ in file)
        elif name.endswith(".json") and not name.startswith("."):
            try:
                with open(path, "rb") as file:
                    json.load(file)
            except (ValueError, RecursionError) as error:
                found.remarks.append(f"follow/{name} is damaged ({error}): that mirror starts over")


def _why(error: BaseException) -> str:
    return (getattr(error, "strerror", None) or str(error)).partition("\n")[0]
