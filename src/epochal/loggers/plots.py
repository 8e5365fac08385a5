"""Charts and report of a :class:`~epochal.loggers.MetricsTracker`."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from epochal.core.errors import EpochalError
from epochal.present.epoch_charts import CHARTS, draw_epoch_chart, save_epoch_charts
from epochal.present.epoch_table import Epochs
from epochal.present.sources import runs_of
from epochal.present.spec import Provenance, made_with
from epochal.present.training_report import TrainingReport
from epochal.record.config import read_config

if TYPE_CHECKING:
    from epochal.loggers.epoch_metrics import EpochMetrics
    from epochal.loggers.metrics_tracker import MetricsTracker

COLUMNS = {
    "epoch": "epoch", "loss_mean": "loss mean", "loss_std": "std", "loss_min": "min",
    "loss_max": "max", "loss_median": "median", "lr": "learning rate",
    "grad_norm": "gradient norm", "samples_per_sec": "samples/s", "batches_per_sec": "batches/s",
    "gpu_allocated_mb": "GPU allocated (MiB)", "gpu_reserved_mb": "GPU reserved (MiB)",
    "gpu_peak_mb": "GPU peak (MiB)", "ema_delta_norm": "EMA distance", "epoch_time_sec": "time (s)",
    "cumulative_time_sec": "time so far (s)",
}  # fmt: skip
"""Headings of the report's table of epochs."""


def generate_all_plots(
    tracker: MetricsTracker, save_dir: str | os.PathLike[str] | None = None
) -> dict[str, str]:
    """Draw the eleven charts of a training into a folder of their own.

    Args:
        tracker: what was tracked; may go on afterwards.
        save_dir: the folder; made if it is missing.  Default: ``plots`` in the tracker's folder.

    Returns:
        The absolute path of each PNG by its name, such as "loss_linear".

    Raises:
        MissingExtraError: matplotlib is not installed.
        OSError: the folder cannot be written.
    """
    folder = os.path.join(tracker.output_dir, "plots") if save_dir is None else save_dir
    origin = _origin(tracker)
    epochs = Epochs([asdict(each) for each in tracker.epochs])
    charts = {name: draw_epoch_chart(name, epochs, origin) for name in CHARTS}
    return save_epoch_charts(charts, folder)


def _origin(tracker: MetricsTracker) -> Provenance:
    """Return where the charts come from; what they show is at hand even if the run is not."""
    tracker.run.flush()
    try:
        runs = runs_of(tracker.run) if tracker.run.dir else []
        return Provenance.of(runs, {"figure": "epoch_charts"})
    except (EpochalError, OSError):  # its folder is gone or damaged
        return Provenance(query={"figure": "epoch_charts"}, made_with=made_with())


def generate_report(
    tracker: MetricsTracker, config: object = None,
    save_dir: str | os.PathLike[str] | None = None,
    plot_paths: Mapping[str, str] | Iterable[str] | None = None,
    *, metadata: Mapping[str, Any] | None = None,
) -> str:  # fmt: skip
    """Write ``training_report.md``, a page that is a Hugging Face model card too.

    Args:
        tracker: what was tracked.
        config: mapping, dataclass, Namespace, or the path of a YAML or JSON file; default: the
            config of the tracker's run.  Secrets are redacted.
        save_dir: folder of the page; default: the tracker's.
        plot_paths: figures to embed: what :func:`generate_all_plots` returned, or paths.
        metadata: keys for the card's front matter, such as ``{"license": "apache-2.0"}``.

    Returns:
        The absolute path of the page.

    Raises:
        ConfigError: the config cannot be read.
        OSError: the folder cannot be written.
    """
    if not isinstance(plot_paths, Mapping):
        plot_paths = {
            os.path.splitext(os.path.basename(each))[0]: each for each in plot_paths or ()
        }
    # The dashboard shows most of them at once.
    names = sorted(plot_paths, key=lambda name: name != "training_dashboard")
    report = TrainingReport(
        title=f"Training report: {tracker.run.name}",
        summary=_summary(tracker),
        config=dict(tracker.run.config) if config is None else read_config(config),
        rows=[asdict(each) for each in tracker.epochs],
        columns=COLUMNS,
        figures={_caption(name): plot_paths[name] for name in names},
        files=[*tracker.files, *(plot_paths[name] for name in names)],
        metadata=metadata or {},
    )
    folder = os.fspath(tracker.output_dir if save_dir is None else save_dir)
    return report.save(os.path.join(folder, "training_report.md"))


def _caption(name: str) -> str:
    return CHARTS[name].title if name in CHARTS else name


def _summary(tracker: MetricsTracker) -> dict[str, Any]:
    """Return what a colleague asks first."""
    found: dict[str, Any] = {"run": f"{tracker.run.name} ({tracker.run.id})"}
    found["epochs"] = len(tracker.epochs)
    if not tracker.epochs:
        return found
    with_loss = [each for each in tracker.epochs if _finite(each)]
    if with_loss:
        best = min(with_loss, key=lambda each: each.loss_mean or 0.0)
        found["lowest mean loss"] = f"{best.loss_mean:.5g} (epoch {best.epoch:g})"
    last = tracker.epochs[-1]
    found["final mean loss"] = last.loss_mean
    bad = sum(each.loss_mean is not None and not _finite(each) for each in tracker.epochs)
    if bad:
        found["epochs with a loss that is NaN or infinite"] = bad
    found["training time"] = f"{last.cumulative_time_sec:,.1f} s"
    if last.gpu_peak_mb is not None:
        found["peak of GPU memory"] = f"{last.gpu_peak_mb:,.0f} MiB"
    return found


def _finite(epoch: EpochMetrics) -> bool:
    return epoch.loss_mean is not None and math.isfinite(epoch.loss_mean)
