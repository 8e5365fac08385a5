"""Performance profiles of times to a target over workloads (Dolan and Moré 2002)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from epochal.analyze.samples import Array, sample
from epochal.analyze.score_tables import named_columns
from epochal.core.errors import EvidenceError

AXES = "(n_workloads, n_methods)"


@dataclass(frozen=True)
class TimeProfile:
    """On which share of workloads a method is within a factor of the fastest.

    Attributes:
        name: of the method.
        ratios: time / fastest time on the workload, shape (n_workloads,); inf where the method did
            not reach the target.
        tau: where the share changes, from 1 to tau_max, ascending, shape (n_points,).
        share: share of workloads with a ratio of at most tau, shape (n_points,); it stays
            until the next point.
        score: mean of the share from 1 to tau_max, from 0 to 1.
        tau_max: to where it was integrated.
        reached: workloads on which the method reached the target.
        unreached_by_all: workloads on which no method did; they count for none.
        definition: in words.
    """

    name: str
    ratios: Array
    tau: Array
    share: Array
    score: float
    tau_max: float
    reached: int
    unreached_by_all: int
    definition: str

    def at(self, tau: float) -> float:
        """Return the share of workloads with a ratio of at most tau, for any tau."""
        return float((self.ratios <= tau).mean())


def time_profiles(
    times: Mapping[str, npt.ArrayLike] | npt.ArrayLike, tau_max: float = 4.0
) -> dict[str, TimeProfile]:
    """Return the profile of each method over the same workloads.

    With r = t / min t over methods, the profile is the share of workloads with r ≤ tau, and the
    score its integral from 1 to tau_max over (tau_max - 1), integrated exactly.  Profiles depend on
    which methods take part, since the fastest of them is the measure.

    Args:
        times: method -> shape (n_workloads,), or shape (n_workloads, n_methods); seconds, steps or
            any cost above 0, infinite where the target was not reached.  Of several seeds give one
            number each, such as the median.
        tau_max: above 1.

    Raises:
        EvidenceError: NaN, a time that is not above 0, methods with different workloads, or a
            tau_max that is not a finite number above 1.

    Example:
        >>> profiles = time_profiles({"a": [10, 30], "b": [20, 20], "c": [15, float("inf")]}, 3)
        >>> [profile.score for profile in profiles.values()]
        [0.875, 0.75, 0.375]
    """
    names, array = named_columns(times, name="times", axes=AXES, infinite=True)
    if not (array > 0).all():
        wrong = float(array[array <= 0][0])
        raise EvidenceError(f"times holds {wrong:g}: give times above 0, inf where not reached")
    limit = float(sample([tau_max], name="tau_max")[0])
    if limit <= 1:
        raise EvidenceError(f"tau_max={tau_max!r} must be above 1, the ratio of the fastest")
    fastest = array.min(axis=1, keepdims=True)
    reached = np.isfinite(array)
    ratios = np.where(reached, array, np.inf) / np.where(np.isfinite(fastest), fastest, 1.0)
    lost = int((~reached.any(axis=1)).sum())
    return {
        name: _profile(name, ratios[:, column], limit, lost) for column, name in enumerate(names)
    }


def _profile(name: str, ratios: Array, tau_max: float, lost: int) -> TimeProfile:
    """Return the profile of one method's ratios."""
    inside = ratios[ratios <= tau_max]
    tau = np.unique(np.concatenate([[1.0, tau_max], inside]))
    share = np.searchsorted(np.sort(ratios), tau, side="right") / ratios.size
    # Each workload adds the length on which it counts: the integral of the steps, without a grid.
    score = float(np.maximum(tau_max - ratios, 0.0).mean()) / (tau_max - 1)
    definition = (
        "Dolan-Moré profile of time / fastest time, score = mean of the profile from 1 to"
        f" {tau_max:g}, integrated exactly; a target not reached counts as never"
    )
    reached = int(np.isfinite(ratios).sum())
    return TimeProfile(name, ratios, tau, share, score, tau_max, reached, lost, definition)
