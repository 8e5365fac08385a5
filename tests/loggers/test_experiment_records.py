"""The typed records of the experiment tracker."""

import copy
import pickle
from dataclasses import fields

import pytest

from epochal.core.errors import ConfigError
from epochal.loggers import ExperimentConfig, ModelCheckpoint, TrainingMetrics
from epochal.settings import load


def test_fields_are_those_that_scripts_use():
    """The records have exactly the fields of the tracker that they replace."""
    assert {each.name for each in fields(ExperimentConfig)} == set(
        "experiment_name project_name run_name tags notes enable_tensorboard enable_wandb"
        " log_interval save_interval log_metrics log_hyperparameters log_model_architecture"
        " log_gradients log_images log_text tensorboard_dir model_save_dir config_save_dir"
        " sync_tensorboard resume_run anonymous wandb_entity wandb_group wandb_job_type".split()
    )
    assert [each.name for each in fields(TrainingMetrics)] == (
        "loss accuracy learning_rate gradient_norm nan_count inf_count clipping_applied"
        " clipping_threshold training_time memory_usage gpu_utilization".split()
    )
    assert [each.name for each in fields(ModelCheckpoint)] == (
        "epoch step loss metrics model_state optimizer_state scheduler_state timestamp".split()
    )


def test_every_field_is_a_setting(tmp_path):
    """Each field, when it is set, is taken by the settings as it is."""
    given = ExperimentConfig(
        experiment_name="e", project_name="p", run_name="r", tags=["a"], notes="n",
        enable_tensorboard=False, enable_wandb=True, log_interval=3, save_interval=7,
        log_metrics=False, log_hyperparameters=False, log_model_architecture=False,
        log_gradients=True, log_images=False, log_text=False, tensorboard_dir=str(tmp_path / "t"),
        model_save_dir=str(tmp_path / "m"), config_save_dir=str(tmp_path / "c"),
        sync_tensorboard=True, resume_run="auto", anonymous=True, wandb_entity="u",
        wandb_group="g", wandb_job_type="train",
    )  # fmt: skip
    assert set(given.changes()) == {each.name for each in fields(ExperimentConfig)}
    settings = load({**given.changes(), "preset": "basic"}, environ={}, cwd=tmp_path)
    assert (settings.name, settings.project, settings.group) == ("r", "p", "g")
    assert settings.sinks == ("csv", "json", "wandb")
    assert settings.cadence["train"].count == 3
    assert settings.cadence["checkpoint"].count == 7
    assert not settings.log_train
    assert not settings.log_config
    assert not settings.log_model
    assert settings.log_gradients
    assert not settings.log_images
    assert not settings.log_text
    assert settings.checkpoint_dir == str(tmp_path / "m")
    assert settings.sink_options["wandb"]["entity"] == "u"
    assert (settings.job_type, settings.resume) == ("train", "auto")


def test_defaults_are_the_basic_preset(tmp_path):
    """What a config says by default is what the preset "Basic Tracking" does."""
    config = ExperimentConfig()
    assert config.changes() == {"save_interval": 1000}
    settings = load({"preset": "Basic Tracking"}, environ={}, cwd=tmp_path)
    assert config.enable_tensorboard == ("tensorboard" in settings.sinks)
    assert config.enable_wandb == ("wandb" in settings.sinks)
    assert config.log_interval == settings.cadence["train"].count
    assert config.log_gradients == settings.log_gradients
    assert config.log_images == settings.log_images


@pytest.mark.parametrize(("given", "said"), [(True, "auto"), ("a1", "a1"), (False, None)])
def test_resume_run_may_be_a_switch(given, said):
    """True means the run of this job, False none."""
    assert ExperimentConfig(resume_run=given).changes().get("resume_run") == said


def test_config_file(tmp_path):
    """A config comes back from its file; a field that is none is refused by name."""
    config = ExperimentConfig(experiment_name="a", tags=["x/y"], log_interval=5)
    path = config.save(tmp_path / "new" / "config.json")
    assert ExperimentConfig.load(path) == config
    (tmp_path / "wrong.json").write_text('{"log_intervall": 5}')
    with pytest.raises(ConfigError, match="log_intervall"):
        ExperimentConfig.load(tmp_path / "wrong.json")


def test_checkpoint_keys():
    """A checkpoint has the keys of its file, and comes back from them."""
    made = ModelCheckpoint(2, 40, 0.5, {"accuracy": 0.9}, {"w": 1}, {"lr": 2}, {"last": 3})
    contents = made.to_dict()
    assert set(contents) == set(
        "epoch step loss metrics model_state_dict optimizer_state_dict scheduler_state_dict"
        " timestamp".split()
    )
    assert ModelCheckpoint.from_dict({**contents, "config": {}}) == made


def test_the_default_save_interval_counts_steps():
    """Without a word on it checkpoints are due each 1000 steps, not each time one asks."""
    assert ExperimentConfig().changes() == {"save_interval": 1000}
    cadence = load(ExperimentConfig().changes()).cadence["checkpoint"]
    assert str(cadence) == "1000 steps"


def test_a_default_that_was_set_counts(tmp_path):
    """What was set to its default in any way comes before a preset; what was not set does not."""
    assigned = ExperimentConfig(experiment_name="a")
    assigned.enable_wandb = False
    whole = {"preset": "Full Tracking"}
    for config in (
        ExperimentConfig(enable_wandb=False),
        ExperimentConfig(None, None, None, [], "", True, False),  # noqa: FBT003 - by position
        ExperimentConfig.of({"enable_wandb": False}),
        assigned,
        copy.copy(assigned),
        pickle.loads(pickle.dumps(assigned)),
    ):
        settings = load({**config.changes(), **whole}, environ={}, cwd=tmp_path)
        assert settings.sinks == ("csv", "json", "tensorboard")
        assert settings.cadence["train"].count == 5
    other = ExperimentConfig.load(ExperimentConfig(notes="n").save(tmp_path / "all.json"))
    settings = load({**other.changes(), **whole}, environ={}, cwd=tmp_path)
    assert (settings.notes, "wandb" in settings.sinks) == ("n", True)
