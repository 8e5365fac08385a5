"""Fixtures of ``tests/support`` that several modules here use."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))

from mlflow_stores import mlflow_server, mlflow_settings, mlflow_template

__all__ = ["mlflow_server", "mlflow_settings", "mlflow_template"]
