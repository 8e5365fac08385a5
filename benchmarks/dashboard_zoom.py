"""Zooming into a long series: what the server takes, and how long until it is painted."""

from __future__ import annotations

import random
from typing import Any

import dashboard_browser as tools
import dashboard_data as data

ZOOM = """range => new Promise((done, fail) => {
  const bench = window.__bench;
  const before = bench.series.length ? bench.series.at(-1).at : 0;
  const began = performance.now();
  let sum = null, painted = 0, still = 0;
  location.hash = "#/p/bench?r=" + range;
  const look = () => {
    const last = bench.series.at(-1);
    const now = performance.now();
    if (now - began > 20000) return fail(new Error("no new picture within 20 s"));
    if (last && last.at > before) {
      const here = bench.sum();
      if (here !== sum) { sum = here; painted = now; still = 0; }
      else if (++still >= 12) return done({ painted: painted - began,
                                            server: JSON.parse(last.head).ms });
    }
    requestAnimationFrame(look);
  };
  requestAnimationFrame(look);
})"""


def measure(root: str, folder: str, *, quick: bool) -> dict[str, Any]:
    """Measure windows of a long series: what the server says it took, and until it is painted."""
    data.long(root, quick=quick)
    steps, rng = (1_000_000 if quick else 10_000_000), random.Random(0)
    found: dict[str, Any] = {"server_ms": [], "zoom_ms": []}
    with tools.serving(root, folder) as server, tools.chromium() as browser:
        page = tools.new_page(browser)
        page.goto(f"{server.url}/#/p/bench")
        tools.painted_s(page, 1)
        page.wait_for_timeout(1500)
        for _ in range(5 if quick else 20):
            width = int(steps * 10 ** rng.uniform(-5, -0.3))
            low = rng.randrange(steps - width)
            took = page.evaluate(ZOOM, f"{low},{low + width}")
            found["zoom_ms"].append(took["painted"])
            found["server_ms"].append(took["server"])
            page.wait_for_timeout(300)
    return found
