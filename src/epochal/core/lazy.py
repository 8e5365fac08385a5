"""Public names of a package that are loaded when they are first used."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Mapping
from typing import Any


def lazy(
    package: str, modules: Mapping[str, str], *more: str
) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """Return a package's ``__getattr__`` and ``__dir__``.

    Args:
        package: its ``__name__``.
        modules: public name → the module that has it; with a colon at its end: that module itself.
        *more: names that the package has anyway.

    Example:
        >>> get, names = lazy("epochal.core.lazy", {"Row": "epochal.core.records"})
        >>> get("Row").__name__, names()
        ('Row', ['Row'])
    """

    def load(name: str) -> Any:
        if name not in modules:
            message = f"module {package!r} has no attribute {name!r}"
            raise AttributeError(message)
        module = importlib.import_module(modules[name].rstrip(":"))
        value = module if modules[name].endswith(":") else getattr(module, name)
        setattr(sys.modules[package], name, value)
        return value

    return load, lambda: sorted({*modules, *more})
