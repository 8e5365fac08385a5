"""Writing for people and their tools: LaTeX, Markdown, HTML, spreadsheets, numbers rounded.

Whatever a name or value contains, it comes out as literal text: nothing in it is markup, a command
or a formula.
"""

from epochal.core.lazy import lazy

_LAZY = {
    "Cell": "epochal.markup.cells",
    "Column": "epochal.markup.cells",
    "Number": "epochal.markup.cells",
    "Rounded": "epochal.markup.rounding",
    "rounded": "epochal.markup.rounding",
}

__getattr__, __dir__ = lazy(__name__, _LAZY)
