"""The state of models, optimizers and schedulers: taken from them, and given back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from epochal.core.errors import CheckpointError
from epochal.core.optional import require

WRAPPERS = ("DistributedDataParallel", "DataParallel")
SHARDED = "FullyShardedDataParallel"
SHARD_MARK = "_fsdp_flattened"
"""What it marks parameters with that are kept as parts of a flat one."""


def state_of(part: Any, what: str) -> Any:
    """Return the state of a module, an optimizer or the like, of a mapping of these, or None.

    A model is saved without what wraps it (``DistributedDataParallel``, ``DataParallel``,
    ``torch.compile``), so that it can be loaded with and without.  A mapping of names to anything
    else is a state already, and stays as it is.

    Raises:
        CheckpointError: it has no state, or only a part of it is in this process.

    Example:
        >>> import torch
        >>> list(state_of(torch.nn.DataParallel(torch.nn.Linear(1, 1)), "model"))
        ['weight', 'bias']
    """
    if part is None:
        return None
    if isinstance(part, Mapping):
        parts = part.items()
        named = any(_has_state(inner) for _, inner in parts)
        if not named:
            return part
        return {name: state_of(inner, f"{what}.{name}") for name, inner in parts}
    if not _has_state(part):
        kind = type(part).__name__
        message = f"{what}= is a {kind}: give an object with state_dict(), or a state"
        raise CheckpointError(message)
    _refuse_sharded(part, what)
    return unwrapped(part).state_dict()


def restore(part: Any, state: Any, what: str, path: str) -> None:
    """Give a state back to what it was taken from.

    Args:
        part: a module, an optimizer or the like, or a mapping of these; None: nothing is done.
        state: what the checkpoint has.
        what: the argument, for messages.
        path: the checkpoint, for messages.

    Raises:
        CheckpointError: the checkpoint has no such state, or it does not fit.
    """
    if part is None:
        return
    if state is None:
        message = f"the checkpoint {path} has no {what}_state_dict: leave {what}= out"
        raise CheckpointError(message)
    if isinstance(part, Mapping):
        for name, inner in part.items():
            known = state.get(name) if isinstance(state, Mapping) else None
            restore(inner, known, f"{what}.{name}", path)
        return
    if not hasattr(part, "load_state_dict"):
        message = f"{what}= is a {type(part).__name__}: give an object with load_state_dict()"
        raise CheckpointError(message)
    _refuse_sharded(part, what)
    try:
        unwrapped(part).load_state_dict(state)
    except Exception as error:  # a stranger's class may raise anything
        message = f"the {what}_state_dict of {path} does not fit what was given as {what}=: {error}"
        raise CheckpointError(message) from error


def unwrapped(part: Any) -> Any:
    """Return a model without the wrappers around it."""
    while True:
        inner = getattr(part, "_orig_mod", None)  # of torch.compile
        if inner is None and type(part).__name__ in WRAPPERS:
            inner = getattr(part, "module", None)
        if inner is None:
            return part
        part = inner


def _has_state(part: Any) -> bool:
    return callable(getattr(part, "state_dict", None))


def _refuse_sharded(part: Any, what: str) -> None:
    """Refuse what is spread over ranks: asking a model would hang, an optimizer tells a part."""
    torch = require("torch", extra="torch", why="a checkpoint")
    if isinstance(part, torch.nn.Module):
        sharded = SHARDED in {type(module).__name__ for module in part.modules()}
    else:
        groups = getattr(part, "param_groups", None) or ()
        sharded = any(getattr(each, SHARD_MARK, False) for g in groups for each in g["params"])
    if sharded:
        message = (
            f"{what}= is spread over ranks ({SHARDED}): gather its full state dict on all"
            " ranks, and give that (torch.distributed.checkpoint.state_dict)"
        )
        raise CheckpointError(message)
