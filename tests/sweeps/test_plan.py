"""What a sweep is to try: grids, lists, seeds, ablations."""

import numpy as np
import pytest

from epochal.core.errors import ConfigError
from epochal.sweeps import Setting, ablation
from epochal.sweeps.plan import settings_of, trials_of


def values(settings):
    """The values of settings."""
    return [dict(setting.values) for setting in settings]


def test_grid():
    """A grid is every combination, the last key changing fastest."""
    found = settings_of({"lr": [0.1, 0.2], "model.width": (64, 128)})
    assert values(found) == [
        {"lr": 0.1, "model.width": 64}, {"lr": 0.1, "model.width": 128},
        {"lr": 0.2, "model.width": 64}, {"lr": 0.2, "model.width": 128},
    ]  # fmt: skip
    assert found[1].label == "lr=0.1 model.width=128"


def test_arrays_are_grids():
    """Values of NumPy become Python's."""
    found = settings_of({"lr": np.array([0.25, 0.5])})
    assert values(found) == [{"lr": 0.25}, {"lr": 0.5}]
    assert type(found[0].values["lr"]) is float


def test_list():
    """A list has its settings as they are; nested ones are flattened."""
    found = settings_of([{"lr": 0.1}, {"optimizer": {"name": "adam"}, "clip": None}, {}])
    assert values(found) == [{"lr": 0.1}, {"optimizer.name": "adam", "clip": None}, {}]
    assert [each.label for each in found] == ["lr=0.1", "optimizer.name=adam clip=null", "base"]


def test_nearly_equal_values_have_labels_of_their_own():
    """Labels are exact."""
    found = settings_of({"lr": [0.1, 0.1 + 1e-12]})
    assert found[0].label != found[1].label


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({}, "no settings"),
        ([], "no settings"),
        ({"lr": 0.1}, r"write \[0.1\]"),
        ({"lr": "abc"}, "not a list"),
        ({"lr": []}, "not a list"),
        ("abc", "takes a grid"),
        ([0.1], "is a mapping"),
        ([{"lr": 0.1}, {"lr": 0.1}], "twice: lr=0.1"),
    ],
)
def test_wrong_settings(given, says):
    """What is no grid and no list is refused in words."""
    with pytest.raises(ConfigError, match=says):
        settings_of(given)


def test_settings_in_a_config():
    """A dotted key goes where its path leads, else it makes the path; the base is not changed."""
    base = {"lr": 0.1, "model": {"depth": 2}, "a.b": 1}
    setting = Setting.of({"model.depth": 3, "a.b": 2, "optimizer.name": "adam"})
    assert setting.apply(base) == {
        "lr": 0.1, "model": {"depth": 3}, "a.b": 2, "optimizer": {"name": "adam"},
    }  # fmt: skip
    assert base == {"lr": 0.1, "model": {"depth": 2}, "a.b": 1}


def test_seeds():
    """Every setting has each seed, and all settings have the first one before the second."""
    settings = settings_of({"lr": [0.1, 0.2]})
    found = [
        (trial.number, trial.setting.values["lr"], trial.seed) for trial in trials_of(settings, 2)
    ]
    assert found == [(0, 0.1, 0), (1, 0.2, 0), (2, 0.1, 1), (3, 0.2, 1)]
    assert [trial.seed for trial in trials_of(settings, [7, 5])] == [7, 7, 5, 5]
    assert [trial.seed for trial in trials_of(settings, None)] == [None, None]


@pytest.mark.parametrize("seeds", [0, -1, 1.5, [], [1, 1], ["a"], [True], True, "12"])
def test_wrong_seeds(seeds):
    """What is no number of seeds and no list of different ones is refused."""
    with pytest.raises(ConfigError, match="seeds="):
        trials_of(settings_of({"lr": [0.1]}), seeds)


def test_same_trial_same_id():
    """A trial is known again by its config and seed, whatever its number and the keys' order."""
    (first,) = trials_of(settings_of({"lr": [0.1]}), None)
    _, second = trials_of(settings_of({"lr": [0.2, 0.1]}), None)
    one = first.describe("s", {"lr": 0.1, "depth": 2})
    assert one["trial"] == second.describe("s", {"depth": 2, "lr": 0.1})["trial"]
    assert one["trial"] != first.describe("s", {"lr": 0.1, "depth": 3})["trial"]


# -- ablations -------------------------------------------------------------------------------

BASE = {"lr": 0.1, "clip": 1.0, "model": {"ema": True, "depth": 2}}


def test_ablation():
    """The baseline comes first, and every setting differs from it in one thing."""
    found = ablation(BASE, {"no clipping": {"clip": None}, "no EMA": {"model.ema": False}})
    assert [each.label for each in found] == ["baseline", "no clipping", "no EMA"]
    assert [each.apply({}) for each in found] == [
        BASE, BASE | {"clip": None}, BASE | {"model": {"ema": False, "depth": 2}},
    ]  # fmt: skip
    assert [dict(each.shown) for each in found] == [{}, {"clip": None}, {"model.ema": False}]


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"a": {"clipp": None}}, "did you mean 'clip'"),
        ({"a": {"clip": 1.0}}, "same config as 'baseline'"),
        ({"a": {}}, "same config as 'baseline'"),
        ({"a": {"clip": 0}, "b": {"clip": 0}}, "same config as 'a'"),
        ({"baseline": {"clip": 0}}, "name of the baseline"),
    ],
)
def test_wrong_ablations(changes, says):
    """A change that changes nothing, or not what was meant, is refused in words."""
    with pytest.raises(ConfigError, match=says):
        ablation(BASE, changes)


def test_empty_baseline():
    """An ablation of nothing is refused."""
    with pytest.raises(ConfigError, match="empty"):
        ablation({}, {"a": {"clip": 0}})
