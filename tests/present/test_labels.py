"""Labels of groups: shortened to what differs, and never two alike."""

import itertools

import pytest

pytest.importorskip("matplotlib")

import epochal
from epochal.present.drawing import render
from epochal.present.figures import learning_rate, loss_distribution, seed_bands, training_curves
from epochal.present.labels import told_apart
from epochal.present.panel import Panel
from epochal.present.spec import FigureSpec, Provenance

KEYS = ("optimizer.weight_decay_schedule", "augmentation.policy_name", "model.attention_heads")


def within(most):
    """Says whether a label's longest line has so many characters at most."""
    return lambda label: max(map(len, label.split("\n"))) <= most


def legend(drawn) -> list[str]:
    """The labels of a figure's legend, as they stand there."""
    found = [*drawn.figure.legends, *(axes.get_legend() for axes in drawn.figure.axes)]
    return next([text.get_text() for text in each.get_texts()] for each in found if each)


@pytest.mark.parametrize(
    ("labels", "most", "lines", "expected"),
    [
        (["lr=1", "lr=2"], 4, 1, ["lr=1", "lr=2"]),
        (["model=vit, lr=1", "model=vit, lr=2"], 8, 1, ["lr=1", "lr=2"]),
        (["lr=1, wd=0 (n = 3)", "lr=2, wd=0 (n = 1)"], 14, 1, ["lr=1 (n = 3)", "lr=2 (n = 1)"]),
        (["lr=1, wd=0", "lr=2, wd=1"], 7, 1, ["lr=1, …", "lr=2, …"]),
        (["lr=1, wd=0", "lr=2, wd=1"], 7, 2, ["lr=1,\nwd=0", "lr=2,\nwd=1"]),
        (
            ["long=a, wide=b", "long=a, wide=c", "long=d, wide=b", "long=d, wide=c"],
            4,
            1,
            ["a, b", "a, c", "d, b", "d, c"],
        ),
        (["size=[1, 2], lr=1", "size=[1, 2], lr=2"], 8, 1, ["lr=1", "lr=2"]),
        (["big-vit-a-16", "big-vit-b-16"], 8, 1, ["…a…", "…b…"]),
        (["lr-1e-3-run", "lr-1e-4-run"], 7, 1, ["…1e-3…", "…1e-4…"]),
        (["lr=1, wd=0", "lr=1, wd=0"], 8, 1, ["lr=1…d=0"] * 2),
        (["a" * 30, "a" * 30], 10, 1, ["aaaaa…aaaa"] * 2),
        ([f"{'a' * 20}{x}{'b' * 20}" for x in "xy"], 12, 1, ["aaaa…bbbb #1", "aaaa…bbbb #2"]),
    ],
)
def test_shortened_to_what_differs(labels, most, lines, expected):
    """Shared settings go first; what is told apart by fewer is; lines and cuts come last."""
    assert told_apart(labels, within(most), lines=lines) == expected


@pytest.mark.parametrize("most", [60, 40, 24, 16, 12, 8])
def test_a_grid_stays_told_apart(most):
    """Of eight settings of three long keys no two become alike, however narrow the place is."""
    labels = [
        ", ".join(f"{key}={value}" for key, value in zip(KEYS, values, strict=True)) + " (n = 3)"
        for values in itertools.product(("cosine", "cosine_with_restarts"), repeat=3)
    ]
    made = told_apart(labels, within(most))
    assert len(set(made)) == 8
    assert all(label.endswith("(n = 3)") for label in made)


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Two runs each of four settings that share two long keys and differ in two."""
    folder = tmp_path_factory.mktemp("runs")
    for value, heads, seed in itertools.product(("cosine", "constant"), (8, 16), (0, 1)):
        config = {
            "optimizer": {"weight_decay_schedule": value}, "model": {"attention_heads": heads},
            "augmentation": {"policy_name": "trivial_augment_wide"}, "data": {"image_size": 224},
            "seed": seed,
        }  # fmt: skip
        with epochal.init(project="p", dir=str(folder), config=config, sinks=()) as run:
            for step in range(60):
                run.log({"train/loss": 1 / (1 + step), "val/loss": 2 / (1 + step), "lr": 0.1})
    return str(folder)


BY = ["model.attention_heads", "augmentation.policy_name", "data.image_size",
      "optimizer.weight_decay_schedule"]  # fmt: skip


@pytest.mark.parametrize(
    "draw",
    [
        lambda runs: seed_bands(runs, "val/loss", by=BY),
        lambda runs: learning_rate(runs, by=BY),
        lambda runs: training_curves(runs, by=BY),
        lambda runs: loss_distribution(runs, by=BY),
    ],
    ids=["seed_bands", "learning_rate", "training_curves", "loss_distribution"],
)
def test_legends_say_what_differs_only(runs, draw):
    """Settings that all groups share are in no label, but said once; all labels differ."""
    drawn = draw(runs)
    labels = legend(drawn)
    assert len(set(labels)) == len(labels) == 4
    assert not any("policy_name" in label or "image_size" in label for label in labels)
    for label in labels:
        assert "attention_heads=" in label
    assert (
        "all that are drawn have policy_name=trivial_augment_wide, image_size=224"
        in drawn.spec.notes
    )


def test_runs_of_one_name_are_told_apart(tmp_path):
    """Where each run stands for itself, its id says which it is."""
    for _ in range(2):
        with epochal.init(project="p", name="same", dir=str(tmp_path), sinks=()) as run:
            run.log({"lr": 0.1})
        with epochal.init(project="p", name="other", dir=str(tmp_path), sinks=()) as run:
            run.log({"nothing": 0.1})
    found = [run for run in epochal.open(tmp_path).runs() if run.name == "same"]
    from epochal.present.figures.groups import grouped

    groups, _ = grouped(found, None)
    assert sorted(group.label for group in groups) == sorted(f"same ({run.id})" for run in found)


def test_rows_of_long_names_are_told_apart():
    """Settings down an axis whose names begin and end alike keep what differs."""
    names = tuple(f"experiment-of-this-spring-{word}-with-all-the-data" for word in ("a", "b"))
    panel = Panel("", "loss", [0.0, 1.0], horizontal=True, categories=names)
    drawn = render(FigureSpec("f", (panel,), provenance=Provenance.of([], {})))
    ticks = [tick.get_text() for tick in drawn.figure.axes[0].get_yticklabels()]
    assert ticks == ["…a…", "…b…"]
