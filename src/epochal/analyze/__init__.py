"""Evidence: what the numbers of several runs show, and what they cannot show.

Pure functions on arrays, with the random generator passed in; only what begins with runs
(:func:`compare`, :func:`find_groups`) reads them.

===================== ==========================================================================
means and intervals   :class:`Estimate`, :func:`mean_interval`, :func:`bootstrap_interval`, ...
tests of two groups   :func:`welch`, :func:`permutation`, :func:`mann_whitney`, ...
effect sizes          :func:`hedges_g`, :func:`probability_better`, ...
several comparisons   :func:`holm`, :func:`benjamini_hochberg`, ...
no difference         :func:`tost`, :func:`regression`
how many seeds        :func:`seeds_needed`, :func:`seeds_range`, :func:`detectable_difference`
many tasks            :mod:`~epochal.analyze.tasks`, :func:`performance_profile`, ...
search, seed roles    :func:`expected_best`, :func:`by_seed_role`
curves                :func:`aggregate`, :func:`debiased_ema`, :func:`first_reached`, :func:`spikes`
runs                  :func:`compare`, :func:`find_groups`
===================== ==========================================================================
"""

from epochal.core.lazy import lazy

_MODULES = {
    "anomalies": "Divergence NonFinite Plateau divergence non_finite plateau",
    "comparison": "Comparison",
    "compare_runs": "compare",
    "convergence": "Convergence SharedStop TimesToTarget first_near first_reached level_off"
    " shared_stop time_to_target",
    "corrections": "benjamini_hochberg benjamini_yekutieli bonferroni correct holm",
    "curves": "Band aggregate area improvement_percent",
    "alignment": "align",
    "effects": "cliffs_delta cohen_d hedges_g magnitude probability_better",
    "equivalence": "Regression regression regressions tost",
    "estimates": "Estimate bootstrap_interval iqm mean_interval olympic_mean prediction_interval"
    " standard_error std trimmed_mean wilson_interval",
    "rank_sums": "average_ranks friedman iman_davenport",
    "groups": "Group Groups find_groups",
    "judging": "Plan judge judge_all",
    "members": "fingerprint",
    "nonparametric": "mann_whitney mcnemar paired_permutation permutation wilcoxon",
    "outcome": "TestResult smallest_p",
    "outperformance": "Outperformance outperforms",
    "parametric": "known_sigma one_sample paired_t student welch",
    "post_hoc": "bonferroni_dunn critical_difference nemenyi pairwise_wilcoxon",
    "planning": "detectable_difference noether power sample_size seeds_needed seeds_range",
    "ranks": "RankComparison compare_ranks",
    "score_profiles": "Profile performance_profile",
    "search": "ExpectedBest expected_best",
    "smoothing": "debiased_ema half_life_ema time_weighted_ema",
    "spike_search": "SharedSpike Spike shared_spikes spikes stalls",
    "stochastic_order": "StochasticOrder almost_stochastic_order",
    "stratified": "stratified_bootstrap",
    "tasks": "normalized optimality_gap probability_of_improvement",
    "profiles_of_time": "TimeProfile time_profiles",
    "variance": "VarianceByRole VarianceComponent by_seed_role random_effects",
    "verdicts": "Verdict",
}
_LAZY = {
    name: f"{__name__}.{module}" for module, names in _MODULES.items() for name in names.split()
}
__all__ = sorted(_LAZY)  # noqa: PLE0605 - the names stand above

__getattr__, __dir__ = lazy(__name__, _LAZY)
