"""Which way a metric gets better, where nobody said so: by the words of its name."""

from __future__ import annotations

import re

LOWER_IS_BETTER = frozenset("loss error perplexity mse mae rmse nll wer cer fid".split())
"""Words of a metric's name that mean "minimize"; no word means "maximize" for sure."""


def lower_is_better(metric: str) -> bool:
    """Say whether a metric's name means that less is better.

    Example:
        >>> lower_is_better("val/loss"), lower_is_better("lossless_ratio"), lower_is_better("acc")
        (True, False, False)
    """
    return not LOWER_IS_BETTER.isdisjoint(re.split(r"[/\-._ ]", metric.lower()))
