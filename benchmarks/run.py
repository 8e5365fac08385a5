"""Measure Epochal beside other loggers; write ``docs/benchmarks.md`` and every value beside it.

Usage: python benchmarks/run.py [--only NAME… [--renew]] [--quick] [--repeat N]
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import random
import sys
from collections import defaultdict
from pathlib import Path
from typing import Any

import fresh
import peers
from page import Page
from subject import PEERS, Subject

NAMES = (
    "call_cost", "throughput", "training_step", "stall", "startup", "kill", "checkpoint_kill",
    "size", "reading", "listing", "memory", "sealing", "faults", "media_call", "media_listing",
    "background", "tensorboard_mirror", "wandb_mirror", "mlflow_mirror", "ranks", "instruments",
    "examples_slowdown", "evidence", "dashboard",
)  # fmt: skip
PAGE = Path(__file__).parent.parent / "docs" / "benchmarks.md"
VALUES = PAGE.with_suffix(".json")


def main() -> int:
    """Run the command line."""
    arguments = _arguments()
    if arguments.renew and not VALUES.exists():
        sys.exit(f"--renew needs {VALUES.name} of an earlier run of everything, beside {PAGE.name}")
    subjects = {name: importlib.import_module(name).SUBJECT for name in arguments.only or NAMES}
    fresh.adopt_orphans()
    absent = {case: needs for case in PEERS if (needs := peers.missing(case))}
    notes = [
        f"{peers.NAMES[case]} is left out: {' and '.join(needs)} not installed here."
        for case, needs in absent.items()
    ]
    if "wandb" not in absent:
        notes.append("W&B offline, reading and kills: its files have no reader in Python.")
    load = os.getloadavg()[0]
    results: dict[str, Any] = measure_all(subjects, set(absent), arguments)
    if arguments.renew:
        titles = ", ".join(f'"{subject.title}"' for subject in subjects.values())
        notes.append(f"Measured later than the other subjects, alone: {titles}.")
        results = json.loads(VALUES.read_text()) | results
        subjects = {name: importlib.import_module(name).SUBJECT for name in NAMES}
    page = Page(subjects, results, notes, quick=arguments.quick, load=load).markdown()
    if arguments.only and not arguments.renew:  # a part must not replace the page of all
        print(page)
    else:
        PAGE.write_text(page)
        VALUES.write_text(json.dumps(results, indent=1) + "\n")
        print(f"written: {PAGE.relative_to(PAGE.parent.parent)}")
    return 0


def measure_all(
    subjects: dict[str, Subject], absent: set[str], arguments: argparse.Namespace
) -> dict[str, dict[str, dict[str, Any]]]:
    """Run every case of every subject, repetition by repetition, with a progress bar."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    plan = _plan(subjects, absent, arguments)
    results: dict[str, Any] = defaultdict(lambda: defaultdict(dict))
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(),
               TimeElapsedColumn())  # fmt: skip
    with Progress(*columns) as progress:
        task = progress.add_task("", total=len(plan))
        for name, case in plan:
            progress.update(task, description=f"{subjects[name].title}: {case}")
            _measure(name, case, subjects[name], results[name][case], quick=arguments.quick)
            if "error" in results[name][case]:
                progress.console.print(f"{name}, {case}: {results[name][case]['error']}")
            progress.advance(task)
    return results


def _plan(
    subjects: dict[str, Subject], absent: set[str], arguments: argparse.Namespace
) -> list[tuple[str, str]]:
    """Return (subject, case) in the order of measuring: cases in turn, shuffled each time."""
    rng = random.Random(0)
    plan = []
    for name, subject in subjects.items():
        usual = subject.quick_repeat if arguments.quick else subject.repeat
        cases = [case for case in subject.cases if case not in absent]
        for _ in range(arguments.repeat or usual):
            plan += [(name, case) for case in rng.sample(cases, len(cases))]
    return plan


def _measure(name: str, case: str, subject: Subject, into: dict[str, Any], *, quick: bool) -> None:
    """Add the figures of one measurement, or why there are none."""
    if "error" in into:
        return
    try:
        found = fresh.measure(
            name, case, quick=quick, timeout_s=subject.timeout_s,
            afterwards_s=subject.afterwards_s,
        )  # fmt: skip
    except fresh.MeasurementError as error:
        into.clear()
        into["error"] = str(error)
        return
    for key, value in found.items():
        into.setdefault(key, []).extend(value if isinstance(value, list) else [value])


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--only",
        nargs="+",
        choices=NAMES,
        metavar="NAME",
        help=f"only these, printed instead of written: {', '.join(NAMES)}",
    )
    parser.add_argument(
        "--renew", action="store_true", help="put these into the page, beside its earlier others"
    )
    parser.add_argument("--quick", action="store_true", help="trial figures in minutes")
    parser.add_argument("--repeat", type=int, help="repetitions of each measurement")
    return parser.parse_args()  # fmt: skip


if __name__ == "__main__":
    sys.exit(main())
