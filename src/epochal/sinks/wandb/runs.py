"""The sink ``wandb``: a run in Weights & Biases, online or in an offline folder.

========== =====================================================================================
rows       rows of W&B's history with the columns ``step`` and, if it was given, ``epoch``;
           W&B's own step only counts them, so that late and repeated steps are kept
config     W&B's config, also later updates
summary    W&B's summary, next to what W&B makes of the history
texts      a ``wandb.Table`` for each key: step, text, caption and how it was generated
media      ``wandb.Image``, ``Video``, ``Audio``, ``Histogram``, ``Table``, ``Html``
artifacts  ``wandb.Artifact``, if the file is still the one that was recorded
others     define, tags, notes, name, alerts, lines of the console, the environment, the end
========== =====================================================================================

A metric with the name of a column of the history that is no metric (``step``, ``epoch``, ``_step``,
…) gets an underscore: ``step_``.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from math import inf
from typing import Any

from epochal.core.errors import MissingExtraError, SinkError, StartOverError
from epochal.core.problems import logger
from epochal.core.records import Record, Row, RunInfo
from epochal.sinks.wandb.log import OfflineFile
from epochal.sinks.wandb.options import WandbOptions
from epochal.sinks.wandb.process import WandbProcess

EXIT_CODES = {"finished": 0, "failed": 1, "interrupted": 255, "killed": 255}
ANSWER_S = 600.0
"""How long W&B's client may take for a batch of records, which may hold a large checkpoint."""
GRACE_S = 15.0
"""So much longer than its own limits W&B's client may take before it is ended."""
WRITTEN_S = 30.0
TRIES = 3
"""A record at which W&B's client failed so often is left out."""


class WandbSink:
    """Mirrors a run to Weights & Biases.

    W&B's client runs in a process of its own.  It cannot go on with an offline folder, nor say
    what of an online run has arrived before it asks the server; so this sink begins anew each time
    it is opened: ``open`` with a state raises :class:`StartOverError`.  With all records from the
    first, an offline folder is made again (exactly once), while of an online run only the rows are
    sent that the server does not have (see :class:`epochal.sinks.wandb.records.Records`).

    Args:
        **options: see :class:`epochal.sinks.wandb.options.WandbOptions`.

    Raises:
        SettingError: there is no such mode.
        TypeError: there is no such option.

    Example:
        >>> WandbSink(mode="offline", names={"loss": "train/loss"}).name
        'wandb'
    """

    name = "wandb"

    def __init__(self, **options: Any) -> None:
        self._options = WandbOptions(**options)
        self._process: WandbProcess | None = None
        self._spec: dict[str, Any] = {}
        self._id, self._folder, self._file = "", "", OfflineFile("")
        self._cuts: dict[int, float] = {}  # session: it replaces what came after this step before
        self._failures: dict[tuple[int, int], int] = {}  # of records
        self._clear()

    def open(self, run: RunInfo, state: Mapping[str, Any] | None) -> None:
        """Begin the run in W&B, removing what this sink has made offline of it before.

        Raises:
            StartOverError: there is a state, which W&B cannot go on from; open without one and
                send everything.
            SinkError: the run folder is gone.
            ConnectionError: W&B's client or its server do not answer.
            MissingExtraError: the package ``wandb`` is not installed.
        """
        self._release()
        self._clear()
        if self._off:
            return
        if state is not None:
            message = "W&B's client cannot go on where it was; what W&B has is not sent again"
            raise StartOverError(message)
        if find_spec("wandb") is None:
            message = "the sink 'wandb' needs the package 'wandb': pip install 'epochal[wandb]'"
            raise MissingExtraError(message)
        if not os.path.isdir(run.dir):
            raise SinkError(f"the run folder {run.dir} is gone")
        refused = [at for at, count in self._failures.items() if count >= TRIES]
        self._id, self._folder = run.id, os.path.join(self._options.root(run), "wandb")
        self._spec = self._options.client_spec(run, refused, os.path.join(self._scratch, "sent"))
        self._process = WandbProcess(self._scratch)
        remove_runs(self._folder, run.id)
        self._begin()

    def write(self, records: Sequence[Record]) -> None:
        """Hand records to W&B's client.

        Raises:
            ConnectionError: it has failed.
            StartOverError: a resume has replaced rows that are in the offline folder.
        """
        if self._off or not records:
            return
        self._note(records)
        if not self._begun:  # something comes after the end
            self._begin()
        if self._offline:
            self._check_cuts()
            records = [record for record in records if not self._replaced(record)]
        answer = self._call("write", list(records), timeout_s=ANSWER_S)
        self._rows = answer["rows"]
        for record in records:
            self._last[record.session] = max(self._last.get(record.session, -inf), _step(record))
        for topic, problem in answer["problems"].items():
            self._tell(topic, problem)

    def flush(self) -> Mapping[str, Any]:
        """Return how far the sink is; everything is in the offline file then.

        Online, W&B's client has it, and at the end of a run, all of it has arrived.

        Raises:
            ConnectionError: not everything has.
        """
        if self._off:
            return {"mode": "off"}
        if self._begun and self._offline and self._flushes:
            self._check_file()
        elif self._begun and not self._offline and self._over:
            self._finish()
        return {"mode": "offline" if self._offline else "online", "rows": self._rows}

    def close(self) -> None:
        """Finish W&B's run and end its client.

        Raises:
            ConnectionError: not everything has arrived.
        """
        try:
            if self._begun and not self._failed and os.path.isdir(self._scratch):
                self._finish()
        finally:
            self._release()

    @property
    def _off(self) -> bool:
        return self._options.resolved_mode == "off"

    @property
    def _scratch(self) -> str:
        """The folder for what W&B's client needs besides the run's own folder."""
        return os.path.join(self._folder, f"epochal-{self._id}")

    def _clear(self) -> None:
        self._rows, self._exit_code = 0, 1
        self._begun: bool = False
        self._offline: bool = False
        self._flushes = True
        self._over = self._failed = self._complete = False
        self._last: dict[int, float] = {}  # the largest step that was written, by session

    def _begin(self) -> None:
        limit_s = 2 * self._options.init_timeout_s + 3 * GRACE_S
        found = self._call("begin", self._spec, timeout_s=limit_s)
        assert self._process is not None
        self._process.serve(found["services"])
        self._begun, self._complete, self._offline = True, False, found["offline"]
        if not self._offline and found["rows"] < self._rows:
            self._fail(f"W&B has {found['rows']} of {self._rows} rows; it is sent what it lacks")
        if self._offline:
            self._file, self._flushes = OfflineFile(found["file"]), found["flushes"]
            if self._options.resolved_mode == "online":
                self._tell("key", _NO_KEY.format(self._folder, self._id))

    def _note(self, records: Sequence[Record]) -> None:
        """Note how the run ended, and what a resume replaces."""
        for record in records:
            if isinstance(record, Row):
                self._over = False
            elif record.kind == "end":
                self._over, self._exit_code = True, EXIT_CODES.get(record.data["state"], 1)
            elif record.kind == "resume" and record.data.get("after") is not None:
                self._cuts[record.session] = record.data["after"]

    def _check_cuts(self) -> None:
        """Begin anew if something was written offline that a later session has replaced."""
        for session, cut in self._cuts.items():
            if any(first < session and last > cut for first, last in self._last.items()):
                self._failed = True
                message = "a resume replaces rows: the offline folder is made without them"
                raise StartOverError(message)

    def _replaced(self, record: Record) -> bool:
        step = _step(record)
        return any(record.session < n and step > cut for n, cut in self._cuts.items())

    def _finish(self) -> None:
        limit_s = self._options.finish_timeout_s + GRACE_S
        rows = self._call("finish", self._exit_code, timeout_s=limit_s)
        self._begun = False
        if self._offline:
            self._check_file(ended=True)
        elif rows is not None and rows < self._rows:
            self._fail(f"W&B has {rows} of {self._rows} rows after all was sent")
        elif rows is not None:
            remove_runs(self._folder, self._id)
        self._complete = True

    def _check_file(self, *, ended: bool = False) -> None:
        if not self._file.wait(self._rows, WRITTEN_S, ended=ended):
            self._fail(f"W&B's client wrote {self._file.rows} of {self._rows} rows")

    def _call(self, name: str, *arguments: Any, timeout_s: float) -> Any:
        if self._process is None:
            raise SinkError(f"sink {self.name!r} is closed; open it first")
        try:
            return self._process.call(name, *arguments, timeout_s=timeout_s)
        except ConnectionError:
            self._failed = True
            if name == "write" and (at := self._process.failed_at):
                self._failures[at] = self._failures.get(at, 0) + 1
            raise

    def _fail(self, why: str) -> None:
        self._failed = True
        raise ConnectionError(why)

    def _tell(self, topic: str, message: str) -> None:
        """Tell something once for a run; sinks of later sessions in this process know of it."""
        if (self._folder, topic) not in _told:
            _told.add((self._folder, topic))
            logger.warning("sink 'wandb': %s", message)

    def _release(self) -> None:
        if self._process is not None:
            self._process.end()
            self._process = None
            self._clean()
        self._begun = False

    def _clean(self) -> None:
        """Remove what is not needed any more; ``wandb sync`` needs copies of an offline run."""
        done = ["processes.json", "client.log", *(() if self._offline else ("artifacts",))]
        for name in ["tmp", *(done if self._complete else ())]:
            path = os.path.join(self._scratch, name)
            if os.path.isdir(path):
                shutil.rmtree(path, ignore_errors=True)
            else:
                with contextlib.suppress(OSError):
                    os.remove(path)


_told: set[tuple[str, str]] = set()

_NO_KEY = (
    "there is no key for W&B, so the run is written offline; to upload it: `wandb login`, then"
    " `wandb sync {}/offline-run-*-{}`"
)


def _step(record: Record) -> float:
    """Return a record's step; what has none comes before all steps."""
    step = record.step if isinstance(record, Row) else record.data.get("step")
    return -inf if step is None else step


def remove_runs(folder: str, run_id: str) -> None:
    """Remove what W&B's client has written of a run; its id in a name says that it is this one's.

    Raises:
        OSError: a folder cannot be removed.
    """
    ours = re.compile(rf"(offline-)?run-\d{{8}}_\d{{6}}-{re.escape(run_id)}(-\d+)?")
    for name in os.listdir(folder):
        path = os.path.join(folder, name)
        if ours.fullmatch(name) and not os.path.islink(path):
            shutil.rmtree(path)
