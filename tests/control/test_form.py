"""The form: what its fields take, what only the whole form can say, and presets."""

import os

import pytest

from epochal.control import form
from epochal.control.fields import FIELDS, INTERVALS, SWITCHES, defaults
from epochal.control.form import Places
from epochal.settings import PRESETS, load


@pytest.fixture
def places(tmp_path) -> Places:
    """A folder of runs, and one beside it that is allowed."""
    (tmp_path / "runs").mkdir()
    (tmp_path / "more").mkdir()
    return Places(str(tmp_path / "runs"), (str(tmp_path / "more"),))


def test_a_new_form_has_no_problems(places):
    """The defaults are values that every check takes, and reading them changes nothing."""
    assert form.read(defaults(), places) == (defaults(), {})


@pytest.mark.parametrize(
    ("key", "given", "words"),
    [
        ("steps", 0, "from 1 to 1,000,000"),
        ("steps", 1.5, "whole number"),
        ("steps", None, "Write a number"),
        ("steps", True, "Write a number"),
        ("steps", float("nan"), "Write a number"),
        ("steps", 10**400, "Write a number"),
        ("learning_rate", 0, "above 0"),
        ("learning_rate", "fast", "Write a number"),
        ("max_gradient_norm", -1, "no clipping"),
        ("batch_size", 10**9, "from 1 to 4,096"),
        ("seed", -1, "whole number from 0"),
        ("training", "pretend", "Simulated"),
        ("sinks", ["csv", "fax"], "CSV"),
        ("log", "log_train", "Training steps"),
        ("project", "  ", "a project"),
        ("project", "a\nb", "one line"),
        ("name", "x" * 201, "at most 200"),
        ("name", "lr-{rate}", "learning_rate, batch_size"),
        ("name", "{steps.__class__}", "In braces may stand"),
        ("notes", "\ud800", "Half a character"),
        ("notes", ["text"], "must be text"),
        ("tags", ", ".join(f"tag{i}" for i in range(51)), "At most 50 tags"),
        ("every.train", "often", "Write 10"),
        ("every.train", "-1", "Write 10"),
        ("every.system", "10", "by the clock"),
    ],
)
def test_what_a_field_cannot_take_is_said_at_that_field(places, key, given, words):
    """One wrong answer is one message, in words, under the key of its field."""
    _, problems = form.read({**defaults(), key: given}, places)
    assert list(problems) == [key]
    assert words in problems[key]


def test_answers_are_kept_in_one_form(places):
    """Equal answers become equal values, whatever way they were written."""
    given = {"tags": " b,a,, b ", "steps": 10.0, "every.text": "every 5 minutes", "log": None}
    values, problems = form.read({**given, "every.train": "20 steps"}, places)
    assert not problems
    assert (values["tags"], values["steps"], values["log"]) == ("b, a", 10, [])
    assert isinstance(values["steps"], int)
    assert (values["every.train"], values["every.text"]) == ("20", "300 s")


@pytest.mark.parametrize(
    "path",
    ["../elsewhere", "/etc", "a/../../b", "~/x", "~root", "a\0b", "link/inside", "file", "..", "/"],
)
def test_folders_lie_below_the_folder_of_runs(places, tmp_path, path):
    """Traversal, absolute paths, links and files are told at the field, and never resolved."""
    os.symlink(tmp_path, os.path.join(places.root, "link"))
    with open(os.path.join(places.root, "file"), "w", encoding="ascii"):
        pass
    values = {**defaults(), "checkpoint_dir": path}
    assert list(form.read(values, places)[1]) == ["checkpoint_dir"]
    with pytest.raises(ValueError, match=r"\w"):
        form.settings(values, places)


def test_folders_below_and_those_that_are_allowed_can_be_named(places):
    """A relative path starts in the folder of runs; an allowed folder is named in full."""
    values, problems = form.read(
        {"checkpoint_dir": "kept/x", "config_dir": os.path.join(places.more[0], "y")}, places
    )
    assert not problems
    said = form.settings(values, places)
    assert said["checkpoint_dir"] == os.path.join(os.path.realpath(places.root), "kept", "x")
    assert said["config_dir"].endswith(os.path.join("more", "y"))


@pytest.mark.parametrize("preset", PRESETS)
def test_a_preset_says_what_it_says_to_init(places, preset):
    """Mirrors, intervals and switches after a preset are those of `epochal.init(preset=…)`."""
    before = {**defaults(), "name": "mine", "steps": 7, "log": [], "every.train": "77"}
    values, left_out = form.with_preset(before, preset)
    assert (values["name"], values["steps"]) == ("mine", 7)
    assert not form.read(values, places)[1]
    wanted = load({"preset": preset}, environ={}, cwd=places.root)
    got = load(form.settings(values, places), environ={}, cwd=places.root)
    if not left_out:
        assert set(got.sinks) == set(wanted.sinks)
    said = PRESETS[preset].settings
    for kind in said["cadence"]:
        assert got.cadence[kind] == wanted.cadence[kind]
    for switch in (name for name in said if name.startswith("log_")):
        assert getattr(got, switch) == getattr(wanted, switch)


def test_every_field_reaches_the_settings_or_the_config(places):
    """No control is without function: changing a field changes what a run is started with."""
    changed = {
        "name": "n", "project": "p", "tags": "t", "notes": "n", "sinks": [], "log": [],
        "checkpoint_dir": "a", "tensorboard_dir": "b", "config_dir": "c", "training": "real",
        "steps": 3, "learning_rate": 1.0, "batch_size": 3, "max_gradient_norm": 3.0, "seed": 3,
        **{field.key: "33 s" for field in INTERVALS},
    }  # fmt: skip
    assert set(changed) == {field.key for field in FIELDS}

    def outcome(values):
        return form.settings(values, places), form.config(values)

    for key, value in changed.items():
        assert outcome({**defaults(), key: value}) != outcome(defaults()), key


def test_every_switch_is_a_setting(places):
    """What can be logged is what the settings know, one by one."""
    for _, name in SWITCHES:
        said = form.settings({**defaults(), "log": [name]}, places)
        loaded = load(said, environ={}, cwd=places.root)
        assert [each for _, each in SWITCHES if getattr(loaded, each)] == [name]
