"""The tests of the dashboard's modules, which run under Node.js."""

import json
import keyword
import subprocess
from pathlib import Path

import pytest

from epochal.read.filters import parse_path

TESTS = Path(__file__).parent / "js"
VENDOR = Path(__file__).parents[2] / "src" / "epochal" / "web" / "static" / "vendor"


@pytest.mark.needs("node")
def test_modules_of_the_dashboard(skip_or_fail):
    """`node --test` passes for every file; what it prints is the message if not."""
    if not (VENDOR / "preact.mjs").exists():
        skip_or_fail("the build brought no packages from npm")
    files = sorted(map(str, TESTS.glob("*.test.mjs")))
    command = ["node", "--import", str(TESTS / "register.mjs"), "--test", *files]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stdout[-20_000:] + done.stderr[-5_000:]
    assert "# pass 0" not in done.stdout


HOSTILE = [
    *keyword.kwlist, *keyword.softkwlist, "__x__", "__proto__", "__class__", "_", "_x", "2x", "",
    "constructor", "größe", "\N{LATIN SMALL LIGATURE FI}ne", "\N{MICRO SIGN}", "\N{ROCKET}", "a.b",
    "a b", " ", 'q"', "q'", "\\", "\\n", "\\\\", "\n", "\t", "\x01", "\x0c", "\x1a", "\x7f", "\x85",
    "\N{LINE SEPARATOR}", "\N{RIGHT-TO-LEFT OVERRIDE}", "\ufeff", '"]', "a#b", "((", "{", "<b>",
    "x" * 300,
]  # fmt: skip
"""Keys that mean something else after a dot, or nothing."""


@pytest.mark.needs("node")
def test_paths_that_the_page_writes_are_those_that_the_server_reads():
    """Whatever a key is called, the server finds the same keys in a path, and so does the page."""
    paths = [["config", key] for key in HOSTILE] + [["summary", key, "last"] for key in HOSTILE]
    program = (
        'const { isPath, pathParts, pathText } = await import("epochal/filter.js");'
        f"const written = {json.dumps(paths)}.map((path) => pathText(...path));"
        "console.log(JSON.stringify(written.map((path) => [path, pathParts(path), isPath(path)])));"
    )
    names = ["--import", str(TESTS / "register.mjs"), "--input-type=module"]
    command = ["node", *names, "-e", program]
    done = subprocess.run(command, check=True, capture_output=True, encoding="utf-8", timeout=60)
    for keys, (text, read, asked) in zip(paths, json.loads(done.stdout), strict=True):
        assert list(parse_path(text)) == read == keys
        assert asked, text
