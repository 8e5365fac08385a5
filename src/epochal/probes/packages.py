"""Installed packages, read from their metadata without importing any of them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

FRAMEWORKS = (
    *("torch", "numpy", "jax", "jaxlib", "tensorflow", "lightning", "transformers", "accelerate"),
    *("diffusers", "deepspeed", "triton", "flax", "keras"),
)

_NAME = re.compile(r"^Name:[ \t]*(\S+)", re.MULTILINE)
_VERSION = re.compile(r"^Version:[ \t]*(\S+)", re.MULTILINE)
_TORCH = re.compile(
    r"^(__version__|cuda|hip)\b[^=\n]*=\s*(?:TorchVersion\()?['\"]([^'\"\n]+)", re.MULTILINE
)


def installed(path: Sequence[str]) -> dict[str, str]:
    """Return name to version of every package on a module search path, sorted by name.

    The first of several packages of one name counts, as it does for an import.

    Example:
        >>> installed(["/nowhere"])
        {}
    """
    from importlib import metadata

    found: dict[str, tuple[str, str]] = {}
    for distribution in metadata.distributions(path=list(path)):
        # `distribution.metadata` parses the whole text as an e-mail: ten times slower.
        text = distribution.read_text("METADATA") or distribution.read_text("PKG-INFO") or ""
        header = text.replace("\r\n", "\n").partition("\n\n")[0]
        name, version = _NAME.search(header), _VERSION.search(header)
        if name and version:
            same = re.sub(r"[-_.]+", "-", name[1]).lower()
            found.setdefault(same, (name[1], version[1]))
    return dict(found[same] for same in sorted(found))


def frameworks(packages: dict[str, str], path: Sequence[str]) -> dict[str, str]:
    """Return the versions that matter most: of deep-learning frameworks and of CUDA in PyTorch.

    Args:
        packages: what :func:`installed` returned.
        path: the module search path; ``torch/version.py`` is read as text, not imported.

    Returns:
        Versions by package, and ``torch_cuda`` or ``torch_hip`` for what PyTorch was built with.
    """
    found = {name: packages[name] for name in FRAMEWORKS if name in packages}
    for folder in path:
        file = Path(folder, "torch", "version.py")
        if file.is_file():
            built = dict(_TORCH.findall(file.read_text(encoding="utf-8", errors="replace")))
            found |= {"torch": built.pop("__version__", found.get("torch", "unknown"))}
            found |= {f"torch_{name}": version for name, version in built.items()}
            break
    return found
