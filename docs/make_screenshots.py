"""Takes the screenshots of the documentation in a real browser.

    python docs/make_screenshots.py FOLDER

FOLDER holds `runs/` as `epochal demo` leaves it (`docs/make_pictures.py FOLDER` makes it).  Writes
`docs/pictures/dashboard-*.png`.  Needs Playwright and a Chromium on the PATH.
"""

import json
import re
import shutil
import subprocess
import sys
import urllib.request
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

PICTURES = Path(__file__).parent / "pictures"
SIZE = {"width": 1440, "height": 840}
GROUPED = "#/p/demo?g=config.lr_schedule"


def main() -> None:
    """Takes all screenshots."""
    folder = Path(sys.argv[1]).resolve()
    command = [sys.executable, "-m", "epochal", "serve", "runs", "--port", "0"]
    server = subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, text=True)
    try:
        line = server.stdout.readline()
        base = re.search(r"http://\S+?/", line)[0]
        runs = json.load(urllib.request.urlopen(f"{base}api/runs?project=demo"))  # noqa: S310
        chosen = ",".join(runs["id"])
        views = {
            "dashboard-runs": (GROUPED, "light"),
            "dashboard-seeds": (f"#/c/demo/seeds?runs={chosen}&by=config.lr_schedule", "dark"),
        }
        for name, (view, scheme) in views.items():
            take(base + view, PICTURES / f"{name}.png", scheme)
    finally:
        server.terminate()
        server.wait()


def take(address: str, path: Path, scheme: str) -> None:
    """Opens a view in a new window and writes what it shows."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu"]
        )
        page: Page = browser.new_page(viewport=SIZE, color_scheme=scheme)
        page.goto(address)
        page.wait_for_load_state("networkidle")
        page.wait_for_timeout(1500)
        page.screenshot(path=path)
        browser.close()


if __name__ == "__main__":
    main()
