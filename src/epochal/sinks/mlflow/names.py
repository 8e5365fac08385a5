"""Names in MLflow: its alphabet, its limits, and how other names are translated and back.

MLflow takes letters and digits of all scripts, ``_``, ``-``, ``.``, space, ``/`` and ``:``, at most
250 of them, and no name that means something else as a path (``../up``, ``a//b``).  Any other
character is written as ``_u002c_``: its code in at least four hexadecimal digits.
"""

from __future__ import annotations

import hashlib
import posixpath
import re

MAX_NAME_CHARS = 250
MAX_SEGMENT_BYTES = 150
"""Of a part of a path; file systems take 255 bytes, and an ending is added to the last part."""

_TRANSLATED = re.compile(r"_u([0-9a-f]{4,6})_")


def to_mlflow(name: str) -> str:
    """Return a name of a metric, parameter or tag as MLflow takes it.

    Names that MLflow takes stay as they are.  Different names stay different, and
    :func:`from_mlflow` is the way back, unless a name is so long that it is cut: a part of its hash
    then ends it.

    Example:
        >>> to_mlflow("val/loss"), to_mlflow("a,b"), to_mlflow("../up")
        ('val/loss', 'a_u002c_b', '_u002e__u002e__u002f_up')
    """
    text = _translate(name, " .-/:")
    if len(text) <= MAX_NAME_CHARS:
        return text
    return f"{text[: MAX_NAME_CHARS - 17]}-{_digest(name)}"


def from_mlflow(name: str) -> str:
    """Return the name that :func:`to_mlflow` translated, unless it was cut.

    Example:
        >>> from_mlflow("a_u002c_b")
        'a,b'
    """
    return _TRANSLATED.sub(lambda found: chr(int(found[1], 16)), name)


def to_path(name: str) -> str:
    """Return a name as a path of artifacts, ``/`` in it kept; long parts are cut.

    Example:
        >>> to_path("samples/64:64"), to_path("../up")
        ('samples/64_u003a_64', '_u002e__u002e__u002f_up')
    """
    return "/".join(map(_segment, _translate(name, " .-/").split("/")))


def _segment(text: str) -> str:
    encoded = text.encode("utf-8", "replace")
    if len(encoded) <= MAX_SEGMENT_BYTES:
        return text
    return f"{encoded[: MAX_SEGMENT_BYTES - 17].decode('utf-8', 'ignore')}-{_digest(text)}"


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def _translate(name: str, allowed: str) -> str:
    """Replace what is not allowed, and what reads as if it had been replaced."""
    if posixpath.normpath(name) != name or name.startswith(("..", "/")) or name == ".":
        allowed = allowed.replace("/", "").replace(".", "")
    good = [char == "_" or char.isalnum() or char in allowed for char in name]
    if all(good) and not _TRANSLATED.search(name):
        return name
    return "".join(
        char if fine and not (char == "_" and name[at + 1 : at + 2] == "u")
        else f"_u{ord(char):04x}_"
        for at, (char, fine) in enumerate(zip(name, good, strict=True))
    )  # fmt: skip
