"""`epochal control` as a process of its own, and somebody who asks it over HTTP."""

import http.client
import json
import os
import re
import signal
import subprocess
import sys
import threading
from dataclasses import dataclass
from pathlib import Path

COMMAND = [sys.executable, "-m", "epochal", "control"]
JSON = {"Content-Type": "application/json", "X-Epochal": "1"}
START_S = 90.0


@dataclass
class Answer:
    """What came back; header names are in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes


class ControlPanel:
    """The command, running.

    Attributes:
        link: the printed link, with the token; url: the address alone.
        runs: the folder of runs.
        home: the user's folders.
        lines: what it has printed.
    """

    def __init__(self, folder: Path, *arguments: str, environ: dict[str, str] | None = None):
        self.runs, self.home = folder / "runs", folder / "home"
        self.home.mkdir(parents=True, exist_ok=True)
        places = {
            "HOME": self.home, "TMPDIR": self.home / "tmp", "XDG_STATE_HOME": self.home / "state",
            "XDG_CONFIG_HOME": self.home / "config", "XDG_CACHE_HOME": self.home / "cache",
        }  # fmt: skip
        (self.home / "tmp").mkdir(exist_ok=True)
        more = environ or {}
        self.process = subprocess.Popen(
            [*COMMAND, "--dir", str(self.runs), "--port", "0", *arguments],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=folder,
            env={**os.environ, **{n: str(p) for n, p in places.items()}, **more},
        )  # fmt: skip
        self.lines: list[str] = []
        self._told = threading.Event()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        assert self._told.wait(START_S), self.lines
        found = [match[0] for line in self.lines if (match := re.search(r"http://\S+", line))]
        assert found, self.lines
        self.link = found[0]
        self.url, _, self.token = self.link.partition("login#token=")
        self.port = int(self.url.rsplit(":", 1)[1].strip("/"))
        self.cookie = ""

    def _read(self) -> None:
        for line in self.process.stdout:
            self.lines.append(line.rstrip())
            if "http://" in line:
                self._told.set()
        self._told.set()

    def ask(self, method: str, path: str, body: bytes | None = None, headers=None) -> Answer:
        """Sends one request as it is given, with the cookie if there is one."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        cookie = {"Cookie": self.cookie} if self.cookie else {}
        try:
            connection.request(method, path, body, {**cookie, **(headers or {})})
            found = connection.getresponse()
            named = {name.lower(): value for name, value in found.getheaders()}
            return Answer(found.status, named, found.read())
        finally:
            connection.close()

    def log_in(self) -> "ControlPanel":
        """Uses the printed link."""
        body = json.dumps({"token": self.token}).encode()
        answer = self.ask("POST", "/api/login", body, JSON)
        assert answer.status == 204, answer.body
        self.cookie = answer.headers["set-cookie"].split(";")[0]
        return self

    def stop(self, number: int = signal.SIGINT) -> list[str]:
        """Ends it as Ctrl-C does; returns what it has printed."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        self.process.wait(60)
        self._reader.join(20)
        self.process.stdout.close()
        return self.lines
