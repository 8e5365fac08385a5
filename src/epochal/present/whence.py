"""Reading back where a figure, table or text comes from: what stands inside the file itself."""

from __future__ import annotations

import json
import os
import re
import struct
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from xml.etree import ElementTree as ET

from epochal.core.errors import EvidenceError
from epochal.present.spec import MARK, Provenance

_PNG = b"\x89PNG\r\n\x1a\n"
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", "b": "\b", "f": "\f", "\n": "", "\r\n": ""}
MAX_BYTES = 256 * 2**20
MAX_TEXT_BYTES = 16 * 2**20


@dataclass(frozen=True)
class Whence:
    """What a file says of where it comes from.

    Attributes:
        path: the file.
        provenance: runs, query, code and data.
        figure: what kind of figure it is, such as "training_curves"; "" for tables and texts.
        caption: of the figure, "" for tables and texts.
        points_sha256: over the table of drawn points (``NAME.csv`` beside the figure), or "".
        runs_left_out: how many more runs there are than are named inside the file.
    """

    path: str
    provenance: Provenance = field(default_factory=Provenance)
    figure: str = ""
    caption: str = ""
    points_sha256: str = ""
    runs_left_out: int = 0

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON-able form."""
        return {
            "path": self.path, "figure": self.figure, "caption": self.caption,
            "points_sha256": self.points_sha256, "runs_left_out": self.runs_left_out,
            **self.provenance.to_dict(),
        }  # fmt: skip


def whence(path: str | os.PathLike[str]) -> Whence:
    r"""Return where a file comes from that Epochal made: PDF, SVG, PNG, LaTeX, Markdown, HTML.

    The answer is read from the file itself, wherever it was copied to and whatever it is called.

    Args:
        path: the file.

    Raises:
        EvidenceError: nothing in the file says where it comes from.
        OSError: it cannot be read.

    Example:
        >>> import tempfile
        >>> path = os.path.join(tempfile.mkdtemp(), "table.tex")
        >>> with open(path, "w") as file:
        ...     _ = file.write(f"% {Provenance(runs=('r1', 'r2')).to_line()}\n1 & 2")
        >>> whence(path).provenance.runs
        ('r1', 'r2')
    """
    full = os.path.abspath(os.fspath(path))
    with open(full, "rb") as file:
        data = file.read(MAX_BYTES)
    try:
        facts = _facts(data)
        found = None if facts is None else _whence(full, facts)
    except (ValueError, KeyError, TypeError, IndexError, OverflowError, RecursionError,
            struct.error, zlib.error, ET.ParseError) as error:  # fmt: skip
        raise EvidenceError(f"{full} cannot be understood: {error}") from error
    if found is None:
        message = (
            f"nothing in {full} says where it comes from: it was not made by Epochal, or another"
            " program wrote it anew and left that out"
        )
        raise EvidenceError(message)
    return found


def _whence(path: str, facts: Mapping[str, Any]) -> Whence:
    origin = facts["provenance"] if isinstance(facts.get("provenance"), Mapping) else facts
    return Whence(
        path, Provenance.from_dict(origin), str(facts.get("figure", "")),
        str(facts.get("caption", "")), str(facts.get("points_sha256", "")),
        int(origin.get("runs_left_out", 0)),
    )  # fmt: skip


def _facts(data: bytes) -> dict[str, Any] | None:
    """Return the facts inside a file of any kind, None if there are none."""
    if data.startswith(_PNG):
        return _parsed(_png_text(data, b"Epochal"))
    if data.startswith(b"%PDF-"):
        return _parsed(_pdf_text(data, "Keywords"))
    text = data.decode("utf-8", "replace")
    if "<svg" in text[:2000]:
        return _parsed(_svg_text(data))
    marked = re.search(re.escape(MARK) + r"\s*(\{.*)", text)
    if marked:
        found, _ = json.JSONDecoder().raw_decode(marked[1])
        return dict(found)
    # The file of facts beside a figure.
    return _parsed(text) if text.startswith("{") and '"provenance"' in text else None


def _parsed(text: str | None) -> dict[str, Any] | None:
    if not text or not text.startswith("{"):
        return None
    return dict(json.loads(text))


def _png_text(data: bytes, keyword: bytes) -> str | None:
    """Return a text chunk (tEXt, zTXt or iTXt)."""
    at = len(_PNG)
    while at + 8 <= len(data):
        size, kind = struct.unpack(">I4s", data[at : at + 8])
        body = data[at + 8 : at + 8 + size]
        name, _, rest = body.partition(b"\0")
        if kind in (b"tEXt", b"zTXt", b"iTXt") and name == keyword:
            return _png_value(kind, rest)
        at += size + 12
    return None


def _png_value(kind: bytes, rest: bytes) -> str:
    if kind == b"tEXt":
        return rest.decode("latin-1")
    if kind == b"zTXt":
        return _unpacked(rest[1:]).decode("latin-1")
    packed, text = rest[0], rest[2:].split(b"\0", 2)[2]
    return (_unpacked(text) if packed else text).decode("utf-8")


def _unpacked(data: bytes) -> bytes:
    """Return the beginning of compressed text: a small file may unpack to more than any memory."""
    return zlib.decompressobj().decompress(data, MAX_TEXT_BYTES)


def _pdf_text(data: bytes, key: str) -> str | None:
    """Return a text of a PDF's document information, that of the last version of the file."""
    where = re.findall(rb"/Info\s+(\d+)\s+(\d+)\s+R", data[data.rfind(b"trailer") :])
    if not where:
        return None
    objects = list(re.finditer(rb"(?<!\d)%s\s+%s\s+obj\s*<<" % where[-1], data))
    return _pdf_dictionary(data[objects[-1].end() :]).get(key) if objects else None


def _pdf_dictionary(rest: bytes) -> dict[str, str]:
    """Return the texts of a dictionary that begins here."""
    found, text = {}, rest.decode("latin-1")
    token = re.compile(r"\s*(?:(>>)|/([^\s()<>/]+)\s*(?:(\()|<([0-9A-Fa-f\s]*)>|([^/>]*)))")
    at = 0
    while (match := token.match(text, at)) and not match[1]:
        at = match.end()
        if match[3]:
            value, at = _pdf_literal(text, at)
            found[match[2]] = _pdf_decoded(value)
        elif match[4] is not None:
            found[match[2]] = _pdf_decoded(bytes.fromhex(match[4]))
    return found


def _pdf_literal(text: str, at: int) -> tuple[bytes, int]:
    """Return what stands in parentheses, escapes undone, and where it ends."""
    depth = 1
    found: list[str] = []
    for match in re.compile(r"\\([0-7]{1,3}|\r\n|.)|[()]|[^\\()]+", re.DOTALL).finditer(text, at):
        piece, escaped = match[0], match[1]
        if escaped is not None:
            octal = escaped[0] in "01234567"
            piece = chr(int(escaped, 8) & 255) if octal else _ESCAPES.get(escaped, escaped)
        else:
            depth += (piece == "(") - (piece == ")")
        if depth == 0:
            return "".join(found).encode("latin-1"), match.end()
        found.append(piece)
    raise ValueError("a text in it does not end")


def _pdf_decoded(raw: bytes) -> str:
    return raw[2:].decode("utf-16-be") if raw.startswith(b"\xfe\xff") else raw.decode("latin-1")


def _svg_text(data: bytes) -> str | None:
    """Return the ``dc:source`` of an SVG's metadata."""
    head, _, _ = data.partition(b"</metadata>")
    found = re.search(rb"<dc:source>(.*?)</dc:source>", head, re.DOTALL)
    if not found:
        return None
    return ET.fromstring(b"<a>" + found[1] + b"</a>").text  # noqa: S314 - no entities in it
