"""Sweeps: many runs over a grid, a list or an optimizer of hyperparameters.

:func:`epochal.sweep` starts the runs, :func:`read` compares them afterwards, :func:`ablation`
makes the settings of an ablation, and :mod:`epochal.sweeps.optuna` records what Optuna tries.
"""

from epochal.sweeps.ablation import ablation
from epochal.sweeps.plan import Setting
from epochal.sweeps.results import Difference, Row, SweepResults, read
from epochal.sweeps.start import Sweep, SweepRun, sweep

__all__ = [
    "Difference",
    "Row",
    "Setting",
    "Sweep",
    "SweepResults",
    "SweepRun",
    "ablation",
    "read",
    "sweep",
]
