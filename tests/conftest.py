"""What every test can use: checks for what the machine must have, and a clean environment."""

import contextlib
import importlib.util
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# A machine may be busy: how long an example takes says nothing about the code.
settings.register_profile(
    "patient", settings.default, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("patient")

IN_CI = os.environ.get("CI") == "true"
PACKAGES = ("torch", "tensorboard", "google_crc32c", "wandb", "mlflow", "matplotlib", "av", "PIL",
            "psutil", "duckdb", "pandas", "polars", "optuna", "sklearn", "statsmodels",
            "uncertainties", "starlette", "gradio", "playwright")  # fmt: skip
# Where a mirror's tool is absent its tests are not collected: other Pythons have none of them.
collect_ignore_glob = [
    f"*/test_{tool}*.py"
    for tool in ("tensorboard", "wandb", "mlflow")
    if importlib.util.find_spec(tool) is None
]
# mkfs and its like are not on the PATH of an ordinary user.
SEARCH_PATH = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin"])


def missing(reason: str) -> None:
    """Skips the running test because of `reason`, or fails it where CI=true."""
    if IN_CI:
        pytest.fail(f"{reason} (a skip here, a failure because CI=true)", pytrace=False)
    pytest.skip(reason)


def need_commands(*commands: str) -> None:
    """Skips or fails the running test unless all system commands are there."""
    absent = [name for name in commands if shutil.which(name, path=SEARCH_PATH) is None]
    if absent:
        missing(f"needs the system command {', '.join(absent)}")


def pytest_configure(config: pytest.Config) -> None:
    """Refuses a run in CI that would silently leave out every test of a package.

    A job in the background ignores Ctrl-C, and so would every process that a test starts.
    """
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    _look_at_fonts(config)
    if not IN_CI or "not torch" in config.option.markexpr:
        return
    if absent := [name for name in PACKAGES if importlib.util.find_spec(name) is None]:
        raise pytest.UsageError(f'CI=true needs {", ".join(absent)} installed, or -m "not torch"')


def _look_at_fonts(config: pytest.Config) -> None:
    """Has Matplotlib look at all fonts once, and not in each process of each test.

    On a busy machine it takes seconds, and says so where a test wants silence.
    """
    if hasattr(config, "workerinput") or not hasattr(config, "cache"):
        return  # workers have the environment of who has started them
    if importlib.util.find_spec("matplotlib") is None:
        return
    with contextlib.suppress(OSError):  # a checkout that cannot be written
        folder = config.cache.mkdir("matplotlib")
        os.environ["MPLCONFIGDIR"] = str(folder)
        if not any(folder.glob("fontlist-*.json")):
            look = [sys.executable, "-c", "import matplotlib.font_manager"]
            subprocess.run(look, check=False, capture_output=True)


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Carries out the markers `needs` and `torch`."""
    for marker in item.iter_markers("needs"):
        need_commands(*marker.args)
    if item.get_closest_marker("torch") and importlib.util.find_spec("torch") is None:
        missing("needs PyTorch")


@pytest.fixture(scope="session")
def results_data() -> Path:
    """The folder of other people's real results, which is no part of the project."""
    beside = Path(__file__).parents[2] / "shared" / "data"
    folder = Path(os.environ.get("EPOCHAL_RESULTS_DATA", beside))
    if not (folder / "reference_values.json").exists():
        pytest.skip(f"no published results in {folder}: set EPOCHAL_RESULTS_DATA to their folder")
    return folder


@pytest.fixture
def needs() -> Callable[..., None]:
    """The marker `needs` as a function, for a test that finds out late: `needs("strace")`."""
    return need_commands


@pytest.fixture
def skip_or_fail() -> Callable[[str], None]:
    """Skips with a reason, or fails where CI=true: for what is no command, such as a right."""
    return missing


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path_factory) -> None:
    """Hides the user's Epochal settings and cache from the test."""
    for name in [name for name in os.environ if name.startswith("EPOCHAL_")]:
        monkeypatch.delenv(name)
    # Samples of the machine come when they come: tests that want them ask for them.
    monkeypatch.setenv("EPOCHAL_LOG_SYSTEM", "false")
    monkeypatch.setenv("EPOCHAL_LOG_MEMORY", "false")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path_factory.mktemp("state")))
