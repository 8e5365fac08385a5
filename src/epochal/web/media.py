"""The media of a run: ``/api/run/ID/media``, what there is, and the bytes of each."""

from __future__ import annotations

import hashlib
import json
import os
import re
import threading
import weakref
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, BinaryIO

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from epochal.core.errors import DamageError, MissingExtraError, NotFoundError
from epochal.web import beneath, browser_media, query
from epochal.web.answers import RefusedError, entity_tag, getting, to_json
from epochal.web.browser_media import Shown
from epochal.web.kept import Kept
from epochal.web.ranges import FOR_EVER, Content, answer, disposition

if TYPE_CHECKING:
    from epochal.read.media import Media, MediaList
    from epochal.web.state import State

KEPT_BYTES = 96 << 20
"""Media that were read, checked and converted, kept for the next look."""

LARGE_BYTES = 16 << 20
"""What is larger is sent from its file in pieces, such as a browser asks for within a video."""

MOST_BYTES = 512 << 20
"""Of a medium that is read into memory."""

MOST_ITEMS = 5_000
MOST_BINS = 400
"""Of more histograms so many are sent, from the first to the last in equal distances."""

MOST_ROWS = 100_000

_NUMBER = re.compile(r"[0-9]{1,9}")


def routes(state: State) -> list[Route]:
    """Return the routes of this file."""
    store = Store()

    def listed(request: Request) -> Any:
        media = state.view(request.path_params["id"]).media
        key = query.text(request, "key")
        if not key:
            return {"keys": store.index(media).to_list()}
        step = query.number(request, "step")
        return items(media, store.index(media), key, step=step)

    def one(request: Request) -> Response:
        return medium(request, state.view(request.path_params["id"]).media, store)

    return [
        getting("/api/run/{id}/media", listed),
        getting("/api/run/{id}/media/{n}", one),
    ]


@dataclass
class Key:
    """The media of one key: their type, where they stand in the run's list, and their steps."""

    type: str
    places: list[int] = field(default_factory=list)
    steps: list[float | None] = field(default_factory=list)


class Index:
    """Where the media of each key stand in a run's list."""

    def __init__(self, media: Sequence[Media]) -> None:
        self.keys: dict[str, Key] = {}
        for place, item in enumerate(media):
            key = self.keys.setdefault(item.key, Key(item.type))
            key.places.append(place)
            key.steps.append(item.step)

    def to_list(self) -> list[dict[str, Any]]:
        """Return the keys with their counts and steps, in the order of their first media."""
        return [
            {
                "key": name, "type": key.type, "count": len(key.places),
                "steps": sorted({step for step in key.steps if step is not None}),
            }
            for name, key in self.keys.items()
        ]  # fmt: skip


class Store:
    """What was found out about media and is kept: indexes of lists, and bytes ready to be sent."""

    def __init__(self) -> None:
        self._indexes: weakref.WeakKeyDictionary[MediaList, Index] = weakref.WeakKeyDictionary()
        self._lock = threading.Lock()
        self._bytes: Kept[Shown] = Kept(KEPT_BYTES)
        self._sound: Kept[bool] = Kept(10_000)
        self._converting = threading.Lock()

    def index(self, media: MediaList) -> Index:
        """Return where the media of each key stand."""
        with self._lock:
            found = self._indexes.get(media)
            if found is None:
                found = self._indexes[media] = Index(media)
        return found

    def shown(self, item: Media) -> Shown:
        """Return a medium as a browser shows it; conversions wait for each other.

        What is large and sent as it is comes as an open file.

        Raises:
            DamageError: the bytes are missing, or not those that were recorded.
            MissingExtraError: a package for the conversion is not installed.
            RefusedError: it is too large to be converted.
        """
        as_it_is = browser_media.format_of(item) == item.format
        if item.bytes > LARGE_BYTES and as_it_is and item.path is not None:
            return self._large(item, item.path)
        if item.bytes > MOST_BYTES:
            raise RefusedError(413, f"{item.bytes:,} bytes are too many: save the file instead")

        def make() -> Shown:
            if as_it_is:
                return browser_media.shown(item)
            with self._converting:
                return browser_media.shown(item)

        key = (item.run_dir, item.key, item.step, item.index, item.sha256, item.format)
        return self._bytes.get(key, make, weigh=lambda _: item.bytes)

    def _large(self, item: Media, path: str) -> Shown:
        """Return a medium as its file, which is read once to be checked and then in pieces."""
        try:
            inside = os.path.relpath(path, item.run_dir).replace(os.sep, "/")
            file = beneath.opened(item.run_dir, inside)
        except NotFoundError as error:
            raise DamageError(f"the file of {item!r} is missing") from error
        now = os.fstat(file.fileno())
        key = (now.st_dev, now.st_ino, now.st_size, now.st_mtime_ns, item.sha256)
        if not self._sound.get(key, lambda: _sha256(file) == item.sha256, weigh=lambda _: 1):
            file.close()
            raise DamageError(f"the file of {item!r} is damaged: its hash is not the recorded one")
        return Shown(item.format, file, browser_media.name_of(item, item.format))


def _sha256(file: BinaryIO) -> str:
    digest = hashlib.sha256()
    while piece := file.read(1 << 20):
        digest.update(piece)
    return digest.hexdigest()


def items(
    media: MediaList, index: Index, key: str, *, step: float | None = None, most: int = MOST_ITEMS
) -> dict[str, Any]:
    """Return the media of a key with the number under which each is fetched.

    Args:
        media: all of the run.
        index: of these.
        key: which.
        step: only those of this step.
        most: of more only the latest are listed, and how many are left out.

    Raises:
        NotFoundError: there are none of that key.
    """
    if key not in index.keys:
        media[key]  # it says which keys there are
    of_key = index.keys[key]
    places = [
        place for place, at in zip(of_key.places, of_key.steps, strict=True)
        if step is None or at == step
    ]  # fmt: skip
    chosen = places[-most:]
    found: dict[str, Any] = {
        "key": key, "total": len(places), "left_out": len(places) - len(chosen),
        "items": [_item(place, media[place]) for place in chosen],
    }  # fmt: skip
    if of_key.type == "histogram":
        found["bins"] = [_bins(media[place]) for place in _spread(places, MOST_BINS)]
    return found


def _item(place: int, item: Media) -> dict[str, Any]:
    try:
        sent = browser_media.format_of(item)
    except MissingExtraError:  # asking for it says what is missing
        sent = item.format
    return {
        "n": place, "key": item.key, "type": item.type, "format": sent, "recorded": item.format,
        "step": item.step, "epoch": item.epoch, "elapsed_s": item.elapsed_s,
        "caption": item.caption, "index": item.index, "about": item.about, "bytes": item.bytes,
        "v": _version(item),
    }  # fmt: skip


def _version(item: Media) -> str:
    """Return what tells a medium from others that may get its number; "" for a histogram."""
    return item.sha256[:16]


def _bins(item: Media) -> dict[str, Any]:
    try:
        counts, edges = (each.tolist() for each in item.histogram)
    except (KeyError, TypeError, ValueError):  # recorded by something else, or not sound
        counts, edges = [], []
    return {"step": item.step, "counts": counts, "edges": edges}


def _spread(places: Sequence[int], most: int) -> list[int]:
    """Return at most so many of them, the first and the last among them."""
    if len(places) <= most:
        return list(places)
    last = len(places) - 1
    return [places[round(i * last / (most - 1))] for i in range(most)]


def medium(request: Request, media: MediaList, store: Store) -> Response:
    """Answer with the bytes of one medium.

    With ``?v=`` as it is listed the browser keeps them for ever; without it, it asks again whether
    they are the same, as after a resume another medium may have the number.

    Raises:
        NotFoundError: there is none of that number, or it is not the one of that version.
        DamageError, MissingExtraError: it cannot be shown.
    """
    number, version = request.path_params["n"], query.text(request, "v")
    if not _NUMBER.fullmatch(number) or int(number) >= len(media):
        raise NotFoundError(f"there is no medium {number[:20]!r}: the run has {len(media):,}")
    place = int(number)
    item = media[place]
    if version and version != _version(item):
        raise NotFoundError("this medium has another number now: list the media again")
    if item.type == "histogram":
        return answer(request, Content(item.read(), "application/json"))
    found = store.shown(item)
    headers = _headers(found, save=query.switch(request, "download") is True)
    headers |= {"Cache-Control": FOR_EVER} if version else {}
    etag = entity_tag(item.sha256, found.format).strip('"')
    if item.type == "table" and "limit" in request.query_params:
        return answer(request, Content(_rows(request, found), found.media_type, headers=headers))
    return answer(request, Content(found.body, found.media_type, etag, headers))


def _headers(found: Shown, *, save: bool) -> dict[str, str]:
    inline = found.is_shown and not save
    return {
        "Content-Disposition": disposition(found.name, inline=inline),
        "Content-Security-Policy": found.policy,
    }


def _rows(request: Request, found: Shown) -> bytes:
    """Return some rows of a table, with how many there are.

    Raises:
        DamageError: it is no table.
        RefusedError: it is too large to be taken apart.
    """
    after = query.whole(request, "after", 0, 0, 1 << 40)
    limit = query.whole(request, "limit", 500, 1, MOST_ROWS)
    if not isinstance(found.body, bytes):
        found.body.close()
        raise RefusedError(413, "this table is too large to be shown: save it")
    try:
        table: Mapping[str, Any] = json.loads(found.body)
        columns, rows = list(table["columns"]), list(table["data"])
    except (ValueError, KeyError, TypeError) as error:
        raise DamageError(f"{found.name} is no table: {error}") from error
    return to_json({"columns": columns, "data": rows[after : after + limit], "total": len(rows)})
