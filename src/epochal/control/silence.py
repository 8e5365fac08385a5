"""What must be said before Gradio is loaded, so that it asks nobody anything."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import MutableMapping

from epochal.core.errors import SettingError

QUIET = {
    "GRADIO_ANALYTICS_ENABLED": "False", "GRADIO_RUN_HISTORY": "False", "GRADIO_SHARE": "False",
    "GRADIO_SSR_MODE": "False", "GRADIO_MCP_SERVER": "False", "HF_HUB_OFFLINE": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1", "DO_NOT_TRACK": "1",
}  # fmt: skip
"""No usage statistics, no model hub, no tunnel, no second server, no tools for agents."""


def silence(environ: MutableMapping[str, str]) -> tempfile.TemporaryDirectory[str]:
    """Prepare an environment for Gradio; return the folder for its files, private to this user.

    Raises:
        SettingError: Gradio was loaded before, and may have asked already.
    """
    if "gradio" in sys.modules and environ.get("GRADIO_ANALYTICS_ENABLED") != "False":
        message = "the panel must load Gradio itself: start it in a process of its own"
        raise SettingError(message)
    for name in [name for name in environ if name.startswith("GRADIO_")]:
        del environ[name]
    folder = tempfile.TemporaryDirectory(prefix="epochal-control-")
    environ.update(QUIET)
    environ["GRADIO_TEMP_DIR"] = folder.name
    return folder
