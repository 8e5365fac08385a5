"""Epochal: deep-learning experiments from the training loop to the paper.

>>> import epochal, tempfile
>>> folder = tempfile.mkdtemp()
>>> with epochal.init(project="doc", config={"lr": 1e-3}, dir=folder) as run:
...     for step in range(3):
...         run.log({"train/loss": 1.0 / (step + 1)}, step=step)
>>> epochal.open(folder).runs()[0].series("train/loss").values.tolist()
[1.0, 0.5, 0.3333333333333333]
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from epochal.api import current_run, init, log
from epochal.core.lazy import lazy

if TYPE_CHECKING:
    from epochal import analyze
    from epochal.analyze.compare_runs import compare
    from epochal.core.errors import EpochalError
    from epochal.core.records import Event, Row, RunInfo
    from epochal.core.sink import Sink
    from epochal.loggers import (
        EpochMetrics,
        ExperimentConfig,
        ExperimentLogger,
        ExperimentTracker,
        MetricsLogger,
        MetricsTracker,
        ModelCheckpoint,
        TrainingMetrics,
        compute_grad_norm,
        generate_all_plots,
        generate_report,
        log_experiment,
        log_training_experiment,
    )
    from epochal.measure import watch
    from epochal.media import Audio, Figure, Histogram, Html, Image, Table, Text, Video
    from epochal.present import figures, tables
    from epochal.present.run_report import model_card, report
    from epochal.read.diff import diff
    from epochal.read.project import Project, open  # noqa: A004 - the interface's word
    from epochal.read.registry import ExperimentRegistry
    from epochal.read.view import RunView
    from epochal.record.log_handler import LogHandler
    from epochal.record.run import Run
    from epochal.settings import Settings
    from epochal.sweeps import sweep
    from epochal.web.export_html import export_html

__version__ = "0.1.0"

__all__ = [
    "Audio",
    "EpochMetrics",
    "EpochalError",
    "Event",
    "ExperimentConfig",
    "ExperimentLogger",
    "ExperimentRegistry",
    "ExperimentTracker",
    "Figure",
    "Histogram",
    "Html",
    "Image",
    "LogHandler",
    "MetricsLogger",
    "MetricsTracker",
    "ModelCheckpoint",
    "Project",
    "Row",
    "Run",
    "RunInfo",
    "RunView",
    "Settings",
    "Sink",
    "Table",
    "Text",
    "TrainingMetrics",
    "Video",
    "analyze",
    "compare",
    "compute_grad_norm",
    "current_run",
    "diff",
    "export_html",
    "figures",
    "generate_all_plots",
    "generate_report",
    "init",
    "log",
    "log_experiment",
    "log_training_experiment",
    "model_card",
    "open",
    "report",
    "sweep",
    "tables",
    "watch",
]

# What reading needs (NumPy) is loaded when it is first used: `import epochal` is the standard
# library only, as it stands in front of every training.
_LAZY = {
    "Audio": "epochal.media",
    "EpochMetrics": "epochal.loggers",
    "EpochalError": "epochal.core.errors",
    "Event": "epochal.core.records",
    "ExperimentConfig": "epochal.loggers",
    "ExperimentLogger": "epochal.loggers",
    "ExperimentRegistry": "epochal.read.registry",
    "ExperimentTracker": "epochal.loggers",
    "Figure": "epochal.media",
    "Histogram": "epochal.media",
    "Html": "epochal.media",
    "Image": "epochal.media",
    "LogHandler": "epochal.record.log_handler",
    "MetricsLogger": "epochal.loggers",
    "MetricsTracker": "epochal.loggers",
    "ModelCheckpoint": "epochal.loggers",
    "Project": "epochal.read.project",
    "Row": "epochal.core.records",
    "Run": "epochal.record.run",
    "RunInfo": "epochal.core.records",
    "RunView": "epochal.read.view",
    "Settings": "epochal.settings",
    "Sink": "epochal.core.sink",
    "Table": "epochal.media",
    "Text": "epochal.media",
    "TrainingMetrics": "epochal.loggers",
    "Video": "epochal.media",
    "analyze": "epochal.analyze:",
    "compare": "epochal.analyze.compare_runs",
    "compute_grad_norm": "epochal.loggers",
    "diff": "epochal.read.diff",
    "export_html": "epochal.web.export_html",
    "figures": "epochal.present.figures:",
    "generate_all_plots": "epochal.loggers",
    "generate_report": "epochal.loggers",
    "log_experiment": "epochal.loggers",
    "log_training_experiment": "epochal.loggers",
    "model_card": "epochal.present.run_report",
    "open": "epochal.read.project",
    "report": "epochal.present.run_report",
    "sweep": "epochal.sweeps",
    "tables": "epochal.present.tables:",
    "watch": "epochal.measure",
}


__getattr__, __dir__ = lazy(__name__, _LAZY, "__version__", "current_run", "init", "log")
