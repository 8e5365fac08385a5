"""The MLflow run that an Epochal run is mirrored into: found again, made once, written to."""

from __future__ import annotations

import contextlib
import getpass
import os
import pathlib
from collections.abc import Iterable, Mapping
from typing import Any

from epochal.core.errors import SinkError
from epochal.core.names import slug
from epochal.core.records import RunInfo
from epochal.sinks.mlflow import client, place
from epochal.sinks.mlflow.client import explained, patience
from epochal.sinks.mlflow.points import POINT_BYTES, Point, requests, text_bytes

ID_TAG = "epochal.run_id"
MAX_POINTS, MAX_PARAMS, MAX_TAGS = 1000, 100, 100
"""In one request."""

MAX_PARAM_CHARS, MAX_TAG_CHARS, MAX_RUN_NAME_CHARS = 6000, 5000, 250

STATUS = {"finished": "FINISHED", "failed": "FAILED", "interrupted": "KILLED", "killed": "KILLED"}


class MlflowRun:
    """One run in MLflow; only ``MlflowClient`` is used, never the package's global run.

    Args:
        run: the Epochal run.
        asked: the option ``tracking_uri``.
        experiment: its experiment's name in MLflow.
        name: its name there.

    Attributes:
        place: the tracking URI without user name and password.
        id: of the run in MLflow; "" until :meth:`find` or :meth:`find_or_make`.
        params, tags: what MLflow has.
    """

    def __init__(self, run: RunInfo, asked: str | None, experiment: str, name: str) -> None:
        self._run, self._asked, self._experiment, self._name = run, asked, experiment, name
        self._uri = place.resolve(run.dir, asked)
        self.place, self.id = place.shown(self._uri), ""
        self.params: dict[str, str] = {}
        self.tags: dict[str, str] = {}
        self._client = client.connect(run.dir, self._uri)

    def find(self, place: str, run_id: str) -> None:
        """Go on with the MLflow run of a state.

        Raises:
            SinkError: the run is not there any more, or is to be somewhere else now.
            OSError: MLflow cannot be reached or used.
        """
        if place != self.place:
            raise SinkError(f"the run was mirrored to MLflow at {place}, now it is {self.place}")
        with explained(self._uri, opening=True):
            found = self._get(run_id)
        if found is None:
            raise SinkError(f"MLflow at {self.place} has no run {run_id} any more")
        self._take(found)

    def find_or_make(self) -> None:
        """Find the MLflow run of this run by its tag, or make it.

        Raises:
            SinkError: the experiment was deleted.
            OSError: MLflow cannot be reached or used.
        """
        note = place.read_note(self._run.dir)
        if not note:  # where it is to be, also if MLflow never answers
            place.write_note(self._run.dir, self._asked, self._uri)
        with explained(self._uri, opening=True):
            found = self._get(note["run_id"]) if note.get("run_id") else None
            if found is None or found.data.tags.get(ID_TAG) != self._run.id:
                experiment = self._experiment_id()
                if not self._search(experiment):
                    self.id = self._make(experiment)
                found = self._only_one(experiment)
        self._take(found)

    def log(self, points: Iterable[Point] = (), params: Mapping[str, str] | None = None) -> None:
        """Send points and new parameters, in as many requests as needed.

        Raises:
            SinkError: MLflow refuses it.
            ConnectionError: MLflow cannot be reached or used; some of it may have arrived.
        """
        from mlflow.entities import Metric, Param

        with explained(self._uri):
            for batch in requests(points, MAX_POINTS, lambda p: text_bytes(p.key) + POINT_BYTES):
                metrics = [Metric(p.key, p.value, p.timestamp_ms, p.step) for p in batch]
                self._client.log_batch(self.id, metrics=metrics, synchronous=True)
            for some in requests((params or {}).items(), MAX_PARAMS, lambda i: text_bytes(*i)):
                new = [Param(key, value) for key, value in some]
                self._client.log_batch(self.id, params=new, synchronous=True)
                self.params.update(some)

    def set_tags(self, tags: Mapping[str, str]) -> bool:
        """Send the tags that MLflow does not have like that; False: there are none.

        Raises:
            SinkError: MLflow refuses it.
            ConnectionError: MLflow cannot be reached or used; some of it may have arrived.
        """
        from mlflow.entities import RunTag

        changed = [(key, value) for key, value in tags.items() if self.tags.get(key) != value]
        with explained(self._uri):
            for some in requests(changed, MAX_TAGS, lambda i: text_bytes(*i)):
                new = [RunTag(key, value) for key, value in some]
                self._client.log_batch(self.id, tags=new, synchronous=True)
                self.tags.update(some)
        return bool(changed)

    def rename(self, name: str) -> None:
        """Give the run another name.

        Raises:
            SinkError: MLflow refuses it.
            ConnectionError: MLflow cannot be reached or used.
        """
        with explained(self._uri):
            self._client.update_run(self.id, name=name[:MAX_RUN_NAME_CHARS])

    def set_state(self, state: str, time_s: float) -> None:
        """Say that the run is running, or how and when it ended.

        Raises:
            SinkError: MLflow refuses it.
            ConnectionError: MLflow cannot be reached or used.
        """
        with explained(self._uri):
            if state == "running":
                self._client.update_run(self.id, status="RUNNING")
                return
            self._only_one(self._client.get_run(self.id).info.experiment_id)
            status = STATUS.get(state, "FAILED")
            self._client.set_terminated(self.id, status=status, end_time=int(time_s * 1000))

    def upload(self, source: str, path: str) -> None:
        """Upload a file; one of the same path is replaced.

        Args:
            source: the file; its name is the last part of the path.
            path: of the artifact.

        Raises:
            SinkError: MLflow refuses it.
            OSError: MLflow or its store of artifacts cannot be reached.
        """
        with explained(self._uri), patience(os.path.getsize(source)):
            self._client.log_artifact(self.id, source, os.path.dirname(path))

    def _take(self, found: Any) -> None:
        self.id = found.info.run_id
        self.params, self.tags = dict(found.data.params), dict(found.data.tags)
        ids = {"experiment_id": found.info.experiment_id, "run_id": self.id}
        place.write_note(self._run.dir, self._asked, self._uri, **ids)

    def _get(self, run_id: str) -> Any:
        """Return a run that has not been deleted, or None."""
        from mlflow.exceptions import MlflowException

        try:
            found = self._client.get_run(run_id)
        except MlflowException as error:
            if error.error_code == "RESOURCE_DOES_NOT_EXIST":
                return None
            raise
        return found if found.info.lifecycle_stage == "active" else None

    def _search(self, experiment_id: str) -> list[Any]:
        """Return the active runs with our id, those with content first."""
        found = self._client.search_runs(
            [experiment_id], filter_string=f"tags.`{ID_TAG}` = '{self._run.id}'", max_results=100
        )
        return sorted(found, key=lambda run: (not run.data.metrics, run.info.run_id))

    def _make(self, experiment_id: str) -> str:
        tags = {ID_TAG: self._run.id, "mlflow.source.type": "LOCAL"}
        with contextlib.suppress(KeyError, OSError, ImportError):  # a user id without a name
            tags["mlflow.user"] = getpass.getuser()
        made = self._client.create_run(
            experiment_id,
            start_time=int(self._run.created_s * 1000),
            tags=tags,  # in the same transaction: found by it even if the answer gets lost
            run_name=self._name[:MAX_RUN_NAME_CHARS],
        )
        return str(made.info.run_id)

    def _only_one(self, experiment_id: str) -> Any:
        """Return our run, and delete empty doubles.

        A server that answers too late may make a run twice.  Only what has neither metrics nor
        parameters is deleted, and never the run that is written to.
        """
        found = self._search(experiment_id)
        ours = self._client.get_run(self.id or found[0].info.run_id)
        for run in found:
            empty = not run.data.metrics and not run.data.params
            if empty and run.info.run_id != ours.info.run_id:
                self._client.delete_run(run.info.run_id)
        return ours

    def _experiment_id(self) -> str:
        from mlflow.exceptions import MlflowException

        found = self._client.get_experiment_by_name(self._experiment)
        if found is None:
            location = None
            if place.is_database(self._uri):  # MLflow's default is in the current folder
                folder = place.artifact_folder(self._run.dir, self._uri)
                os.makedirs(folder, mode=0o700, exist_ok=True)
                location = pathlib.Path(folder, slug(self._experiment)).as_uri()
            try:
                return str(self._client.create_experiment(self._experiment, location))
            except MlflowException as error:
                if error.error_code != "RESOURCE_ALREADY_EXISTS":
                    raise
            found = self._client.get_experiment_by_name(self._experiment)  # another run's doing
        if found.lifecycle_stage != "active":
            message = (
                f"the MLflow experiment {self._experiment!r} at {self.place} was deleted: restore"
                " it there, or give the sink another experiment="
            )
            raise SinkError(message)
        return str(found.experiment_id)
