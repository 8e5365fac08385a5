"""Optional packages: absent until used, then named."""

from __future__ import annotations

import importlib
from types import ModuleType

from epochal.core.errors import MissingExtraError


def require(module: str, *, extra: str, why: str) -> ModuleType:
    """Import an optional package.

    Args:
        module: dotted module name.
        extra: the extra of Epochal that brings it; "" for a package without one.
        why: what needs it, as the subject of a sentence.

    Raises:
        MissingExtraError: it is not installed.

    Example:
        >>> require("json", extra="", why="this example").__name__
        'json'
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        package = module.partition(".")[0]
        how = f"pip install 'epochal[{extra}]'" if extra else f"pip install {package}"
        message = f"{why} needs the package {package!r}, which is not installed: {how}"
        raise MissingExtraError(message) from error
