"""The state of random generators, as plain types and tensors."""

from __future__ import annotations

import random
import sys
from collections.abc import Mapping
from typing import Any

from epochal.core.errors import CheckpointError
from epochal.core.optional import require


def capture(generators: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Return the state of the global generators, and of others that are given.

    Args:
        generators: name → ``torch.Generator``, ``numpy.random.Generator`` or ``random.Random``.

    Returns:
        ``python``, ``numpy`` (None if it is not loaded), ``torch``, ``cuda`` (a tensor for each
        device, empty if CUDA is not in use) and ``generators``.

    Raises:
        CheckpointError: a generator is none of these, or they have no names.
    """
    torch = require("torch", extra="torch", why="saving a checkpoint")
    numpy = sys.modules.get("numpy")
    in_use = torch.cuda.is_available() and torch.cuda.is_initialized()
    if not isinstance(generators, Mapping | None):
        kind = type(generators).__name__
        raise CheckpointError(f"generators= is a {kind}, not a mapping of names to generators")
    given = (generators or {}).items()
    return {
        "python": random.getstate(),
        "numpy": None if numpy is None else _lists(numpy.random.get_state(legacy=False)),
        "torch": torch.get_rng_state(),
        "cuda": torch.cuda.get_rng_state_all() if in_use else [],
        "generators": {name: _state_of(each, name) for name, each in given},
    }


def restore(state: Mapping[str, Any], generators: Mapping[str, Any] | None, path: str) -> None:
    """Set the global generators, and others that are given, to a captured state.

    Args:
        state: what :func:`capture` returned; what it does not have is left as it is.
        generators: by the names under which they were saved.
        path: the checkpoint, for messages.

    Raises:
        CheckpointError: the state is not one of these generators, or a name is unknown.
    """
    known = state.get("generators") or {}
    for name in generators or {}:
        if name not in known:
            has = ", ".join(map(repr, known)) or "none"
            message = f"the checkpoint {path} has no generator {name!r}: it has {has}"
            raise CheckpointError(message)
    try:
        _restore_global(state)
        for name, each in (generators or {}).items():
            _restore_one(each, known[name])
    except (TypeError, ValueError, KeyError, RuntimeError, AttributeError) as error:
        message = f"the rng_state of {path} does not fit: {error}; rng=False leaves it out"
        raise CheckpointError(message) from error


def of_another_rank() -> bool:
    """Say whether a checkpoint's states are not this process's: only rank 0 saves."""
    torch = sys.modules.get("torch.distributed")
    if torch is None or not torch.is_available() or not torch.is_initialized():
        return False
    return bool(torch.get_rank() > 0)


def _restore_global(state: Mapping[str, Any]) -> None:
    torch = require("torch", extra="torch", why="loading a checkpoint")
    if state.get("python") is not None:
        random.setstate(_tuples(state["python"]))
    if state.get("numpy") is not None:
        numpy = require("numpy", extra="", why="the random state of NumPy")
        numpy.random.set_state(_arrays(state["numpy"]))
    if state.get("torch") is not None:
        torch.set_rng_state(state["torch"].cpu())
    if state.get("cuda") and torch.cuda.is_available():
        for device, each in zip(range(torch.cuda.device_count()), state["cuda"], strict=False):
            torch.cuda.set_rng_state(each.cpu(), device)


def _state_of(generator: Any, name: str) -> Any:
    if hasattr(generator, "bit_generator"):
        return _lists(generator.bit_generator.state)
    for method in ("get_state", "getstate"):
        if hasattr(generator, method):
            return getattr(generator, method)()
    kind = type(generator).__name__
    message = f"generators[{name!r}] is a {kind}: give a generator of PyTorch, NumPy or random"
    raise CheckpointError(message)


def _restore_one(generator: Any, state: Any) -> None:
    if hasattr(generator, "bit_generator"):
        generator.bit_generator.state = _arrays(state)
    elif hasattr(generator, "set_state"):
        generator.set_state(state.cpu())
    else:
        generator.setstate(_tuples(state))


def _lists(state: Any) -> Any:
    """Return a state of NumPy with lists for arrays: its unsigned 64 bits fit into no tensor."""
    if isinstance(state, Mapping):
        return {key: _lists(value) for key, value in state.items()}
    return state.tolist() if hasattr(state, "tolist") else state


def _arrays(state: Any) -> Any:
    """Return a state of NumPy as it was."""
    numpy = require("numpy", extra="", why="the random state of NumPy")
    if isinstance(state, Mapping):
        return {key: _arrays(value) for key, value in state.items()}
    return numpy.array(state, dtype=numpy.uint64) if isinstance(state, list) else state


def _tuples(state: Any) -> Any:
    return tuple(map(_tuples, state)) if isinstance(state, list | tuple) else state
