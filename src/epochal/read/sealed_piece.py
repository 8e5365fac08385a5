"""A table of a sealed segment, read from its level, and row group by row group."""

from __future__ import annotations

import os
from collections.abc import Callable, Hashable, Sequence
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from epochal.core.errors import DamageError
from epochal.core.items import HAS_EPOCH, Layout
from epochal.read.level_cache import Cache
from epochal.read.parts import SealedPart
from epochal.read.pieces import Piece, Span, by_group, size_of_span
from epochal.store import levels, sealed
from epochal.store.columns import Array
from epochal.store.level_files import LevelFile, open_level
from epochal.store.levels import Condensed, Ruler
from epochal.store.sealed import ELAPSED, SEQ, STEP, SealedFile

if TYPE_CHECKING:
    from epochal.store.parquet import RowGroups

T = TypeVar("T")
_STORED_SPANS = {STEP: "step", ELAPSED: "elapsed"}


class SealedPiece(Piece):
    """A table of a sealed segment."""

    def __init__(self, part: SealedPart, file: SealedFile, layout: Layout, cache: Cache) -> None:
        self._folder, self._file, self._cache = part.folder, file, cache
        self._keys, self._layout = layout.keys, layout
        self._path = os.path.join(part.folder, file.name)
        self.rows, self.has_epoch = file.rows, bool(layout.variant & HAS_EPOCH)

    def take(self, columns: Sequence[str], blocks: Array | None = None) -> list[Array]:
        """Return columns of the rows of some blocks."""
        names = [self._stored(column) for column in columns]
        groups = self._groups()
        if blocks is None and len(groups.starts) == 2:
            return self._group(groups, 0, names)
        if blocks is None:
            return self._decoded(groups, range(len(groups.starts) - 1), names)
        pieces: list[list[Array]] = []
        for group, parts in by_group(blocks, self.rows, groups.starts):
            arrays = self._group(groups, group, names)
            pieces += [[array[part] for array in arrays] for part in parts]
        return [np.concatenate(column) for column in zip(*pieces, strict=True)]

    def seq(self) -> Array:
        """Return the first sequence number of each block."""

        def load() -> Array:
            stored = self._of_level(LevelFile.seq)
            return self.take([SEQ])[0][:: levels.BLOCK].copy() if stored is None else stored

        return self._cache.once(self._key("seq"), load, lambda array: array.nbytes)

    def span(self, column: str) -> Span:
        """Return the lowest and highest value of a column in each block."""

        def load() -> Span:
            name = _STORED_SPANS.get(column)
            stored = self._of_level(lambda level: level.span(name)) if name else None
            return levels.spans(self.take([column])[0]) if stored is None else stored

        return self._cache.once(self._key("span", column), load, size_of_span)

    def condensed(self, column: str, along: str = STEP) -> Condensed:
        """Return a metric by blocks, its extremes placed along another column."""

        def load() -> Condensed:
            number = self._keys.index(column[1:])
            stored = self._of_level(lambda level: level.metric(number)) if along == STEP else None
            if stored is not None:
                return stored
            values, x = self.take([column, along])
            return levels.condense(values, Ruler(x))

        return self._cache.once(self._key(column, along), load, lambda found: found.nbytes)

    def _of_level(self, read: Callable[[LevelFile], T]) -> T | None:
        """Read something of the level file; None: it is missing or damaged there."""
        level = self._level()
        try:
            return None if level is None else read(level)
        except (OSError, DamageError):
            return None

    def _key(self, *what: Hashable) -> Hashable:
        return (self._path, self._file.footer_crc, *what)

    def _stored(self, column: str) -> str:
        """Return the name of a column in the file."""
        if not column.startswith("="):
            return column
        names = sealed.parquet_columns(self._layout)
        return names[self._keys.index(column[1:]) - len(self._keys)]

    def _level(self) -> LevelFile | None:
        """Return the level file, None: there is none, or none of this table."""

        def load() -> tuple[LevelFile | None]:
            try:
                return (open_level(self._folder, self._file),)
            except (OSError, DamageError):
                return (None,)

        return self._cache.once(self._key("level"), load, lambda _: 200 * len(self._keys))[0]

    def _groups(self) -> RowGroups:
        """Return the row groups of the file."""

        def load() -> RowGroups:
            from epochal.store.parquet import RowGroups  # loads pyarrow: only when rows are read

            return RowGroups(self._path, self._file)

        try:
            return self._cache.once(self._key("groups"), load, lambda groups: groups.nbytes)
        except FileNotFoundError as error:
            raise self._missing() from error

    def _group(self, groups: RowGroups, group: int, names: Sequence[str]) -> list[Array]:
        """Return columns of one row group, from the cache if they are there."""
        keys = {name: self._key("rows", group, name) for name in names}
        found = {name: self._cache.get(key) for name, key in keys.items()}
        missing = [name for name, array in found.items() if array is None]
        if missing:
            for name, array in zip(missing, self._decoded(groups, [group], missing), strict=True):
                # A copy: Arrow's memory stays claimed when a few of its many arrays are kept.
                found[name] = self._cache.put(keys[name], array.copy(), array.nbytes)
        return [found[name] for name in names]

    def _decoded(
        self, groups: RowGroups, wanted: Sequence[int], names: Sequence[str]
    ) -> list[Array]:
        from epochal.store.parquet import as_array  # loads pyarrow, as above

        different = list(dict.fromkeys(names))
        try:
            table = groups.read(list(wanted), different)
        except FileNotFoundError as error:
            raise self._missing() from error
        return [as_array(table[name]) for name in names]

    def _missing(self) -> DamageError:
        return DamageError(f"{self._path} is missing; `epochal verify` says what is lost")
