"""The example `language_model`: a tiny configuration trains and leaves what its page says."""

import math
import random
from collections import Counter, defaultdict
from pathlib import Path

import pytest
import yaml
from example_files import load_example

import epochal

pytestmark = pytest.mark.torch

FOLDER = Path(__file__).parents[2] / "examples" / "language_model"
ARGUMENTS = ["--config", "config.yaml", "--text", "text.txt", "--no-wandb"]

TINY = {
    "model": {"d_model": 16, "num_layers": 1, "num_heads": 2, "d_ff": 32, "context_length": 16},
    "training": {"epochs": 2, "batch_size": 32, "warmup_steps": 2},
    "generation": {"max_tokens": 8},
    "logging": {"log_training_every": 1, "log_validation_every": 10},
}


@pytest.fixture(scope="module")
def example():
    """The training file as a module."""
    return load_example("language_model", "train_with_wandb")


@pytest.fixture
def project(tmp_path, monkeypatch):
    """Opens the project of runs; the current folder has a tiny config and a text."""
    monkeypatch.chdir(tmp_path)
    config = yaml.safe_load((FOLDER / "config_with_wandb.yaml").read_text(encoding="utf-8"))
    for section, values in TINY.items():
        config[section] |= values
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")
    text = "\n".join(f"{n} times {n + 1} is {n * (n + 1)}." for n in range(1000))
    (tmp_path / "text.txt").write_text(text, encoding="utf-8")
    return lambda: epochal.open(tmp_path / "runs", project="language-model")


def reference_trigram_loss(train: bytes, val: bytes) -> float:
    """The loss of the Witten-Bell trigram model, by its definition."""
    after: dict[bytes, Counter] = defaultdict(Counter)
    for order in range(3):
        for i in range(len(train) - order):
            after[train[i : i + order]][train[i + order]] += 1

    def probability(context: bytes, byte: int) -> float:
        below = probability(context[1:], byte) if context else 1 / 256
        seen = after.get(context)
        if not seen:
            return below
        return (seen[byte] + len(seen) * below) / (seen.total() + len(seen))

    losses = [-math.log(probability(val[i - 2 : i], val[i])) for i in range(2, len(val))]
    return math.fsum(losses) / len(losses)


def test_training_leaves_what_the_page_says(example, project, capsys):
    """Losses, perplexity, text with its sampling, checkpoints and the baseline are recorded."""
    example.main([*ARGUMENTS, "--seed", "3"])
    (run,) = project().runs()
    assert (run.name, run.state, run.seed) == ("transformer-seed3", "finished", 3)
    assert run.tags == ["transformer", "bytes"]
    losses = run.series("val/loss").values
    assert losses[-1] < losses[0]
    assert run.series("val/perplexity").values == pytest.approx([math.exp(x) for x in losses])
    assert len(run.series("train/loss")) == run.summary["total_steps"]
    assert run.metrics["gradients/norm"].count == run.metrics["lr"].count == run.steps
    assert run.summary["custom/trigram_val_loss"].last < math.log(256)
    text = run.texts("generation/generated_text")[-1]
    assert text.about["prompt"] == run.config["generation"]["prompt"]
    assert (text.about["temperature"], text.about["top_p"], text.about["max_tokens"]) == (
        0.7, 0.95, 8,
    )  # fmt: skip
    assert {path.name for path in Path(run.dir, "checkpoints").glob("*_model.pt")} == {
        "best_model.pt", "final_model.pt",
    }  # fmt: skip
    assert not Path(run.dir, "wandb").exists()
    assert run.dir in capsys.readouterr().out


def test_the_best_checkpoint_is_the_model_of_its_loss(example, project):
    """The weights of best_model.pt give the lowest validation loss that was recorded."""
    import torch

    example.main(ARGUMENTS)
    (run,) = project().runs()
    model = example.Transformer(**run.config["model"])
    state = torch.load(Path(run.dir, "checkpoints", "best_model.pt"), weights_only=True)
    model.load_state_dict(state["model_state_dict"])
    _, val = example.split(Path("text.txt").read_bytes(), run.config["data"]["validation_share"])
    assert example.validate(model, val) == pytest.approx(run.summary["val_loss"].min, rel=1e-5)


def test_the_seed_decides(example, project):
    """Runs of one seed agree in every bit; another seed gives others."""
    for seed in ("1", "1", "2"):
        example.main([*ARGUMENTS, "--seed", seed])
    runs = project().runs(sort="created")
    one, again, other = (run.series("train/loss").values.tobytes() for run in runs)
    assert one == again != other


def test_an_ablation_compares_with_the_config(example, project):
    """Each learning rate is a run of one group, with the baseline's losses beside its own."""
    example.main([*ARGUMENTS, "--ablate-lr", "1e-5", "0.03"])
    runs = project().runs(sort="created")
    assert [run.name for run in runs] == ["lr-0.003", "lr-1e-05", "lr-0.03"]
    assert len({run.group for run in runs}) == 1
    baseline = runs[0].summary["val_loss"].min
    for run in runs:
        assert "ablation/learning_rate" in run.tags
        assert run.config["training"]["epochs"] == 1
        metrics = run.summary
        assert metrics["ablation/learning_rate/baseline_best_val_loss"].last == baseline
        assert metrics["ablation/learning_rate/ablated_best_val_loss"].last == (
            metrics["val_loss"].min
        )
    assert runs[1].summary["val_loss"].min > baseline  # far too low a rate


def test_the_experiment_log_has_all_runs(example, project):
    """EXPERIMENT_LOG.md has a row for each run of the project, old and new, the newest first."""
    example.main(ARGUMENTS)
    example.main([*ARGUMENTS, "--ablate-lr", "0.01"])
    text = Path("runs/language-model/EXPERIMENT_LOG.md").read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if line.startswith("| ")]
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines]
    heads = ["run", "state", "learning\\_rate", "num\\_layers", "d\\_model", "training.epochs",
             "seed", "min val\\_loss", "min val/perplexity"]  # fmt: skip
    assert [row[:9] for row in rows if row[0] == "run"] == [heads, heads]
    found = {row[0]: row for row in rows if row[0] != "run"}
    assert list(found) == ["lr-0.01", "lr-0.003", "transformer-seed1"]
    for run in project().runs():
        row = found[run.name]
        assert row[1] == "finished"
        assert float(row[2]) == run.config["training"]["learning_rate"]
        assert float(row[7]) == pytest.approx(run.summary["val_loss"].min, abs=1e-3)
        assert float(row[8]) == pytest.approx(run.summary["val/perplexity"].min, rel=1e-3)


@pytest.mark.usefixtures("project")
def test_a_text_that_is_too_short_is_refused(example, capsys):
    """A text of a few bytes is an error of usage, and no run is made."""
    Path("text.txt").write_text("too short", encoding="utf-8")
    with pytest.raises(SystemExit):
        example.main(ARGUMENTS)
    assert "9 bytes for validation are too few" in capsys.readouterr().err
    assert not Path("runs").exists()


def test_the_trigram_loss_is_that_of_its_definition(example):
    """The baseline equals a plain implementation of Witten-Bell smoothing."""
    import torch

    chance = random.Random(1)
    train, val = (bytes(chance.choices(b"abcde \n", weights=range(1, 8), k=n)) for n in (900, 200))
    val += b"zz"  # never seen
    loss = example.trigram_loss(torch.tensor(list(train)), torch.tensor(list(val)))
    assert loss == pytest.approx(reference_trigram_loss(train, val), rel=1e-5)


def test_the_documentation_repeats_nothing(example):
    """What is learned from by default is long, and no paragraph of it comes twice."""
    text = example.read_text(None).decode()
    paragraphs = text.split("\n\n")
    assert len(text) > 200_000
    assert len(set(paragraphs)) == len(paragraphs)


def test_the_split_is_every_nth_block(example):
    """Training and validation together are the text, and share no block."""
    text = bytes(range(256)) * 4
    train, val = example.split(text, 0.25, block=64)
    assert bytes(val.tolist()) == b"".join(text[i : i + 64] for i in range(0, 1024, 256))
    assert len(train) + len(val) == len(text)


def test_the_model_does_not_see_the_future(example):
    """What comes later in a text changes nothing that is predicted before it."""
    import torch

    model = example.Transformer(**TINY["model"])
    text = torch.randint(256, (1, 16))
    changed = text.clone()
    changed[0, 10:] = 0
    assert torch.equal(model(text)[:, :10], model(changed)[:, :10])


def test_a_small_top_p_takes_the_likeliest(example):
    """With top_p near 0 each byte is the likeliest one."""
    import torch

    torch.manual_seed(0)
    model = example.Transformer(**TINY["model"])
    with torch.no_grad():
        model.head.bias[ord("a")] = 10
    assert example.generate(model, "x", temperature=1.0, top_p=1e-6, max_tokens=20) == "a" * 20
