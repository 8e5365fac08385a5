"""Text that HTML shows as it is."""

from __future__ import annotations

import html

from epochal.core.names import printable


def escape(value: object) -> str:
    """Return text for HTML, between tags or in a quoted attribute; no markup, no control character.

    Example:
        >>> escape('<b>"a" & b</b>')
        '&lt;b&gt;&quot;a&quot; &amp; b&lt;/b&gt;'
    """
    return html.escape(printable(str(value)), quote=True)
