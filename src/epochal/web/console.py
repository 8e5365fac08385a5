"""The console of a run, page by page: ``/api/run/ID/console``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from starlette.requests import Request
from starlette.routing import Route

from epochal.web import query
from epochal.web.answers import getting
from epochal.web.kept import Kept

if TYPE_CHECKING:
    from epochal.read.console import ConsoleLine
    from epochal.web.state import State

KEPT_BYTES = 128 << 20
LINE_BYTES = 200
"""What a line costs in memory besides its text, about."""

MOST_LINES = 5_000
LONGEST_LINE = 20_000
"""Characters; no line that Epochal records is longer, and of others the rest is only counted."""

LONGEST_SEARCH = 500


class Lines:
    """The lines of a run's consoles, kept decoded as long as there is room.

    A version of a run has lines of its own; finding some among a hundred thousand is as quick as
    looking at the text of each.
    """

    def __init__(self) -> None:
        self._all: Kept[list[ConsoleLine]] = Kept(KEPT_BYTES)
        self._found: Kept[list[int]] = Kept(KEPT_BYTES // 8)

    def page(
        self, version: object, read: Callable[[], list[ConsoleLine]], *, after: int = 0,
        limit: int = 2000, grep: str = "", stream: str = "",
    ) -> dict[str, Any]:  # fmt: skip
        """Return lines, where the next page begins, and how many lines there are.

        Args:
            version: of the run; other lines have another one.
            read: reads all lines, if they are not kept.
            after: how many of the lines that fit come before; below 0: so many from their end.
            limit: so many lines at most.
            grep: only lines with this text; upper and lower case are the same unless it has a
                capital.
            stream: only those of "stdout", "stderr" or "log".
        """
        lines = self._all.get(version, read, _weight)
        fitting: Sequence[int] = range(len(lines))
        if grep or stream:
            fitting = self._found.get(
                (version, grep, stream), lambda: _fitting(lines, grep, stream), lambda n: 8 * len(n)
            )
        total = len(fitting)
        start = min(after, total) if after >= 0 else max(total + after, 0)
        found = [_shown(lines[place]) for place in fitting[start : start + limit]]
        return {"lines": found, "after": start, "next": start + len(found), "total": total}


def _fitting(lines: Sequence[ConsoleLine], grep: str, stream: str) -> list[int]:
    """Return the places of the lines that fit; there is no language of patterns to take long."""
    places = [i for i, line in enumerate(lines) if not stream or line.stream == stream]
    if grep == grep.lower():
        return [i for i in places if grep in lines[i].text.lower()]
    return [i for i in places if grep in lines[i].text]


def _shown(line: ConsoleLine) -> ConsoleLine:
    more = len(line.text) - LONGEST_LINE
    if more <= 0:
        return line
    return line._replace(text=f"{line.text[:LONGEST_LINE]} … {more:,} more characters")


def _weight(lines: Sequence[ConsoleLine]) -> int:
    return sum(len(line.text) for line in lines) + LINE_BYTES * len(lines)


def routes(state: State) -> list[Route]:
    """Return the routes of this file."""
    lines = Lines()

    def console(request: Request) -> Any:
        from epochal.read.console import STREAMS  # NumPy: not before the first byte

        run_id = request.path_params["id"]
        # The version comes first: the lines are then as new as it says, or newer.
        version = (run_id, state.known(run_id).version)
        return lines.page(
            version, state.view(run_id).console,
            after=query.whole(request, "after", 0, -MOST_LINES, 1 << 40),
            limit=query.whole(request, "limit", 2000, 1, MOST_LINES),
            grep=query.text(request, "grep", LONGEST_SEARCH),
            stream=query.choice(request, "stream", STREAMS),
        )  # fmt: skip

    return [getting("/api/run/{id}/console", console)]
