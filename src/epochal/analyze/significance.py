"""Tests: whether a difference is more than what another seed makes.

=====================  ====================================================================
`welch`                two means, spread not assumed equal: the default
`student`              two means, equal spread
`one_sample`           a mean against a target that was fixed before
`known_sigma`          a difference when the spread of runs is known; one run is enough
`paired_t`             pairs that share a source of variation
`mann_whitney`         two samples by ranks; infinite values allowed
`wilcoxon`             pairs by signed ranks
`permutation`          two means by relabeling
`paired_permutation`   pairs by flipping signs
`mcnemar`              two models on the same test examples
`smallest_p`           what a test can reach at best with so many values
=====================  ====================================================================

All return a `TestResult`; differences are always the first sample minus the second.
"""

from __future__ import annotations

from epochal.analyze.nonparametric import (
    mann_whitney,
    mcnemar,
    paired_permutation,
    permutation,
    wilcoxon,
)
from epochal.analyze.outcome import TestResult, smallest_p
from epochal.analyze.parametric import known_sigma, one_sample, paired_t, student, welch

__all__ = [
    "TestResult",
    "known_sigma",
    "mann_whitney",
    "mcnemar",
    "one_sample",
    "paired_permutation",
    "paired_t",
    "permutation",
    "smallest_p",
    "student",
    "welch",
    "wilcoxon",
]
