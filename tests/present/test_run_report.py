"""Report and model card of a run: everything is there, literally, and the Hub can read it."""

import importlib.util
import json
import math
import os
import time

import pytest
import yaml
from hostile import NAMES, squeezed, visible
from markdown_it import MarkdownIt

import epochal
from epochal.core.errors import EvidenceError
from epochal.core.names import printable
from epochal.present.report_epochs import MOST, epoch_table
from epochal.present.run_report import model_card, report
from epochal.present.run_sections import fenced, reproduce
from epochal.present.whence import whence
from epochal.read.view import RunView

MARKUP = {"html_inline", "link_open", "em_open", "strong_open", "code_inline", "s_open"}


def record(
    base, name="first", seed=0, *, steps=40, epochs=4, state="finished", level=1.0, **config
):
    """Record a training of so many steps, and return its folder."""
    run = epochal.init(
        project="reports", name=name, dir=str(base), seed=seed, follow="off",
        config={"lr": 0.1, "task": "text-generation", "dataset": "org/corpus", **config},
    )  # fmt: skip
    run.define("val/loss", goal="minimize", unit="nats")
    for step in range(steps):
        epoch = 1 + step * epochs // steps if epochs else None
        run.log({"train/loss": level + 1 / (1 + step), "lr": 0.1}, step=step, epoch=epoch)
    run.log({"val/loss": level + 0.01 * seed}, step=steps - 1, epoch=epochs or None)
    run.finish(state)
    return run.dir


@pytest.fixture(scope="module")
def environment(tmp_path_factory):
    """A run whose environment was recorded, which takes a moment."""
    with epochal.init(project="p", dir=str(tmp_path_factory.mktemp("runs")), seed=7) as run:
        run.log({"val/loss": 0.5}, step=1)
        deadline = time.monotonic() + 60
        while "packages" not in RunView(run.dir).environment and time.monotonic() < deadline:
            time.sleep(0.05)
    return RunView(run.dir)


def divided(path):
    """The page without its front matter, and the front matter read as YAML."""
    with open(path, encoding="utf-8") as file:
        page = file.read()
    assert page.startswith("---\n")
    front, rest = page[4:].split("\n---\n", 1)
    return rest, yaml.safe_load(front)


def tokens(markdown):
    """All tokens, the inline ones among them."""
    found = MarkdownIt("commonmark").enable("table").parse(markdown)
    return [*found, *(child for each in found for child in each.children or ())]


def test_a_report_has_everything(tmp_path):
    """Each section is there, figures are embedded and in the manifest, and the source is known."""
    run = record(tmp_path / "runs")
    path = report(run, tmp_path / "out" / "page.md")
    rest, _ = divided(path)
    heads = [line[3:] for line in rest.splitlines() if line.startswith("## ")]
    assert heads == ["Summary", "Configuration", "Epochs", "Figures", "Metrics", "What stands out",
                     "Environment", "How to reproduce", "Files"]  # fmt: skip
    assert "| final validation loss | 1 |" in rest
    assert "| best training loss | 1.025 (step 39) |" in rest
    assert "![training curves](page_figures/training_curves.png)\n\nTraining and" in rest
    assert "page\\_figures/loss\\_distribution.png" in rest
    assert "| val/loss | nats | 1 | 1 |" in rest
    assert whence(path).provenance.runs == (RunView(run).id,)


def test_the_page_goes_into_a_folder(tmp_path):
    """A folder as path gets the usual names."""
    run = record(tmp_path / "runs")
    assert report(run, tmp_path, figures={}) == str(tmp_path / "training_report.md")
    assert model_card(run, tmp_path, figures={}) == str(tmp_path / "README.md")


def test_the_table_of_epochs_has_means_and_last_values(tmp_path):
    """Losses are means over the steps of an epoch, validation is its last value there."""
    found = epoch_table(RunView(record(tmp_path, steps=4, epochs=2)))
    assert found.title == "Epochs"
    assert [row["epoch"] for row in found.rows] == [1, 2]
    assert found.rows[0]["loss_mean"] == pytest.approx(1 + (1 + 1 / 2) / 2)
    assert [row["val_loss"] for row in found.rows] == [None, 1.0]


def test_a_run_without_epochs_is_shown_by_pieces(tmp_path):
    """Rows are pieces of the steps, and the page says so."""
    found = epoch_table(RunView(record(tmp_path, epochs=0)))
    assert found.title == "Pieces of the training"
    assert found.remark.startswith("No epochs were recorded")
    assert found.rows[-1]["epoch"] == 39
    assert found.rows[-1]["val_loss"] == 1.0


def test_many_epochs_are_thinned(tmp_path):
    """Of a thousand epochs two hundred are shown, the last one among them."""
    found = epoch_table(RunView(record(tmp_path, steps=1000, epochs=1000)))
    assert len(found.rows) <= MOST
    assert (found.rows[0]["epoch"], found.rows[-1]["epoch"]) == (1, 1000)
    assert "of 1,000 rows" in found.remark


def test_nan_stays_in_the_table(tmp_path):
    """An epoch whose loss was NaN does not look like one without a loss."""
    with epochal.init(project="nan", dir=str(tmp_path), follow="off") as run:
        for step, loss in enumerate([1.0, math.nan, 2.0, 3.0]):
            run.log({"train/loss": loss}, step=step, epoch=1 + step // 2)
    path = report(run.dir, tmp_path / "page.md", figures={})
    rest, _ = divided(path)
    rows = epoch_table(RunView(run.dir)).rows
    assert not math.isfinite(rows[0]["loss_mean"])
    assert rows[1]["loss_mean"] == 2.5
    assert "train/loss is NaN or infinite 1 time of 4, first at step 1." in rest


def test_secrets_do_not_get_into_a_page(tmp_path):
    """A token in the config is redacted in both pages, nested or not."""
    run = record(tmp_path / "runs", hub={"api_token": "hf_secret123"}, password="p4ss")
    for path in (report(run, tmp_path / "r.md", figures={}), model_card(run, tmp_path, figures={})):
        with open(path, encoding="utf-8") as file:
            text = file.read()
        assert "hf_secret123" not in text
        assert "p4ss" not in text


def test_no_host_and_no_folders_of_the_machine(tmp_path, environment):
    """What is made to be published does not say where it was made."""
    known = environment.environment
    for make in (report, model_card):
        with open(make(environment, tmp_path, figures={}), encoding="utf-8") as file:
            text = file.read()
        assert f"{known['cwd']}{os.sep}" not in text
        assert known["python"]["executable"] not in text
        assert "host" not in text.split("## Environment")[1].split("##")[0]


def test_the_model_index_has_n_and_interval(tmp_path):
    """With replicates the value is their mean, and n and interval stand beside it."""
    runs = [record(tmp_path / "runs", f"r{seed}", seed) for seed in range(3)]
    _, front = divided(model_card(runs[0], tmp_path, figures={}, replicates=runs))
    assert front["pipeline_tag"] == "text-generation"
    assert front["datasets"] == ["org/corpus"]
    (result,) = front["model-index"][0]["results"]
    (metric,) = result["metrics"]
    assert metric["value"] == pytest.approx(1.01)
    assert metric["type"] == "loss"
    assert metric["name"] == "val/loss (last, mean of n = 3 runs)"
    assert metric["args"]["n"] == 3
    low, high = metric["args"]["interval"]
    assert (low + high) / 2 == pytest.approx(1.01)
    assert high - low == pytest.approx(2 * 4.302653 * 0.01 / math.sqrt(3), rel=1e-5)


def test_one_run_has_no_interval(tmp_path):
    """The card says n = 1 and gives no interval."""
    path = model_card(record(tmp_path / "runs"), tmp_path, figures={})
    rest, front = divided(path)
    assert front["model-index"][0]["results"][0]["metrics"][0]["args"] == {
        "n": 1, "statistic": "last",
    }  # fmt: skip
    assert "One run: there is no interval." in rest


def test_without_a_task_there_is_no_model_index(tmp_path):
    """What the config does not say is not invented, and the card names it."""
    run = record(tmp_path / "runs", task=None, dataset=None)
    rest, front = divided(model_card(run, tmp_path, figures={}))
    assert set(front) == {"tags"}
    assert "- the task" in rest
    assert "- the license" in rest


def test_other_settings_are_no_replicates(tmp_path):
    """A mean over runs of different settings is refused, and the message names the key."""
    one, other = record(tmp_path, "a"), record(tmp_path, "b", 1, lr=0.2)
    with pytest.raises(EvidenceError, match="these differ in lr"):
        model_card(one, tmp_path, figures={}, replicates=other)
    with pytest.raises(EvidenceError, match="one run, and these are 2"):
        report([one, other], tmp_path / "page.md")


@pytest.mark.skipif(
    importlib.util.find_spec("huggingface_hub") is None, reason="needs huggingface_hub"
)
def test_the_hub_reads_the_card(tmp_path):
    """huggingface_hub finds the same results in card and report, and writes them back."""
    from huggingface_hub import ModelCard, ModelCardData

    runs = [record(tmp_path / "runs", f"r{seed}", seed) for seed in range(3)]
    paths = (model_card(runs[0], tmp_path, figures={}, replicates=runs[1:]),
             report(runs[0], tmp_path / "r.md", figures={}, replicates=runs[1:]))  # fmt: skip
    for path in paths:
        card = ModelCard.load(path)
        assert isinstance(card.data, ModelCardData)
        (result,) = card.data.eval_results
        assert (result.task_type, result.dataset_name) == ("text-generation", "org/corpus")
        assert result.metric_value == pytest.approx(1.01)
        assert result.metric_args["n"] == 3
        json.dumps(card.data.to_dict(), allow_nan=False)


@pytest.mark.parametrize("name", NAMES)
def test_names_come_out_literally(tmp_path, name):
    """Whatever a run, key, value, tag or metric is called is text, in both pages."""
    with epochal.init(
        project="p", dir=str(tmp_path / "runs"), follow="off",
        config={"key": name, "task": name, "dataset": name},
    ) as run:  # fmt: skip
        run.log({"val/loss": 0.5}, step=1)
    name = name.encode("utf-8", "replace").decode()
    view = RunView(run.dir)
    view.rename(name)
    view.note(name)
    view.tag(name)
    for make in (report, model_card):
        rest, front = divided(make(run.dir, tmp_path, figures={}))
        found = tokens(rest)
        assert not {token.type for token in found} & MARKUP
        shown = squeezed("".join(token.content for token in found if token.type == "text"))
        assert shown.count(visible(printable(name))) >= 2
        json.dumps(front)


def test_reproducing_needs_commit_packages_and_command(environment):
    """The state of the code is given, or that it was not recorded; packages can be installed."""
    text = reproduce(environment)
    commit = environment.git.get("commit")
    assert f"git checkout {commit}" in text if commit else "was not recorded" in text
    assert f"numpy=={environment.environment['packages']['numpy']}" in text
    assert "```bash\n   python " in text
    assert "The seed: 7." in text


def test_a_block_of_code_cannot_be_left():
    """A text with fences of its own gets a longer one."""
    (block,) = MarkdownIt().parse(fenced("a\n```\nb ````` c"))
    assert (block.type, block.content) == ("fence", "a\n```\nb ````` c\n")


def test_a_failed_run_says_so(tmp_path):
    """The page of a run that failed does not look like that of one that finished."""
    rest, _ = divided(report(record(tmp_path, state="failed"), tmp_path / "p.md", figures={}))
    assert "| state | failed |" in rest
    assert "The run was not finished: its state is failed." in rest
