"""Numbers that others have published, for tests of statistics."""

# Validation loss and training time (s) of 13 runs with FP8 down-projections and 13 without:
# KellerJordan/modded-nanogpt, records/track_1_short/2026-07-17_FP8DownProjection.
NEW_LOSS = [3.2791, 3.2773, 3.2783, 3.2775, 3.2781, 3.2775, 3.2793, 3.2772, 3.2769, 3.2775, 3.2806,
            3.2779, 3.2816]  # fmt: skip
OLD_LOSS = [3.2817, 3.2796, 3.2778, 3.2802, 3.2775, 3.2767, 3.2758, 3.2821, 3.2780, 3.2768, 3.2769,
            3.2775, 3.2766]  # fmt: skip
NEW_TIME = [79.536, 79.740, 79.814, 79.658, 79.593, 79.629, 80.231, 79.653, 79.641, 79.532, 79.539,
            79.682, 79.656]  # fmt: skip
OLD_TIME = [80.610, 80.710, 80.678, 80.720, 80.747, 80.693, 80.659, 80.694, 80.763, 80.795, 80.818,
            80.840, 80.745]  # fmt: skip
