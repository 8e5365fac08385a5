"""Epochal's names in the style of the numbered sections: ``snr_db`` becomes ``SNR_dB``."""

from __future__ import annotations

_WORDS = {
    "lr": "LR", "kl": "KL", "mse": "MSE", "mae": "MAE", "rmse": "RMSE", "bce": "BCE", "nll": "NLL",
    "snr": "SNR", "psnr": "PSNR", "ssim": "SSIM", "fid": "FID", "fvd": "FVD", "db": "dB",
    "nan": "NaN", "inf": "Inf", "ema": "EMA", "gpu": "GPU", "cpu": "CPU", "fps": "FPS",
    "vlb": "VLB", "l1": "L1", "l2": "L2", "id": "ID", "mb": "MB", "mib": "MiB",
    "ms": "Milliseconds",
}  # fmt: skip
"""Words that are not written with one capital."""


def title(name: str) -> str:
    """Return a name with capitals; ``/`` and words that have capitals of their own stay.

    Example:
        >>> title("samples_per_s"), title("kl"), title("decoder/mean_IoU"), title("elapsed_s")
        ('Samples_Per_Second', 'KL', 'Decoder/Mean_IoU', 'Elapsed_Seconds')
    """
    return "/".join(map(_part, name.split("/")))


def _part(part: str) -> str:
    words = part.split("_")
    if len(words) > 1 and words[-1] == "s":
        words[-1] = "Second" if words[-2] == "per" else "Seconds"
    return "_".join(_WORDS.get(word, word[:1].upper() + word[1:]) for word in words)
