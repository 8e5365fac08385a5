"""HTTP that does not wait forever for the head of a request."""

from __future__ import annotations

import asyncio

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

HEAD_S = 20.0
"""So long the head of a request may take from its first byte, or from the connection, on."""


class Protocol(H11Protocol):
    """uvicorn's, with a limit that it lacks: a client that sends a byte now and then is let go.

    A connection costs no thread, so slow ones hold up nobody; but there are only so many.
    """

    _due: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for the first request."""
        super().connection_made(transport)
        self._wait()

    def data_received(self, data: bytes) -> None:
        """Take what came; wait for the rest of a head, but no longer than allowed."""
        super().data_received(data)
        if self.conn.their_state is not h11.IDLE:
            self._enough()
        elif self._due is None:
            self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait for nothing anymore."""
        self._enough()
        super().connection_lost(exc)

    def _wait(self) -> None:
        self._due = self.loop.call_later(HEAD_S, self.transport.close)

    def _enough(self) -> None:
        if self._due is not None:
            self._due.cancel()
            self._due = None
