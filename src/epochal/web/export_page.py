"""One HTML file with everything in it: modules, styles and data; it asks nobody for anything.

Browsers do not let a page from disk import modules from files, but from ``data:`` addresses: each
module of the dashboard becomes one, and the import map says which.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import os
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from epochal.core.errors import RunFolderError
from epochal.markup.html import escape
from epochal.web.pages import FIRST_STYLES, FOLDER, VENDOR, joined

if TYPE_CHECKING:
    from epochal.web.export_summary import Summary

INSTEAD = {"api.js": "api_static.js", "frames.js": "static_frames.js"}
"""What stands in an exported page in the place of modules that ask the server or read its bytes."""

_PAGE = """\
<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <meta name="color-scheme" content="light dark">
    <meta name="referrer" content="no-referrer">
    <meta http-equiv="Content-Security-Policy" content="{policy}">
    <title>{title}</title>
    <style>{style}</style>
    <script type="importmap">{import_map}</script>
    <script type="module">{start}</script>
  </head>
  <body>
    <div id="app"></div>
    <noscript>{summary}</noscript>
    <script type="text/plain" id="epochal-data">{data}</script>
  </body>
</html>
"""
_NUMBER = ' class="number"'
_START = 'import "epochal/app.js";'


def document(title: str, data: bytes, summary: Summary) -> bytes:
    """Return the page.

    Args:
        title: of the window.
        data: the container with the answers and frames.
        summary: what a browser without JavaScript shows.

    Raises:
        RunFolderError: this installation lacks the files of other projects that draw.
    """
    style, imports = _style(), _import_map()
    return _PAGE.format(
        policy=_policy([imports, _START], style), title=escape(title), style=style,
        import_map=imports, start=_START, summary=_table(title, summary),
        data=base64.b64encode(gzip.compress(data, 9, mtime=0)).decode("ascii"),
    ).encode("utf-8")  # fmt: skip


def _import_map() -> str:
    """Return the import map: names of modules, and the modules themselves."""
    imports = {name: _address(_read(path)) for name, path in VENDOR.items()}
    for name in _names(".js"):
        imports[f"epochal/{name}"] = _address(_read(INSTEAD.get(name, name)))
    return json.dumps({"imports": imports}, separators=(",", ":"))


def _style() -> str:
    """Return all style sheets as one text."""
    sheets = {name: _read(name) for name in (*FIRST_STYLES, *_names(".css"))}
    text = joined(sheets).decode("utf-8")
    return text.replace("</", "<\\/")  # nothing may end the element that it stands in


def _names(kind: str) -> Iterator[str]:
    for name in sorted(os.listdir(FOLDER)):
        if name.endswith(kind):
            yield name


def _read(name: str) -> bytes:
    try:
        with open(os.path.join(FOLDER, name), "rb") as file:
            return file.read()
    except FileNotFoundError as error:
        message = (
            f"this installation lacks {name}, which npm brings when Epochal is built: install it"
            " again from a wheel, or in a checkout run `pip install -e .` with a network and npm"
        )
        raise RunFolderError(message) from error


def _address(body: bytes) -> str:
    return f"data:text/javascript;base64,{base64.b64encode(body).decode('ascii')}"


def _policy(scripts: Sequence[str], style: str) -> str:
    """Return a policy under which only what is in the page runs, and nothing can be asked for."""
    hashes = " ".join(map(_hash, scripts))
    return (
        f"default-src 'none'; script-src data: {hashes}; style-src {_hash(style)};"
        " img-src data: blob:; base-uri 'none'; form-action 'none'"
    )


def _hash(text: str) -> str:
    digest = hashlib.sha256(text.encode("utf-8")).digest()
    return f"'sha256-{base64.b64encode(digest).decode('ascii')}'"


def _table(title: str, summary: Summary) -> str:
    """Return a table for browsers without JavaScript."""
    head = _row(summary, summary.head, "th")
    body = "".join(_row(summary, row, "td") for row in summary.rows())
    return (
        f'<main class="no-script"><h1>{escape(title)}</h1><p>{escape(summary.note)}</p>'
        f'<div class="scroll-x"><table class="data-table"><thead>{head}</thead>'
        f"<tbody>{body}</tbody></table></div></main>"
    )


def _row(summary: Summary, cells: Sequence[str], tag: str) -> str:
    """Return a row of the table; the last columns are numbers."""
    names = len(summary.head) - len(summary.shown)
    told = (
        f"<{tag}{_NUMBER if i >= names else ''}>{escape(cell)}</{tag}>"
        for i, cell in enumerate(cells)
    )
    return f"<tr>{''.join(told)}</tr>"
