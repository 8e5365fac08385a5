"""Somebody who visits the panel with a Chromium, and what is wrong in what the browser sees."""

import re
import shutil
from pathlib import Path

import epochal

ARGUMENTS = ["--no-sandbox", "--disable-gpu"]
PASSWORD = "a-password-for-tests"
HOSTILE = "<img src=x onerror=alert(1)> [x](javascript:alert(2)) **b** $$x$$"


class Visit:
    """A tab of a browser of its own that notes everything it must not see.

    Attributes:
        page: Playwright's page.
        wrong: console errors, errors in scripts, requests to elsewhere, failed answers.
    """

    def __init__(self, panel, chromium, folder: Path, **options) -> None:
        self.panel, self.wrong = panel, []
        self.context = chromium.launch_persistent_context(
            folder, executable_path=shutil.which("chromium"), args=ARGUMENTS,
            **{"viewport": {"width": 1280, "height": 1000}, **options},
        )  # fmt: skip
        self.context.set_default_timeout(60_000)  # a machine may be busy
        self.page = self._watched(self.context.pages[0])
        self._arrive(self.page, panel.link)

    def again(self):
        """Opens the panel in another tab, with the cookie of the first."""
        page = self._watched(self.context.new_page())
        self._arrive(page, self.panel.url)
        return page

    def close(self) -> None:
        """Closes the browser."""
        self.context.close()

    def _watched(self, page):
        page.on("console", lambda m: m.type == "error" and self.wrong.append(m.text))
        page.on("pageerror", lambda error: self.wrong.append(str(error)))
        page.on("dialog", lambda dialog: (self.wrong.append(dialog.message), dialog.dismiss()))
        page.on("request", lambda request: self._request(request.url))
        page.on("response", lambda r: r.status >= 400 and self.wrong.append(f"{r.status} {r.url}"))
        return page

    def _request(self, address: str) -> None:
        if not address.startswith((self.panel.url, "data:", "blob:", "about:")):
            self.wrong.append(f"asked {address}")

    @staticmethod
    def _arrive(page, address: str) -> None:
        with page.expect_response(lambda r: "/run/predict" in r.url):
            page.goto(address)
        page.locator("#field-name input").wait_for()


def field(page, key: str):
    """The input of a field of the form."""
    return page.locator(f"#field-{re.sub('[._]', '-', key)}").locator("input, textarea")


def tab(page, name: str) -> None:
    """Goes to a tab."""
    page.get_by_role("tab", name=name).click()


def state_of(panel, name: str) -> str:
    """The state of a run, as its folder says."""
    return epochal.open(panel.runs, cache_dir=str(panel.home / "read")).run(name).state
