"""Fixtures and helpers of ``tests/support``."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))

from recorded import new_run, run

__all__ = ["new_run", "run"]
