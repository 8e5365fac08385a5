"""The media of a run: listed at once, read one by one."""

from __future__ import annotations

import builtins
import json
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, overload

import numpy as np

from epochal.core.errors import DamageError, NotFoundError, did_you_mean
from epochal.media import stored
from epochal.read.media_records import Records
from epochal.store.columns import Array

if TYPE_CHECKING:
    import pyarrow as pa


class HistogramBins(NamedTuple):
    """A histogram: ``counts`` of shape (bins,), ``edges`` of shape (bins + 1,)."""

    counts: Array
    edges: Array


class MediaFacts:
    """What was recorded of a medium; the base of :class:`Media`."""

    __slots__ = ("_at", "_records")

    def __init__(self, records: Records, at: int) -> None:
        self._records, self._at = records, at

    @property
    def _data(self) -> dict[str, Any]:
        return self._records.data(self._at)

    @property
    def run_dir(self) -> str:
        """The folder of the run that has the bytes: a fork inherits media of its parent."""
        return self._records.run_dirs[self._at]

    @property
    def key(self) -> str:
        """The name under which it was logged."""
        return str(self._data["key"])

    @property
    def step(self) -> float | None:
        """The step, None if it has none."""
        step: float | None = self._data.get("step")
        return step

    @property
    def epoch(self) -> float | None:
        """The epoch, None if the call named none."""
        epoch: float | None = self._data.get("epoch")
        return epoch

    @property
    def elapsed_s(self) -> float:
        """Seconds since the run began."""
        return self._records.elapsed_ns[self._at] / 1e9

    @property
    def type(self) -> str:
        """Such as "image", "video", "audio", "histogram", "figure", "table" or "html"."""
        return str(self._data["type"])

    @property
    def format(self) -> str:
        """Of the bytes: png, jpg, gif, mp4, wav, json, html or npy (raw, see :meth:`array`)."""
        return str(self._data["format"])

    @property
    def caption(self) -> str:
        """The caption, "" if it has none."""
        return str(self._data.get("caption") or "")

    @property
    def bytes(self) -> int:
        """Size; 0 for a histogram, which is in the record itself."""
        return int(self._data.get("bytes", 0))

    @property
    def sha256(self) -> str:
        """SHA-256 of the bytes in hex, "" for a histogram."""
        return str(self._data.get("sha256", ""))

    @property
    def about(self) -> dict[str, Any]:
        """Facts by type, such as width, height and channels, or mean and std of a histogram."""
        return dict(self._data.get("about") or {})

    @property
    def index(self) -> tuple[int, int] | None:
        """(number, of how many) if a list was logged under the key at once, else None."""
        index = self._data.get("index")
        return None if index is None else (int(index[0]), int(index[1]))

    def __eq__(self, other: object) -> bool:
        """Return whether it is the same medium of the same view."""
        mine = self._records, self._at
        return isinstance(other, MediaFacts) and mine == (other._records, other._at)

    def __hash__(self) -> int:
        return hash((self._records, self._at))

    def __repr__(self) -> str:
        """Return type, key and step."""
        number = f", {self.index[0]} of {self.index[1]}" if self.index else ""
        return f"<{self.type} {self.key!r} at step {self.step}{number}>"


class Media(MediaFacts):
    """One medium of a run: what was recorded of it, and its bytes when they are asked for.

    Example:
        >>> import epochal, numpy as np, tempfile
        >>> with epochal.init(project="doc", dir=tempfile.mkdtemp()) as run:
        ...     run.log({"sample": epochal.Image(np.zeros((2, 3), np.uint8))}, step=1)
        >>> image = epochal.RunView(run.dir).media[0]
        >>> image.key, image.step, image.type, image.array().shape
        ('sample', 1, 'image', (2, 3, 1))
    """

    __slots__ = ()

    @property
    def path(self) -> str | None:
        """The file, None where it has none of its own: small media are packed together.

        Raises:
            DamageError: the record names no file inside the run's ``media`` folder.
        """
        alone = "file" in self._data and "offset" not in self._data
        return stored.path(self.run_dir, self._data) if alone else None

    def read(self) -> builtins.bytes:
        """Return the bytes, whose hash is checked; of a histogram, its counts and edges as JSON.

        Raises:
            DamageError: they are missing, or not those that were recorded.
        """
        if "inline" in self._data:
            return json.dumps(self._data["inline"]).encode("ascii")
        if "offset" not in self._data:
            return stored.read(self.run_dir, self._data)
        where = stored.path(self.run_dir, self._data)
        try:
            found = self._records.packs.read(where, int(self._data["offset"]), self.bytes)
        except OSError as error:
            raise DamageError(f"cannot read {where}: {error.strerror or error}") from error
        return stored.checked(found, self._data, where)

    def array(self) -> Array:
        """Return the content as an array.

        Returns:
            (height, width, channels) uint8 of an image or figure, (frames, height, width, channels)
            uint8 of a video (MP4 and GIF are lossy), (samples, channels) float32 of audio.

        Raises:
            DamageError: the bytes are missing or damaged.
            MissingExtraError: a package for the format is not installed.
            ValueError: it is something else.
        """
        return stored.decoded(self.type, self.format, self.read())

    def encoded(self, *formats: str) -> tuple[str, builtins.bytes]:
        """Return format and bytes, converted to the first of some formats if it has none of them.

        Args:
            *formats: png or jpg for images and figures, gif or mp4 for video, wav for audio.

        Raises:
            DamageError: the bytes are missing or damaged.
            MissingExtraError: a package for the conversion is not installed.
            ValueError: there is no such conversion.
        """
        if self.format in formats:
            return self.format, self.read()
        return stored.encoded(self.run_dir, self._data, *formats)

    @property
    def histogram(self) -> HistogramBins:
        """Counts and edges of a histogram; ``about`` has mean, std, nan, inf.

        Raises:
            ValueError: it is no histogram.
        """
        if self.type != "histogram":
            raise ValueError(f"{self!r} is no histogram")
        inline = self._data["inline"]
        return HistogramBins(np.array(inline["counts"]), np.array(inline["edges"], np.float64))

    @property
    def table(self) -> pa.Table:
        """A logged table; columns of mixed types become text.

        Raises:
            DamageError: the bytes are missing or damaged.
            ValueError: it is no table.
        """
        if self.type != "table":
            raise ValueError(f"{self!r} is no table")
        import pyarrow as pa

        from epochal.read.runs import arrow_array

        body = self.read()
        try:
            found = json.loads(body)
            names, rows = found["columns"], found["data"]
            columns = zip(*rows, strict=True) if rows else ((),) * len(names)
            return pa.Table.from_arrays([arrow_array(_numbers(c)) for c in columns], names)
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise DamageError(f"{self!r} is no table: {error}") from error

    def save(self, path: str | os.PathLike[str]) -> str:
        """Write the bytes to a file as they are; return its absolute path.

        Raises:
            DamageError: they are missing or damaged.
            OSError: the file cannot be written.
        """
        body, where = self.read(), os.path.abspath(path)
        with open(where, "wb") as file:
            file.write(body)
        return where


class MediaList(Sequence[Media]):
    """Media of a run in the order of logging; made by ``run.media``.

    A hundred thousand are no burden: what was recorded of a medium is decoded when it is looked at.

    Example:
        >>> import epochal, tempfile
        >>> with epochal.init(project="doc", dir=tempfile.mkdtemp()) as run:
        ...     for step in range(3):
        ...         run.log({"page": epochal.Html(f"<p>{step}</p>")}, step=step)
        >>> media = epochal.RunView(run.dir).media
        >>> media.keys(), media["page"][-1].read()
        ({'page': 3}, b'<p>2</p>')
    """

    def __init__(self, records: Records, at: Sequence[int] | None = None) -> None:
        self._records = records
        self._at: Sequence[int] = range(len(records.texts)) if at is None else at

    def __len__(self) -> int:
        """Return the number of media."""
        return len(self._at)

    @overload
    def __getitem__(self, index: int) -> Media: ...
    @overload
    def __getitem__(self, index: slice | str) -> MediaList: ...
    def __getitem__(self, index: int | slice | str) -> Media | MediaList:
        """Return one, some, or those of a key.

        Raises:
            NotFoundError: there are none of that key.
        """
        if isinstance(index, slice):
            return MediaList(self._records, self._at[index])
        if not isinstance(index, str):
            return Media(self._records, self._at[index])
        found = self.filter(key=index)
        if not found:
            known = self.keys()
            hint = did_you_mean(index, known) or f"; there are {len(known)} keys: see .keys()"
            message = f"there are no media {index!r}{hint}"
            raise NotFoundError(message)
        return found

    def __iter__(self) -> Iterator[Media]:
        """Iterate over the media."""
        return (Media(self._records, at) for at in self._at)

    def __contains__(self, item: object) -> bool:
        """Say whether there are media of a key."""
        return item in self.keys() if isinstance(item, str) else super().__contains__(item)

    def keys(self) -> dict[str, int]:
        """Return how many media each key has, in the order in which keys were first logged."""
        keys = self._records.columns.keys
        return dict(Counter(keys[i] for i in self._at))

    def filter(
        self, *, key: str | None = None, type: str | None = None, step: float | None = None
    ) -> MediaList:
        """Return the media of a key, of a type ("image", "video", …), or of a step.

        Example:
            >>> view.media.filter(type="image", step=100)  # doctest: +SKIP
            <MediaList 4: samples 4>
        """
        keys, types, steps = self._records.columns
        return MediaList(
            self._records,
            [
                i for i in self._at
                if (key is None or keys[i] == key)
                and (type is None or types[i] == type)
                and (step is None or steps[i] == step)
            ],
        )  # fmt: skip

    def __repr__(self) -> str:
        """Return how many there are, and of which keys."""
        counts = [f"{key} {count:,}" for key, count in self.keys().items()]
        more = ", …" if len(counts) > 5 else ""
        return f"<MediaList {len(self):,}: {', '.join(counts[:5])}{more}>"


_NON_FINITE = {"NaN": np.nan, "Infinity": np.inf, "-Infinity": -np.inf}


def _numbers(cells: Sequence[Any]) -> list[Any]:
    """Return a column's cells; where all others are numbers, the texts for non-finite ones too."""
    texts = {cell for cell in cells if isinstance(cell, str)}
    others = any(isinstance(cell, int | float) and not isinstance(cell, bool) for cell in cells)
    if texts and others and texts <= _NON_FINITE.keys():
        return [_NON_FINITE.get(cell, cell) if isinstance(cell, str) else cell for cell in cells]
    return list(cells)
