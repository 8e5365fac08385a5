"""Which metric plays which role, whoever named it."""

import pytest

from epochal.present.roles import WORDS, role_of, words


def test_names_of_the_front_doors():
    """Every front door's names for the same thing have the same role."""
    logger = ["train/loss", "train/lr", "train/grad_norm_total", "train/grad_norm_max", "val_loss",
              "train_loss_mean", "train_loss_std", "duration_s"]  # fmt: skip
    assert role_of(logger) == {
        "train_loss": "train/loss", "train_loss_mean": "train_loss_mean",
        "train_loss_std": "train_loss_std", "val_loss": "val_loss", "lr": "train/lr",
        "grad_norm": "train/grad_norm_total", "grad_norm_max": "train/grad_norm_max",
        "epoch_s": "duration_s",
    }  # fmt: skip
    tracker = role_of(["loss_mean", "loss_std", "lr", "grad_norm", "ema_delta_norm",
                       "samples_per_sec", "epoch_time_sec"])  # fmt: skip
    assert tracker["train_loss"] == tracker["train_loss_mean"] == "loss_mean"
    assert tracker["ema_distance"] == "ema_delta_norm"
    assert tracker["samples_per_s"] == "samples_per_sec"
    plain = role_of(["train/loss", "val/loss", "gradients/norm", "numerics/nan_loss",
                     "ema/distance", "performance/step_s", "val/perplexity"])  # fmt: skip
    assert plain["grad_norm"] == "gradients/norm"
    assert plain["nan_count"] == "numerics/nan_loss"
    assert plain["perplexity"] == "val/perplexity"


@pytest.mark.parametrize(
    ("metric", "role"),
    [
        ("eval/loss", "val_loss"), ("trainLoss", "train_loss"), ("Loss/Train", "train_loss"),
        ("01_Training/Loss", "train_loss"), ("04_Learning_Rate/Learning_Rate", "lr"),
        ("05_Performance/Samples_Per_Second", "samples_per_s"), ("lr/0", "lr"),
        ("11_Gradient_Stats/Total_Gradient_Norm", "grad_norm"), ("valid_acc", "val_accuracy"),
        ("Numerical_Stability/NaN_Count", "nan_count"), ("train_loss_step", "train_loss"),
    ],
)  # fmt: skip
def test_names_of_others_are_understood_by_their_words(metric, role):
    """What a script calls a thing is found by its words, in any spelling."""
    assert role_of([metric])[role] == metric


def test_what_says_nothing_has_no_role():
    """Metrics of other subjects are left alone; a test loss is no validation loss."""
    assert role_of(["bleu", "test/loss", "gradients/layers/a.weight/norm", "loss_scale"]) == {}
    assert role_of([]) == {}
    assert words("") == ""


def test_words_of_roles_are_as_they_are_looked_up():
    """The spelling in the table is the one that names are brought to."""
    for known in (known for each in WORDS.values() for known in each):
        assert known == " ".join(sorted(known.split()))
