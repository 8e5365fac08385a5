"""Pages of HTML."""

from __future__ import annotations

import os

from epochal.core.media import Encoded, Frozen, Media


class Html(Media):
    """A page of HTML, such as an interactive figure; shown in a frame that may run nothing of ours.

    Args:
        value: the page, or the path of a file whose name ends in ``.html`` as a ``pathlib.Path``.
        caption: shown with it.

    Example:
        >>> import epochal, tempfile
        >>> with epochal.init(project="doc", dir=tempfile.mkdtemp()) as run:
        ...     run.log({"note": epochal.Html("<p>attention</p>")}, step=1)
    """

    type = "html"

    def __init__(self, value: str | os.PathLike[str], caption: str = "") -> None:
        self.value, self.caption = value, caption

    def freeze(self) -> Frozen:
        """Encode the text, or read the file."""
        if isinstance(self.value, str):
            data = self.value.encode("utf-8", "replace")
        elif isinstance(self.value, os.PathLike):
            with open(self.value, "rb") as file:
                data = file.read()
        else:
            raise TypeError(f"a {type(self.value).__name__} is no page: give text or a Path")
        return Frozen(len(data), lambda: True, lambda: Encoded("html", data, {}))
