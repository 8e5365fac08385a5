"""The command as a process: streams, pipes, signals, status, and what it loads."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest

WRITER = """
import sys, epochal
run = epochal.init(project="p", name="live", dir=sys.argv[1], follow="off", sinks=())
for step in range(3):
    run.log({"loss": float(step)}, step=step)
run.flush()
print(run.dir, flush=True)
for line in sys.stdin:
    run.log({"loss": 10.0}, step=int(line))
    run.flush()
run.finish()
"""


def writer(folder):
    """Starts a process that logs the steps it is told, and the folder of its run."""
    process = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(folder)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    return process, process.stdout.readline().strip()


def command(*arguments):
    """Starts a command with its output in a pipe."""
    return subprocess.Popen(
        [sys.executable, "-m", "epochal", *arguments],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def test_status_and_streams(shell, runs):
    """Success writes to standard output, failure one line to standard error."""
    done = shell("ls", runs)
    assert (done.returncode, done.stderr) == (0, "")
    done = shell("show", "absent", "--dir", runs)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.count("\n") == 1
    assert shell("show").returncode == 2
    assert shell("--version").stdout.startswith("epochal")


def test_help_lists_every_command(shell):
    """The help names all commands, each with a sentence that is not cut off."""
    from epochal.cli import SECTIONS

    text = shell("--help").stdout
    for names in SECTIONS.values():
        assert all(f"\n  {name} " in text for name in names)
    assert "..." not in text.partition("Start:")[2]


@pytest.mark.parametrize("arguments", [("tail", "-n", "9999", "--json"), ("sql",)], ids=str)
def test_a_closed_pipe_is_silent(tmp_path, arguments):
    """A reader that has seen enough, such as `head`, is no error to talk about."""
    import epochal as library

    run = library.init(project="p", dir=str(tmp_path), follow="off", sinks=())
    for step in range(3000):
        run.log({"loss": float(step)}, step=step)
    run.finish()
    what = run.dir if arguments[0] == "tail" else "select * from points"
    process = command(*arguments, what, "--dir", str(tmp_path))
    assert process.stdout.readline().strip()
    process.stdout.close()
    assert process.stderr.read() == ""
    process.stderr.close()
    assert process.wait(60) == 1


def test_tail_follows_to_the_end(tmp_path):
    """`tail` shows what was there, then what comes, and ends with the run."""
    process, run_dir = writer(tmp_path)
    tail = command("tail", run_dir, "-n", "2", "--json")
    seen = [json.loads(tail.stdout.readline()) for _ in range(2)]
    assert [record["step"] for record in seen] == [1, 2]
    process.stdin.write("7\n")
    process.stdin.flush()
    assert json.loads(tail.stdout.readline())["step"] == 7
    process.stdin.close()
    assert process.wait(60) == 0
    rest, error = tail.communicate(timeout=60)
    assert [json.loads(line)["kind"] for line in rest.splitlines()] == ["end"]
    assert (tail.returncode, error) == (0, "")
    process.stdout.close()


def test_ctrl_c_ends_tail_cleanly(tmp_path):
    """Ctrl-C ends `tail` with status 0 and without a traceback; the run goes on."""
    process, run_dir = writer(tmp_path)
    tail = command("tail", run_dir)
    assert "loss 0" in tail.stdout.readline()
    time.sleep(0.3)  # it follows now
    tail.send_signal(signal.SIGINT)
    _, error = tail.communicate(timeout=60)
    assert (tail.returncode, error.strip()) == (0, "")
    assert process.poll() is None
    process.communicate("", timeout=60)


def test_what_a_command_loads():
    """The help and commands without data load neither NumPy nor Arrow nor tables."""
    code = (
        "import sys\n"
        "from epochal.cli import main\n"
        "main({!r}, standalone_mode=False)\n"
        "heavy = {{'numpy', 'pyarrow', 'duckdb', 'torch', 'pandas', 'rich'}} & set(sys.modules)\n"
        "sys.exit(str(sorted(heavy)) if heavy else 0)\n"
    )
    for arguments in (["--help"], ["ls", "--help"]):
        program = code.format(arguments)
        done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True,
                              check=False, env=os.environ)  # fmt: skip
        assert done.returncode == 0, done.stderr
