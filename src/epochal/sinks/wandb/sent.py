"""Which rows of a run W&B has: how many of each session, from how many there are in all.

W&B says how many rows of history it has, and they are there in the order in which they were sent.
Several processes may record one run at the same time; read again, their sessions may be interwoven
differently.  So it is kept on disk from which session the rows came, a line for each change.
"""

from __future__ import annotations

from epochal.core.atomic import write_atomically


class Sent:
    """The rows that were sent, counted by session.

    Args:
        path: where it is kept; what a damaged or missing file had is not known.

    Example:
        >>> import tempfile
        >>> sent = Sent(f"{tempfile.mkdtemp()}/sent")
        >>> for session in (1, 1, 2, 1):
        ...     sent.add(session)
        >>> sent.there(3)
        {1: 2, 2: 1}
    """

    def __init__(self, path: str) -> None:
        self._path, self.rows = path, 0
        self._turns: list[tuple[int, int]] = []  # first row, session
        try:
            with open(path, encoding="ascii") as file:
                for line in file:
                    first, session = map(int, line.split())
                    self._turns.append((first, session))
        except (OSError, ValueError):
            self._turns = []

    def there(self, rows: int) -> dict[int, int]:
        """Return how many of the first rows each session has, and go on from there."""
        self._turns = [turn for turn in self._turns if turn[0] < rows]
        ends = [*(first for first, _ in self._turns[1:]), rows]
        found: dict[int, int] = {}
        for (first, session), end in zip(self._turns, ends, strict=True) if self._turns else ():
            found[session] = found.get(session, 0) + end - first
        body = "".join(f"{first} {session}\n" for first, session in self._turns)
        write_atomically(self._path, body.encode("ascii"))
        self.rows = rows
        return found

    def add(self, session: int) -> None:
        """Count a row that is about to be sent."""
        if not self._turns or self._turns[-1][1] != session:
            self._turns.append((self.rows, session))
            with open(self._path, "a", encoding="ascii") as file:
                file.write(f"{self.rows} {session}\n")
        self.rows += 1
