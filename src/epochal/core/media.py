"""What can be logged besides numbers and text: the base of images, videos, tables and the like.

A medium is frozen in the training thread (its array is copied, nothing else is done) and encoded
in another one.  The classes themselves are in :mod:`epochal.media`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, ClassVar, NamedTuple


class Encoded(NamedTuple):
    """A medium as it is stored.

    Attributes:
        format: the kind of bytes: png, jpg, gif, mp4, wav, json, html or npy.
        data: the bytes; empty for what is kept in the record itself.
        about: facts by type, such as width and height.
        inline: what is kept in the record itself: a histogram's counts and edges.
    """

    format: str
    data: bytes
    about: dict[str, Any]
    inline: Any = None


class Frozen(NamedTuple):
    """A medium that no longer depends on the caller's objects.

    Attributes:
        nbytes: memory that it holds.
        ready: says whether its data has arrived from a device; never waits.
        encode: makes the bytes; may take long.
        raw: makes bytes quickly, uncompressed, when there is no time; None: ``encode`` is quick.
    """

    nbytes: int
    ready: Callable[[], bool]
    encode: Callable[[], Encoded]
    raw: Callable[[], Encoded] | None = None


class Media(ABC):
    """Anything with bytes of its own that can be logged under a name.

    Attributes:
        type: image, video, audio, histogram, figure, table or html.
        caption: shown with it.
    """

    type: ClassVar[str]
    caption: str = ""

    @abstractmethod
    def freeze(self) -> Frozen:
        """Copy what the caller may change on the next line.

        Raises:
            ValueError, TypeError: it cannot be such a medium; the message says what can.
        """


class LoggedText(ABC):
    """A text that is logged with a caption and with how it was made; the base of ``Text``."""

    text: str
    caption: str
    about: dict[str, Any]
