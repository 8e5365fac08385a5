"""The environment of a run: machine, interpreter, packages, command line and state of the code.

The probe runs in another process than the training, which is described by a :class:`Context`:
nothing is read from the probe's own arguments or working directory.  Secrets are hidden before
anything is returned, see :mod:`epochal.core.redact`; of the environment variables only those on a
list are recorded.
"""

from __future__ import annotations

import functools
import hashlib
import os
import platform
import re
import stat
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from epochal.core.redact import redact_argv, redact_text
from epochal.core.secret_names import is_secret_name
from epochal.probes import git, hardware, packages

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

MAX_ENTRYPOINT_BYTES = 64 << 20
MAX_VALUE_CHARS = 4096

_VARIABLES = (
    r"(?:CUDA_VISIBLE_DEVICES|CUDA_DEVICE_ORDER|CUDA_LAUNCH_BLOCKING|NVIDIA_VISIBLE_DEVICES"
    r"|NVIDIA_TF32_OVERRIDE|CUBLAS_WORKSPACE_CONFIG|HIP_VISIBLE_DEVICES|ROCR_VISIBLE_DEVICES"
    r"|PYTHONHASHSEED|PYTHONOPTIMIZE|PYTHONMALLOC|OMP_\w+|MKL_\w+|KMP_\w+|OPENBLAS_NUM_THREADS"
    r"|NUMEXPR_\w+|NCCL_\w+|GLOO_SOCKET_IFNAME|XLA_FLAGS|JAX_PLATFORMS|TF_DETERMINISTIC_OPS"
    r"|PYTORCH_\w+|TORCH_(?:NCCL|CUDNN|CUDA|COMPILE|LOGS|DISTRIBUTED)\w*|TORCHELASTIC_RUN_ID"
    r"|TORCHELASTIC_RESTART_COUNT|TORCHDYNAMO_DISABLE|TOKENIZERS_PARALLELISM"
    r"|RANK|WORLD_SIZE|LOCAL_RANK|LOCAL_WORLD_SIZE|GROUP_RANK|NODE_RANK|MASTER_ADDR|MASTER_PORT"
    r"|OMPI_COMM_WORLD_(?:RANK|SIZE|LOCAL_RANK)|PMI_(?:RANK|SIZE)"
    r"|SLURM_(?:JOB_ID|JOB_NAME|JOB_PARTITION|JOB_NUM_NODES|JOB_NODELIST|ARRAY_JOB_ID"
    r"|ARRAY_TASK_ID|CLUSTER_NAME|PROCID|LOCALID|NODEID|NTASKS|CPUS_PER_TASK|GPUS|GPUS_ON_NODE"
    r"|MEM_PER_NODE|RESTART_COUNT|STEP_ID)"
    r"|PBS_JOBID|LSB_JOBID|JOB_ID|KUBERNETES_NAMESPACE|CONDA_DEFAULT_ENV|VIRTUAL_ENV)"
)


@dataclass(frozen=True)
class Context:
    """The training process that is described.

    Attributes:
        argv: its ``sys.argv``.
        cwd: its working directory.
        executable: its ``sys.executable``; the probe is to run in the same interpreter.
        python: its ``sys.version``.
        pid: its process id; the process may have ended.
        environ: its environment variables; None: those that the probe has inherited from it.
        path: its ``sys.path``; None: that of the probe.
        capture_diff: whether changes that are not committed are recorded, without secrets.
        diff_limit_bytes: the size at which they are cut.
    """

    argv: Sequence[str]
    cwd: str
    executable: str
    python: str
    pid: int
    environ: Mapping[str, str] | None = None
    path: Sequence[str] | None = None
    capture_diff: bool = False
    diff_limit_bytes: int = 1 << 17


def collect(context: Context) -> dict[str, Any]:
    """Return what can be found out about a training process, secrets hidden; never raises.

    Returns:
        A JSON-able mapping.  A part that does not exist here is absent; one that failed is absent
        too and has its message in ``problems``.

        ============ =============================================================================
        host         name of the machine
        platform     ``system``, ``release``, ``machine`` and, on Linux, ``distribution``
        cpu          see :func:`epochal.probes.hardware.cpu`
        memory       ``total_bytes``, ``limit_bytes``
        gpus         see :func:`epochal.probes.hardware.gpus`
        python       ``version``, ``build``, ``implementation``, ``executable``
        packages     name to version of every installed package
        frameworks   versions of PyTorch, NumPy, … and ``torch_cuda``
        cwd, argv    working directory and command line
        entrypoint   ``path`` and ``sha256`` of the script
        variables    environment variables on the list of those that matter and reveal nothing
        git          see :func:`epochal.probes.git.describe`
        ============ =============================================================================

    Example:
        >>> here = Context(["train.py"], ".", sys.executable, sys.version, os.getpid())
        >>> collect(here)["argv"]
        ['train.py']
    """
    problems: dict[str, str] = {}

    def attempt(part: str, read: Callable[[], Any]) -> Any:
        try:
            return read()
        except Exception as error:  # noqa: BLE001 - noted; one part must not cost the others
            problems[part] = redact_text(f"{type(error).__name__}: {error}")
            return None

    environ = os.environ if context.environ is None else context.environ
    path = [str(Path(context.cwd, entry)) for entry in context.path or sys.path]
    names = attempt("packages", lambda: packages.installed(path))
    diff_limit = context.diff_limit_bytes if context.capture_diff else None
    found = {
        "host": attempt("host", platform.node),
        "platform": attempt("platform", _platform),
        "cpu": attempt("cpu", lambda: hardware.cpu(context.pid, environ)),
        "memory": attempt("memory", lambda: hardware.memory(context.pid, environ)),
        "gpus": attempt("gpus", lambda: hardware.gpus(environ, attempt)),
        "python": attempt("python", lambda: _python(context)),
        "packages": names,
        "frameworks": attempt("frameworks", lambda: packages.frameworks(names or {}, path)),
        "cwd": redact_text(context.cwd),
        "argv": attempt("argv", lambda: redact_argv(context.argv)),
        "entrypoint": attempt("entrypoint", lambda: _entrypoint(context)),
        "variables": attempt("variables", lambda: variables(environ)),
        "git": attempt(
            "git",
            lambda: git.describe(context.cwd, environ, attempt, diff_limit_bytes=diff_limit),
        ),
        "problems": problems,
    }
    clean: dict[str, Any] = _encodable({part: v for part, v in found.items() if v})
    return clean


def variables(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the environment variables that are recorded, by name and sorted.

    A variable is recorded if it is on the list of those that change what a training computes or
    say where it runs; never one whose name says that it is a secret.

    Example:
        >>> variables({"RANK": "0", "HF_TOKEN": "abc", "NCCL_DEBUG": "INFO"})
        {'NCCL_DEBUG': 'INFO', 'RANK': '0'}
    """
    listed = _listed_variables()
    return {
        name: redact_text(environ[name])[:MAX_VALUE_CHARS]
        for name in sorted(environ)
        if listed.fullmatch(name) and not is_secret_name(name)
    }


@functools.cache
def _listed_variables() -> re.Pattern[str]:
    return re.compile(_VARIABLES, re.ASCII)


def _platform() -> dict[str, str]:
    system = os.uname() if hasattr(os, "uname") else platform.uname()
    name = getattr(system, "sysname", "") or platform.system()
    found = {"system": name, "release": system.release, "machine": system.machine}
    if name == "Linux":
        try:
            release = platform.freedesktop_os_release()
        except OSError:  # a system without /etc/os-release
            return found
        found["distribution"] = release.get("PRETTY_NAME", release["NAME"])
    elif name == "Darwin":
        found["distribution"] = f"macOS {platform.mac_ver()[0]}"
    return found


def _python(context: Context) -> dict[str, str]:
    return {
        "version": context.python.partition(" ")[0],
        "build": " ".join(context.python.split()),
        "implementation": platform.python_implementation(),
        "executable": redact_text(context.executable),
    }


def _entrypoint(context: Context) -> dict[str, str] | None:
    """Return path and hash of the script; None for ``-c``, an interactive session and the like."""
    if not context.argv or not context.argv[0]:
        return None
    path = Path(context.cwd, context.argv[0])
    try:
        about = path.stat()
    except (OSError, ValueError):  # no file: `python -c`, `python -m` before the module is found
        return None
    if not stat.S_ISREG(about.st_mode) or about.st_size > MAX_ENTRYPOINT_BYTES:
        return None
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return {"path": redact_text(str(path)), "sha256": digest}


def _encodable(value: Any) -> Any:
    """Return the same data with bytes that are no text, which Python keeps as surrogates, shown."""
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode("utf-8")
    if isinstance(value, dict):
        return {_encodable(key): _encodable(item) for key, item in value.items()}
    return [_encodable(item) for item in value] if isinstance(value, list) else value
