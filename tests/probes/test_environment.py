"""The record of the environment: what is found, what is hidden, what failure costs."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest

from epochal.core.errors import EpochalError
from epochal.core.redact import MARK
from epochal.probes import command, hardware, packages
from epochal.probes.environment import Context, collect, variables

CANARY = "Canary7f3b"
UUIDS = ("GPU-11aa", "GPU-22bb", "GPU-33cc")
SMI = f"""#!/bin/sh
case "$1" in
--query-gpu=*)
  echo "0, {UUIDS[0]}, NVIDIA H100 80GB HBM3, 81559, 550.54.15"
  echo "1, {UUIDS[1]}, NVIDIA H100 80GB HBM3, 81559, 550.54.15"
  echo "2, {UUIDS[2]}, NVIDIA GB10, [N/A], 550.54.15" ;;
*) echo "| NVIDIA-SMI 550.54.15   Driver Version: 550.54.15   CUDA Version: 12.4 |" ;;
esac
"""


@pytest.fixture(autouse=True)
def _patient(monkeypatch) -> None:
    """Commands may take long on a machine that is busy."""
    for module in ("git", "hardware"):
        monkeypatch.setattr(f"epochal.probes.{module}.TIMEOUT_S", 60.0)


def context(cwd: Path, **changes) -> Context:
    """A training in `cwd` with an environment of its own."""
    given = {
        "argv": ["train.py"],
        "cwd": str(cwd),
        "executable": sys.executable,
        "python": sys.version,
        "pid": os.getpid(),
        "environ": {"PATH": os.environ["PATH"], "HOME": str(cwd)},
    }
    return Context(**(given | changes))


def git(folder: Path, *args: str) -> str:
    """Run git in a folder, without the settings of the machine."""
    settings = ("user.name=a", "user.email=a@b", "init.defaultBranch=main", "commit.gpgSign=false")
    options = [part for setting in settings for part in ("-c", setting)]
    environ = {"PATH": os.environ["PATH"], "HOME": str(folder), "GIT_CONFIG_NOSYSTEM": "1"}
    done = subprocess.run(
        ["git", *options, *args],
        cwd=folder,
        env=environ,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()


@pytest.fixture
def repository(tmp_path) -> Path:
    """A repository with one commit of `train.py` and `config.yaml`."""
    folder = tmp_path / "repository"
    folder.mkdir()
    git(folder, "init", "-q")
    (folder / "train.py").write_text("lr = 1\n")
    (folder / "config.yaml").write_text("lr: 1\n")
    git(folder, "add", ".")
    git(folder, "commit", "-q", "-m", "first")
    return folder


@pytest.fixture
def with_program(tmp_path):
    """Put a shell script on a PATH of its own; returns the environment."""

    def put(name: str, script: str) -> dict[str, str]:
        folder = tmp_path / "bin"
        folder.mkdir(exist_ok=True)
        (folder / name).write_text(script)
        (folder / name).chmod(0o755)
        return {"PATH": f"{folder}{os.pathsep}{os.environ['PATH']}", "HOME": str(tmp_path)}

    return put


def test_everything_is_found_here(repository):
    """On this machine each part that must exist is there, plain data, and nothing fails."""
    found = collect(context(repository))
    assert "problems" not in found
    assert json.loads(json.dumps(found)) == found
    assert found["host"] == platform.node()
    assert found["platform"]["system"] == platform.system()
    assert 1 <= found["cpu"]["available"] <= found["cpu"]["count"] == os.cpu_count()
    assert found["memory"]["total_bytes"] > 1 << 28
    assert found["python"]["version"] == platform.python_version()
    assert found["python"]["executable"] == sys.executable
    assert found["packages"]["pytest"] == metadata.version("pytest")
    assert found["frameworks"]["numpy"] == metadata.version("numpy")
    assert found["cwd"] == str(repository)
    assert found["entrypoint"] == {
        "path": str(repository / "train.py"),
        "sha256": hashlib.sha256(b"lr = 1\n").hexdigest(),
    }


def test_the_training_is_described_not_the_probe(tmp_path, monkeypatch):
    """Arguments, folder, interpreter and variables are those of the context."""
    monkeypatch.setenv("RANK", "9")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "9")
    other = context(
        tmp_path,
        argv=["other.py", "--lr=1"],
        executable="/opt/python",
        python="3.10.1 (main) [GCC]",
        environ={"RANK": "3", "PATH": str(tmp_path)},
    )
    found = collect(other)
    assert found["argv"] == ["other.py", "--lr=1"]
    assert found["cwd"] == str(tmp_path)
    assert found["python"]["executable"] == "/opt/python"
    assert found["python"]["version"] == "3.10.1"
    assert found["variables"] == {"RANK": "3"}


def test_inherited_variables(tmp_path, monkeypatch):
    """Without variables of its own, the context means those that the probe inherited."""
    monkeypatch.setenv("RANK", "9")
    assert collect(context(tmp_path, environ=None))["variables"]["RANK"] == "9"


def test_canaries_are_nowhere(repository):
    """Secrets in variables, arguments, remote, branch and diff are in no part of the record."""
    git(repository, "remote", "add", "origin", f"https://me:{CANARY}@host/x.git?token={CANARY}")
    git(repository, "checkout", "-q", "-b", f"try-password={CANARY}")
    hub_token = "hf_" + CANARY * 3
    with (repository / "train.py").open("a") as file:
        file.write(f'api_key = "{CANARY}"\nlogin("{hub_token}")\nlr = 2\n')
    with (repository / "config.yaml").open("a") as file:
        file.write(f"password: {CANARY} {CANARY}\nremote: https://u:{CANARY}@h/x\nlayers: 3\n")
    environ = {
        "PATH": os.environ["PATH"],
        "HOME": str(repository),
        "HF_TOKEN": CANARY,
        "AWS_SECRET_ACCESS_KEY": CANARY,
        "MKL_PASSWORD": CANARY,
        "NCCL_PROXY": f"http://me:{CANARY}@proxy:80",
        "SLURM_JOB_NAME": hub_token,
        "SOME_SETTING": CANARY,
    }
    argv = ["train.py", "--token", CANARY, f"--hub-token={CANARY}", f"wandb.api_key={CANARY}"]
    argv += [f"--url=https://u:{CANARY}@h", hub_token, "--lr", "3"]
    found = collect(context(repository, argv=argv, environ=environ, capture_diff=True))
    assert "problems" not in found
    assert CANARY not in json.dumps(found)
    assert found["variables"] == {"NCCL_PROXY": "http://proxy:80", "SLURM_JOB_NAME": MARK}
    assert found["argv"][-2:] == ["--lr", "3"]
    assert found["git"]["remote"] == f"https://host/x.git?token={MARK}"
    assert f'+api_key = "{MARK}"\n+login("{MARK}")\n+lr = 2\n' in found["git"]["diff"]["text"]
    assert "+layers: 3\n" in found["git"]["diff"]["text"]


def test_git_state(repository):
    """Commit, branch, remote and counts are those that git tells; the diff only on request."""
    clean = collect(context(repository))["git"]
    assert clean == {
        "root": str(repository),
        "commit": git(repository, "rev-parse", "HEAD"),
        "branch": "main",
        "dirty": False,
        "changed_files": 0,
        "untracked_files": 0,
        "remote": None,
    }
    (repository / "train.py").write_text("lr = 2\n")
    (repository / "config.yaml").unlink()
    (repository / "new").mkdir()
    (repository / "new" / "a.py").touch()
    (repository / "new" / "b.py").touch()
    git(repository, "remote", "add", "backup", "git@host:backup.git")
    git(repository, "checkout", "-q", "--detach")
    changed = collect(context(repository / "new"))["git"]
    assert changed["root"] == str(repository)
    assert changed["dirty"]
    assert changed["changed_files"] == 2
    assert changed["untracked_files"] == 1
    assert changed["branch"] is None
    assert changed["remote"] == "git@host:backup.git"
    assert "diff" not in changed


def test_diff_applies_and_is_hashed(repository):
    """The recorded diff is what git prints, with the hash of its text, if nothing is hidden."""
    (repository / "train.py").write_text("lr = 2\n")
    (repository / "config.yaml").write_bytes(b"name: \xff\xe9\n")
    git(repository, "add", "train.py")
    diff = collect(context(repository, capture_diff=True))["git"]["diff"]
    assert "-lr = 1\n+lr = 2\n" in diff["text"]
    assert "\ufffd" in diff["text"]
    assert diff["sha256"] == hashlib.sha256(diff["text"].encode()).hexdigest()
    assert not diff["truncated"]


def test_large_diff_is_cut(repository):
    """A diff is cut at the limit, no secret halved, however much there is of it."""
    lines = "".join(f"é{i} = 'x'\npassword = '{CANARY}'\n" for i in range(20_000))
    (repository / "train.py").write_text(lines, encoding="utf-8")
    limited = context(repository, capture_diff=True, diff_limit_bytes=5001)
    diff = collect(limited)["git"]["diff"]
    assert diff["truncated"]
    assert 4990 < len(diff["text"].encode()) <= 5001
    assert "Canary" not in diff["text"]
    assert diff["sha256"] == hashlib.sha256(diff["text"].encode()).hexdigest()


def test_repository_without_a_commit(tmp_path):
    """Before the first commit there is a branch and what is staged, and no commit."""
    git(tmp_path, "init", "-q")
    (tmp_path / "a.py").write_text("x = 1\n")
    git(tmp_path, "add", "a.py")
    found = collect(context(tmp_path, capture_diff=True))
    assert "problems" not in found
    assert found["git"]["commit"] is None
    assert found["git"]["branch"] == "main"
    assert found["git"]["dirty"]
    assert "+x = 1\n" in found["git"]["diff"]["text"]


def test_no_repository_and_no_git(repository, tmp_path):
    """A folder outside of a repository, and a machine without git, are no problem."""
    outside = context(tmp_path, environ={"PATH": os.environ["PATH"], "HOME": str(tmp_path)})
    without = context(repository, environ={"PATH": str(tmp_path)})
    for found in (collect(outside), collect(without)):
        assert "git" not in found
        assert "problems" not in found


def test_broken_repository_is_a_problem(repository):
    """What git refuses is told, and costs nothing else."""
    (repository / ".git" / "config").write_text("[core\n")
    found = collect(context(repository))
    assert "git" not in found
    assert "config" in found["problems"]["git"]
    assert found["cwd"] == str(repository)


def test_settings_of_a_repository_run_nothing(repository, tmp_path):
    """Programs named in a repository's settings are not run, and its index is not written."""
    marker = tmp_path / "ran"
    script = tmp_path / "hostile.sh"
    script.write_text(f"#!/bin/sh\ntouch {marker}\n")
    script.chmod(0o755)
    for name in ("core.fsmonitor", "diff.external", "core.pager", "diff.evil.textconv"):
        git(repository, "config", name, str(script))
    hook = repository / ".git" / "hooks" / "post-index-change"
    hook.write_text(script.read_text())
    hook.chmod(0o755)
    (repository / ".gitattributes").write_text("*.py diff=evil\n")
    (repository / "train.py").write_text("lr = 2\n")
    os.utime(repository / "config.yaml", (1, 1))  # git would refresh its index for that
    index = (repository / ".git" / "index").read_bytes()
    found = collect(context(repository, capture_diff=True))
    assert "+lr = 2" in found["git"]["diff"]["text"]
    assert "config.yaml" not in found["git"]["diff"]["text"]
    assert (repository / ".git" / "index").read_bytes() == index
    assert not marker.exists()


def test_address_is_not_rewritten(repository):
    """A token that insteadOf would put into the remote's address is not looked up."""
    git(repository, "remote", "add", "origin", "https://host/x.git")
    git(repository, "config", f"url.https://{CANARY}@host/.insteadOf", "https://host/")
    assert collect(context(repository))["git"]["remote"] == "https://host/x.git"


def test_variables_of_a_caller_do_not_mislead_git(repository, tmp_path):
    """GIT_DIR, as hooks set it, does not make git describe another repository."""
    environ = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "GIT_DIR": str(tmp_path)}
    assert collect(context(repository, environ=environ))["git"]["root"] == str(repository)


def test_gpus(tmp_path, with_program):
    """The GPUs that nvidia-smi names, their memory where known, driver and CUDA version."""
    gpus = collect(context(tmp_path, environ=with_program("nvidia-smi", SMI)))["gpus"]
    assert gpus["count"] == gpus["installed"] == 3
    assert gpus["driver"] == "550.54.15"
    assert gpus["cuda"] == "12.4"
    assert gpus["devices"][0] == {
        "index": 0,
        "uuid": UUIDS[0],
        "name": "NVIDIA H100 80GB HBM3",
        "memory_bytes": 81559 << 20,
    }
    assert gpus["devices"][2] == {"index": 2, "uuid": UUIDS[2], "name": "NVIDIA GB10"}


@pytest.mark.parametrize(
    ("wanted", "seen"),
    [
        (None, [0, 1, 2]),
        ("", []),
        ("-1", []),
        ("1", [1]),
        ("2, 0", [2, 0]),
        ("0,7,1", [0]),
        ("0,0", [0]),
        (UUIDS[1], [1]),
        ("GPU-3", [2]),
        ("GPU-", []),
        ("NoDevFiles", []),
        ("MIG-1", [0, 1, 2]),
    ],
)
def test_visible_gpus(wanted, seen):
    """CUDA_VISIBLE_DEVICES is read as CUDA does."""
    devices = [{"index": i, "uuid": uuid} for i, uuid in enumerate(UUIDS)]
    assert [device["index"] for device in hardware.visible(devices, wanted)] == seen


def test_failing_part_costs_only_itself(repository, with_program):
    """A driver that fails is a problem with its message; all the rest is there."""
    script = f"#!/bin/sh\necho 'no driver for --token {CANARY}'\nexit 9\n"
    found = collect(context(repository, environ=with_program("nvidia-smi", script)))
    assert list(found["problems"]) == ["gpus"]
    assert "nvidia-smi failed with status 9: no driver" in found["problems"]["gpus"]
    assert CANARY not in found["problems"]["gpus"]
    assert {"host", "cpu", "memory", "python", "packages", "git"} <= set(found)


def test_nothing_raises(tmp_path):
    """A context that fits nothing gives what there is."""
    gone = tmp_path / "gone"
    strange = context(gone, argv=[], pid=2**30, python="", executable="", path=["/nowhere"])
    found = collect(strange)
    assert found["cwd"] == str(gone)
    assert "entrypoint" not in found
    assert "packages" not in found
    assert found["cpu"]["count"] == os.cpu_count()


def test_arguments_that_are_no_text(tmp_path):
    """Bytes of an argument that are not UTF-8 are shown, so that the record can be encoded."""
    found = collect(context(tmp_path, argv=["train.py", os.fsdecode(b"\xff")]))
    assert found["argv"][1] == "\\udcff"


@pytest.mark.parametrize("name", ["-c", "-m", "", "folder", "pipe", "gone.py", "a\0b"])
def test_no_script(tmp_path, name):
    """Without a script there is no entry point, and a pipe is not waited for."""
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    found = collect(context(tmp_path, argv=[name]))
    assert "entrypoint" not in found
    assert "problems" not in found


def test_variables_are_on_a_list():
    """Variables that matter are recorded; others and secrets by name are not."""
    listed = {
        "CUDA_VISIBLE_DEVICES": "0",
        "CUBLAS_WORKSPACE_CONFIG": ":4096:8",
        "LOCAL_RANK": "0",
        "MKL_NUM_THREADS": "1",
        "NCCL_DEBUG": "INFO",
        "OMP_NUM_THREADS": "1",
        "PYTHONHASHSEED": "0",
        "SLURM_ARRAY_TASK_ID": "7",
        "TORCHELASTIC_RUN_ID": "a",
        "VIRTUAL_ENV": "/venv",
    }
    hidden = {"HOME": "/", "NCCL_TOKEN": "a", "OMP_API_KEY": "a", "SLURM_JWT": "a", "XRANK": "1"}
    assert variables({**hidden, **listed}) == listed


def test_time_limit_holds_for_children():
    """A command is stopped after its time, also if only a child of it still writes."""
    for script in ("sleep 60", "sleep 60 & exit 0", "trap '' TERM; sleep 60 & sleep 60"):
        with pytest.raises(EpochalError, match="took longer than"):
            command.run(["sh", "-c", script], environ=os.environ, timeout_s=0.3)


def test_output_limit():
    """A command that writes without end is stopped; noise on standard error blocks nothing."""
    endless = command.run(
        ["sh", "-c", "yes"], environ=os.environ, timeout_s=60, limit_bytes=100_000
    )
    assert endless.truncated
    assert len(endless.data) == 100_000
    noisy = "head -c 500000 /dev/zero >&2; echo done; exit 3"
    output = command.run(["sh", "-c", noisy], environ=os.environ, timeout_s=60)
    assert (output.text, output.status, output.truncated) == ("done\n", 3, False)


def fake_files(root: Path, files: dict[str, str]) -> Path:
    """Files of a kernel below `root`."""
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def test_limits_of_control_groups_version_2(tmp_path):
    """The tightest limit of the group and of those around it counts."""
    root = fake_files(
        tmp_path,
        {
            "proc/7/cgroup": "0::/a/b\n",
            "proc/cpuinfo": "processor\t: 0\nmodel name\t: Chip 9\n",
            "proc/meminfo": "MemTotal:       1024 kB\nMemFree: 1 kB\n",
            "sys/fs/cgroup/a/b/cpu.max": "400000 100000\n",
            "sys/fs/cgroup/a/cpu.max": "250000 100000\n",
            "sys/fs/cgroup/a/b/memory.max": "max\n",
            "sys/fs/cgroup/a/memory.max": "4096\n",
        },
    )
    cpu = hardware.cpu(7, {}, root)
    assert (cpu["model"], cpu["limit"]) == ("Chip 9", 2.5)
    assert hardware.memory(7, {}, root) == {"total_bytes": 1 << 20, "limit_bytes": 4096}


def test_limits_of_control_groups_version_1(tmp_path):
    """Limits of version 1 are found, in a container too, where the group's path is the host's."""
    root = fake_files(
        tmp_path,
        {
            "proc/7/cgroup": "4:memory:/docker/x\n3:cpu,cpuacct:/docker/x\n1:name=systemd:/\n",
            "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us": "150000\n",
            "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us": "100000\n",
            "sys/fs/cgroup/memory/memory.limit_in_bytes": "8192\n",
        },
    )
    assert hardware.cpu(7, {}, root)["limit"] == 1.5
    assert hardware.memory(7, {}, root) == {"limit_bytes": 8192}


def test_no_limits(tmp_path):
    """Unlimited groups, and no groups at all, give no limit."""
    root = fake_files(
        tmp_path,
        {
            "proc/7/cgroup": "4:memory:/\n3:cpu:/\n0::/\n",
            "sys/fs/cgroup/cpu/cpu.cfs_quota_us": "-1\n",
            "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000\n",
            "sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n",
            "sys/fs/cgroup/unified/cpu.max": "max 100000\n",
        },
    )
    assert "limit" not in hardware.cpu(7, {}, root)
    assert hardware.memory(7, {}, root) == {}
    assert hardware.memory(8, {}, tmp_path / "nothing") == {}


def test_packages(tmp_path):
    """Packages are listed by name, the first of a name counts, broken metadata are passed over."""
    fake_files(
        tmp_path,
        {
            "a/Zeta-2.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: Zeta\nVersion: 2.0\n",
            "a/my_lib-1.dist-info/METADATA": "Name: my_lib\nVersion: 1\n\nName: body\n",
            "a/old.egg-info/PKG-INFO": "Name: old\nVersion: 0.1\n",
            "a/broken-1.dist-info/METADATA": "no header\n",
            "a/empty-1.dist-info/RECORD": "",
            "b/my_lib-2.dist-info/METADATA": "Name: My-Lib\nVersion: 2\n",
        },
    )
    found = packages.installed([str(tmp_path / "a"), str(tmp_path / "b"), str(tmp_path / "c")])
    assert list(found.items()) == [("my_lib", "1"), ("old", "0.1"), ("Zeta", "2.0")]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "__version__ = '2.4.0+cu124'\ncuda: Optional[str] = '12.4'\nhip: str | None = None\n",
            {"torch": "2.4.0+cu124", "torch_cuda": "12.4"},
        ),
        (
            "__version__ = '2.1.0'\ncuda = None\nhip = '6.0.3'\n",
            {"torch": "2.1.0", "torch_hip": "6.0.3"},
        ),
        ("raise SystemExit('imported')\n", {"torch": "1.0"}),
    ],
)
def test_frameworks(tmp_path, text, expected):
    """Versions of PyTorch and its CUDA are read from its text, which is not run."""
    fake_files(tmp_path, {"torch/version.py": text})
    found = packages.frameworks({"torch": "1.0", "jax": "0.4", "x": "1"}, [str(tmp_path)])
    assert found == {"jax": "0.4", **expected}
