"""Figures of runs, for papers and talks: ``epochal.figures``.

Each takes a project, runs, a run, a folder, or several of these, and how it is drawn
(:class:`epochal.present.drawing.Look`), and returns a :class:`epochal.present.drawing.Drawn`.
``comparison`` and ``ablation`` take what :func:`epochal.compare` returned; ``performance_profile``
and ``critical_difference`` take scores as well; ``epoch_charts`` returns eleven figures by name.
"""

from epochal.present.figures.ablation import ablation
from epochal.present.figures.comparison import comparison
from epochal.present.figures.critical_difference import critical_difference
from epochal.present.figures.epoch_charts import epoch_charts
from epochal.present.figures.gradient_flow import gradient_flow
from epochal.present.figures.learning_rate import learning_rate
from epochal.present.figures.loss_distribution import loss_distribution
from epochal.present.figures.parallel_coordinates import parallel_coordinates
from epochal.present.figures.performance_profile import performance_profile
from epochal.present.figures.seed_bands import seed_bands
from epochal.present.figures.training_curves import training_curves
from epochal.present.figures.training_progress import training_progress

__all__ = [
    "ablation",
    "comparison",
    "critical_difference",
    "epoch_charts",
    "gradient_flow",
    "learning_rate",
    "loss_distribution",
    "parallel_coordinates",
    "performance_profile",
    "seed_bands",
    "training_curves",
    "training_progress",
]
