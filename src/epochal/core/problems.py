"""Problems: told once through ``logging``, counted always, raised only in strict mode."""

from __future__ import annotations

import contextlib
import logging
from collections import Counter, deque

from epochal.core.errors import LogError

logger = logging.getLogger("epochal")


class Problems:
    """Counts what goes wrong in a run and tells it once per topic.

    Args:
        strict: raise instead of telling, in the thread that caused the problem.
    """

    def __init__(self, *, strict: bool = False) -> None:
        self.strict = strict
        self.counts: Counter[str] = Counter()
        self._waiting: deque[tuple[str, str]] = deque()

    def report(self, topic: str, message: str, *, detail: str = "") -> None:
        """Tell a problem; repeated topics (with the same detail) are only counted.

        Raises:
            LogError: in strict mode.
        """
        self.note(topic, message, detail=detail)
        self.tell_noted()

    def note(self, topic: str, message: str, *, detail: str = "") -> None:
        """Report a problem that :meth:`tell_noted` will tell, for callers who hold a lock.

        Handlers of ``logging`` have locks of their own, and may record what they are given.

        Raises:
            LogError: in strict mode.
        """
        self.counts[topic] += 1
        if self.strict:
            raise LogError(message)
        self._waiting.append((f"{topic}:{detail}" if detail else topic, message))

    def tell_noted(self) -> None:
        """Tell what was noted."""
        while self._waiting:
            with contextlib.suppress(IndexError):  # another thread was faster
                self.tell(*self._waiting.popleft())

    def tell(self, topic: str, message: str) -> None:
        """Tell something once per topic, never raising; for threads of our own."""
        told = f"told {topic}"
        self.counts[told] += 1
        if self.counts[told] == 1:
            logger.warning("%s", message)

    def totals(self) -> dict[str, int]:
        """Return how often each topic came up."""
        return {topic: n for topic, n in self.counts.items() if not topic.startswith("told ")}
