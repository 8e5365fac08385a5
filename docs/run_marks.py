"""MkDocs hook: takes the tests' mark `run` off Python blocks, which MkDocs would not recognize."""

import re
from typing import Any

MARK = re.compile(r"^([ >]*`{3,}(?:python|py)) run[ ]*$", re.MULTILINE)


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Gives the page's text with plain Python fences."""
    return MARK.sub(r"\1", markdown)
