"""Settings: sources and their order, refusals, presets and templates, older names."""

import json
import logging
import pickle
import subprocess
import sys
from dataclasses import FrozenInstanceError
from pathlib import Path

import pytest

from epochal.core.errors import ConfigError, SettingError
from epochal.record.cadence import KINDS, Cadence, Every
from epochal.settings import LEGACY_NAMES, PRESETS, Settings, describe, load


class ListSink:
    """A sink of the user's own."""

    name = "list"

    def open(self, run, state):
        """Begin."""

    def write(self, records):
        """Take records."""

    def flush(self):
        """Return no state."""
        return {}

    def close(self):
        """End."""


@pytest.fixture
def project(tmp_path):
    """A repository in an empty home; call it with TOML to write its epochal.toml."""
    folder = tmp_path / "home" / "project"
    (folder / ".git").mkdir(parents=True)

    class Project:
        path = folder
        environ = {"HOME": str(folder.parent)}  # noqa: RUF012 - one for each test

        def write(self, toml):
            (folder / "epochal.toml").write_text(toml)

        def load(self, arguments=None, *, cwd=folder, **environ):
            return load(arguments or {}, self.environ | environ, cwd)

    return Project()


# ------------------------------------------------------------------------------- declaration


def test_defaults(project):
    """Without any source the defaults of the declaration hold."""
    found = project.load()
    assert found.dir == str(project.path / "runs")
    assert found.project == "project"
    assert found.cache_dir == str(project.path.parent / ".cache" / "epochal")
    assert (found.mode, found.ranks, found.follow) == ("on", "zero", "process")
    assert found.sinks == ("csv", "json")
    assert (found.strict, found.console, found.capture_diff, found.seal) == (
        False,
        False,
        False,
        True,
    )
    assert found.cadence == {kind: known.every for kind, known in KINDS.items()}


@pytest.mark.parametrize(("given", "ends"), [("/x", "/x/epochal"), ("rel", "/.cache/epochal")])
def test_the_cache_folder_follows_xdg(project, given, ends):
    """XDG_CACHE_HOME decides, unless it is relative."""
    assert project.load(XDG_CACHE_HOME=given).cache_dir.endswith(ends)


def test_settings_are_frozen_and_can_be_pickled():
    """A settings object is a value."""
    found = Settings(mode="off")
    with pytest.raises(FrozenInstanceError):
        found.mode = "on"
    assert pickle.loads(pickle.dumps(found)) == found
    assert not hasattr(found, "__dict__")


def test_every_setting_is_described():
    """The description has each setting once, with texts for people."""
    rows = describe()
    names = [row.name for row in rows]
    assert len(set(names)) == len(names)
    assert {name.partition(".")[0] for name in names} == set(Settings.__slots__)
    assert all(all(isinstance(part, str) and part for part in row) for row in rows)
    by_name = {row.name: row for row in rows}
    assert by_name["dir"].default == "./runs"
    assert by_name["dir"].variable == "EPOCHAL_DIR"
    assert by_name["sinks"].default == "csv, json"
    assert by_name["cadence.epoch"].default == "1 epoch"


def test_described_defaults_may_be_written():
    """Each default is also something that may be written down, and means the same."""
    for row in describe():
        if row.default != "none" and row.name not in ("dir", "cache_dir", "project"):
            written = load({row.name: row.default}, {}, "/")
            assert written == load({}, {}, "/"), row.name


def test_importing_settings_loads_only_the_standard_library():
    """The module loads nothing that is installed besides Epochal."""
    code = (
        "import sys; before = set(sys.modules); import epochal.settings;"
        "print(*{n.partition('.')[0] for n in set(sys.modules) - before})"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert set(done.stdout.split()) <= sys.stdlib_module_names | {"epochal"}


# ---------------------------------------------------------------------------------- priority


def test_later_sources_win(project):
    """Defaults, file, preset, environment and arguments override each other in this order."""
    project.write('[epochal]\nproject = "file"\ncadence.train = 3\n')
    assert project.load().project == "file"
    assert project.load().cadence["train"] == Every(3)
    assert project.load({"preset": "basic"}).cadence["train"] == Every(10)
    variables = {"EPOCHAL_CADENCE_TRAIN": "7 steps", "EPOCHAL_PROJECT": "variable"}
    found = project.load({"preset": "basic"}, **variables)
    assert (found.cadence["train"], found.project) == (Every(7), "variable")
    arguments = {"preset": "basic", "cadence": {"train": "9s"}, "project": "argument"}
    found = project.load(arguments, **variables)
    assert (found.cadence["train"], found.project) == (Every(9, "s"), "argument")


def test_a_preset_of_the_file_is_its_base(project):
    """A file overrides its own preset; the environment may choose another one."""
    project.write('[epochal]\npreset = "full"\ncadence.train = 3\n')
    assert project.load().cadence["train"] == Every(3)
    assert project.load().cadence["gradients"] == Every(5)
    found = project.load(EPOCHAL_PRESET="stability")
    assert (found.preset, found.cadence["train"]) == ("stability", Every(1))


def test_none_and_empty_variables_are_not_given(project):
    """None as an argument and an empty variable leave what was said before."""
    project.write('[epochal]\nmode = "off"\n')
    assert project.load({"mode": None}, EPOCHAL_MODE="").mode == "off"


def test_the_environment_of_the_process_is_the_default(monkeypatch, tmp_path):
    """Without arguments the process's own environment and folder are used."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("EPOCHAL_MODE", "off")
    assert (load().mode, load().dir) == ("off", str(tmp_path / "runs"))


def test_config_cadence_and_options_are_merged(project):
    """Tables of several sources are merged instead of replaced."""
    project.write(
        "[epochal]\nconfig = {lr = 1.0, model = {depth = 2}}\n"
        '[epochal.cadence]\nimages = "never"\n[epochal.sink_options.wandb]\nentity = "us"\n'
    )
    arguments = {
        "config": {"model": {"width": 8}, "lr": 0.1},
        "cadence": {"text": 5},
        "sink_options": {"wandb": {"mode": "offline"}},
    }
    found = project.load(arguments)
    assert found.config == {"lr": 0.1, "model": {"depth": 2, "width": 8}}
    assert (found.cadence["images"], found.cadence["text"]) == (Every(0), Every(5))
    assert found.sink_options == {"wandb": {"entity": "us", "mode": "offline"}}
    assert arguments["config"] == {"model": {"width": 8}, "lr": 0.1}


def test_sinks_replace_or_change(project):
    """A list replaces, signs add and take, a mapping brings options, objects are kept."""
    mine = ListSink()
    assert project.load({"sinks": "csv"}).sinks == ("csv",)
    assert project.load({"sinks": []}).sinks == ()
    assert project.load({"sinks": ["mine", mine]}).sinks == ("mine", mine)
    assert project.load({"sinks": mine}).sinks == (mine,)
    assert project.load(EPOCHAL_SINKS="+wandb,-json").sinks == ("csv", "wandb")
    found = project.load({"sinks": {"csv": {"every_s": 1}, "wandb": None}})
    assert (found.sinks, found.sink_options) == (
        ("csv", "wandb"),
        {"csv": {"every_s": 1}, "wandb": {}},
    )
    with pytest.raises(SettingError, match="names of sinks"):
        project.load({"sinks": ["+wandb", "csv"]})


def test_relative_paths_start_where_they_are_written(project):
    """Paths in a file start in its folder, other ones in the current folder."""
    project.write('[epochal]\ndir = "all"\n')
    inner = project.path / "inner"
    inner.mkdir()
    assert project.load(cwd=inner).dir == str(project.path / "all")
    assert project.load({"dir": "x"}, cwd=inner).dir == str(inner / "x")
    assert project.load({"dir": Path("y")}, cwd=inner).dir == str(inner / "y")
    assert project.load(EPOCHAL_DIR="/abs", cwd=inner).dir == "/abs"


def test_switched_off_kinds_are_never_due(project):
    """A kind whose switch is off has no interval in the schedule."""
    found = project.load({"log_video": False, "cadence": {"images": 3}})
    assert found.schedule()["video"] == Every(0)
    assert found.schedule()["images"] == Every(3)
    assert found.cadence["video"] == KINDS["video"].every
    assert not Cadence(found.schedule()).due("video", 0)


# --------------------------------------------------------------------------------- the file


def test_the_file_is_searched_up_to_the_repository(project):
    """The nearest file counts; above the repository or the home nothing is looked at."""
    inner = project.path / "a" / "b"
    inner.mkdir(parents=True)
    (project.path.parent / "epochal.toml").write_text('[epochal]\nproject = "home"\n')
    assert project.load(cwd=inner).project == "b"
    project.write('[epochal]\nproject = "repository"\n')
    assert project.load(cwd=inner).project == "repository"
    (project.path / "a" / "epochal.toml").write_text('[epochal]\nproject = "nearest"\n')
    assert project.load(cwd=inner).project == "nearest"


def test_outside_of_a_repository_the_home_is_the_end(tmp_path):
    """In the home the search ends there; elsewhere only the current folder is looked at."""
    inner = tmp_path / "home" / "x" / "y"
    inner.mkdir(parents=True)
    (tmp_path / "epochal.toml").write_text('[epochal]\nproject = "above"\n')
    (tmp_path / "home" / "x" / "epochal.toml").write_text('[epochal]\nproject = "x"\n')
    assert load({}, {"HOME": str(tmp_path / "home")}, inner).project == "x"
    assert load({}, {"HOME": str(tmp_path / "other")}, inner).project == "y"
    assert load({}, {}, inner.parent).project == "x"


@pytest.mark.parametrize(
    ("toml", "message"),
    [
        ("[epochal]\n\nmode = 'of'", r"line 3: mode = 'of' is not allowed; allowed: 'on', 'off'"),
        ("[epochal]\nstrict = 'maybe'", "line 2: strict = 'maybe' is not allowed"),
        ("[epochal]\nmod = 'on'", r"line 2: there is no setting 'mod' \(did you mean 'mode'"),
        ("[epochal]\ndir = 3", "line 2: dir = 3 is not allowed; allowed: a path"),
        ("[epochal]\nproject = ''", "line 2: project = ''"),
        ("[epochal]\ntags = [1]", "line 2: tags"),
        ("[epochal]\nsink_options = {csv = 1}", "line 2: sink_options"),
        ("# x\n[epochal.cadence]\n\nimages = 'often'", "line 4: cadence.images = 'often'"),
        (
            "[epochal.cadence]\nimges = 3",
            r"line 2: .*'cadence.imges' \(did you mean 'cadence.images'",
        ),
        ("[epochal]\ncadence = 'imges=3'", "has no kind 'imges'"),
        ("[epochal]\nlog_interval = 'x'", "line 2: log_interval = 'x' is not allowed"),
        ("[epochal]\nenable_wandb = 'x'", "line 2: enable_wandb = 'x' .* true or false"),
        ("[epochal]\nlog_metrics = 7", "line 2: log_metrics = 7 is not allowed; allowed: true"),
        ("mode = 'off'", r"line 1: 'mode' stands outside of the table \[epochal\]"),
        ("[epochal]\n[other]\na = 1", "line 2: 'other' stands outside"),
        ("epochal = 3", "must be tables"),
        ("[epochal]\ntemplates = 3", "must be tables"),
        ("[epochal]\n[epochal.templates]\na = 3", "line 3: template 'a' must be a table"),
        ("[epochal\n", r"not valid TOML: .*line 1"),
    ],
)
def test_what_is_wrong_in_the_file_is_refused(project, toml, message):
    """A refusal names file, line, setting, value and what is allowed."""
    project.write(toml)
    with pytest.raises(SettingError, match=message) as caught:
        project.load()
    assert "epochal.toml" in str(caught.value)


def test_a_file_that_cannot_be_read_is_refused(project):
    """A folder of that name, another encoding or a huge file is refused."""
    path = project.path / "epochal.toml"
    path.write_bytes(b"[epochal]\nproject = '\xe4'")
    with pytest.raises(SettingError, match="cannot be read"):
        project.load()
    path.write_bytes(b"#" * (2 << 20))
    with pytest.raises(SettingError, match="larger than 1 MiB"):
        project.load()
    path.unlink()
    path.mkdir()
    with pytest.raises(SettingError, match="cannot be read"):
        project.load()


# ---------------------------------------------------------------- environment and arguments


def test_values_are_read_from_text(project):
    """Variables give every kind of value as text."""
    found = project.load(
        EPOCHAL_STRICT="1",
        EPOCHAL_CONSOLE="No",
        EPOCHAL_TAGS="ablation/lr, base",
        EPOCHAL_GROUP="g",
        EPOCHAL_CADENCE="train=5, images=30s",
        EPOCHAL_SINK_OPTIONS='{"wandb": {"entity": "us"}}',
        EPOCHAL_FOLLOW="THREAD",
    )
    assert (found.strict, found.console, found.follow) == (True, False, "thread")
    assert (found.tags, found.group) == (("ablation/lr", "base"), "g")
    assert (found.cadence["train"], found.cadence["images"]) == (Every(5), Every(30, "s"))
    assert found.sink_options == {"wandb": {"entity": "us"}}


def test_a_config_file_can_be_named_by_a_variable(project):
    """EPOCHAL_CONFIG is the path of a config below the arguments' one."""
    (project.path / "c.yaml").write_text("lr: 1e-3\ndepth: 2\n")
    assert project.load({"config": {"depth": 3}}, EPOCHAL_CONFIG="c.yaml").config == {
        "lr": 1e-3,
        "depth": 3,
    }
    with pytest.raises(ConfigError, match="No such file"):
        project.load({"config": "missing.yaml"})


def test_words_for_on_and_off_may_be_booleans(project):
    """`off` in YAML is a boolean; it means the word."""
    assert project.load({"mode": False}).mode == "off"
    assert project.load({"follow": False}).follow == "off"


def test_wrong_variables_and_arguments_are_refused(project):
    """A refusal names the variable, or says that it is an argument."""
    with pytest.raises(SettingError, match="environment variable EPOCHAL_MODE: mode = 'x'"):
        project.load(EPOCHAL_MODE="x")
    with pytest.raises(SettingError, match="argument: ranks = 3 is not allowed"):
        project.load({"ranks": 3})
    with pytest.raises(SettingError, match=r"no setting 'projct' \(did you mean 'project'"):
        project.load({"projct": "x"})
    with pytest.raises(SettingError, match="EPOCHAL_SINK_OPTIONS"):
        project.load(EPOCHAL_SINK_OPTIONS="{")


def test_long_values_are_shortened_in_messages(project):
    """A message stays readable whatever was given."""
    with pytest.raises(SettingError) as caught:
        project.load({"mode": "x" * 100_000})
    assert len(str(caught.value)) < 500


def test_unknown_variables_are_told_and_ignored(project, caplog):
    """A variable that is no setting is named in a warning, once."""
    with caplog.at_level(logging.WARNING, "epochal"):
        project.load(EPOCHAL_PROJEKT_A="x")
        project.load(EPOCHAL_PROJEKT_A="x")
    told = [record.getMessage() for record in caplog.records if "PROJEKT_A" in record.getMessage()]
    assert len(told) == 1


# --------------------------------------------------------------------- presets and templates


@pytest.mark.parametrize(
    ("names", "sinks", "train"),
    [
        (["basic", "Basic Tracking"], ("csv", "json", "tensorboard"), Every(10)),
        (["full", "FULL TRACKING"], ("csv", "json", "tensorboard", "wandb"), Every(5)),
        (
            ["stability", "Numerical Stability Focus"],
            ("csv", "json", "tensorboard", "wandb"),
            Every(1),
        ),
    ],
)
def test_presets_by_any_name(project, names, sinks, train):
    """Each preset sets sinks and intervals; sinks that are not installed keep their names."""
    for name in names:
        found = project.load({"preset": name})
        assert (found.sinks, found.cadence["train"]) == (sinks, train)
    assert found.log_gradients == (names[0] != "basic")


def test_presets_hold_valid_settings():
    """Nothing in a preset is refused."""
    assert [load({"preset": name}, {}, "/").preset for name in PRESETS] == list(PRESETS)


def test_a_template_of_the_file(project):
    """A template gives settings and a config; the given config overrides it."""
    project.write(
        '[epochal.templates.big]\npreset = "full"\nlog_video = false\ncadence.train = 50\n'
        "[epochal.templates.big.config]\nlr = 1e-3\nmodel = {depth = 12, width = 64}\n"
    )
    found = project.load({"preset": "big", "config": {"model": {"depth": 24}}})
    assert found.preset == "big"
    assert found.config == {"lr": 1e-3, "model": {"depth": 24, "width": 64}}
    assert (found.log_video, found.cadence["train"]) == (False, Every(50))
    assert (found.cadence["gradients"], found.sinks[-1]) == (Every(5), "wandb")
    assert project.load().config == {}


@pytest.mark.parametrize("name", ["t.yaml", "t.json"])
def test_a_template_in_a_file(project, name):
    """A YAML or JSON file is a config with settings in its section `epochal`."""
    content = {"lr": 0.1, "epochal": {"sinks": ["csv"], "dir": "here"}, "model": {"depth": 2}}
    (project.path / name).write_text(json.dumps(content))
    found = project.load({"preset": project.path / name, "config": {"lr": 0.2}})
    assert found.config == {"lr": 0.2, "model": {"depth": 2}}
    assert (found.sinks, found.dir) == (("csv",), str(project.path / "here"))
    assert project.load({"preset": name}).preset == str(project.path / name)


def test_wrong_templates_are_refused(project):
    """Unknown names, circles, names of presets and wrong settings are refused."""
    with pytest.raises(SettingError, match=r"'ful' is not known \(did you mean 'full'"):
        project.load({"preset": "ful"})
    project.write('[epochal.templates.a]\npreset = "b"\n[epochal.templates.b]\npreset = "a"\n')
    with pytest.raises(SettingError, match="start from each other: a → b → a"):
        project.load({"preset": "a"})
    project.write('[epochal.templates.a]\n\nmode = "x"\n')
    with pytest.raises(SettingError, match="line 3: mode = 'x'"):
        project.load({"preset": "a"})
    project.write("")
    (project.path / "t.json").write_text('{"epochal": {"mode": "x"}}')
    with pytest.raises(SettingError, match=r"t\.json, section epochal: mode = 'x'"):
        project.load({"preset": "t.json"})
    (project.path / "t.json").write_text('{"epochal": 3}')
    with pytest.raises(SettingError, match="must be a table"):
        project.load({"preset": "t.json"})
    project.write("[epochal.templates.basic]\nstrict = true\n")
    with pytest.raises(SettingError, match="line 1: template 'basic' has the name of a preset"):
        project.load({"preset": "full"})


# ------------------------------------------------------------------------------- older names

SAMPLES = {"cadence": 25, "sinks (+tensorboard)": True, "sinks (+wandb)": True,
           "sinks (-wandb)": True}  # fmt: skip


def sample(setting):
    """Return a value that an older name may have."""
    if setting.startswith("log_"):
        return not getattr(Settings(), setting)
    return SAMPLES.get(setting.partition(".")[0], SAMPLES.get(setting, "x"))


@pytest.mark.parametrize("name", LEGACY_NAMES)
def test_every_older_name_is_accepted(project, name):
    """Each older name changes its setting, from a file, a variable and an argument alike."""
    value = sample(LEGACY_NAMES[name].setting)
    start = {"sinks": ["csv", "wandb"]} if name == "no_wandb" else {}
    project.write("[epochal]\n" + "".join(f"{k} = {json.dumps(v)}\n" for k, v in start.items()))
    before = project.load()
    by_argument = project.load({name: value})
    assert by_argument != before
    assert project.load(**{f"EPOCHAL_{name.upper()}": str(value)}) == by_argument
    lines = [f"{k} = {json.dumps(v)}\n" for k, v in (start | {name: value}).items()]
    project.write("[epochal]\n" + "".join(lines))
    assert project.load() == by_argument


def test_constants_in_capitals_are_variables_as_they_are(project):
    """The constants of older scripts need no prefix; lower-case names do."""
    found = project.load(
        LOG_EVERY_EPOCHS="2",
        DIAGNOSTIC_LOG_EVERY_STEPS="50",
        TENSORBOARD_FLUSH_EVERY_STEPS="100",
        ENABLE_GRADIENT_HISTOGRAMS="true",
        ENABLE_VIDEO_LOGGING="false",
        project_name="not ours",
    )
    assert found.cadence["epoch"] == Every(2, "epochs")
    assert (found.cadence["diagnostics"], found.cadence["flush"]) == (Every(50), Every(100))
    assert (found.log_histograms, found.log_video, found.project) == (True, False, "project")


YAML = """
model: {depth: 2}
logging:
  project_name: language
  experiment_name: lr-ablation-{lr}
  tags: [a, b/c]
  notes: ""
  log_training_every: 10
  log_validation_every: 2 epochs
  log_gradient_norms: false
  log_learning_rate: true
  log_memory_usage: false
  log_compute_time: no
  level: INFO
  dir: elsewhere
"""


def test_the_logging_section_of_a_config(project):
    """The section `logging` of a YAML config is read; names in it that are not ours are left."""
    (project.path / "config.yaml").write_text(YAML)
    found = project.load({"config": "config.yaml"}, EPOCHAL_PROJECT="wins")
    assert (found.project, found.name, found.tags) == ("wins", "lr-ablation-{lr}", ("a", "b/c"))
    assert (found.cadence["train"], found.cadence["validation"]) == (Every(10), Every(2, "epochs"))
    assert (found.log_gradients, found.log_learning_rate) == (False, True)
    assert (found.log_memory, found.log_performance) == (False, False)
    assert found.dir == str(project.path / "runs")
    assert found.config["logging"]["level"] == "INFO"


def test_a_logging_section_of_another_kind_is_left(project, caplog):
    """What is not allowed there is told and ignored: the config is the user's own."""
    with caplog.at_level(logging.WARNING, "epochal"):
        found = project.load({"config": {"logging": {"log_images": 31, "log_text": False}}})
    assert (found.log_images, found.log_text) == (True, False)
    assert any("log_images = 31" in record.getMessage() for record in caplog.records)
    assert project.load({"config": {"logging": "debug"}}) != project.load()


def test_names_of_an_experiment_config(project):
    """The fields of an older `ExperimentConfig` are accepted together."""
    found = project.load(
        {
            "experiment_name": "clipping", "project_name": "stability", "run_name": "seed-1",
            "tags": ["x"], "notes": "n", "enable_tensorboard": True, "enable_wandb": False,
            "log_interval": 5, "save_interval": 1000, "log_metrics": True,
            "log_hyperparameters": True, "log_model_architecture": False, "log_gradients": True,
            "log_images": False, "log_text": True, "tensorboard_dir": "tb",
            "model_save_dir": "models", "config_save_dir": None, "sync_tensorboard": True,
            "resume_run": None, "anonymous": "allow", "wandb_entity": "us", "wandb_group": None,
            "wandb_job_type": "train",
        }
    )  # fmt: skip
    assert (found.project, found.group, found.name) == ("stability", "clipping", "seed-1")
    assert found.sinks == ("csv", "json", "tensorboard")
    assert (found.cadence["train"], found.cadence["checkpoint"]) == (Every(5), Every(1000))
    assert (found.log_model, found.log_images, found.job_type) == (False, False, "train")
    assert found.tensorboard_dir == str(project.path / "tb")
    assert found.checkpoint_dir == str(project.path / "models")
    assert found.sink_options == {
        "wandb": {"anonymous": "allow", "entity": "us", "sync_tensorboard": True}
    }


def test_the_own_name_wins_over_an_older_one(project):
    """Where one source has both, the setting's own name counts."""
    assert project.load({"project": "own", "project_name": "older"}).project == "own"
