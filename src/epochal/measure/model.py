"""Models as they are recorded: tree, layers, numbers of parameters, size, cost."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from epochal.measure import tensors
from epochal.media.table import Table
from epochal.media.text import Text


class Layer(NamedTuple):
    """A module with parameters of its own, or without children.

    Attributes:
        name: in the model, "" for the model itself.
        type: class.
        parameters: elements of its own parameters; tied ones count where they come first.
        trainable: of these, those that need a gradient.
        shape: its parameters with their shapes.
        output: shape of what it returned for the example, "" without one.
    """

    name: str
    type: str
    parameters: int
    trainable: int
    shape: str
    output: str


class ModelRecord(NamedTuple):
    """What a model is.

    Attributes:
        name: class.
        layers: modules with parameters of their own or without children, in order.
        parameters: elements of all parameters, tied ones once, those of lazy modules not at all.
        trainable: of these, those that need a gradient.
        bytes: of parameters and buffers.
        depth: how many modules lie inside each other at most, the model included.
        tree: the module tree as PyTorch prints it.
        flops: floating-point operations of the forward pass for one sample; None without example.
        uninitialized: parameters of lazy modules, which have no size yet.

    Example:
        >>> import torch
        >>> record = describe_model(torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.ReLU()))
        >>> record.parameters, record.depth, record.layers[0].shape
        (8, 2, 'weight 2x3, bias 2')
    """

    name: str
    layers: tuple[Layer, ...]
    parameters: int
    trainable: int
    bytes: int
    depth: int
    tree: str
    flops: int | None
    uninitialized: int

    def summary(self) -> dict[str, Any]:
        """Return the numbers by name, with what is derived from them.

        ``model/layer_count``: layers with parameters; ``model/parameters_per_layer``: parameters
        divided by it; ``model/trainable_share``: trainable divided by all parameters;
        ``model/largest_share``: share of the largest layer, ``model/largest_layer``;
        ``model/flops_per_sample`` and ``model/flops_per_parameter``, if there was an example.
        """
        holding = [layer for layer in self.layers if layer.parameters]
        largest = max(holding, key=lambda layer: layer.parameters, default=None)
        found: dict[str, Any] = {
            "model/class": self.name,
            "model/parameters": self.parameters,
            "model/trainable_parameters": self.trainable,
            "model/bytes": self.bytes,
            "model/depth": self.depth,
            "model/layer_count": len(holding),
        }
        if largest is not None:
            found |= {
                "model/parameters_per_layer": self.parameters / len(holding),
                "model/trainable_share": self.trainable / self.parameters,
                "model/largest_layer": largest.name,
                "model/largest_share": largest.parameters / self.parameters,
            }
        if self.uninitialized:
            found["model/uninitialized_parameters"] = self.uninitialized
        if self.flops is not None:
            found["model/flops_per_sample"] = self.flops
            if self.parameters:
                found["model/flops_per_parameter"] = self.flops / self.parameters
        return found

    def table(self) -> Table:
        """Return the layers as a table."""
        return Table(list(Layer._fields), [list(layer) for layer in self.layers])

    def log(self, run: Any, prefix: str = "") -> None:
        """Record it: the numbers in ``run.summary``; table and tree with the next row."""
        run.summary.update({f"{prefix}{name}": value for name, value in self.summary().items()})
        media = {"model/layers": self.table(), "model/tree": Text(self.tree)}
        run.with_next_row({f"{prefix}{name}": medium for name, medium in media.items()})


def describe_model(model: Any, example: Any = None) -> ModelRecord:
    """Describe a model; it stays as it is.

    Args:
        model: any module; wrapped in DistributedDataParallel or compiled too.
        example: input for one forward pass, whose operations are counted: a tensor, a tuple of
            arguments or a mapping of keyword arguments.  The first axis of the first tensor counts
            samples.  The pass is made in evaluation mode, without gradients; not for a model with
            lazy modules that have seen no input yet, as it would make their parameters.

    Returns:
        its record, with ``log(run)``.

    Raises:
        Exception: what the model raises for the example.
    """
    model = tensors.unwrapped(model)
    lazy = _lazy_parameters(model)
    outputs: dict[str, str] = {}
    flops = None
    if example is not None and not lazy:
        flops, outputs = _run(model, example)
    layers = tuple(_layers(model, outputs))
    known = [p for p in model.parameters() if not tensors.torch_module().nn.parameter.is_lazy(p)]
    return ModelRecord(
        name=type(model).__name__,
        layers=layers,
        parameters=sum(p.numel() for p in known),
        trainable=sum(p.numel() for p in known if p.requires_grad),
        bytes=sum(_nbytes(tensor) for tensor in [*known, *model.buffers()]),
        depth=_depth(model),
        tree=str(model),
        flops=flops,
        uninitialized=lazy,
    )


def _lazy_parameters(model: Any) -> int:
    is_lazy = tensors.torch_module().nn.parameter.is_lazy
    return sum(1 for parameter in model.parameters() if is_lazy(parameter))


def _nbytes(tensor: Any) -> int:
    if tensors.torch_module().nn.parameter.is_lazy(tensor):
        return 0
    return int(tensor.numel() * tensor.element_size())


def _layers(model: Any, outputs: Mapping[str, str]) -> Iterator[Layer]:
    is_lazy = tensors.torch_module().nn.parameter.is_lazy
    seen: set[int] = set()
    for name, module in model.named_modules():
        own = list(module.named_parameters(recurse=False))
        if not own and any(True for _ in module.children()):
            continue
        count = trainable = 0
        shapes = []
        for part, parameter in own:
            if is_lazy(parameter):
                shapes.append(f"{part} not initialized")
                continue
            tied = id(parameter) in seen
            seen.add(id(parameter))
            shape = "x".join(str(length) for length in parameter.shape) or "1"
            shapes.append(f"{part} {shape}{' (tied)' if tied else ''}")
            count += 0 if tied else parameter.numel()
            trainable += parameter.numel() if parameter.requires_grad and not tied else 0
        path = tensors.plain_name(name)
        kind = type(module).__name__
        yield Layer(path, kind, count, trainable, ", ".join(shapes), outputs.get(name, ""))


def _depth(module: Any) -> int:
    return 1 + max((_depth(child) for child in module.children()), default=0)


def _run(model: Any, example: Any) -> tuple[int, dict[str, str]]:
    """Run a model once; return its operations per sample, and the shapes that modules returned."""
    torch = tensors.torch_module()
    from torch.utils.flop_counter import FlopCounterMode

    outputs: dict[str, str] = {}

    def remember(name: str) -> Any:
        def hook(_: Any, __: Any, output: Any) -> None:
            if first := next(_tensors(output), None):
                outputs[name] = "x".join(str(length) for length in first[0].shape)

        return hook

    hooks = [m.register_forward_hook(remember(name)) for name, m in model.named_modules()]
    devices = {p.device for p in model.parameters() if p.device.type == "cuda"}
    counter = FlopCounterMode(display=False)
    try:
        with (
            tensors.evaluating(model),
            torch.random.fork_rng(list(devices)),
            torch.no_grad(),
            counter,
        ):
            if isinstance(example, Mapping):
                model(**example)
            else:
                model(*(example if isinstance(example, tuple) else (example,)))
    finally:
        for hook in hooks:
            hook.remove()
    first = next(_tensors(example), None)
    samples = int(first[0].shape[0]) if first and first[0].dim() else 1
    return int(counter.get_total_flops()) // max(samples, 1), outputs


def _tensors(value: Any) -> Iterator[tuple[Any]]:
    """Yield the tensors in nested sequences and mappings, each in a tuple, which is never false."""
    if isinstance(value, tensors.torch_module().Tensor):
        yield (value,)
    elif isinstance(value, Mapping):
        for part in value.values():
            yield from _tensors(part)
    elif isinstance(value, Sequence) and not isinstance(value, str):
        for part in value:
            yield from _tensors(part)
