"""The command: its line, its ports, its end."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from click.testing import CliRunner
from ports import quiet_port
from recorded import wait_until

import epochal
from epochal.cli import main
from epochal.core.errors import RunFolderError, SettingError
from epochal.store.seal import seal_run
from epochal.web import serve as module
from epochal.web.serve import Dashboard, listen


@pytest.fixture
def command(root, browse):
    """Starts `epochal serve` and returns the process, its first line, and a browser at it."""
    started = []

    def start(*arguments: str, **environment: str):
        argv = [sys.executable, "-m", "epochal", "serve", str(root), *arguments]
        process = subprocess.Popen(
            argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            env={**os.environ, **environment}, start_new_session=True,
        )  # fmt: skip
        started.append(process)
        line = process.stdout.readline()
        found = re.search(r"http://[^:]+:(\d+)/#token=\S+", line)
        assert found, line + process.stderr.read()
        process.port = int(found[1])
        return process, line, browse(process)

    yield start
    for process in started:
        process.kill()
        process.communicate()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_from_the_line_to_the_end(command, number):
    """One line with the link; a signal ends it, without a word."""
    process, line, browser = command("--port", "0")
    assert line.count("\n") == 1
    assert browser.get("/health").json["ok"] is True
    assert browser.get("/api/projects").json["projects"] == []
    os.kill(process.pid, number)
    out, err = process.communicate(timeout=60)
    assert (out, err) == ("", "")
    assert process.returncode in (0, -number)


def test_ctrl_c_with_a_connection_open(command):
    """An open tab does not keep it from ending."""
    process, _, browser = command("--port", "0")
    browser.wait_for("/health", lambda found: found["ok"])
    with socket.create_connection(("127.0.0.1", process.port)) as connection:
        connection.sendall(b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert connection.recv(10)
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=60) == 0


def test_ctrl_c_while_answers_are_made(tmp_path):
    """Nobody waits for them anymore: the process ends, whatever they still do."""
    code = (
        "import sys, threading, time, os, signal\n"
        "from epochal.cli import main\n"
        "from epochal.web import series\n"
        "def slow(body): os.kill(os.getpid(), signal.SIGINT); time.sleep(600)\n"
        "series.question = slow\n"
        "sys.exit(main())\n"
    )
    argv = [sys.executable, "-c", code, "serve", str(tmp_path), "--port", "0"]
    with subprocess.Popen(
        argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as server:
        port = int(re.search(r":(\d+)/#", server.stdout.readline())[1])
        body = b"POST /api/series HTTP/1.1\r\nHost: localhost\r\nX-Epochal: 1\r\n"
        body += b"Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"
        with socket.create_connection(("127.0.0.1", port)) as connection:
            connection.sendall(body)
            assert server.wait(timeout=60) == 0
        assert server.stderr.read() == ""


def test_the_printed_link_is_for_this_server(command):
    """It gives the right to write, and is useless when the server has ended."""
    process, line, browser = command("--port", "0")
    token = re.search(r"#token=(\S+)", line)[1]
    links = os.path.join(os.environ["XDG_STATE_HOME"], "epochal", "links")
    assert len(os.listdir(links)) == 1
    process.send_signal(signal.SIGINT)
    process.wait(timeout=60)
    assert os.listdir(links) == []
    _, _, browser = command("--port", "0")
    assert browser.post("/api/login", {"token": token}).status == 401


def test_a_cookie_outlives_the_server(command):
    """Who restarts it need not use the link again, if the port is the same."""
    process, line, browser = command("--port", str(quiet_port()))
    token = re.search(r"#token=(\S+)", line)[1]
    assert browser.post("/api/login", {"token": token}).status == 204
    process.send_signal(signal.SIGINT)
    process.wait(timeout=60)
    _, _, again = command("--port", str(process.port))
    again.cookie = browser.cookie
    assert again.get("/api/about").json["write"] is True


def test_the_token_is_not_in_the_list_of_processes(command):
    """Other users of the machine see the command's arguments."""
    process, line, _ = command("--port", "0", EPOCHAL_TOKEN="a long enough password")
    with open(f"/proc/{process.pid}/cmdline") as file:
        said = file.read()
    assert re.search(r"#token=(\S+)", line)[1] not in said
    assert "a long enough password" not in said


def test_opening_the_browser(serve, browse, monkeypatch):
    """The browser gets a link of its own; the printed one still works afterwards."""
    opened = []
    monkeypatch.setattr(module.webbrowser, "open", opened.append)
    dashboard = serve()
    dashboard.open_browser()
    token = opened[0].removeprefix(f"{dashboard.url}#token=")
    assert token not in dashboard.link
    assert browse(dashboard).post("/api/login", {"token": token}).status == 204
    browse(dashboard).log_in(dashboard)


def test_the_control_panel(serve, browse, root):
    """Its address is handed to the page; what is none is refused."""
    browser = browse(serve(control="http://127.0.0.1:7860/"))
    assert browser.get("/api/about").json["control"] == "http://127.0.0.1:7860/"
    for address in ("javascript:alert(1)", "127.0.0.1:7860", "http://", "http://a b", ""):
        with pytest.raises(SettingError, match="--control"):
            Dashboard(str(root), port=0, control=address)


def test_another_host_needs_a_token(root):
    """The command says what to do and exits with 1."""
    result = CliRunner().invoke(main, ["serve", str(root), "--host", "0.0.0.0"])
    assert result.exit_code == 1
    assert "--token" in result.output


@pytest.mark.parametrize("name", ["http://proxy.example/", "proxy.example:80", "a b", "", "*.x"])
def test_further_names_that_are_none(root, name):
    """What no browser would send as a name is refused instead of never fitting."""
    with pytest.raises(SettingError, match="is no host name"):
        Dashboard(str(root), port=0, allow_hosts=[name])


def test_a_folder_that_is_none(tmp_path):
    """It is named."""
    result = CliRunner().invoke(main, ["serve", str(tmp_path / "nothing")])
    assert result.exit_code == 2
    assert "nothing" in result.output
    with pytest.raises(RunFolderError, match="nothing"):
        Dashboard(str(tmp_path / "nothing"), port=0)


def test_ports(monkeypatch):
    """The usual port, one near it when that is in use, and an error for one that was given."""
    with listen("127.0.0.1", 0) as first:
        taken = first.getsockname()[1]
        monkeypatch.setattr(module, "PORT", taken)
        with listen("127.0.0.1", None) as second:
            assert second.getsockname()[1] != taken
        with pytest.raises(OSError, match=f"port {taken}"):
            listen("127.0.0.1", taken)
    with pytest.raises(OSError, match=r"192\.0\.2\.1"):
        listen("192.0.2.1", 0)


def test_a_port_in_use_is_told_in_one_line(root):
    """As every error of the command line is."""
    with listen("127.0.0.1", 0) as first:
        port = first.getsockname()[1]
        result = CliRunner().invoke(main, ["serve", str(root), "--port", str(port)])
    assert result.exit_code == 1
    assert str(port) in result.output
    assert result.output.count("\n") == 1


def test_without_the_packages(root, monkeypatch):
    """The extra is named."""
    monkeypatch.setitem(sys.modules, "starlette", None)
    result = CliRunner().invoke(main, ["serve", str(root)])
    assert result.exit_code == 1
    assert "epochal[dashboard]" in result.output


def test_nothing_heavy_is_loaded_before_the_first_answer():
    """Arrow, SciPy and Matplotlib would double the time to the first byte."""
    code = (
        "import sys, epochal.web.serve, epochal.cli.serve\n"
        "print([m for m in ('pyarrow', 'scipy', 'matplotlib', 'pandas', 'torch', 'gradio',"
        " 'websockets', 'rich') if m in sys.modules])"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


def test_what_a_zoom_needs_is_loaded_after_the_first_chart(root, command):
    """The first zoom into a sealed run does not wait for Arrow; other runs never load it."""
    growing, sealed = (
        epochal.init(project="demo", dir=str(root), follow="off", sinks=[]) for _ in range(2)
    )
    for run in (growing, sealed):
        for step in range(10_000):
            run.log({"loss": 1.0}, step=step)
        run.flush()
    sealed.finish()
    seal_run(sealed.dir)
    process, _, browser = command("--port", "0")

    def has_arrow() -> bool:
        return "libarrow" in Path(f"/proc/{process.pid}/maps").read_text()

    def charts(run):
        asked = {"runs": [run.id], "metrics": ["loss"], "width": 10}
        assert browser.post("/api/series", asked).status == 200

    charts(growing)
    before = has_arrow()
    charts(sealed)
    wait_until(has_arrow)
    assert not before
    growing.finish()


def test_two_servers_of_one_folder(root, serve, browse, recording):
    """They do not get in each other's way."""
    run = recording(root)
    first, second = serve(), serve()
    one, two = browse(first).log_in(first), browse(second).log_in(second)
    assert one.post(f"/api/run/{run}/tags", {"add": ["a"]}).status == 200
    assert two.post(f"/api/run/{run}/tags", {"add": ["b"]}).json == {"tags": ["a", "b"]}
    deadline = time.monotonic() + 60
    while one.get("/api/runs", project="demo").json["tags"] != [["a", "b"]]:
        assert time.monotonic() < deadline
        time.sleep(0.05)
