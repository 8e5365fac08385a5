"""The sink ``mlflow``: a run in MLflow, in a database file of your own or on a server.

=================== ==============================================================================
Epochal             MLflow
=================== ==============================================================================
run                 a run with the tag ``epochal.run_id``: the same one, whatever happens
project             experiment
config              parameters; a key that changes later keeps its first value there, is named in
                    the tag ``epochal.params_changed``, and has its new value in the document
metric              metric, under the same name or a translated one (see ``mlflow_names``); NaN is
                    kept, infinities are the largest numbers; steps are whole numbers
name, notes, end    run name, description, status
tags, goals, ...    tags that begin with ``epochal.``
media, text         artifacts ``media/<key>/...``
artifacts           artifacts ``artifacts/<name>/...``
everything as it is artifacts ``epochal/run.json`` and ``epochal/environment.json``
=================== ==============================================================================
"""

from __future__ import annotations

import copy
import json
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from epochal.core.errors import SettingError, SinkError
from epochal.core.name_map import NameMap
from epochal.core.records import Event, Record, Row, RunInfo
from epochal.sinks.json_rows import to_json
from epochal.sinks.mlflow import place
from epochal.sinks.mlflow.facts import Facts
from epochal.sinks.mlflow.files import Files
from epochal.sinks.mlflow.names import to_mlflow
from epochal.sinks.mlflow.points import Point, Session, whole
from epochal.sinks.mlflow.target import MAX_POINTS, MlflowRun

FORMAT = 1
LEFT_OUT_TAG = "epochal.left_out"
DOCUMENT_EVERY_S = 10.0
MAX_WAITING_BYTES = 32 << 20


class MlflowSink:
    """Mirrors a run into MLflow.

    Exactly once: the MLflow run is found by its tag ``epochal.run_id``, files replace themselves,
    and points that are sent again are equal to those that are there, of which MLflow keeps one.
    If the MLflow run was deleted, ``open`` with a state raises :class:`SinkError`, and ``open``
    without one makes a new run.  What a resume hides stays in MLflow; the tag ``epochal.resumed``
    says from which step on.

    MLflow reads user name, password or token of a server from ``MLFLOW_TRACKING_USERNAME``,
    ``MLFLOW_TRACKING_PASSWORD`` and ``MLFLOW_TRACKING_TOKEN``.

    Args:
        tracking_uri: address of a server, or ``sqlite:///path``; default ``MLFLOW_TRACKING_URI``,
            else ``mlflow.db`` in the folder of all runs.
        experiment: default the project.
        name: of the run in MLflow; default the run's name.
        names: what metrics, texts and media are called there, see
            :class:`~epochal.core.name_map.NameMap`.
        tags: more tags for MLflow.
        artifacts: upload media, texts, artifacts and the documents.
        clock: seconds, monotonic.

    Raises:
        SettingError: MLflow cannot be used like that.

    Example:
        >>> MlflowSink(tracking_uri="http://localhost:5000", experiment="text2sign").name
        'mlflow'
    """

    name = "mlflow"

    def __init__(
        self,
        *,
        tracking_uri: str | None = None,
        experiment: str | None = None,
        name: str | None = None,
        names: Mapping[str, str] | None = None,
        tags: Mapping[str, str] | None = None,
        artifacts: bool = True,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        try:
            self._names = NameMap(names)
        except ValueError as error:
            raise SettingError(str(error)) from error
        if tracking_uri is not None:
            place.absolute(tracking_uri)  # says now what would fail later
        self._uri, self._experiment, self._run_name = tracking_uri, experiment, name
        self._tags = {str(key): str(value) for key, value in (tags or {}).items()}
        self._artifacts, self._clock = artifacts, clock
        self._target: MlflowRun | None = None
        self._sound = False
        self._uploaded: set[tuple[str, str, str]] = set()

    def open(self, run: RunInfo, state: Mapping[str, Any] | None) -> None:
        """Find the run in MLflow, or make it.

        Raises:
            SinkError: the run of the state is not there any more; open without one and send
                everything.
            MissingExtraError: MLflow is not installed.
            OSError: MLflow cannot be reached or used.
        """
        self._target, self._sound = None, False
        try:
            stored: Mapping[str, Any] = state or {"format": FORMAT}
            if stored["format"] != FORMAT:
                raise SinkError(f"state of format {stored['format']!r}, known is {FORMAT}")
            self._facts = Facts(run, stored.get("facts"), self._tags)
            sessions = stored.get("sessions", {})
            self._sessions = {int(n): Session(found) for n, found in sessions.items()}
            self._files = Files(run.dir, self._names, stored.get("left_out", {}), self._uploaded)
            self._translated: dict[str, str] = dict(stored.get("translated", {}))
            self._parts: dict[str, dict[str, Any]] = copy.deepcopy(stored.get("parts", {}))
            known = (str(state["place"]), str(state["run_id"])) if state else None
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise SinkError(f"the state of the sink 'mlflow' cannot be read: {error!r}") from error
        self._keys: dict[str, str] = {}
        self._points: list[Point] = []
        self._changed, self._document_due = True, True
        self._document_at = self._clock() - DOCUMENT_EVERY_S
        self._state_due: tuple[str, float] | None = None
        self._renamed = False
        experiment, name = self._experiment or run.project, self._run_name or run.name
        target = MlflowRun(run, self._uri, experiment, name)
        if known is None:
            target.find_or_make()
        else:
            target.find(*known)
        self._target, self._sound = target, True

    def write(self, records: Sequence[Record]) -> None:
        """Take records, and send the points of full requests.

        Raises:
            SinkError: MLflow refuses a part of them.
            OSError: MLflow cannot be reached.
        """
        target = self._opened()
        self._sound = False
        for record in records:
            if isinstance(record, Row):
                self._take_row(record)
            else:
                self._take_event(record)
            while len(self._points) >= MAX_POINTS:
                points, self._points = self._points[:MAX_POINTS], self._points[MAX_POINTS:]
                target.log(points)
            if self._files.waiting_bytes > MAX_WAITING_BYTES:
                self._files.send(target)
        self._sound = True

    def flush(self) -> Mapping[str, Any]:
        """Send everything; the document of the run at most every ten seconds, and at its end.

        Raises:
            SinkError: MLflow refuses a part of them.
            OSError: MLflow cannot be reached.
        """
        target = self._opened()
        now = self._clock()
        self._send(target, document=now - self._document_at >= DOCUMENT_EVERY_S)
        return {
            "format": FORMAT,
            "place": target.place,
            "run_id": target.id,
            "facts": self._facts.state,
            "sessions": {str(n): session.state() for n, session in self._sessions.items()},
            "left_out": self._files.left_out,
            "translated": self._translated,
            "parts": self._parts,
        }

    def close(self) -> None:
        """Send what waits, unless something failed just before."""
        target, sound = self._target, self._sound
        self._target, self._sound = None, False
        if target is not None and sound:
            self._send(target, document=True)

    def _opened(self) -> MlflowRun:
        if self._target is None:
            raise SinkError(f"sink {self.name!r} is closed; open it first")
        return self._target

    def _take_row(self, row: Row) -> None:
        session = self._sessions.get(row.session)
        if session is None:
            session = self._sessions[row.session] = Session()
        step, time_s, points = whole(row.step), row.time_s, self._points
        for name, value in row.values.items():
            key = self._keys.get(name) or self._key(name)
            points.append(Point(key, value, session.time_ms(key, time_s, step, value), step))

    def _key(self, name: str) -> str:
        """Return a metric's name in MLflow; the document remembers those that are not the same."""
        key = self._keys[name] = to_mlflow(self._names[name])
        if key != name:
            self._translated[key] = name
            self._document_due = True
        return key

    def _take_event(self, event: Event) -> None:
        data = event.data
        if self._facts.take(event):
            self._changed = self._document_due = True
        match event.kind:
            case "bigint":
                values = {data["key"]: float(data["value"])}  # infinite, if it is beyond all floats
                step, given = data["step"], True
                self._take_row(Row(*event[:4], step, given, None, None, values))
            case "rename":
                self._renamed = True
            case "resume":
                self._state_due = ("running", event.time_s)
            case "end":
                self._state_due = (data["state"], event.time_s)
            case "environment" if self._artifacts:
                body = to_json(data["values"], indented=True) + b"\n"
                self._files.add("epochal/environment.json", body)
            case "text" if self._artifacts:
                self._take_text(event)
            case "media" if self._artifacts:
                self._files.medium(event)
            case "artifact" | "artifact_removed" if self._artifacts:
                self._files.artifact(event)

    def _take_text(self, event: Event) -> None:
        """Join the parts of a long text; the first one has its caption."""
        data = event.data
        number, total = data.get("part", (1, 1))
        key = f"{event.session} {data['key']}"
        if number == 1:
            about = {name: data[name] for name in ("epoch", "caption", "about") if data.get(name)}
            self._parts[key] = {"about": about, "texts": []}
        elif key not in self._parts:
            return  # its beginning was not recorded
        self._parts[key]["texts"].append(data["text"])
        if number == total:
            whole_text = self._parts.pop(key)
            if len(whole_text["texts"]) == total:
                self._files.text(event, "".join(whole_text["texts"]), whole_text["about"])

    def _send(self, target: MlflowRun, *, document: bool) -> None:
        self._sound = False
        points, self._points = self._points, []
        target.log(points)
        if self._changed:
            params = self._facts.params()
            target.log(params={k: v for k, v in params.items() if k not in target.params})
            target.set_tags(self._facts.tags(target.params))
            self._changed = False
        if self._renamed and self._run_name is None:
            target.rename(self._facts.state["name"])
        self._renamed = False
        if self._artifacts:
            self._send_files(target, document=document or self._state_due is not None)
        if self._state_due is not None:
            target.set_state(*self._state_due)
            self._state_due = None
        self._sound = True

    def _send_files(self, target: MlflowRun, *, document: bool) -> None:
        self._files.send(target)
        left_out = self._files.left_out
        if left_out or LEFT_OUT_TAG in target.tags:
            self._document_due |= target.set_tags({LEFT_OUT_TAG: json.dumps([*left_out])})
        if self._document_due and document:
            more = {"metric_names": self._translated, "left_out": left_out}
            self._files.add("epochal/run.json", self._facts.document(**more))
            self._files.send(target)
            self._document_due, self._document_at = False, self._clock()
