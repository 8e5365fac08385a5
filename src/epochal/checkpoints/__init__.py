"""Checkpoints: saved atomically, loaded safely, best and newest known by name.

:func:`save_file` and :func:`load_file` work without a run.  Nothing here loads PyTorch before it is
used.

Example:
    >>> import os, tempfile, torch
    >>> path = os.path.join(tempfile.mkdtemp(), "weights.pt")
    >>> saved = save_file(path, {"weight": torch.ones(2), "step": 3})
    >>> load_file(path, sha256=saved.sha256)["step"]
    3
"""

from __future__ import annotations

from epochal.checkpoints.file import Saved, load_file, save_file

__all__ = ["Saved", "load_file", "save_file"]
