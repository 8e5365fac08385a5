"""What front doors with a run of their own have in common."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from epochal.loggers.started import kept_from_training
from epochal.record.run import Run
from epochal.settings import Settings

if TYPE_CHECKING:
    from types import TracebackType

    from typing_extensions import Self


class RunLogger:
    """Describes a run by its config and model, and ends it with a ``with`` block.

    Attributes:
        run: the run.
    """

    run: Run
    _settings: Settings

    @kept_from_training
    def log_hyperparameters(self, hyperparams: Mapping[str, Any]) -> None:
        """Merge hyperparameters into the run's config."""
        self.run.config.update(hyperparams)

    @kept_from_training
    def log_model_architecture(self, model: Any) -> None:
        """Record a PyTorch model's layers and how many parameters it has."""
        from epochal.measure import describe_model

        if self._settings.log_model:
            describe_model(model).log(self.run)

    def __enter__(self) -> Self:
        """Return the logger itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:  # fmt: skip
        """End the run; it has failed where an exception ends the block."""
        self.run.__exit__(kind, error, trace)
