"""Tables for papers: :func:`statistics` of trainings, :func:`comparison` of settings."""

from epochal.present.tables.comparison import Compared, comparison
from epochal.present.tables.statistics import statistics
from epochal.present.tables.table import Table

__all__ = ["Compared", "Table", "comparison", "statistics"]
