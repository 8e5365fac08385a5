"""``epoch_charts``: the eleven charts of a training by epochs, of any run."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from epochal.core.errors import EvidenceError
from epochal.present.drawing import Drawn
from epochal.present.epoch_charts import CHARTS, draw_epoch_chart, save_epoch_charts
from epochal.present.epoch_table import epochs_of
from epochal.present.sources import runs_of
from epochal.present.spec import Provenance


def epoch_charts(
    run: Any, path: str | os.PathLike[str] | None = None, *,
    names: Mapping[str, str] | None = None,
) -> dict[str, Drawn]:  # fmt: skip
    """Draw the eleven charts of a training by epochs: dark, for a screen.

    What the run recorded by epoch is taken as it is; else the statistics of each epoch are computed
    from its steps, and of a run without epochs from 50 equal pieces of it, or fewer.

    Args:
        run: a run, or the path of its folder.
        path: a folder of its own for them: each is written there as PNG of 180 dpi, under the name
            by which it is returned.
        names: which metrics are meant, such as ``{"train_loss": "my/loss"}``; the roles are
            "train_loss", "lr", "grad_norm", "samples_per_s", "ema_distance" and "epoch_s".

    Returns:
        The charts by name: "loss_linear", "loss_log", "loss_distribution", "learning_rate",
        "grad_norm", "throughput", "gpu_memory", "ema_divergence", "epoch_timing",
        "loss_derivative" and "training_dashboard".

    Raises:
        EvidenceError: there is no run, or there are several.
        MissingExtraError: matplotlib is not installed.
        OSError: the folder cannot be written.

    Example:
        >>> import epochal, tempfile
        >>> with epochal.init(project="doc", dir=tempfile.mkdtemp()) as run:
        ...     for step in range(4):
        ...         run.log({"train/loss": 4.0 - step}, step=step, epoch=1 + step // 2)
        >>> folder = tempfile.mkdtemp()
        >>> charts = epoch_charts(run, folder)
        >>> len(charts), "loss_linear.png" in os.listdir(folder)
        (11, True)
    """
    views = runs_of(run)
    if len(views) > 1:
        message = f"epoch_charts draws one run, and {len(views)} were given: choose one of them"
        raise EvidenceError(message)
    origin = Provenance.of(views, {"figure": "epoch_charts", "names": names})
    epochs = epochs_of(views[0], names)
    charts = {name: draw_epoch_chart(name, epochs, origin) for name in CHARTS}
    if path is not None:
        save_epoch_charts(charts, path)
    return charts
