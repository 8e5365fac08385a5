"""The form as JSON: there and back, as a template, from other tools, and from strangers."""

import dataclasses
import importlib.util
import json
import os

import pytest

import epochal
from epochal.control import document
from epochal.control.fields import defaults
from epochal.control.form import Places
from epochal.core.errors import ConfigError, SettingError
from epochal.loggers import ExperimentConfig

FILLED = {
    "name": "lr-{learning_rate}", "project": "clip", "tags": "a/b, c", "notes": "two\nlines 日本",
    "sinks": ["csv", "tensorboard"], "log": ["log_train", "log_numerics", "console"],
    "every.train": "5", "every.system": "30 s", "every.checkpoint": "2 epochs",
    "checkpoint_dir": "kept", "training": "simulated", "steps": 20, "learning_rate": 1e-05,
    "batch_size": 8, "max_gradient_norm": 0.5, "seed": 11,
}  # fmt: skip

needs_tensorboard = pytest.mark.skipif(
    importlib.util.find_spec("tensorboard") is None, reason="TensorBoard is not installed"
)


@pytest.fixture
def places(tmp_path) -> Places:
    """A folder of runs."""
    return Places(str(tmp_path / "runs"))


@needs_tensorboard
@pytest.mark.parametrize("values", [defaults(), {**defaults(), **FILLED}])
def test_a_form_comes_back_as_it_was(places, values):
    """Saved and opened, nothing of a form is lost and nothing is left out."""
    assert document.from_json(document.to_json(values, places), places) == (values, {}, [])


def test_a_saved_form_is_a_template_for_init(places, tmp_path):
    """`epochal.init(preset=file)` gives the run the form's settings, and the rest as its config."""
    file = tmp_path / "mine.json"
    file.write_text(document.to_json({**defaults(), **FILLED}, places), encoding="utf-8")
    with epochal.init(preset=str(file), dir=places.root, sinks=(), follow="off") as run:
        run.log({"loss": 1.0}, step=0)
    view = epochal.open(places.root).runs()[0]
    assert (view.name, view.project, view.tags) == ("lr-1e-05", "clip", ["a/b", "c"])
    assert view.config == {name: FILLED[name] for name in view.config}
    assert view.config["steps"] == 20


@needs_tensorboard
def test_the_config_of_the_experiment_tracker_is_understood(places):
    """The JSON that ``ExperimentConfig.save`` writes fills in the form; the rest is named."""
    config = ExperimentConfig(
        experiment_name="clip", project_name="stab", tags=["x", "y"], log_interval=3,
        enable_wandb=False, log_gradients=True, wandb_entity="team", model_save_dir="models",
    )  # fmt: skip
    text = json.dumps(dataclasses.asdict(config))
    values, problems, left_out = document.from_json(text, places)
    assert not problems
    assert left_out == ["wandb_entity"]
    assert (values["name"], values["project"], values["tags"]) == ("clip", "stab", "x, y")
    assert (values["every.train"], values["every.checkpoint"]) == ("3", "1000")
    assert values["sinks"] == ["csv", "json", "tensorboard"]
    assert "log_gradients" in values["log"]
    assert values["checkpoint_dir"] == "models"


@needs_tensorboard
def test_a_preset_may_be_named(places):
    """A file with a preset's title starts from it; what else it says comes after."""
    text = '{"preset": "Numerical Stability Focus", "no_wandb": true, "log_interval": 7}'
    values, problems, left_out = document.from_json(text, places)
    assert not problems
    assert not left_out
    assert (values["every.train"], values["every.gradients"]) == ("7", "1")
    assert values["sinks"] == ["csv", "json", "tensorboard"]


def test_settings_that_name_files_are_left_out(places, tmp_path):
    """No path of a document is opened: not a preset's, a config's or a run's."""
    secret = tmp_path / "secret.json"
    secret.write_text('{"steps": 666, "epochal": {"project": "stolen"}}', encoding="ascii")
    path = str(secret)
    text = json.dumps({"epochal": {"preset": path, "config": path, "resume": path, "dir": path}})
    values, problems, left_out = document.from_json(text, places)
    assert (values, problems) == (defaults(), {})
    assert set(left_out) == {"config", "resume", "dir"}


def test_a_folder_outside_is_told_and_not_taken(places):
    """A path from a file is checked as one that was typed."""
    _, problems, _ = document.from_json('{"epochal": {"checkpoint_dir": "/etc"}}', places)
    assert list(problems) == ["checkpoint_dir"]
    assert not os.path.exists(places.root)


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{", "null", '"x"', "[" * 50_000, '{"epochal": 3}', '{"epochal": {"tags": 5}}',
     '{"epochal": {"cadence": "x"}}', '{"epochal": {"cadence": {"train": "never ever"}}}',
     '{"epochal": {"log_train": "maybe"}}', '{"epochal": {"name": {"a": 1}}}',
     '{"x": "' + "y" * 300_000 + '"}'],
)  # fmt: skip
def test_what_is_no_form_is_refused_with_a_reason(places, text):
    """A document that cannot be read changes nothing and says why in a sentence."""
    with pytest.raises((ConfigError, SettingError)) as caught:
        document.from_json(text, places)
    assert str(caught.value)


def test_a_document_with_wrong_values_is_opened_and_says_where(places):
    """What can be mended in the form is shown there, instead of losing the rest of the file."""
    text = '{"steps": "many", "batch_size": [], "epochal": {"sinks": ["fax"], "notes": "kept"}}'
    values, problems, _ = document.from_json(text, places)
    assert set(problems) == {"steps", "batch_size", "sinks"}
    assert values["notes"] == "kept"
    assert (values["steps"], values["batch_size"]) == (500, 16)
