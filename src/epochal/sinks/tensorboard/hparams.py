"""A run's configuration and how it ended, for TensorBoard's tab HParams.

TensorBoard believes what it reads first and ignores what comes later.  So this has a small file of
its own that is read before the other one and is replaced when anything changes.  A TensorBoard that
runs meanwhile sees the change when it is started again; how a run ended it learns from the other
file, too.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
from collections.abc import Mapping
from typing import Any

from epochal.core.nested import flatten, merge
from epochal.core.system import BINARY_FLAG, PRIVATE_FLAGS
from epochal.sinks.tensorboard import events
from epochal.sinks.tensorboard.events import load, protos
from epochal.sinks.tensorboard.records import framed

STATUS = {"finished": "SUCCESS", "failed": "FAILURE", "killed": "FAILURE", "running": "RUNNING"}
"""TensorBoard's words; a run that was interrupted is neither a success nor a failure."""


class SessionFile:
    """The small file of one run.

    Args:
        path: the file.
        created_s: when the run began.
        state: what :meth:`state` returned, None in the beginning.
        config: the configuration in the beginning.
    """

    def __init__(
        self,
        path: str,
        created_s: float,
        config: Mapping[str, Any],
        state: Mapping[str, Any] | None,
    ) -> None:
        self._path, self._created_s = path, created_s
        self._config: dict[str, Any] = {}
        self._end: tuple[str, float] | None = None
        if state is None:
            self.update(config)
        else:
            self._config = dict(state["config"])
            self._end = state["end"] and (str(state["end"][0]), float(state["end"][1]))
        self._changed = not os.path.exists(path)

    def update(self, config: Mapping[str, Any]) -> None:
        """Take changes of the configuration."""
        merge(self._config, config)
        self._changed = True

    def end(self, state: str, time_s: float) -> Any:
        """Take how the run ended, or that it is "running" again; return the value to record."""
        self._end, self._changed = (state, time_s), True
        return _session_end(state, time_s)

    def move(self, path: str) -> None:
        """Use a file of another name from now on."""
        self._path, self._changed = path, True

    def flush(self) -> None:
        """Write the file if anything has changed.

        Raises:
            OSError: it cannot be written.
        """
        if not self._changed:
            return
        values = [_session_start(flatten(self._config), self._created_s)]
        if self._end is not None:
            values.append(_session_end(*self._end))
        event = protos().Event(wall_time=self._created_s, summary=protos().Summary(value=values))
        version = events.beginning(self._created_s)[0]
        _replace(self._path, framed(version, event.SerializeToString()))
        self._changed = False

    def state(self) -> dict[str, Any]:
        """Return everything known, JSON-able."""
        return {"config": self._config, "end": self._end}


def _replace(path: str, content: bytes) -> None:
    """Replace the file; the draft's name must not look like one of TensorBoard's files."""
    folder, name = os.path.split(path)
    draft = os.path.join(folder, f".{name.rpartition('.tfevents.')[2]}.draft")
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | BINARY_FLAG | PRIVATE_FLAGS
    try:
        with open(os.open(draft, flags, 0o600), "wb") as file:
            file.write(content)
        os.replace(draft, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(draft)
        raise


def _session_start(config: Mapping[str, Any], created_s: float) -> Any:
    plugin = _plugin("plugin_data_pb2")
    start = plugin.SessionStartInfo(start_time_secs=created_s)
    for name, value in config.items():
        field, known = _hparam(value)
        key = name.encode("utf-8", "replace").decode("utf-8")  # a lone surrogate has no encoding
        setattr(start.hparams[key], field, known)
    data = plugin.HParamsPluginData(session_start_info=start)
    return _value(_plugin("metadata").SESSION_START_INFO_TAG, data)


def _session_end(state: str, time_s: float) -> Any:
    status = _plugin("api_pb2").Status.Value(f"STATUS_{STATUS.get(state, 'UNKNOWN')}")
    plugin = _plugin("plugin_data_pb2")
    end = plugin.SessionEndInfo(status=status, end_time_secs=time_s)
    data = plugin.HParamsPluginData(session_end_info=end)
    return _value(_plugin("metadata").SESSION_END_INFO_TAG, data)


def _hparam(value: Any) -> tuple[str, Any]:
    """Return the field of a hyperparameter and what TensorBoard takes in it."""
    if isinstance(value, bool):
        return "bool_value", value
    if isinstance(value, float) and math.isfinite(value):
        return "number_value", value
    if isinstance(value, int) and abs(value) <= 2**53:  # a larger one would be another as a float
        return "number_value", value
    if isinstance(value, str):
        text = value
    elif isinstance(value, (list, tuple, Mapping)):
        text = json.dumps(value, default=str)
    else:
        text = str(value)  # None, and numbers that break TensorBoard's JSON: NaN, infinite
    return "string_value", text.encode("utf-8", "replace").decode("utf-8")


def _value(tag: str, data: Any) -> Any:
    metadata = _plugin("metadata")
    about = metadata.create_summary_metadata(data)
    return protos().Summary.Value(tag=tag, metadata=about, tensor=metadata.NULL_TENSOR)


def _plugin(module: str) -> Any:
    return load(f"plugins.hparams.{module}")
