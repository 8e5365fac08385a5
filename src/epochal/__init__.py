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

import importlib
from typing import TYPE_CHECKING, Any

from epochal.api import current_run, init, log

if TYPE_CHECKING:
    from epochal.core.errors import EpochalError
    from epochal.core.records import Event, Row, RunInfo
    from epochal.core.sink import Sink
    from epochal.media import Audio, Figure, Histogram, Html, Image, Table, Text, Video
    from epochal.read.diff import diff
    from epochal.read.project import Project, open  # noqa: A004 - the interface's word
    from epochal.read.registry import ExperimentRegistry
    from epochal.read.view import RunView
    from epochal.record.log_handler import LogHandler
    from epochal.record.run import Run
    from epochal.settings import Settings

__version__ = "0.1.0"

__all__ = [
    "Audio",
    "EpochalError",
    "Event",
    "ExperimentRegistry",
    "Figure",
    "Histogram",
    "Html",
    "Image",
    "LogHandler",
    "Project",
    "Row",
    "Run",
    "RunInfo",
    "RunView",
    "Settings",
    "Sink",
    "Table",
    "Text",
    "Video",
    "current_run",
    "diff",
    "init",
    "log",
    "open",
]

# What reading needs (NumPy) is loaded when it is first used: `import epochal` is the standard
# library only, as it stands in front of every training.
_LAZY = {
    "Audio": "epochal.media",
    "Figure": "epochal.media",
    "Histogram": "epochal.media",
    "Html": "epochal.media",
    "Image": "epochal.media",
    "LogHandler": "epochal.record.log_handler",
    "Table": "epochal.media",
    "Text": "epochal.media",
    "Video": "epochal.media",
    "EpochalError": "epochal.core.errors",
    "Event": "epochal.core.records",
    "ExperimentRegistry": "epochal.read.registry",
    "Project": "epochal.read.project",
    "Row": "epochal.core.records",
    "Run": "epochal.record.run",
    "RunInfo": "epochal.core.records",
    "RunView": "epochal.read.view",
    "Settings": "epochal.settings",
    "Sink": "epochal.core.sink",
    "diff": "epochal.read.diff",
    "open": "epochal.read.project",
}


def __getattr__(name: str) -> Any:
    """Load a public name on first use."""
    if name not in _LAZY:
        message = f"module 'epochal' has no attribute {name!r}"
        raise AttributeError(message)
    value = getattr(importlib.import_module(_LAZY[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """List the public names."""
    return sorted([*__all__, "__version__"])
