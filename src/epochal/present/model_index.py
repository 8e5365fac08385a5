"""The front matter of a model card: task, dataset and results as the Hugging Face Hub reads them.

The form is that of hub-docs, modelcard.md: ``model-index``, one result with its metrics.  A metric
has one value there; n, interval and which value of a run it is stand in its ``args``.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from epochal.analyze.estimates import Estimate, mean_interval
from epochal.analyze.members import divided
from epochal.analyze.replicates import varied
from epochal.core.errors import EvidenceError
from epochal.core.names import printable
from epochal.present.roles import role_of, words
from epochal.present.setup_keys import find
from epochal.read.view import RunView

TASK = ("task", "task_name", "task_type", "task.name", "task.type", "pipeline_tag")
DATASET = (
    "dataset", "dataset_name", "dataset_id", "dataset.name", "dataset.id", "dataset.path",
    "data.dataset", "data.dataset_name", "data.name", "data_name",
)  # fmt: skip
"""Keys of a config that name the task and the dataset."""

TASKS = frozenset(
    "any-to-any audio-classification audio-text-to-text audio-to-audio"
    " automatic-speech-recognition depth-estimation document-question-answering"
    " feature-extraction fill-mask graph-ml image-classification image-feature-extraction"
    " image-segmentation image-text-to-text image-to-3d image-to-image image-to-text"
    " image-to-video keypoint-detection mask-generation object-detection other"
    " question-answering reinforcement-learning robotics sentence-similarity summarization"
    " table-question-answering tabular-classification tabular-regression text-classification"
    " text-generation text-ranking text-to-3d text-to-audio text-to-image text-to-speech"
    " text-to-video time-series-forecasting token-classification translation"
    " unconditional-image-generation video-classification video-text-to-text"
    " visual-question-answering voice-activity-detection zero-shot-classification"
    " zero-shot-image-classification zero-shot-object-detection".split()
)
"""What the Hub knows as a pipeline tag."""

HELD_OUT = re.compile(r"(val|valid|validation|test|eval|dev)[/_.]", re.IGNORECASE)
MOST = 20


@dataclass(frozen=True)
class Result:
    """A metric of a model: one run's value, or the mean over runs that differ by their seed.

    Attributes:
        metric: its name.
        statistic: which value of a run it is, such as "last".
        estimate: with n; low and high are NaN for one run.
        unit: "" if it is not known.
    """

    metric: str
    statistic: str
    estimate: Estimate
    unit: str = ""


def same_setting(runs: Sequence[RunView]) -> None:
    """Refuse runs that differ by more than their seeds and output paths.

    Raises:
        EvidenceError: they do; the message says in what.
    """
    if differing := varied([divided(run)[0] for run in runs]):
        message = (
            f"runs of one model differ by nothing but their seeds, and these differ in"
            f" {', '.join(differing[:5])}: choose those of one setting"
        )
        raise EvidenceError(message)


def results(runs: Sequence[RunView]) -> list[Result]:
    """Return what was measured on held-out data: the value that each metric's definition asks for.

    Args:
        runs: the model's own run first, then those that differ by their seed.

    Example:
        >>> import epochal, tempfile
        >>> with epochal.init(project="doc", dir=tempfile.mkdtemp(), follow="off") as run:
        ...     run.log({"train/loss": 2.0, "val/loss": 0.5}, step=1)
        >>> [(each.metric, each.estimate.value) for each in results([RunView(run.dir)])]
        [('val/loss', 0.5)]
    """
    return list(_results(runs))[:MOST]


def _results(runs: Sequence[RunView]) -> Iterator[Result]:
    own = runs[0].metrics
    roles = role_of(own)
    named = [roles.get(role) for role in ("val_loss", "val_accuracy")]
    held_out = [name for name in own if HELD_OUT.match(name)]
    for metric in dict.fromkeys([*(name for name in named if name), *held_out]):
        info = own[metric]
        rule = info.definition.summary or "last"
        values = [float(run.metrics[metric].summary.value) for run in runs if metric in run.metrics]
        if all(map(math.isfinite, values)):  # JSON has no other numbers
            yield Result(metric, rule, mean_interval(values), info.definition.unit or "")


def metadata(
    runs: Sequence[RunView], found: Sequence[Result], more: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Return the keys of a front matter.

    ``model-index`` is there if the config names a task and a dataset, and something was measured on
    held-out data; ``pipeline_tag`` if the Hub knows the task.

    Args:
        runs: the model's own first.
        found: its results.
        more: keys that stand as they are given, such as ``license``; they win.
    """
    run = runs[0]
    made: dict[str, Any] = {"tags": [printable(tag) for tag in run.tags]}
    task, dataset = (_text(run.config, keys) for keys in (TASK, DATASET))
    kind = _slug(task)
    if kind in TASKS:
        made["pipeline_tag"] = kind
    if re.fullmatch(r"[\w.-]{1,96}/[\w.-]{1,96}", dataset, re.ASCII):
        made["datasets"] = [dataset]
    if kind and dataset and found:
        made["model-index"] = [{
            "name": printable(run.name),
            "results": [{
                "task": {"type": kind, "name": task},
                "dataset": {"type": _id(dataset), "name": dataset},
                "metrics": [_entry(each) for each in found],
            }],
        }]  # fmt: skip
    return made | dict(more or {})


def _entry(result: Result) -> dict[str, Any]:
    estimate = result.estimate
    which = result.statistic
    args: dict[str, Any] = {"n": estimate.n, "statistic": result.statistic}
    if estimate.n > 1:
        which = f"{which}, mean of n = {estimate.n} runs"
        args |= {
            "interval": [estimate.low, estimate.high], "level": estimate.level,
            "method": estimate.method,
        }  # fmt: skip
    kind = words(result.metric).split()
    kinds = [word for word in kind if word not in ("val", "test", "train")]
    return {
        "type": "-".join(kinds) or "other", "value": estimate.value,
        "name": f"{printable(result.metric)} ({which})", "args": args,
    }  # fmt: skip


def _text(config: Mapping[str, Any], keys: Sequence[str]) -> str:
    value = find(config, keys).value
    return printable(value) if isinstance(value, str) else ""


def _slug(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:60]


def _id(dataset: str) -> str:
    """Return a name as the Hub's validator takes it for a dataset."""
    return re.sub(r"[^\w./-]+", "-", dataset, flags=re.ASCII).strip("-") or "unknown"
