"""``ExperimentLogger``: training, validation, checkpoints, generated text and ablations."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Mapping, Sequence
from typing import Any

from epochal.api import init
from epochal.loggers import names
from epochal.loggers.run_logger import RunLogger
from epochal.loggers.started import kept_from_training, mirrors_to_wandb, number, settings_of
from epochal.media import Table, Text
from epochal.record.config import read_config


class ExperimentLogger(RunLogger):
    """Logs an experiment by the calls of a training loop; mirrored to W&B where that is there.

    Everything is recorded to a run of Epochal's, ``logger.run``.  The section ``logging`` of the
    config says how often and what: ``log_training_every``, ``log_validation_every``,
    ``log_gradient_norms``, ``log_learning_rate``, ``log_memory_usage``, ``log_compute_time``;
    ``project_name``, ``experiment_name``, ``tags``, ``notes`` there count where no argument is
    given.  What cannot be logged is told and counted, and never ends the training.

    Args:
        project_name: the run's project; see :func:`epochal.init`.
        experiment_name: the run's name.
        tags: the run's tags.
        notes: the run's notes.
        config: nested mapping, or the path of a YAML or JSON file.
        use_wandb: mirror to W&B; None: yes, unless the settings say no (``EPOCHAL_NO_WANDB=1``).
            Where W&B is not installed that is told once, and everything else goes on.
        entity: W&B's user or team.
        resume: id, name or path of a run to go on with.
        log_artifacts: record checkpoints, so that they are found again and mirrors upload them;
            False: they are files only.
        log_code: upload the Python files of the working directory to W&B.
        **settings: any other argument of :func:`epochal.init`.

    Attributes:
        run: the run.
        config: its config, as a mapping.
        step: the last training step.

    Raises:
        SettingError, ConfigError, RunFolderError: as :func:`epochal.init`.

    Example:
        >>> import epochal, tempfile
        >>> config = {"lr": 1e-3, "logging": {"log_training_every": 10}}
        >>> with ExperimentLogger("doc", "first", config, use_wandb=False,
        ...                       dir=tempfile.mkdtemp()) as logger:
        ...     for step in range(100):
        ...         logger.log_training_step(loss=1 / (step + 1), learning_rate=1e-3, step=step)
        >>> len(epochal.RunView(logger.run.dir).series("train/loss"))
        10
    """

    def __init__(  # noqa: PLR0913 - the arguments of the logger that it stands in for
        self, project_name: str | None = None, experiment_name: str | None = None,
        config: object = None, tags: Sequence[str] | None = None, notes: str | None = None, *,
        use_wandb: bool | None = None, entity: str | None = None, resume: str | None = None,
        log_artifacts: bool = True, log_code: bool = False, **settings: Any,
    ) -> None:  # fmt: skip
        given = {
            "project": project_name, "name": experiment_name, "config": read_config(config),
            "tags": tags, "notes": notes, "resume": resume, "wandb_entity": entity, **settings,
        }  # fmt: skip
        arguments = names.with_names(given, {"wandb": names.LOGGER_WANDB})
        if log_code:
            arguments["sink_options"]["wandb"].setdefault("code", True)
        wandb = mirrors_to_wandb(arguments) if use_wandb is None else use_wandb
        arguments["enable_wandb"] = wandb
        self._settings, self._log_artifacts = settings_of(arguments), log_artifacts
        self.run = init(**arguments)
        self.config, self.step = self.run.config, self.run.step or 0
        self._timed: tuple[float, float] | None = None

    @kept_from_training
    def log_training_step(
        self, loss: Any, learning_rate: float | None = None, gradient_norm: Any = None,
        step: float | None = None, epoch: float | None = None, **extra: Any,
    ) -> None:  # fmt: skip
        """Log a training step, if the cadence says so: every ``log_training_every`` steps.

        Args:
            loss: the training loss; a tensor on a device is not waited for.
            learning_rate: left out where ``log_learning_rate`` is off.
            gradient_norm: left out where ``log_gradient_norms`` is off.
            step: default: one more than the last.
            epoch: may be a fraction.
            **extra: more metrics, recorded as ``train/<name>``.
        """
        run, now = self.run, number("step", step, self.step + 1)
        self.step = now
        if not run.due("train", now, epoch):
            return
        values = {"train/loss": loss, **{f"train/{name}": v for name, v in extra.items()}}
        if run.due("learning_rate", now, epoch):
            values["lr"] = learning_rate
        if run.due("gradients"):  # whether at all: how often is a matter of the training steps
            values["gradients/norm"] = gradient_norm
        if run.due("performance", now, epoch):
            values["performance/step_s"] = self._step_s(now)
        run.log(values, now, epoch=epoch)

    @kept_from_training
    def log_validation_step(
        self, loss: Any, perplexity: Any = None, step: float | None = None,
        epoch: float | None = None, **extra: Any,
    ) -> None:  # fmt: skip
        """Log a validation, if the cadence says so: every ``log_validation_every`` steps.

        Args:
            loss: the validation loss.
            perplexity: often ``exp(loss)``.
            step: default: the last training step.
            epoch: may be a fraction.
            **extra: more metrics; all are recorded as ``val/<name>``.
        """
        now = number("step", step, self.step)
        if self.run.due("validation", now, epoch):
            values = {"loss": loss, "perplexity": perplexity, **extra}
            self.run.log({f"val/{name}": v for name, v in values.items()}, now, epoch=epoch)

    @kept_from_training
    def log_epoch(
        self, epoch: float, train_loss: Any = None, val_loss: Any = None,
        train_metrics: Mapping[str, Any] | None = None,
        val_metrics: Mapping[str, Any] | None = None, **extra: Any,
    ) -> None:  # fmt: skip
        """Log an epoch: a line of the epochs file, with more metrics as ``epoch/train_<name>``."""
        metrics = {
            "train_loss": train_loss, "val_loss": val_loss,
            **{f"train_{name}": value for name, value in (train_metrics or {}).items()},
            **{f"val_{name}": value for name, value in (val_metrics or {}).items()}, **extra,
        }  # fmt: skip
        if self.run.due("epoch", epoch=epoch):
            self.run.log(names.epoch_row(metrics), epoch=epoch)

    @kept_from_training
    def log_custom_metric(
        self, metric_name: str, value: Any, step: float | None = None, **info: Any
    ) -> None:
        """Log any metric as ``custom/<name>``; numbers and texts about it as ``…_<info>``."""
        about = {f"custom/{metric_name}_{name}": each for name, each in info.items()}
        self.run.log({f"custom/{metric_name}": value, **about}, self._at(step))

    @kept_from_training
    def log_text_generation(
        self, prompt: str, generated_text: str, temperature: float | None = None,
        top_p: float | None = None, max_tokens: int | None = None, step: float | None = None,
        **extra: Any,
    ) -> None:  # fmt: skip
        """Log a generated text with its prompt and how it was sampled."""
        text = Text(
            generated_text, prompt=prompt, temperature=temperature, top_p=top_p,
            max_tokens=max_tokens, **extra,
        )  # fmt: skip
        now = self._at(step)
        if self.run.due("text", now):
            self.run.log({"generation/generated_text": text}, now)

    @kept_from_training
    def log_hyperparameter_ablation(
        self, ablation_name: str, baseline_metrics: Mapping[str, Any],
        ablated_metrics: Mapping[str, Any], ablation_config: Mapping[str, Any] | None = None,
        step: float | None = None,
    ) -> None:  # fmt: skip
        """Log what a change of hyperparameters did, as metrics and as a table side by side.

        The metrics are ``ablation/<name>/baseline_<metric>`` and ``…/ablated_<metric>``, the table
        is ``ablation/<name>``, the changed config stands in the summary, and the run is tagged.
        """
        key, values, rows = f"ablation/{ablation_name}", {}, []
        for name in dict.fromkeys([*baseline_metrics, *ablated_metrics]):
            baseline = float(baseline_metrics.get(name, math.nan))
            ablated = float(ablated_metrics.get(name, math.nan))
            rows.append([name, baseline, ablated, ablated - baseline])
            values[f"{key}/baseline_{name}"] = baseline
            values[f"{key}/ablated_{name}"] = ablated
        table = Table(["metric", "baseline", "ablated", "difference"], rows)
        self.run.log({**values, key: table}, self._at(step))
        self.run.summary[f"{key}/config"] = read_config(ablation_config)
        self.run.tag(key)

    @kept_from_training
    def log_experiment_summary(
        self, final_train_loss: Any = None, final_val_loss: Any = None, best_val_loss: Any = None,
        total_training_time: float | None = None, **extra: Any,
    ) -> None:  # fmt: skip
        """Set values about the whole run, by these names; ``total_steps`` is set too."""
        values = {
            "final_train_loss": final_train_loss, "final_val_loss": final_val_loss,
            "best_val_loss": best_val_loss, "total_training_time": total_training_time,
            "total_steps": self.step, **extra,
        }  # fmt: skip
        self.run.summary.update({name: v for name, v in values.items() if v is not None})

    @kept_from_training
    def log_checkpoint(
        self, model: Any, optimizer: Any, epoch: int, step: int, loss: Any,
        filepath: str | os.PathLike[str] | None = None, is_best: bool = False,  # noqa: FBT001, FBT002
        additional_metadata: Mapping[str, Any] | None = None,
    ) -> str | None:  # fmt: skip
        """Save a checkpoint and return its path; None: it could not be saved, which is told.

        Args:
            model: its state is kept.
            optimizer: its state is kept.
            epoch: where the training stands, as ``step`` and ``loss``.
            step: as given.
            loss: as given.
            filepath: default: ``checkpoint_epoch_E_step_S.pt`` among the run's checkpoints.  What
                was there before is replaced.
            is_best: it is ``best_model.pt`` beside the file too, and what
                ``logger.run.load_checkpoint("best")`` loads.
            additional_metadata: kept as ``metrics``; plain values.
        """
        facts = {"epoch": epoch, "step": step, "loss": loss, "metrics": additional_metadata}
        if self._log_artifacts:
            return self.run.save_checkpoint(
                model, optimizer, **facts, best=is_best, path=filepath
            )  # fmt: skip
        from epochal.loggers.unrecorded import save_unrecorded

        states = {"model": model, "optimizer": optimizer}
        return save_unrecorded(self.run, states, facts, filepath, best=is_best)

    def finish(self, exit_code: int = 0) -> None:
        """End the run; an exit code other than 0 makes its state "failed"."""
        self.run.finish("failed" if exit_code else "finished")

    def get_run_id(self) -> str:
        """Return the run's id, which is W&B's too."""
        return self.run.id

    def _at(self, step: float | None) -> float | None:
        return (self.step or None) if step is None else step

    def _step_s(self, step: float) -> float | None:
        """Return seconds per step since the last one that was recorded."""
        now, before = time.monotonic(), self._timed
        self._timed = step, now
        return (now - before[1]) / (step - before[0]) if before and step > before[0] else None
