"""Text with a caption and with how it was generated."""

from __future__ import annotations

from typing import Any

from epochal.core.media import LoggedText


class Text(LoggedText):
    """A text, such as one that a model generated.

    It is recorded like a number: at once, surviving a kill of the process.  A plain ``str`` is a
    text too.

    Args:
        text: any length.
        caption: shown with it.
        prompt: what it continues.
        temperature: of the sampling.
        top_p: the share of probability that was sampled from.
        max_tokens: the longest that was allowed.
        **settings: more of that, such as ``top_k`` or ``seed``; numbers, texts, booleans.

    Example:
        >>> import epochal, tempfile
        >>> with epochal.init(project="doc", dir=tempfile.mkdtemp()) as run:
        ...     sample = epochal.Text("To be", prompt="To", temperature=0.8, top_p=0.95)
        ...     run.log({"sample": sample}, step=1)
    """

    def __init__(
        self, text: str, caption: str = "", *, prompt: str | None = None,
        temperature: float | None = None, top_p: float | None = None,
        max_tokens: int | None = None, **settings: Any,
    ) -> None:  # fmt: skip
        self.text, self.caption = str(text), caption
        given = {
            "prompt": prompt, "temperature": temperature, "top_p": top_p,
            "max_tokens": max_tokens, **settings,
        }  # fmt: skip
        self.about = {name: value for name, value in given.items() if value is not None}
