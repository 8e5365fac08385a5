"""Media that somebody else encoded: files that are taken as they are."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from epochal.core.media import Encoded, Frozen


def is_path(value: object) -> bool:
    """Say whether a value is the path of a file."""
    return isinstance(value, str | os.PathLike)


def taken(
    path: str | os.PathLike[str], format_of: Callable[[bytes], str], kinds: str,
    about: Callable[[bytes], dict[str, Any]] = lambda _: {},
) -> Frozen:  # fmt: skip
    """Read a file that is stored as it is.

    Args:
        path: the file.
        format_of: says which format its bytes are, "" if none of those wanted.
        kinds: these formats in words.
        about: facts that are read from the bytes.

    Raises:
        OSError: it cannot be read.
        ValueError: it is no such file.
    """
    with open(path, "rb") as file:
        data = file.read()
    found = format_of(data)
    if not found:
        raise ValueError(f"{os.fspath(path)!r} is no {kinds} file")
    facts = about(data)
    return Frozen(len(data), lambda: True, lambda: Encoded(found, data, facts))
