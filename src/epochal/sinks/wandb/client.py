"""W&B's client, opened for a run so that it does what it is told and nothing else."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import urllib.request
from collections.abc import Mapping, Sequence
from typing import Any

from epochal.core.optional import require
from epochal.core.records import Record
from epochal.sinks.wandb.process import children
from epochal.sinks.wandb.records import Records

ASK_S = 10.0

SETTINGS: Mapping[str, Any] = {
    # Its own recordings of the machine, the code, the console and the user: Epochal has its own.
    "console": "off", "disable_code": True, "disable_git": True, "disable_job_creation": True,
    "label_disable": True, "save_code": False, "x_disable_machine_info": True,
    "x_disable_meta": True, "x_disable_stats": True, "x_disable_viewer": True,
    "x_save_requirements": False,
    # Files and processes.
    "silent": True, "symlink": False, "program": "",
    "x_service_wait": 30.0, "x_transaction_log_flush_interval": 0.05,
    "finish_timeout_raises": True,
}  # fmt: skip

ROWS_QUERY = """
query EpochalRows($project: String, $entity: String, $name: String!) {
  model(name: $project, entityName: $entity) {
    bucket(name: $name, missingOk: true) { historyLineCount }
  }
}
"""


class Client:
    """One run of W&B's client; its methods are called from the other process.

    Attributes:
        at: the record that is being written.
    """

    def __init__(self) -> None:
        self._run: Any = None
        self._records: Records | None = None

    @property
    def at(self) -> tuple[int, int] | None:
        """Session and position of the record that is being written."""
        return self._records.at if self._records else None

    def begin(self, spec: Mapping[str, Any]) -> dict[str, Any]:
        """Begin a run, or go on with one; without a key, one that is offline.

        Args:
            spec: ``init`` (arguments of ``wandb.init``), ``settings`` (more of them) and
                ``records`` (arguments of :class:`Records`).

        Returns:
            ``offline``; ``url``; ``file``, the offline file; ``flushes``, whether it is written
            while the run goes on; ``rows``, what the server has of the history; ``services``,
            process ids.
        """
        wandb = require("wandb", extra="wandb", why="the mirror 'wandb'")
        known = getattr(wandb.Settings, "model_fields", {})
        given = {**SETTINGS, **spec["settings"]}
        settings = wandb.Settings(**{name: v for name, v in given.items() if name in known})
        init = dict(spec["init"])
        if init["mode"] == "offline":
            init["resume"] = None
        try:
            self._run = wandb.init(**init, settings=settings)
        except wandb.errors.UsageError as error:
            if init["mode"] == "offline" or "api" not in str(error).lower():
                raise
            init.update(mode="offline", resume=None)
            self._run = wandb.init(**init, settings=settings)
        run = self._run
        there = None if run.offline else rows_of_server(run)
        rows = int(run.starting_step) if there is None else there
        if self._records is None:
            self._records = Records(**spec["records"])
        self._records.begin(run, rows)
        return {
            "offline": bool(run.offline),
            "url": run.url,
            "file": os.path.join(os.path.dirname(run.dir), f"run-{run.id}.wandb"),
            "flushes": "x_transaction_log_flush_interval" in known,
            "rows": rows,
            "services": children(os.getpid()),
        }

    def write(self, records: Sequence[Record]) -> dict[str, Any]:
        """Write records; returns how many rows of history there are now, and what went wrong."""
        assert self._records is not None
        self._records.write(records)
        problems, self._records.problems = self._records.problems, {}
        return {"rows": self._records.rows, "problems": problems}

    def finish(self, exit_code: int) -> int | None:
        """Wait until everything is uploaded; returns how many rows the server has then.

        None: that cannot be found out.

        Raises:
            TimeoutError: it took longer than the settings allow.
        """
        run, self._run = self._run, None
        if self._records is not None:
            self._records.end()
        run.finish(exit_code)
        return None if run.offline else rows_of_server(run)


def rows_of_server(run: Any) -> int | None:
    """Ask how many rows of a run's history the server has; None: that cannot be found out.

    W&B's client does not say it: ``run.starting_step`` comes from the summary, which may be ahead
    of the history, and ``finish`` returns also if the server refused rows for good.
    """
    settings = run.settings
    if not settings.api_key:
        return None
    path = {"project": run.project, "entity": run.entity, "name": run.id}
    body = json.dumps({"query": ROWS_QUERY, "variables": path}).encode("ascii")
    key = base64.b64encode(f"api:{settings.api_key}".encode()).decode("ascii")
    headers = {"Content-Type": "application/json", "Authorization": f"Basic {key}"}
    url = f"{settings.base_url}/graphql"
    question = urllib.request.Request(url, body, headers)  # noqa: S310 - W&B's own address
    given = {"http": settings.http_proxy, "https": settings.https_proxy}
    proxies = {kind: proxy for kind, proxy in given.items() if proxy}
    handlers = [urllib.request.ProxyHandler(proxies)] if proxies else []  # else the environment's
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
        with urllib.request.build_opener(*handlers).open(question, timeout=ASK_S) as answer:
            found = json.loads(answer.read())
        return int(found["data"]["model"]["bucket"]["historyLineCount"])
    return None
