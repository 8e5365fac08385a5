"""The tests of the dashboard's modules, which run under Node.js."""

import subprocess
from pathlib import Path

import pytest

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
