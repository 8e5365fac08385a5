"""MLflow stores for tests: a migrated database copied for each test, and one real server."""

import json
import os
import shutil
import subprocess
import sys
import time
import urllib.request
import warnings
from pathlib import Path

import pytest
from ports import quiet_port

from epochal.sinks.mlflow import client

LARGEST = 1.7976931348623157e308


def _load(patch: pytest.MonkeyPatch) -> None:
    """Import MLflow without the user's settings; whatever that sets goes with the patch."""
    pytest.importorskip("mlflow", exc_type=ImportError)
    for name in [name for name in os.environ if name.startswith("MLFLOW_")]:
        patch.delenv(name)
    for name, value in client._BEHAVIOR.items():
        patch.setenv(name, value)
    patch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of packages that MLflow imports
        client.load()


@pytest.fixture
def mlflow_settings(monkeypatch):
    """No settings of the user's; requests are not repeated, as servers of tests are on this host.

    Such a server answers, but it may take long on a machine that is busy.
    """
    _load(monkeypatch)
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "60")
    monkeypatch.setattr(client, "_usual_s", 60)


@pytest.fixture(scope="session")
def mlflow_template(tmp_path_factory):
    """A migrated database; making one takes a second."""
    with pytest.MonkeyPatch.context() as patch, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        _load(patch)
        path = tmp_path_factory.mktemp("mlflow") / "template.db"
        client.connect(str(path.parent), f"sqlite:///{path}")
    return path


def copied(template: Path, folder: Path) -> str:
    """The URI of a folder's own store, made from the template the first time."""
    path = folder / "mlflow.db"
    if not path.exists():
        shutil.copyfile(template, path)
    return f"sqlite:///{path}"


@pytest.fixture(scope="session")
def mlflow_server(tmp_path_factory, mlflow_template):
    """The address of a real server with a store of its own; artifacts go through it."""
    pytest.importorskip("flask", reason="the server is not in MLflow's smaller package")
    folder = tmp_path_factory.mktemp("server")
    port = quiet_port()
    argv = [
        sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port),
        "--workers", "1", "--backend-store-uri", copied(mlflow_template, folder),
        "--artifacts-destination", str(folder / "artifacts"),
    ]  # fmt: skip
    env = {name: value for name, value in os.environ.items() if not name.startswith("MLFLOW_")}
    env["MLFLOW_DISABLE_TELEMETRY"] = "true"
    env["MLFLOW_SERVER_ENABLE_JOB_EXECUTION"] = "false"  # eight more processes, of no use here
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(argv, cwd=folder, env=env, stdout=log, stderr=log)
    try:
        address = f"http://127.0.0.1:{port}"
        _wait_for(address, process, folder / "log")
        yield address
    finally:
        process.terminate()
        process.wait(60)


def _wait_for(address: str, process: subprocess.Popen, log: Path) -> None:
    deadline = time.monotonic() + 90
    while True:
        try:
            with urllib.request.urlopen(f"{address}/health", timeout=30):
                return
        except OSError:
            said = log.read_text(encoding="utf-8", errors="replace")
            assert process.poll() is None, f"the server ended: {said}"
            assert time.monotonic() < deadline, f"the server does not answer: {said}"
            time.sleep(0.1)


class Store:
    """What is in a tracking store, read with MLflow's own client."""

    def __init__(self, uri: str) -> None:
        from mlflow import MlflowClient

        self.uri, self.client = uri, MlflowClient(tracking_uri=uri)

    def runs(self, run_id: str, *, deleted: bool = False) -> list:
        """All MLflow runs of an Epochal run."""
        from mlflow.entities import ViewType

        experiments = [e.experiment_id for e in self.client.search_experiments()]
        return self.client.search_runs(
            experiments,
            filter_string=f"tags.`epochal.run_id` = '{run_id}'",
            run_view_type=ViewType.ALL if deleted else ViewType.ACTIVE_ONLY,
        )

    def run(self, run_id: str):
        """The one MLflow run of an Epochal run."""
        (found,) = self.runs(run_id)
        return self.client.get_run(found.info.run_id)

    def history(self, run_id: str) -> dict[str, list[tuple[int, float]]]:
        """(step, value) of every metric, in the order of time, under MLflow's names."""
        run = self.run(run_id)
        return {
            key: [
                (point.step, point.value)
                for point in self.client.get_metric_history(run.info.run_id, key)
            ]
            for key in run.data.metrics
        }

    def files(self, run_id: str, folder: str = "") -> dict[str, bytes]:
        """Content of every artifact below a folder, by path."""
        run_uuid = self.run(run_id).info.run_id
        found = {}
        for about in self.client.list_artifacts(run_uuid, folder or None):
            if about.is_dir:
                found |= self.files(run_id, about.path)
            else:
                path = self.client.download_artifacts(run_uuid, about.path)
                found[about.path] = Path(path).read_bytes()
        return found

    def document(self, run_id: str) -> dict:
        """The artifact ``epochal/run.json``."""
        return json.loads(self.files(run_id, "epochal")["epochal/run.json"])
