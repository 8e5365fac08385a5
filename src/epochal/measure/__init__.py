"""Instruments: what is measured on a model and its training; PyTorch is loaded when one is used."""

from __future__ import annotations

from epochal.core.lazy import lazy

_MODULES = {
    "Aggregate": "epochal.measure.aggregate",
    "Aggregates": "epochal.measure.aggregate",
    "Diffusion": "epochal.measure.diffusion",
    "Ema": "epochal.measure.ema",
    "EmaDistance": "epochal.measure.ema",
    "Forecast": "epochal.measure.forecasting",
    "Gradients": "epochal.measure.gradients",
    "Histograms": "epochal.measure.histograms",
    "LearningRate": "epochal.measure.learning_rate",
    "LossScale": "epochal.measure.mixed_precision",
    "Metrics": "epochal.measure.plugins",
    "ModelRecord": "epochal.measure.model",
    "Numerics": "epochal.measure.numerics",
    "Parameters": "epochal.measure.parameters",
    "Statistics": "epochal.measure.statistics",
    "Throughput": "epochal.measure.throughput",
    "Watch": "epochal.measure.watching",
    "accuracy": "epochal.measure.validation",
    "alphas_bar": "epochal.measure.noise",
    "beta_schedule": "epochal.measure.noise",
    "clip_gradients": "epochal.measure.clip",
    "compare_ema": "epochal.measure.ema",
    "compute_grad_norm": "epochal.measure.gradients",
    "describe_model": "epochal.measure.model",
    "forecast": "epochal.measure.forecasting",
    "gradient_flow": "epochal.measure.gradients",
    "measure_quality": "epochal.measure.quality",
    "noise_comparison": "epochal.measure.pictures",
    "noise_mse": "epochal.measure.noise",
    "noise_statistics": "epochal.measure.noise",
    "perplexity": "epochal.measure.validation",
    "pixel_frechet": "epochal.measure.quality",
    "register_metric": "epochal.measure.plugins",
    "sample_grid": "epochal.measure.pictures",
    "snr": "epochal.measure.noise",
    "watch": "epochal.measure.watching",
}
"""Public name → the module of this package that has it."""

__all__ = sorted(_MODULES)  # noqa: PLE0605 - a list
__getattr__, __dir__ = lazy(__name__, _MODULES)
