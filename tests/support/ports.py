"""Ports for servers that come later, or come back."""

import contextlib
import random
import socket


def quiet_port() -> int:
    """A free port below those that the system gives to whoever asks for any: it stays free."""
    while True:
        port = random.SystemRandom().randrange(20_000, 30_000)  # of no seed that others have too
        with contextlib.suppress(OSError), socket.socket() as probe:
            probe.bind(("127.0.0.1", port))
            return port
