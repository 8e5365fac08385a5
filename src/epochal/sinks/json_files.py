"""The sink ``json``: configuration, summary and a full snapshot of a run as JSON files.

============================== ==================================================================
``json/<run>_config.json``     the configuration, nested
``json/<run>_summary.json``    ``run`` (identity, tags, notes, state, duration), ``metrics``
                               (statistics by metric), ``summary`` (what the user set)
``json/training_metrics.json`` ``rows`` (every row), ``run``, ``config``: a complete document
                               after each flush, also while training runs
============================== ==================================================================

All of it is strict JSON in UTF-8: non-finite numbers are the texts "NaN", "Infinity" and
"-Infinity".  A row has ``session step epoch phase time_s elapsed_s values``; metric names in
``values`` are full ones (``val/loss``).  A metric of the summary has ``count last min max mean std
first_step last_step nan_count inf_count`` and, once ``define`` named a goal, ``goal`` and ``best``
(``value step epoch``); non-finite values are counted, not averaged.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from epochal.core.atomic import write_atomically
from epochal.core.errors import SinkError
from epochal.core.nested import merge
from epochal.core.records import Event, Record, Row, RunInfo
from epochal.sinks.json_rows import JsonRows, strict, to_json
from epochal.sinks.json_summary import MetricSummary

REWRITE_EVERY_S = 2.0
"""Configuration and summary are written at most this often, and at the end."""

MAX_WAITING = 4096
"""So many rows wait in memory at most."""

FORMAT = 1


class JsonSink:
    """Mirrors a run into three JSON files.

    Exactly once: the state that ``flush`` returns holds the statistics and the size of the
    snapshot, and ``open`` with it goes back to there.  If the snapshot is missing or was changed
    otherwise, ``open`` raises :class:`SinkError`; the way on is ``open`` with no state and all
    records from the first.  Memory grows with the number of metrics, not of rows.

    Args:
        config_dir: folder for the configurations of all runs, each as ``<run folder>_config.json``;
            None: the configuration stands beside the summary.
        clock: seconds, monotonic.

    Example:
        >>> import json, tempfile
        >>> from epochal.core.records import Row, RunInfo
        >>> folder = tempfile.mkdtemp()
        >>> sink = JsonSink()
        >>> sink.open(RunInfo("id", "My run", "p", "my-run", folder), None)
        >>> sink.write([Row(1, 0, 0.0, 0.5, 1, True, None, None, {"loss": float("inf")})])
        >>> sink.close()
        >>> snapshot = open(f"{folder}/json/training_metrics.json").read()
        >>> json.loads(snapshot)["rows"][0]["values"]
        {'loss': 'Infinity'}
    """

    name = "json"

    def __init__(
        self, *, config_dir: str | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._config_dir, self._clock = config_dir, clock
        self._run: dict[str, Any] = {}
        self._config: dict[str, Any] = {}
        self._summary: dict[str, Any] = {}
        self._goals: dict[str, str] = {}
        self._metrics: dict[str, MetricSummary] = {}
        self._rows: JsonRows | None = None
        self._folder = self._slug = self._config_path = ""
        self._changed = False
        self._written_at = 0.0

    def open(self, run: RunInfo, state: Mapping[str, Any] | None) -> None:
        """Begin new files, or go back to where ``state`` was taken.

        Raises:
            SinkError: the snapshot is not the one of the state; open without one and send
                everything.
            OSError: the folder cannot be written.
        """
        self._folder, self._slug = os.path.join(run.dir, "json"), run.slug
        os.makedirs(self._folder, mode=0o700, exist_ok=True)
        self._config_path = os.path.join(self._folder, f"{self._slug}_config.json")
        if self._config_dir:  # of many runs: the run folder's name is unique
            os.makedirs(self._config_dir, exist_ok=True)
            name = f"{os.path.basename(run.dir)}_config.json"
            self._config_path = os.path.join(self._config_dir, name)
        try:
            self._restore(state or _beginning(run))
            if self._rows is not None:  # after an ``open`` that failed
                self._rows.close()
            self._rows = JsonRows(os.path.join(self._folder, "training_metrics.json"))
            self._rows.open(state and state["rows"], self._rest())
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise SinkError(f"the state of {self._folder} cannot be read: {error!r}") from error
        self._changed, self._written_at = True, self._clock() - REWRITE_EVERY_S

    def write(self, records: Sequence[Record]) -> None:
        """Take records; they reach the files at the next ``flush``."""
        for record in records:
            self._changed = True
            self._run["duration_s"] = max(self._run["duration_s"], record.elapsed_s)
            if isinstance(record, Row):
                self._take_row(record)
            else:
                self._take_event(record)

    def flush(self) -> Mapping[str, Any]:
        """Make all rows visible, and every two seconds configuration and summary."""
        self._write_out(now=False)
        return {
            "format": FORMAT,
            "rows": self._file().state(),
            "run": strict(self._run),
            "config": strict(self._config),
            "summary": strict(self._summary),
            "goals": dict(self._goals),
            "metrics": {name: strict(m.state()) for name, m in self._metrics.items()},
        }

    def close(self) -> None:
        """Write everything and close the files."""
        if self._rows is None:
            return
        try:
            self._write_out(now=True)
        finally:
            self._rows.close()
            self._rows = None

    def _restore(self, state: Mapping[str, Any]) -> None:
        if state["format"] != FORMAT:
            raise SinkError(f"state of format {state['format']!r}, known is {FORMAT}")
        self._run, self._config = dict(state["run"]), dict(state["config"])
        self._summary, self._goals = dict(state["summary"]), dict(state["goals"])
        self._metrics = {
            name: MetricSummary.restored(found) for name, found in state["metrics"].items()
        }

    def _file(self) -> JsonRows:
        if self._rows is None:
            raise SinkError(f"sink {self.name!r} is closed; open it first")
        return self._rows

    def _rest(self) -> dict[str, Any]:
        return {"run": self._run, "config": self._config}

    def _take_row(self, row: Row) -> None:
        self._run["state"] = "running"
        for name, value in row.values.items():
            self._metric(name).add(_as_float(value), row.step, row.epoch)
        fields = {
            "session": row.session,
            "step": row.step,
            "epoch": row.epoch,
            "phase": row.phase,
            "time_s": row.time_s,
            "elapsed_s": row.elapsed_s,
            "values": row.values,
        }
        if self._file().append(fields) >= MAX_WAITING:
            self._file().flush(self._rest())

    def _metric(self, name: str) -> MetricSummary:
        return self._metrics.get(name) or self._metrics.setdefault(name, MetricSummary())

    def _take_event(self, event: Event) -> None:
        data = event.data
        match event.kind:
            case "config":
                merge(self._config, data["update"])
            case "summary":
                self._summary.update(data["values"])
            case "define" if "goal" in data:
                self._goals[data["metric"]] = data["goal"]
            case "bigint":
                values: dict[str, float] = {data["key"]: int(data["value"])}
                step, given = data["step"], True
                self._take_row(Row(*event[:4], step, given, None, None, values))
            case "resume":
                self._resume(event)
            case "end":
                self._run["state"], self._run["error"] = data["state"], data.get("error")
                self._write_out(now=True)
            case _:
                self._describe(event.kind, data)

    def _describe(self, kind: str, data: Mapping[str, Any]) -> None:
        """Follow what people say of the run; other kinds of events are none of our business."""
        match kind:
            case "tag":
                self._run["tags"] = list(dict.fromkeys([*self._run["tags"], *data["tags"]]))
            case "untag":
                self._run["tags"] = [tag for tag in self._run["tags"] if tag not in data["tags"]]
            case "note":
                self._run["notes"] = data["text"]
            case "rename":
                self._run["name"] = data["name"]

    def _resume(self, event: Event) -> None:
        """Forget what earlier sessions recorded after the step from which this one goes on."""
        self._run["state"], self._run["error"] = "running", None
        after = event.data.get("after")
        if after is None:
            return
        rows = self._file()
        rows.flush(self._rest())

        def stays(row: Mapping[str, Any]) -> bool:
            return row["session"] >= event.session or not float(row["step"]) > after

        if all(map(stays, rows.rows())):
            return
        rows.replace(filter(stays, rows.rows()), self._rest())
        self._metrics.clear()
        for row in rows.rows():
            for name, value in row["values"].items():
                self._metric(name).add(_as_float(value), row["step"], row["epoch"])

    def _write_out(self, *, now: bool) -> None:
        if not self._changed:
            return
        self._file().flush(self._rest())
        if not now and self._clock() - self._written_at < REWRITE_EVERY_S:
            return
        metrics = {name: m.to_dict(self._goal(name)) for name, m in self._metrics.items()}
        summary = {"run": self._run, "metrics": metrics, "summary": self._summary}
        write_atomically(self._config_path, to_json(self._config, indented=True) + b"\n")
        path = os.path.join(self._folder, f"{self._slug}_summary.json")
        write_atomically(path, to_json(summary, indented=True) + b"\n")
        self._changed, self._written_at = False, self._clock()

    def _goal(self, metric: str) -> str | None:
        """Return the goal defined for a metric, by its name or the longest ``prefix*``."""
        patterns = [name for name in self._goals if name.endswith("*")]
        fitting = [name for name in patterns if metric.startswith(name[:-1])]
        return self._goals.get(metric) or self._goals.get(max(fitting, key=len, default=""))


def _beginning(run: RunInfo) -> dict[str, Any]:
    """Return the state before the first record."""
    about = {
        "id": run.id,
        "name": run.name,
        "project": run.project,
        "group": run.group,
        "created_s": run.created_s,
        "tags": list(run.tags),
        "notes": run.notes,
        "state": "running",
        "error": None,
        "duration_s": 0.0,
    }
    config: dict[str, Any] = {}
    merge(config, run.config)
    nothing: dict[str, Any] = {"summary": {}, "goals": {}, "metrics": {}}
    return {"format": FORMAT, "run": about, "config": config, **nothing}


def _as_float(value: float | str) -> float:
    """Return a logged value as a float; an integer beyond all floats counts as infinite."""
    try:
        return float(value)
    except OverflowError:
        return float("inf")
