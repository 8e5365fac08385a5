"""Runs side by side: what differs in their configs, and their results."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from epochal.read.metrics import MetricSummary
from epochal.read.runs import arrow_array
from epochal.read.system import PREFIX
from epochal.read.view import RunView

if TYPE_CHECKING:
    import pyarrow as pa

_NONE = object()


def side_by_side(runs: Sequence[RunView], metrics: Sequence[str] | None = None) -> pa.Table:
    """Return a row per run: id, name, state, the config keys that differ, and summary values.

    Args:
        runs: in the order of the rows.
        metrics: whose summary values are shown; default those that all of the runs have, without
            the machine's.

    Returns:
        Config columns are named ``config.<dotted key>``, metrics by their names; null where a run
        has no such key or metric.
    """
    import pyarrow as pa

    configs = [dict(_leaves("config", run.config)) for run in runs]
    keys = dict.fromkeys(key for config in configs for key in config)
    differing = [
        key for key in keys
        if len({json.dumps(c[key]) if key in c else _NONE for c in configs}) > 1
    ]  # fmt: skip
    summaries = [run.summary for run in runs]
    if metrics is None:
        metrics = [n for n in (summaries[0] if runs else {}) if all(n in s for s in summaries)]
    columns: dict[str, list[Any]] = {
        "id": [run.id for run in runs],
        "name": [run.name for run in runs],
        "state": [run.state for run in runs],
    }
    columns |= {key: [config.get(key) for config in configs] for key in differing}
    for name in metrics:
        columns[name] = [_value(s, run, name) for s, run in zip(summaries, runs, strict=True)]
    return pa.Table.from_arrays([arrow_array(c) for c in columns.values()], list(columns))


def _leaves(path: str, value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict) and value:
        for key, inner in value.items():
            yield from _leaves(f"{path}.{key}", inner)
    else:
        yield path, value


def _value(summary: dict[str, Any], run: RunView, name: str) -> Any:
    value = summary.get(name)
    if value is None and name.startswith(PREFIX) and name in run.metrics:
        value = run.metrics[name].summary
    return value.value if isinstance(value, MetricSummary) else value
