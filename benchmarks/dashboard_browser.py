"""The dashboard's server as a process, and the Chromium that is measured on it."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

PATIENCE_S = 120.0
SIZE = {"width": 1600, "height": 1200}
"""Of the window: six charts of the runs page are in sight."""

REST_MS = 1500
"""A new window keeps both cores busy with itself; people type an address when it is there."""

WATCH = r"""
(() => {
  const seen = new WeakSet();
  const bench = (window.__bench = { painted: [], series: [], hidden: false });
  const colored = (canvas) => {
    if (canvas.width < 100 || canvas.height < 100) return false;
    const context = canvas.getContext("2d");
    for (const share of [0.35, 0.5, 0.65, 0.8]) { // strips, so that looking costs little
      const { data } = context.getImageData(Math.round(canvas.width * share), 0, 2, canvas.height);
      for (let i = 0; i < data.length; i += 4) {
        const high = Math.max(data[i], data[i + 1], data[i + 2]);
        const low = Math.min(data[i], data[i + 1], data[i + 2]);
        if (data[i + 3] > 30 && high - low > 24) return true;
      }
    }
    return false;
  };
  bench.sum = () => {
    let sum = 0;
    for (const canvas of document.querySelectorAll("canvas")) {
      if (canvas.width < 100 || canvas.height < 100) continue;
      const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
      for (let i = 0; i < data.length; i += 4) sum = (sum * 31 + data[i] + data[i + 3] * i) | 0;
    }
    return sum;
  };
  const look = () => {
    for (const canvas of document.querySelectorAll("canvas")) {
      if (seen.has(canvas) || !colored(canvas)) continue;
      seen.add(canvas);
      bench.painted.push(performance.now());
    }
    if (bench.painted.length < 6) requestAnimationFrame(look);
  };
  requestAnimationFrame(look);
  const buffer = Response.prototype.arrayBuffer;
  Response.prototype.arrayBuffer = async function () {
    const body = await buffer.call(this);
    if (this.url.includes("/api/series")) {
      const length = new DataView(body).getUint32(0, true);
      const text = new TextDecoder().decode(new Uint8Array(body, 4, length));
      bench.series.push({ at: performance.now(), bytes: body.byteLength, body, head: text });
      if (bench.series.length > 20) bench.series.shift();
    }
    return body;
  };
})();
"""


class Server:
    """``epochal serve`` as a process.

    Attributes:
        url: its address; entry: the same with the token; first_byte_s: from its start until the
            page's first byte; memory_mb: its memory then.
    """

    def __init__(self, root: str, folder: str, *, cpus: set[int] | None = None) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        environment = {
            **os.environ, "XDG_CACHE_HOME": f"{folder}/cache", "XDG_STATE_HOME": f"{folder}/state",
            "PYTHONUNBUFFERED": "1",
        }  # fmt: skip
        command = [sys.executable, "-m", "epochal", "serve", root, "--port", str(port)]
        began = time.perf_counter()
        self.process = subprocess.Popen(
            command, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True,
            preexec_fn=(lambda: os.sched_setaffinity(0, cpus)) if cpus else None,  # noqa: PLW1509
        )  # fmt: skip
        self._wait(port)
        self.first_byte_s = time.perf_counter() - began
        self.memory_mb = memory_mb(self.process.pid)
        self.url = f"http://127.0.0.1:{port}"
        self.entry = re.search(r"https?://\S+", self.process.stdout.readline())[0]

    def _wait(self, port: int) -> None:
        """Ask for the page until its first byte is there."""
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline and self.process.poll() is None:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)) as to:
                to.sendall(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
                if (first := to.recv(12)) == b"HTTP/1.1 200":
                    return
                raise RuntimeError(f"the server answered {first!r}")
            time.sleep(0.002)
        raise RuntimeError("the server did not answer")

    def stop(self) -> None:
        """End it."""
        self.process.send_signal(signal.SIGINT)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(10)
        self.process.kill()
        self.process.wait()


@contextlib.contextmanager
def serving(root: str, folder: str, **options: Any) -> Iterator[Server]:
    """Run a server for the block."""
    server = Server(root, folder, **options)
    try:
        yield server
    finally:
        server.stop()


@contextlib.contextmanager
def chromium(cpus: set[int] | None = None) -> Iterator[Any]:
    """Run a browser for the block, without a GPU."""
    from playwright.sync_api import sync_playwright

    found = shutil.which("chromium") or shutil.which("chromium-browser")
    mine = os.sched_getaffinity(0)
    if cpus:
        os.sched_setaffinity(0, cpus)  # what it starts inherits it
    try:
        with sync_playwright() as playwright:
            args = ["--no-sandbox", "--disable-gpu"]
            browser = playwright.chromium.launch(executable_path=found, args=args)
            yield browser
            browser.close()
    finally:
        os.sched_setaffinity(0, mine)


def new_page(browser: Any) -> Any:
    """Return a page of a fresh context, with nothing in its cache, that is watched."""
    context = browser.new_context(viewport=SIZE)
    context.set_default_timeout(PATIENCE_S * 1e3)
    page = context.new_page()
    page.add_init_script(WATCH)
    page.wait_for_timeout(REST_MS)
    return page


def painted_s(page: Any, count: int) -> float:
    """Wait until so many charts show their lines; return when that was, since navigation began."""
    page.wait_for_function("n => __bench.painted.length >= n", arg=count, timeout=PATIENCE_S * 1e3)
    return page.evaluate(f"__bench.painted[{count - 1}]") / 1e3


class Traffic:
    """What a page receives and sends, as the browser counts it.

    Attributes:
        requests: addresses that were asked for.
        bytes: on the wire, headers and bodies of answers.
    """

    def __init__(self, page: Any) -> None:
        self.requests: list[str] = []
        self.bytes = 0.0
        session = page.context.new_cdp_session(page)
        session.send("Network.enable")
        session.on("Network.requestWillBeSent", self._sent)
        session.on("Network.responseReceived", self._head)
        session.on("Network.dataReceived", self._data)

    def _sent(self, event: dict[str, Any]) -> None:
        request = event["request"]
        self.requests.append(request["url"])
        self.bytes += sum(len(k) + len(v) + 4 for k, v in request["headers"].items())
        self.bytes += len(request.get("postData", "")) + len(request["url"])

    def _head(self, event: dict[str, Any]) -> None:
        self.bytes += sum(len(k) + len(v) + 4 for k, v in event["response"]["headers"].items())

    def _data(self, event: dict[str, Any]) -> None:
        self.bytes += event.get("encodedDataLength") or event.get("dataLength", 0)

    @property
    def api(self) -> list[str]:
        """The requests for data."""
        return [url for url in self.requests if "/api/" in url]


def memory_mb(pid: int) -> float:
    """Return the resident memory of a process."""
    text = Path(f"/proc/{pid}/status").read_text()
    return int(re.search(r"VmRSS:\s+(\d+)", text)[1]) / 1024


def size_bytes(root: str, pattern: str) -> int:
    """Return the bytes of all files below a folder whose names fit."""
    return sum(path.stat().st_size for path in Path(root).rglob(pattern))


def missing() -> str:
    """Return what a browser needs and is not here, "" if all is."""
    from importlib.util import find_spec

    absent = [name for name in ("playwright", "starlette", "uvicorn") if find_spec(name) is None]
    if not (shutil.which("chromium") or shutil.which("chromium-browser")):
        absent.append("chromium")
    return ", ".join(absent)
