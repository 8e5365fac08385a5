"""The fifteen numbered sections: under which names a run's metrics and media stand in them.

A name may stand in several sections, and one that fits none stands nowhere here: it keeps its own.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

from epochal.sinks.tensorboard.titles import title

TRAINING, LOSSES, EPOCHS, RATES, SPEED = (
    "01_Training", "02_Loss_Components", "03_Epoch_Summary", "04_Learning_Rate", "05_Performance",
)  # fmt: skip
DIFFUSION, NOISE, MODEL, PARAMETERS, HISTOGRAMS = (
    "06_Diffusion", "07_Noise_Analysis", "08_Model_Architecture", "09_Parameter_Stats",
    "10_Parameter_Histograms",
)  # fmt: skip
GRADIENTS, SAMPLES, NOISE_PICTURES, SYSTEM, CONFIGURATION = (
    "11_Gradient_Stats", "12_Generated_Samples", "13_Noise_Visualization", "14_System",
    "15_Configuration",
)  # fmt: skip

SECTIONS = (
    TRAINING, LOSSES, EPOCHS, RATES, SPEED, DIFFUSION, NOISE, MODEL, PARAMETERS, HISTOGRAMS,
    GRADIENTS, SAMPLES, NOISE_PICTURES, SYSTEM, CONFIGURATION,
)  # fmt: skip
"""The names of all sections."""

GB_PER_MIB, GB_PER_BYTE = 1 / 1024, 1 / 1024**3
"""A GB as PyTorch's and NVIDIA's tools count it: 1024³ bytes."""


class Place(NamedTuple):
    """Where something stands in TensorBoard.

    Attributes:
        tag: TensorBoard's name, the section before the first ``/``.
        factor: what a number is multiplied by.
        by_epoch: drawn against the epoch instead of the step.
    """

    tag: str
    factor: float = 1.0
    by_epoch: bool = False


_LOSS = (f"{TRAINING}/Loss",)
_RATE = (f"{TRAINING}/Learning_Rate", f"{RATES}/Step_LR")
_GRADIENT = (f"{TRAINING}/Gradient_Norm", f"{GRADIENTS}/Total_Gradient_Norm")
_BATCH = (f"{TRAINING}/Batch_Size", f"{SPEED}/Effective_Batch_Size")

NUMBERS: Mapping[str, tuple[str, ...]] = {
    **dict.fromkeys(("train/loss", "loss", "train_loss"), _LOSS),
    "val_loss": (f"{TRAINING}/Validation_Loss",),
    **dict.fromkeys(("lr", "lr/0", "learning_rate", "train/lr", "train/learning_rate"), _RATE),
    **dict.fromkeys(
        ("gradients/norm", "grad_norm", "gradient_norm", "train/grad_norm", "train/gradient_norm"),
        _GRADIENT,
    ),
    **dict.fromkeys(("batch_size", "train/batch_size"), _BATCH),
    "accuracy": (f"{TRAINING}/Accuracy",),
    "perplexity": (f"{TRAINING}/Perplexity",),
    "performance/step_s": (f"{SPEED}/Step_Time_Seconds",),
    "performance/epoch_s": (f"{SPEED}/Epoch_Time_Seconds",),
    "diffusion/noise_mse": (f"{DIFFUSION}/Noise_Prediction_MSE",),
    "diffusion/noise_mae": (f"{DIFFUSION}/Noise_Prediction_MAE",),
    "diffusion/snr": (f"{DIFFUSION}/Signal_to_Noise_Ratio",),
    "diffusion/snr_db": (f"{DIFFUSION}/Signal_to_Noise_Ratio_dB",),
    "diffusion/timestep_mean": (f"{NOISE}/Timestep_Mean",),
    "diffusion/timestep_std": (f"{NOISE}/Timestep_Std",),
    "noise/correlation": (f"{NOISE}/Noise_Correlation",),
    "noise/cosine": (f"{NOISE}/Noise_Cosine_Similarity",),
    "model/parameters": (f"{MODEL}/Total_Parameters",),
    "model/trainable_share": (f"{MODEL}/Parameter_Efficiency",),
    "gradients/norm_mean": (f"{GRADIENTS}/Average_Gradient_Norm",),
    "gradients/norm_max": (f"{GRADIENTS}/Max_Gradient_Norm",),
    "gradients/norm_before_clip": (f"{GRADIENTS}/Gradient_Norm_Before_Clip",),
    "gradients/norm_after_clip": (f"{GRADIENTS}/Gradient_Norm_After_Clip",),
}
"""Metrics that have names of their own in the sections."""

EPOCH_NUMBERS: Mapping[str, str] = {
    **dict.fromkeys(
        ("train/loss", "loss", "train/loss_mean", "loss_mean", "train_loss_mean", "train_loss"),
        "Average_Loss",
    ),
    **dict.fromkeys(
        ("gradients/norm", "grad_norm", "grad_norm_avg", "train/grad_norm"), "Average_Grad_Norm"
    ),
    **dict.fromkeys(
        ("performance/epoch_s", "epoch_time_s", "epoch_time_sec", "duration_s", "epoch_s"),
        "Epoch_Time_Seconds",
    ),
    **dict.fromkeys(("lr", "learning_rate", "train/lr", "train/learning_rate"), "Learning_Rate"),
    "val_loss": "Validation_Loss",
}
"""Metrics of the table of epochs that have names of their own."""

MEDIA: Mapping[str, str] = {
    "diffusion/timesteps": f"{DIFFUSION}/Timestep_Distribution",
    "noise/comparison": f"{NOISE_PICTURES}/Noise_Comparison",
    "noise/predicted": f"{NOISE_PICTURES}/Predicted_Noise",
    "noise/true": f"{NOISE_PICTURES}/Actual_Noise",
}
"""Media and texts that have names of their own."""

PHASES = {"train": "", "val": "Validation_", "validation": "Validation_", "test": "Test_"}

# Beginnings of plain names: the section, and what stands before the rest of the name.
_NUMBER_BEGINS = {
    "amp/": (GRADIENTS, "AMP_"), "gradients/": (GRADIENTS, ""), "parameters/": (PARAMETERS, ""),
    "ema/": (PARAMETERS, "EMA_"), "performance/": (SPEED, ""), "diffusion/": (DIFFUSION, ""),
    "noise/true_": (NOISE, "Actual_"), "noise/": (NOISE, ""), "data/": (NOISE, "Data_"),
    "samples/": (SAMPLES, "Sample_"), "model/": (MODEL, ""), "lr/": (RATES, ""),
    "schedule/": (RATES, "Schedule_"), "loss/": (LOSSES, ""), "losses/": (LOSSES, ""),
}  # fmt: skip
_MEDIA_BEGINS = {
    "parameters/histograms/": HISTOGRAMS, "gradients/": GRADIENTS, "parameters/": PARAMETERS,
    "diffusion/": DIFFUSION, "noise/": NOISE_PICTURES, "data/": NOISE, "samples/": SAMPLES,
    "sample/": SAMPLES, "generated/": SAMPLES, "model/": MODEL, "schedule/": RATES,
    "lr/": RATES, "performance/": SPEED, "system/": SYSTEM, "train/": TRAINING,
    "config/": CONFIGURATION,
}  # fmt: skip

_NUMERICS = {"loss": TRAINING, "gradients": GRADIENTS, "parameters": PARAMETERS}
_LAYER = re.compile(r"(gradients|parameters)/layers/(.+)/([^/]+)")
_GPU = re.compile(r"gpu(\d+)/(?:torch_)?(.+)")
_COMPONENT = re.compile(r"(?:loss[_/](.+)|(.+)_loss)")
_STATISTICS = frozenset("mean std min max median last best count smoothed".split())
_LONG = ("parameters/", "gradients/layers/", "samples/", "model/", "system/")


def of_number(name: str) -> tuple[Place, ...]:
    """Return where a metric stands; nowhere if it fits no section.

    Example:
        >>> [place.tag for place in of_number("gradients/norm")]
        ['01_Training/Gradient_Norm', '11_Gradient_Stats/Total_Gradient_Norm']
        >>> of_number("system/gpu0/torch_allocated_mib")
        (Place(tag='14_System/GPU_Memory_Allocated_GB', factor=0.0009765625, by_epoch=False),)
    """
    known = NUMBERS.get(name)
    if known is not None:
        return tuple(map(Place, known))
    begin, _, rest = name.partition("/")
    if begin == "system" and rest:
        return (_of_system(rest),)
    tag = _of_layer(name) or _of_phase(name, begin, rest) or _of_beginning(name)
    return (Place(tag),) if tag else ()


def of_epoch(name: str) -> tuple[Place, ...]:
    """Return where a metric of the table of epochs stands, against the epoch and against the step.

    Example:
        >>> [(place.tag, place.by_epoch) for place in of_epoch("performance/steps_per_s")]
        [('03_Epoch_Summary/Steps_Per_Second', True), ('05_Performance/Steps_Per_Second', False)]
    """
    if name.startswith(_LONG):
        return of_number(name)
    short = EPOCH_NUMBERS.get(name) or _epoch_name(name)
    found = [Place(f"{EPOCHS}/{short}", by_epoch=True)]
    if short == "Learning_Rate":
        found.append(Place(f"{RATES}/Current_LR", by_epoch=True))
    return (*found, *of_number(name))


def of_medium(name: str) -> tuple[Place, ...]:
    """Return where a medium or a text stands.

    Example:
        >>> [place.tag for place in of_medium("parameters/histograms/decoder.0.weight")]
        ['10_Parameter_Histograms/decoder/0/weight']
    """
    if name in MEDIA:
        return (Place(MEDIA[name]),)
    if name in ("samples", "sample", "generated"):
        return (Place(f"{SAMPLES}/{title(name)}"),)
    if name.startswith("gradients/histograms/"):
        layer = name.removeprefix("gradients/histograms/").replace(".", "/")
        return (Place(f"{GRADIENTS}/{layer}/Histogram"),) if layer else ()
    for begin, section in _MEDIA_BEGINS.items():
        rest = name.removeprefix(begin)
        if rest and rest != name:
            shown = rest.replace(".", "/") if section == HISTOGRAMS else title(rest)
            return (Place(f"{section}/{shown}"),)
    return ()


def switched_off(sections: Mapping[str | int, bool] | None) -> frozenset[str]:
    """Return the sections that are switched off; they may be given by number or name.

    Raises:
        ValueError: there is no such section, or the switch is neither True nor False.

    Example:
        >>> sorted(switched_off({"12": False, "14_System": False, 1: True}))
        ['12_Generated_Samples', '14_System']
    """
    off = set()
    for given, on in (sections or {}).items():
        number, words = re.fullmatch(r"(\d*)(.*)", str(given), re.DOTALL).groups()  # type: ignore[union-attr]
        at = int(number) if number else 0
        if not 1 <= at <= len(SECTIONS) or words not in ("", SECTIONS[at - 1][2:]):
            message = f"sections: there is no section {given!r}; there are {', '.join(SECTIONS)}"
            raise ValueError(message)
        if not isinstance(on, bool):
            message = f"sections: {given!r} is {on!r}, neither True nor False"
            raise ValueError(message)  # noqa: TRY004 - as for other options
        if not on:
            off.add(SECTIONS[at - 1])
    return frozenset(off)


def _of_layer(name: str) -> str:
    layer = _LAYER.fullmatch(name)
    if layer is None:
        return ""
    section = GRADIENTS if layer[1] == "gradients" else PARAMETERS
    return f"{section}/{layer[2].replace('.', '/')}/{title(layer[3])}"


def _of_phase(name: str, begin: str, rest: str) -> str:
    """Return the tag of a metric of a phase or of a part of the loss, "" for others."""
    before = PHASES.get(begin, "")
    if not rest:
        component = _component(name)
    elif begin in PHASES:
        component = _component(rest)
        if not component:
            return f"{TRAINING}/{before}{title(rest)}"
    else:
        return ""
    return f"{LOSSES}/{before}{title(component)}" if component else ""


def _of_beginning(name: str) -> str:
    if name.startswith("numerics/"):
        counted = name.rpartition("/")[2]
        section = _NUMERICS.get(counted.rpartition("_")[2], TRAINING)
        return f"{section}/{title(counted)}" if counted else ""
    for begin, (section, before) in _NUMBER_BEGINS.items():
        rest = name.removeprefix(begin)
        if rest and rest != name:
            return f"{section}/{before}{title(rest)}"
    return ""


def _of_system(name: str) -> Place:
    """Return where a reading of the machine stands; memory in GB, the first GPU without number."""
    gpu = _GPU.fullmatch(name)
    rest = gpu[2] if gpu else name
    factor = 1.0
    for ending, per in (("_mib", GB_PER_MIB), ("_bytes", GB_PER_BYTE)):
        if rest.endswith(ending):
            rest, factor = f"{rest.removesuffix(ending)}_GB", per
    if gpu:
        held = rest.endswith("_GB") and not rest.startswith("memory_")
        rest = f"memory_{rest}" if held else rest
        rest = f"gpu_{rest}" if gpu[1] == "0" else f"gpu{gpu[1]}_{rest}"
        before, _, rest = rest.partition("_")
        return Place(f"{SYSTEM}/{before.upper()}_{title(rest)}", factor)
    return Place(f"{SYSTEM}/{title(rest)}", factor)


def _component(name: str) -> str:
    """Return what part of the loss a metric is, "" if it is none."""
    found = _COMPONENT.fullmatch(name)
    part = (found[1] or found[2]) if found else ""
    if part in _STATISTICS or part in PHASES or part.partition("_")[0] in PHASES:
        return ""
    return part


def _epoch_name(name: str) -> str:
    begin, _, rest = name.partition("/")
    if begin in PHASES and rest:
        return PHASES[begin] + title(rest)
    return title(name.removeprefix("performance/").replace("/", "_"))
