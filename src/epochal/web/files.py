"""The files of a run: ``/api/run/ID/files``, a listing, previews of texts, and downloads."""

from __future__ import annotations

import codecs
import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from epochal.core.errors import NotFoundError
from epochal.web import beneath, query
from epochal.web.answers import RefusedError, getting
from epochal.web.browser_media import STILL
from epochal.web.ranges import Content, answer, disposition

if TYPE_CHECKING:
    from epochal.read.view import RunView
    from epochal.web.state import State

MOST_FILES = 10_000
PREVIEW_BYTES = 256 << 10
MOST_PARTS = 200
"""Files of a folder that was recorded as one artifact; of more only their number is sent."""

KINDS: Mapping[str, str] = {
    "run.json": "run", "journal": "journal", "sealed": "sealed", "media": "media",
    "checkpoints": "checkpoint", "follow": "mirror", "csv": "mirror", "json": "mirror",
    "tensorboard": "mirror", "wandb": "mirror", "mlflow": "mirror",
}  # fmt: skip
"""First part of a path → what a file there is; anything else is a "file"."""

TEXTS = frozenset(
    ".bat .bib .c .cfg .conf .cpp .csv .css .cu .diff .h .htm .html .ini .ipynb .js .json .jsonl"
    " .log .md .out .patch .py .rst .sh .sql .svg .tex .toml .tsv .txt .xml .yaml .yml".split()
)
"""Endings of files that are worth a preview; others are looked into all the same if asked for."""


def routes(state: State) -> list[Route]:
    """Return the routes of this file."""

    def listed(request: Request) -> Any:
        view = state.view(request.path_params["id"])
        return size_of(view.dir) if query.switch(request, "size") else of_run(view)

    def one(request: Request) -> Any:
        view, path = state.view(request.path_params["id"]), request.path_params["path"]
        if query.switch(request, "preview"):
            return preview(view.dir, path)
        return download(request, view.dir, path)

    return [
        getting("/api/run/{id}/files", listed),
        getting("/api/run/{id}/files/{path:path}", one),
    ]


def of_run(view: RunView) -> dict[str, Any]:
    """Return the files in a run's folder, and its artifacts and checkpoints as recorded.

    Raises:
        NotFoundError, RunFolderError: the folder cannot be read.
    """
    files, truncated = beneath.listing(view.dir, MOST_FILES)
    return {
        "files": [
            {
                "path": each.path, "bytes": each.bytes, "modified_s": each.modified_s,
                "kind": KINDS.get(each.path.partition("/")[0], "file"),
                "text": os.path.splitext(each.path)[1].lower() in TEXTS,
            }
            for each in files
        ],
        "truncated": truncated,
        "artifacts": [
            {
                "name": each.name, "type": each.type, "path": each.path,
                "inside": _inside(view.dir, each.path), "bytes": each.bytes,
                "sha256": each.sha256, "elapsed_s": each.elapsed_s, "removed": each.removed,
                "count": len(each.files),
                "files": each.files if len(each.files) <= MOST_PARTS else [],
            }
            for each in view.artifacts
        ],
        "checkpoints": [
            {
                "name": os.path.basename(each.path),
                "path": _inside(view.dir, each.path) or each.path,
                "inside": _inside(view.dir, each.path), "step": each.step, "epoch": each.epoch,
                "loss": each.loss, "metrics": each.metrics, "monitor": each.monitor,
                "goal": each.goal, "value": each.value, "best": each.best, "final": each.final,
                "parent": each.parent, "bytes": each.bytes, "sha256": each.sha256,
                "elapsed_s": each.elapsed_s,
            }
            for each in view.checkpoints
        ],
    }  # fmt: skip


def size_of(folder: str) -> dict[str, Any]:
    """Return how many files a run's folder has, and their bytes together.

    Raises:
        RunFolderError: the folder cannot be read.
    """
    files, truncated = beneath.listing(folder, MOST_FILES)
    size = sum(each.bytes for each in files)
    return {"count": len(files), "bytes": size, "truncated": truncated}


def _inside(folder: str, path: str) -> str:
    """Return a recorded path relative to the run's folder, "" if it is elsewhere.

    It is for showing and asking again: whatever a record says, opening it checks it anew.
    """
    start = folder + os.sep
    return path[len(start) :].replace(os.sep, "/") if path.startswith(start) else ""


def preview(folder: str, path: str) -> dict[str, Any]:
    """Return the beginning of a text file.

    Raises:
        NotFoundError: there is no such file in the folder.
        RefusedError: it is no text.
    """
    with beneath.opened(folder, path) as file:
        body = file.read(PREVIEW_BYTES + 1)
    truncated = len(body) > PREVIEW_BYTES
    decoder = codecs.getincrementaldecoder("utf-8-sig")()
    try:
        # What is cut off in the middle of a character ends before it.
        text = decoder.decode(body[:PREVIEW_BYTES], final=not truncated)
    except UnicodeDecodeError:
        text = "\0"
    if "\0" in text:
        raise RefusedError(415, "this file is no text: download it")
    return {"path": path, "text": text, "truncated": truncated}


def download(request: Request, folder: str, path: str) -> Response:
    """Answer with a file to be saved, or with a range of it.

    Raises:
        NotFoundError: there is no such file in the folder.
    """
    if not path:
        raise NotFoundError("which file? the path is empty")
    file = beneath.opened(folder, path)
    about = os.fstat(file.fileno())
    headers = {
        "Content-Disposition": disposition(path.rpartition("/")[2]),
        "Content-Security-Policy": STILL,
    }
    etag = f"{about.st_mtime_ns:x}-{about.st_size:x}-{about.st_ino:x}"
    return answer(request, Content(file, "application/octet-stream", etag, headers))
