"""The precision in which numbers of a batch are added up."""

from __future__ import annotations

from typing import Any

from epochal.measure.tensors import wide_type


def wide(tensor: Any) -> Any:
    """Return a tensor without its gradient in float64; in float32 where a device has no float64.

    Example:
        >>> import torch
        >>> wide(torch.ones(1, dtype=torch.bfloat16)).dtype
        torch.float64
    """
    return tensor.detach().to(wide_type(tensor))
