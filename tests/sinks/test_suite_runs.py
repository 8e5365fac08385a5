"""The conformance suite: our sinks pass it, a stranger's does, and broken ones do not."""

# ruff: noqa: ARG002, D102, D103 - most functions are methods of the sink protocol or of the suite

import csv
import json
import subprocess
import sys
from pathlib import Path

import pytest

from epochal.core.records import Row
from epochal.core.sink import Sink
from epochal.sinks.csv_files import CsvSink
from epochal.sinks.json_files import JsonSink
from epochal.testing import FailingSink, HangingSink, MemorySink, SinkSuite, SlowSink

NO_METRICS = {"step", "phase", "timestamp", "epoch", "time_utc", "duration_s"}


def step_of(text):
    return int(text) if text.lstrip("-").isdecimal() else float(text)


def points_of_csv(folder):
    """Reads both files with the standard library: (step, full name, value) line by line."""
    csv.field_size_limit(1 << 24)
    found = []
    for path in sorted((folder / "csv").glob("*.csv")):
        with path.open(encoding="utf-8", newline="") as file:
            for line in csv.DictReader(file):
                assert None not in line, f"{path.name} has a line that is longer than the header"
                assert None not in line.values(), f"{path.name} has a line that is too short"
                for column, cell in line.items():
                    if column in NO_METRICS or cell == "":
                        continue
                    base = column.rstrip("_")
                    name = column[:-1] if base in NO_METRICS - {"duration_s"} else column
                    name = f"{line['phase']}/{name}" if line.get("phase") else name
                    found.append((step_of(line["step"]), name, float(cell)))
    return found


def points_of_json(folder):
    document = json.loads((folder / "json" / "training_metrics.json").read_text(encoding="utf-8"))
    return [
        (row["step"], name, float(value))
        for row in document["rows"]
        for name, value in row["values"].items()
    ]


class TestCsv(SinkSuite):
    def make(self, folder):
        return CsvSink()

    def read_back(self, folder):
        return points_of_csv(folder)


class TestJson(SinkSuite):
    def make(self, folder):
        return JsonSink()

    def read_back(self, folder):
        return points_of_json(folder)


class LineSink:
    """What a stranger writes in half an hour: one JSON line per row, exactly once by file size."""

    name = "lines"

    def open(self, run, state):
        self.path = Path(run.dir) / "rows.jsonl"
        self.lines = []
        with self.path.open("ab") as file:
            file.truncate(state["size"] if state else 0)

    def write(self, records):
        for record in records:
            if isinstance(record, Row):
                self.lines.append(json.dumps([record.session, record.step, record.values]))
            elif record.kind == "resume":
                self.lines.append(json.dumps([record.session, record.data["after"], None]))

    def flush(self):
        with self.path.open("a") as file:
            file.writelines(f"{line}\n" for line in self.lines)
            self.lines = []
            return {"size": file.tell()}

    def close(self):
        pass


def points_of_lines(folder):
    """Reads rows and resumes; a line without values hides what is above its step."""
    rows = []
    for session, step, values in map(json.loads, (folder / "rows.jsonl").read_text().splitlines()):
        if values is None:
            rows = [row for row in rows if row[0] >= session or row[1] <= step]
        else:
            rows.append((session, step, values))
    return [(step, name, value) for _, step, values in rows for name, value in values.items()]


class TestLines(SinkSuite):
    def make(self, folder):
        return LineSink()

    def read_back(self, folder):
        return points_of_lines(folder)


class TestUnreadable(SinkSuite):
    """Without read_back the suite still calls everything."""

    def make(self, folder):
        return MemorySink()


class Doubling(LineSink):
    """Ignores the state: what is sent again after a crash is there twice."""

    def open(self, run, state):
        size = Path(run.dir, "rows.jsonl").stat().st_size if state else 0
        super().open(run, state and {"size": size})


class Losing(LineSink):
    """Tells a state before it has written."""

    def flush(self):
        lines, self.lines = self.lines[:-1], self.lines[-1:]
        self.lines, kept = lines, self.lines
        state = super().flush()
        self.lines = kept
        return state


class Unordered(LineSink):
    def write(self, records):
        super().write(list(records)[::-1])


class Strict(LineSink):
    """Refuses events that it does not know."""

    def write(self, records):
        for record in records:
            if not isinstance(record, Row) and record.kind not in {"config", "end"}:
                raise ValueError(record.kind)
        super().write(records)


class Rounding(LineSink):
    def write(self, records):
        def rounded(row):
            return row._replace(values={k: round(v, 6) for k, v in row.values.items()})

        super().write([rounded(r) if isinstance(r, Row) else r for r in records])


class Stateless(LineSink):
    """Returns a state that cannot be stored."""

    def flush(self):
        super().flush()
        return {"file": self.path}


class Forgetting(LineSink):
    """Does not hide what a resume hides."""

    def write(self, records):
        super().write([record for record in records if isinstance(record, Row)])


BROKEN = {
    Doubling: "test_crash_with_flushes_between",
    Losing: "test_order",
    Unordered: "test_order",
    Strict: "test_events",
    Rounding: "test_non_finite_values",
    Stateless: "test_reopening",
    Forgetting: "test_resume",
}


def suite_of(sink_class, **capabilities):
    class Suite(SinkSuite):
        def make(self, folder):
            return sink_class()

        def read_back(self, folder):
            return points_of_lines(folder)

    for name, value in capabilities.items():
        setattr(Suite, name, value)
    return Suite()


@pytest.mark.parametrize("sink_class", BROKEN, ids=lambda c: c.__name__)
def test_broken_sinks_fail(sink_class, tmp_path):
    """Each way to break the contract makes the test of that promise fail."""
    with pytest.raises((AssertionError, ValueError)):
        getattr(suite_of(sink_class), BROKEN[sink_class])(tmp_path)


def test_declared_weakness_is_accepted(tmp_path):
    """A sink that says it is not exactly once passes with doubles, but not with losses."""
    suite_of(Doubling, exactly_once=False).test_crash_with_flushes_between(tmp_path)
    (tmp_path / "other").mkdir()
    with pytest.raises(AssertionError, match="lacks"):
        suite_of(Losing, exactly_once=False).test_order(tmp_path / "other")


def test_forgotten_make_is_named():
    """A suite without `make` says so."""
    with pytest.raises(NotImplementedError, match="make"):
        SinkSuite().make(Path())


@pytest.mark.parametrize("fake", [MemorySink, FailingSink, HangingSink, SlowSink])
def test_fakes_are_sinks(fake):
    """Every fake has the methods of the protocol."""
    assert isinstance(fake(), Sink)


def test_suite_does_not_need_pytest():
    """Importing the suite loads nothing but the standard library and Epochal."""
    code = (
        "import sys; before = set(sys.modules); import epochal.testing;"
        "names = {name.partition('.')[0] for name in set(sys.modules) - before};"
        "print(sorted(names - sys.stdlib_module_names - {'epochal'}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "[]", done.stdout + done.stderr
