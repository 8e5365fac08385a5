"""What a run costs at its start and at its end."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time

import peers
from subject import Row, Subject, worst

MODULES = {
    "epochal": "epochal", "tensorboard": "torch.utils.tensorboard", "wandb": "wandb",
    "trackio": "trackio", "csv": "csv",
}  # fmt: skip

SUBJECT = Subject(
    title="Start and end",
    how=(
        "import: a fresh interpreter that imports, minus one that does not, each 16 times in turn;"
        " first row: from before the import to after the first call; `finish()`: the longest seen,"
        " after 10 rows and after 200,000 rows of 10 values."
    ),
    rows=(
        Row("import", "import_ms", "ms", 40.0),
        Row("modules imported from outside the standard library", "foreign", "modules", 0,
            peers=False),
        Row("import to first logged row", "first_row_ms", "ms", 150.0),
        Row("`finish()` after 10 rows", "finish_small_s", "s", 2.0, fold=worst),
        Row("`finish()` after 200,000 rows", "finish_large_s", "s", 2.0, fold=worst, peers=False),
    ),
    repeat=2,
)  # fmt: skip

FIRST_ROW = """
import sys, time
began = time.perf_counter()
sys.path.insert(0, {here!r})
import peers
logger = peers.start({case!r}, {folder!r})
logger.log(peers.ten(0.5), 0)
print("took", time.perf_counter() - began)
sys.stdout.flush()
logger.finish()
"""

FOREIGN = """
import sys
before = set(sys.modules)
import epochal
tops = {name.partition(".")[0] for name in set(sys.modules) - before}
print(len(tops - set(sys.stdlib_module_names) - {"epochal"}))
"""


def measure(case: str, *, quick: bool, folder: str) -> dict[str, float]:
    """Measure one logger."""
    found = {
        "import_ms": _import_ms(MODULES[case], 3 if quick else 8),
        "first_row_ms": _first_row_ms(case, folder, 1 if quick else 3),
        "finish_small_s": _finish_s(case, folder, 10),
    }
    if case == "epochal":
        found["finish_large_s"] = _finish_s(case, folder, 200_000)
        found["foreign"] = int(_output(FOREIGN))
    return found


def _output(code: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True, timeout=60
    )
    return done.stdout


def _import_ms(module: str, times: int) -> float:
    _output(f"import {module}")  # its bytecode and files are there from now on
    took: dict[str, list[float]] = {"pass": [], f"import {module}": []}
    for _ in range(times):
        for code, each in took.items():
            began = time.perf_counter()
            _output(code)
            each.append(time.perf_counter() - began)
    bare, imported = (statistics.median(each) for each in took.values())
    return (imported - bare) * 1e3


def _first_row_ms(case: str, folder: str, times: int) -> float:
    here = sys.path[0]
    code = FIRST_ROW.format(here=here, case=case, folder=folder)
    lines = [line for _ in range(times) for line in _output(code).splitlines()]
    return statistics.median(float(line[5:]) for line in lines if line.startswith("took ")) * 1e3


def _finish_s(case: str, folder: str, rows: int) -> float:
    logger = peers.start(case, folder)
    for step in range(rows):
        logger.log(peers.ten(0.5), step)
    began = time.perf_counter()
    logger.finish()
    return time.perf_counter() - began
