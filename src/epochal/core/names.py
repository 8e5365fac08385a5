"""Names: ids, slugs, readable defaults, metric keys, and text made safe for a terminal."""

from __future__ import annotations

import os
import re
import time
import zlib

MAX_KEY_CHARS = 512

_COLORS = (
    "amber azure bronze cobalt copper coral crimson emerald golden hazel indigo ivory jade lilac"
    " maroon ochre olive pearl ruby russet saffron scarlet silver teal umber violet"
).split()
_CREATURES = (
    "badger bison crane dingo falcon finch gecko heron ibis jackal kestrel lemur lynx marten"
    " newt ocelot otter panda puffin quail raven stoat swift tapir toad vole walrus wren"
).split()
_UNSAFE = re.compile(r"[^a-z0-9]+")
_CONTROL = r"\x00-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff"
_SEEN = rf"[^\x00-\x7f\s{_CONTROL}]"  # beyond ASCII
# Persian, the scripts of India and emojis are written with joiners between their characters.
_UNSEEN = re.compile(rf"(?!(?<={_SEEN})[\u200c\u200d]{_SEEN})[{_CONTROL}]")


def new_id() -> str:
    """Return a random run id: ten characters of ``[a-z0-9]``.

    Example:
        >>> len(new_id())
        10
    """
    number = int.from_bytes(os.urandom(16), "little")  # `secrets` costs 5 ms of import
    digits = []
    for _ in range(10):
        number, digit = divmod(number, 36)
        digits.append("abcdefghijklmnopqrstuvwxyz0123456789"[digit])
    return "".join(digits)


def readable_name() -> str:
    """Return a name for people, such as ``teal-otter-417``; not guaranteed to be unique."""
    first, second, low, high = os.urandom(4)
    color, creature = _COLORS[first % len(_COLORS)], _CREATURES[second % len(_CREATURES)]
    return f"{color}-{creature}-{(low + 256 * high) % 1000:03d}"


def slug(text: str, *, limit: int = 40) -> str:
    """Return text as part of a path: ``[a-z0-9-]``, at most ``limit`` long, never empty.

    Example:
        >>> slug("LR ablation / 3e-4"), slug("../../etc"), slug("日本")
        ('lr-ablation-3e-4', 'etc', 'x')
    """
    return _UNSAFE.sub("-", text.lower())[:limit].strip("-") or "x"


def folder_name(name: str, run_id: str, created_s: float) -> str:
    """Return the name of a run's folder: ``<slug>-<UTC time>-<id>``."""
    stamp = time.strftime("%Y%m%d-%H%M%S", time.gmtime(created_s))
    return f"{slug(name)}-{stamp}-{run_id}"


def printable(text: str) -> str:
    r"""Return text with control and direction-changing characters shown as escapes.

    Zero-width joiners and non-joiners stay between two visible characters beyond ASCII, where
    scripts and emojis need them.

    Example:
        >>> printable("loss\x1b[2J"), printable("a\u200db")
        ('loss\\x1b[2J', 'a\\u200db')
    """
    return _UNSEEN.sub(lambda m: m[0].encode("unicode_escape").decode("ascii"), text)


def clean_key(key: object) -> tuple[str, str]:
    """Return a metric name that every format can hold, and what was wrong with it ("" if nothing).

    Any text of 1 to 512 characters that UTF-8 can encode is a name and stays as it is.

    Example:
        >>> clean_key("val/loss"), clean_key("")[0], clean_key(3)[0]
        (('val/loss', ''), '(empty)', '3')
    """
    if not isinstance(key, str):
        return clean_key(str(key))[0], f"metric name {key!r} is a {type(key).__name__}, not a str"
    if not key:
        return "(empty)", "a metric name is empty"
    if len(key) > MAX_KEY_CHARS:
        digest = f"{zlib.crc32(key.encode('utf-8', 'surrogatepass')):012x}"
        short = clean_key(key[: MAX_KEY_CHARS - 14])[0]
        return f"{short}…{digest}", (
            f"metric name {key[:40]!r}… has {len(key):,} characters, {MAX_KEY_CHARS} are allowed"
        )
    try:
        key.encode("utf-8")
    except UnicodeEncodeError:
        safe = key.encode("utf-8", "backslashreplace").decode("utf-8")
        return clean_key(safe)[0], f"metric name {key!r} is not valid Unicode (a lone surrogate)"
    return key, ""
