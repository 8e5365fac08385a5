"""Sentences for a paper."""

import math
from types import SimpleNamespace

import pytest

import epochal
from epochal.core.errors import EvidenceError
from epochal.present.sentences import figure_environment, results_paragraph, setup_paragraph
from epochal.present.setup_keys import KEYS, find

QUIET = {"project": "p", "follow": "off", "capture_environment": False}
EVERYTHING = {
    "optimizer": {"name": "adamw", "lr": 3e-6, "weight_decay": 0.1},
    "lr_scheduler": {"type": "cosine", "warmup_steps": 500},
    "ema": {"decay": 0.9999},
    "training": {"epochs": 30, "batch_size": 64, "gradient_accumulation_steps": 4},
    "model": {"depth": 12},
}


def test_everything_that_a_set_up_says():
    """All of it in one sentence; the effective batch size is the product."""
    found = setup_paragraph(EVERYTHING)
    assert found.missing == ()
    assert found.markdown == (
        "We train for 30 epochs with AdamW, a learning rate of 3 \u00d7 10⁻⁶, a warm-up over 500"
        " steps, a cosine learning-rate schedule, an exponential moving average of the weights"
        " (decay 0.9999) and an effective batch size of 256 (64 \u00d7 4 accumulation steps)."
    )
    assert "a learning rate of $3 \\times 10^{-6}$" in found.latex
    assert "(decay $0.9999$)" in found.latex


def test_what_is_missing_is_listed_and_not_invented():
    """Nothing is said of it; without accumulation there is no effective batch size."""
    found = setup_paragraph({"batch_size": 32, "epochs": 1})
    assert found.markdown == "We train for 1 epoch with a batch size of 32."
    assert found.missing == (
        "optimizer", "learning rate", "warm-up steps", "schedule", "EMA decay",
        "accumulation steps",
    )  # fmt: skip
    nothing = setup_paragraph({"model": {"lr": 1.0}, "batch_size": None})
    assert (nothing.latex, nothing.markdown) == ("", "")
    assert nothing.missing == tuple(what for what in KEYS if what != "warm-up share")


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({"lr": "3e-4"}, "a learning rate of 0.0003"),  # YAML reads it as text
        ({"learning-rate": 0.1}, "a learning rate of 0.1"),
        ({"cfg": {"train": {"LR": 0.1}}}, "a learning rate of 0.1"),
        ({"warmup_steps": 0}, "no warm-up"),
        ({"warmup_ratio": 0.05}, "a warm-up over 5 % of the training"),
        ({"optimizer": {"_target_": "torch.optim.AdamW"}}, "with AdamW"),
        ({"optimizer": "my_own"}, "with my\\_own"),
        ({"lr_scheduler_type": "exponential"}, "an exponential learning-rate schedule"),
        ({"scheduler": {"type": "OneCycleLR"}}, "the learning-rate schedule OneCycleLR"),
        ({"lr_schedule": "none"}, "no learning-rate schedule"),
        (
            {"per_device_train_batch_size": 8, "gradient_accumulation_steps": 1},
            "an effective batch size of 8 for each device (no gradient accumulation)",
        ),
    ],
)
def test_how_configs_say_it(config, said):
    """Spelling, sections, class paths and shares."""
    assert said in setup_paragraph(config).markdown


def test_other_schedules_are_not_those_of_the_learning_rate():
    """A noise schedule, an evaluation's batch size, a flag: none of them is taken."""
    config = {
        "diffusion": {"schedule": "linear", "steps": 1000}, "eval": {"batch_size": 8},
        "warmup_steps": True, "optimizer": {"betas": [0.9, 0.95]},
    }  # fmt: skip
    assert setup_paragraph(config).markdown == ""


def test_contradictions_are_named():
    """Two learning rates at the same depth: neither is taken; the less nested one wins else."""
    found = setup_paragraph({"train": {"lr": 0.1}, "optimizer": {"lr": 0.2}})
    assert "learning rate (train.lr and optimizer.lr differ)" in found.missing
    assert find({"lr": 0.1, "optimizer": {"lr": 0.2}}, ["lr"]).value == 0.1
    assert find({"train": {"lr": 0.1}, "optimizer": {"lr": 0.1}}, ["lr"]).value == 0.1


def test_own_keys():
    """A key map replaces the keys of what it has; what no paragraph says is an error."""
    found = setup_paragraph({"eta": 0.5, "epochs": 2}, {"learning rate": ["eta"]})
    assert found.markdown == "We train for 2 epochs with a learning rate of 0.5."
    with pytest.raises(EvidenceError, match="the key map has 'lr'"):
        setup_paragraph({}, {"lr": ["eta"]})


def test_of_a_run(tmp_path):
    """Set-up and results of a recorded run, by its folder."""
    with epochal.init(dir=str(tmp_path), config={"optimizer": "sgd"}, **QUIET) as run:
        run.log({"val/loss": 0.25, "train/loss": 0.5}, step=2000)
    assert str(setup_paragraph(run.dir)) == "We train with SGD."
    found = results_paragraph(run.dir)
    assert found.markdown.startswith(
        "The best validation loss is 0.25 and the final training loss is 0.5. Training took "
    )
    assert "for 2000 steps." in found.markdown
    assert found.missing == ("parameters",)
    with epochal.init(dir=str(tmp_path), **QUIET):
        pass
    with pytest.raises(EvidenceError, match="about one run, and these are 2"):
        results_paragraph(str(tmp_path))


def test_of_a_comparison():
    """Means with intervals and n, the verdicts as they are, the guards beside it."""

    def group(value, error, n):
        low, high = (value - error, value + error)
        estimate = SimpleNamespace(
            value=value, low=low, high=high, n=n, level=0.95, method="t interval"
        )
        return SimpleNamespace(estimate=estimate, runs=())

    compared = SimpleNamespace(
        groups={"a_1": group(3.27837, 0.00142, 5), "b": group(3.5, math.nan, 1)},
        metric="val/loss", statistic="last", goal="minimize", level=0.95,
        correction="holm", best="a_1", not_worse=("a_1",), guards=("n is small.",),
        verdicts=("a_1 is undecided against b",),
    )  # fmt: skip
    found = results_paragraph(compared)
    assert found.markdown == (
        "We compare 2 settings by the last val/loss of each run (lower is better):"
        " a\\_1 3.2784 ± 0.0014 (95 % t interval, n = 5) and b 3.5 (n = 1)."
        " a\\_1 is undecided against b."
    )
    assert "a\\_1 $3.2784 \\pm 0.0014$ (95~\\% t interval, n = 5)" in found.latex
    assert found.notes == ("n is small.",)


def test_figures():
    """Caption escaped, label made of the file's name, and file names that LaTeX can read."""
    found = figure_environment("figs/val_loss (1).pdf", r"100 % \input{x}", "")
    assert "\\includegraphics{figs/val_loss (1).pdf}" in found
    assert "\\caption{100~\\% \\textbackslash{}input\\{x\\}}" in found
    assert "\\label{fig:val-loss-1}" in found
    for path in ("a%b.pdf", "|rm x", "a{b}.pdf", 'a"b.pdf', "a\nb", "~/x.pdf", "a#1", "$x"):
        with pytest.raises(EvidenceError, match="which LaTeX does not take"):
            figure_environment(path, "c")
