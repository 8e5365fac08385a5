"""The main program of the process for W&B's client: obeys what comes through a channel.

It ends at once, with W&B's service process, when its parent closes the channel or is gone.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import tempfile
import threading
import time
from multiprocessing.connection import Connection
from typing import NoReturn

from epochal.sinks.wandb.client import Client
from epochal.sinks.wandb.process import children

WATCH_S = 0.5


def main() -> None:
    """Obey until the channel is closed; ``sys.argv`` has folder, channel and parent."""
    folder, channel, parent = sys.argv[-3], Connection(int(sys.argv[-2])), int(sys.argv[-1])
    tempfile.tempdir = os.path.join(folder, "tmp")  # a kill leaves nothing in the system's folder
    threading.Thread(target=_watch, args=(parent,), daemon=True).start()
    client = Client()
    while True:
        try:
            name, arguments = channel.recv()
        except (EOFError, OSError):
            leave()
        try:
            reply = True, getattr(client, name)(*arguments)
        except Exception as error:  # noqa: BLE001 - W&B's client raises anything; told to the sink
            why = f"{type(error).__name__}: {error}"
            reply = False, {"why": why, "at": client.at}
        try:
            channel.send(reply)
        except OSError:
            leave()


def leave() -> NoReturn:
    """End this process and the service processes that W&B's client has started."""
    for pid in children(os.getpid()):
        with contextlib.suppress(OSError):
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
    os._exit(0)


def _watch(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(WATCH_S)
    leave()
