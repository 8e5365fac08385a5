"""The sink ``csv``: steps, epochs and the machine as CSV files for pandas, R and spreadsheets.

========================= =======================================================================
``csv/<run>_steps.csv``   ``step phase timestamp loss lr grad_norm_total grad_norm_avg
                          grad_norm_max epoch time_utc``, then the other metrics
``csv/<run>_epochs.csv``  ``epoch duration_s train_loss_mean train_loss_std train_loss_min
                          train_loss_max val_loss learning_rate grad_norm_avg grad_norm_max
                          samples_processed ema_step_counter step timestamp time_utc``, then the
                          other metrics
``csv/<run>_system.csv``  ``timestamp step time_utc``, then the samples of the machine; the file
                          is there once there is one
========================= =======================================================================

These columns are always there; a cell is empty where nothing was logged.  Other metrics follow in
the order in which they first appeared.  ``timestamp`` is seconds since the run began.

- A row of the phase "system" is a line of the system file, one that was logged with ``epoch=`` and
  without ``step=`` a line of the epochs file, every other row one of the steps file.
- In the steps file the phase has a column of its own: ``log({"loss": 1.0}, phase="val")`` fills
  ``loss`` and ``phase``, while ``log({"val/loss": 1.0})`` fills ``val/loss``.  The epochs file
  has full names.
- Neighboring rows of equal step, phase and epoch with different metrics are one line, in the
  epochs file those of equal epoch.
- ``duration_s`` is the time since the line before (or the start of the session) unless the line
  has a ``duration_…`` metric of its own; if the first epoch has, its names stand there instead.
- A metric named like a column that is no metric gets an underscore: ``step_``, ``phase_``.
- Numbers read back to the same bits; non-finite ones are ``NaN``, ``Inf`` and ``-Inf``.
"""

from __future__ import annotations

import contextlib
import os
import re
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from epochal.core.errors import SinkError
from epochal.core.records import Event, Record, Row, RunInfo
from epochal.sinks.csv_table import CsvTable, Line, Schema, number

STEP_COLUMNS = (
    "step", "phase", "timestamp", "loss", "lr", "grad_norm_total", "grad_norm_avg",
    "grad_norm_max", "epoch", "time_utc",
)  # fmt: skip
EPOCH_COLUMNS = (
    "train_loss_mean", "train_loss_std", "train_loss_min", "train_loss_max", "val_loss",
    "learning_rate", "grad_norm_avg", "grad_norm_max", "samples_processed", "ema_step_counter",
    "step", "timestamp", "time_utc",
)  # fmt: skip
FORMAT = 1

_NO_METRICS = re.compile(r"(step|phase|timestamp|epoch|time_utc)_*")
_FORMULA_STARTS = tuple("=+-@\t\r＝＋－＠")  # noqa: RUF001 - full-width forms start formulas too


class CsvSink:
    r"""Mirrors a run into ``csv/<run>_steps.csv``, ``…_epochs.csv`` and ``…_system.csv``.

    Exactly once: ``flush`` returns how far the files are final, and ``open`` with that state goes
    back to there.  If a file is missing or was changed otherwise, ``open`` raises
    :class:`SinkError`; the way on is ``open`` with no state and all records from the first.

    New columns rewrite a file at most every two seconds; lines that need them wait in memory (and
    in the state) until a ``flush`` after that, an ``end`` event or ``close``.  Memory is constant.
    Line ends are ``\n``, the encoding is UTF-8, quoting follows RFC 4180.

    Args:
        spreadsheet: put ``'`` before phases and column names that a spreadsheet would take for a
            formula; numbers stay as they are.  Off, names are exactly the user's.
        clock: seconds, monotonic.

    Example:
        >>> import tempfile
        >>> from epochal.core.records import Row, RunInfo
        >>> folder = tempfile.mkdtemp()
        >>> sink = CsvSink()
        >>> sink.open(RunInfo("id", "My run", "p", "my-run", folder), None)
        >>> sink.write([Row(1, 0, 0.0, 0.5, 1, True, None, "train", {"train/loss": 0.25})])
        >>> sink.close()
        >>> print(open(f"{folder}/csv/my-run_steps.csv").read().splitlines()[1])
        1,train,0.500000,0.25,,,,,,1970-01-01T00:00:00.000Z
    """

    name = "csv"

    def __init__(
        self, *, spreadsheet: bool = False, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._spreadsheet, self._clock = spreadsheet, clock
        self._tables: tuple[CsvTable, CsvTable] | None = None
        self._system: CsvTable | None = None
        self._system_path = ""
        self._second = -1  # of the last line, and its text: most lines share it
        self._second_text = ""
        self._session = 0
        self._epoch_began_s = 0.0

    def open(self, run: RunInfo, state: Mapping[str, Any] | None) -> None:
        """Begin new files, or go back to where ``state`` was taken.

        Raises:
            SinkError: the files are not those of the state; open without one and send everything.
            OSError: the folder cannot be written.
        """
        folder = os.path.join(run.dir, "csv")
        os.makedirs(folder, mode=0o700, exist_ok=True)
        base = os.path.join(folder, run.slug)
        steps = Schema(_step_columns, _step_cells)
        epochs = Schema(_epoch_columns, _epoch_cells)
        for table in self._all():  # after an ``open`` that failed
            table.release()
        self._system, self._system_path = None, f"{base}_system.csv"
        tables = self._tables = (
            CsvTable(f"{base}_steps.csv", steps, self._cell, self._clock),
            CsvTable(f"{base}_epochs.csv", epochs, self._cell, self._clock),
        )
        if state is None:
            self._session, self._epoch_began_s = 0, 0.0
            for table in tables:
                table.open(None)
            return
        try:
            if state["format"] != FORMAT:
                raise SinkError(f"state of format {state['format']!r}, known is {FORMAT}")
            self._session, self._epoch_began_s = state["session"], state["epoch_began_s"]
            for table, stored in zip(tables, state["tables"], strict=True):
                table.open(stored)
            if state.get("system") is not None:
                self._system_table(state["system"])
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise SinkError(f"the state of {folder} cannot be read: {error!r}") from error

    def write(self, records: Sequence[Record]) -> None:
        """Take records; lines reach the files at the next ``flush`` at the latest."""
        steps, epochs = self._opened()
        for record in records:
            if record.session > self._session:
                # Time between sessions is nobody's epoch.
                self._epoch_began_s = record.elapsed_s if self._session else 0.0
                self._session = record.session
            if not isinstance(record, Row):
                self._take(record)
            elif record.phase == "system":
                self._system_table().add(self._system_line(record))
            elif record.epoch is not None and not record.step_given:
                if epochs.add(self._epoch_line(record)):
                    self._epoch_began_s = record.elapsed_s
            else:
                steps.add(self._step_line(record))

    def flush(self) -> Mapping[str, Any]:
        """Make all lines visible whose columns are there; return the state."""
        tables = self._opened()
        for table in self._all():
            table.flush()
        return {
            "format": FORMAT,
            "session": self._session,
            "epoch_began_s": self._epoch_began_s,
            "tables": [table.state() for table in tables],
            "system": self._system and self._system.state(),
        }

    def close(self) -> None:
        """Write everything, new columns included, and close the files."""
        with contextlib.ExitStack() as closing:  # all of them, also when one cannot be written
            for table in self._all():
                closing.callback(table.close)
            self._tables = self._system = None

    def _opened(self) -> tuple[CsvTable, CsvTable]:
        if self._tables is None:
            raise SinkError(f"sink {self.name!r} is closed; open it first")
        return self._tables

    def _all(self) -> list[CsvTable]:
        return [table for table in (*(self._tables or ()), self._system) if table is not None]

    def _system_table(self, state: Mapping[str, Any] | None = None) -> CsvTable:
        """Return the table of the machine, begun by the first sample."""
        if self._system is None:
            schema = Schema(_system_columns, _system_cells)
            self._system = CsvTable(self._system_path, schema, self._cell, self._clock)
            self._system.open(state)
        return self._system

    def _take(self, event: Event) -> None:
        steps, _ = self._opened()
        if event.kind == "resume" and event.data.get("after") is not None:
            # The first record of its session: every line so far is of an earlier one.
            for table in self._all():
                table.cut("step", event.data["after"])
        elif event.kind == "end":
            for table in self._all():
                table.flush(now=True)
        elif event.kind == "bigint":
            values: dict[str, float] = {event.data["key"]: int(event.data["value"])}
            step, given = event.data["step"], True
            steps.add(self._step_line(Row(*event[:4], step, given, None, None, values)))

    def _step_line(self, row: Row) -> Line:
        step, phase, epoch = number(row.step), row.phase or "", _whole(row.epoch)
        cell = self._cell(phase) if phase else ""
        texts = (step, cell, f"{row.elapsed_s:.6f}", epoch, self._utc(row.time_s))
        return Line((row.session, step, phase, epoch), phase, texts, row.values)

    def _system_line(self, row: Row) -> Line:
        texts = (f"{row.elapsed_s:.6f}", number(row.step), self._utc(row.time_s))
        return Line((row.session, row.seq), None, texts, row.values)

    def _epoch_line(self, row: Row) -> Line:
        epoch = _whole(row.epoch)
        duration = f"{row.elapsed_s - self._epoch_began_s:.6f}"
        time_utc = self._utc(row.time_s)
        texts = (epoch, duration, number(row.step), f"{row.elapsed_s:.6f}", time_utc)
        return Line((row.session, epoch), None, texts, row.values)

    def _utc(self, time_s: float) -> str:
        second, ms = divmod(round(time_s * 1000), 1000)
        if second != self._second:
            self._second = second
            self._second_text = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second))
        return f"{self._second_text}.{ms:03d}Z"

    def _cell(self, text: str) -> str:
        """Return text as a cell: quoted where RFC 4180 asks for it."""
        text = text.encode("utf-8", "replace").decode("utf-8")  # a lone surrogate has no encoding
        if self._spreadsheet and text.startswith(_FORMULA_STARTS):
            text = f"'{text}"
        if not any(char in text for char in ',"\n\r'):
            return text
        return '"' + text.replace('"', '""') + '"'


def _whole(epoch: float | None) -> str:
    """Return an epoch without ``.0``; epochs are stored as floats, and most are whole."""
    if epoch is None:
        return ""
    return str(int(epoch)) if float(epoch).is_integer() else number(epoch)


def _column(metric: str) -> str:
    """Return the column of a metric: its name unless that is taken; two never share one."""
    return f"{metric}_" if _NO_METRICS.fullmatch(metric) else metric


def _step_columns(names: Iterable[str]) -> list[str]:
    return list(dict.fromkeys((*STEP_COLUMNS, *names)))


def _step_cells(phase: str | None, names: tuple[str, ...]) -> tuple[str, ...]:
    start = f"{phase}/"
    if phase and all(name.startswith(start) and name != start for name in names):
        names = tuple(name[len(start) :] for name in names)
    return ("step", "phase", "timestamp", "epoch", "time_utc", *map(_column, names))


def _system_columns(names: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(("timestamp", "step", "time_utc", *names)))


def _system_cells(_: str | None, names: tuple[str, ...]) -> tuple[str, ...]:
    own = (name.removeprefix("system/") for name in names)
    return ("timestamp", "step", "time_utc", *map(_column, own))


def _epoch_columns(names: Iterable[str]) -> list[str]:
    durations = [name for name in names if name.startswith("duration_")] or ["duration_s"]
    return list(dict.fromkeys(("epoch", *durations, *EPOCH_COLUMNS, *names)))


def _epoch_cells(_: str | None, names: tuple[str, ...]) -> tuple[str, ...]:
    own = any(name.startswith("duration_") for name in names)
    duration = "" if own else "duration_s"
    return ("epoch", duration, "step", "timestamp", "time_utc", *map(_column, names))
