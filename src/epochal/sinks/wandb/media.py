"""Media as the objects of W&B's client."""

from __future__ import annotations

import os
import re
import tempfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from importlib.util import find_spec
from typing import Any

from epochal.core.errors import MissingExtraError
from epochal.core.optional import require
from epochal.media import stored

MAX_BINS = 512
"""W&B takes no finer histogram."""

MAX_PART = 120
"""Characters of a key between two slashes; they become the name of a file."""

Group = list[Mapping[str, Any]]


class Media:
    """Makes W&B's objects of a run's media; those of one list are put together.

    Args:
        run_dir: the run's folder.
    """

    def __init__(self, run_dir: str) -> None:
        self._run_dir = run_dir
        self._lists: dict[tuple[int, str], Group] = {}
        self._files: tempfile.TemporaryDirectory[str] | None = None

    def add(self, session: int, key: str, data: Mapping[str, Any]) -> Iterator[Group]:
        """Take a medium; yield what is to be logged now: it, or the list that it completes."""
        number, count = data.get("index") or (1, 1)
        whose = session, key
        if number <= len(self._lists.get(whose, ())):
            yield self._lists.pop(whose)  # the rest of an earlier list never came
        group = self._lists.setdefault(whose, [])
        group.append(data)
        if number >= count:
            yield self._lists.pop(whose)

    def rest(self, session: int) -> Iterator[Group]:
        """Yield the lists of a session that were never completed."""
        for whose in [whose for whose in self._lists if whose[0] == session]:
            yield self._lists.pop(whose)

    def values(self, key: str, group: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        """Return W&B's objects by key; their files are there until :meth:`release`.

        Raises:
            DamageError: a medium is missing or damaged.
            MissingExtraError: a package for it is not installed.
        """
        key = file_key(key)
        made = [self._value(data) for data in group]
        if len(made) == 1:
            return {key: made[0]}
        if group[0]["type"] == "audio" and find_spec("soundfile") is None:
            return {f"{key}/{number}": each for number, each in enumerate(made, start=1)}
        return {key: made}

    def release(self) -> None:
        """Remove the files of what was logged: W&B's client has copies."""
        if self._files is not None:
            self._files.cleanup()
            self._files = None

    def _value(self, data: Mapping[str, Any]) -> Any:
        wandb = require("wandb", extra="wandb", why="the mirror 'wandb'")
        caption = data.get("caption") or None
        match data["type"]:
            case "image" | "figure":
                require("PIL", extra="media", why="an image for W&B")
                return wandb.Image(self._file(data, "png", "jpg"), caption=caption)
            case "video":
                return wandb.Video(self._video(data), caption=caption)
            case "audio":
                return wandb.Audio(self._file(data, "wav"), caption=caption)
            case "histogram":
                counts, edges = data["inline"]["counts"], data["inline"]["edges"]
                return wandb.Histogram(np_histogram=coarser(counts, edges))
            case "table":
                found = stored.table(self._run_dir, data)
                columns, rows = list(map(str, found["columns"])), found["data"]
                return wandb.Table(columns=columns, data=rows, allow_mixed_types=True)
            case "html":
                text = stored.read(self._run_dir, data).decode("utf-8", "replace")
                return wandb.Html(text, inject=False, data_is_not_path=True)
        raise ValueError(f"W&B has nothing for media of type {data['type']!r}")

    def _video(self, data: Mapping[str, Any]) -> str:
        try:
            return self._file(data, "mp4", "gif")
        except MissingExtraError:
            return self._file(data, "gif", "mp4")

    def _file(self, data: Mapping[str, Any], *formats: str) -> str:
        """Return the path of a file of the medium, in one of some formats."""
        extension, body = stored.encoded(self._run_dir, data, *formats)
        if self._files is None:
            self._files = tempfile.TemporaryDirectory()
        number = len(os.listdir(self._files.name))
        path = os.path.join(self._files.name, f"{number}.{extension}")
        with open(path, "xb") as file:
            file.write(body)
        return path


def coarser(
    counts: Sequence[int], edges: Sequence[float], limit: int = MAX_BINS
) -> tuple[list[int], list[float]]:
    """Return a histogram with at most so many bins, neighbors put together.

    Example:
        >>> coarser([1, 2, 3, 4, 5], [0, 1, 2, 3, 4, 5], limit=3)
        ([3, 7, 5], [0, 2, 4, 5])
    """
    width = -(-len(counts) // limit) if counts else 1
    starts = range(0, len(counts), width)
    return [sum(counts[i : i + width]) for i in starts], [
        *(edges[i] for i in starts), *edges[len(counts) :]
    ]  # fmt: skip


def file_key(key: str) -> str:
    """Return a key of which W&B's client can make the name of a file: not too long, no NUL.

    Example:
        >>> file_key("val/samples"), len(file_key("x" * 500))
        ('val/samples', 120)
    """
    return "/".join(map(_short, re.sub("\0", "_", key).split("/")))


def _short(part: str) -> str:
    if len(part.encode("utf-8")) <= MAX_PART:
        return part
    digest = f"-{zlib.crc32(part.encode('utf-8')):08x}"
    return part.encode("utf-8")[: MAX_PART - len(digest)].decode("utf-8", "ignore") + digest
