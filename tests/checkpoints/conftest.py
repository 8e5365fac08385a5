"""Fixtures and helpers of ``tests/support``, and the beginning of a command line that traces."""

import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))

from recorded import new_run, run

__all__ = ["new_run", "run"]


@pytest.fixture
def ptrace(needs):
    """strace, quiet; skips where the kernel forbids tracing."""
    needs("strace")
    begin = ["strace", "-f", "-qq", "-o", "/dev/null"]
    done = subprocess.run([*begin, "true"], capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"this machine forbids tracing: {done.stderr.strip()}")
    return begin
