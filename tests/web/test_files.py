"""Files of a run: listed, previewed and saved; nothing outside of its folder is reached."""

import os
from pathlib import Path

import pytest
from hostile import NAMES
from recorded import QUIET, open_files, wait_until
from serving import ESCAPES, serving

import epochal
from epochal.web import files

SECRET = "top-secret"


@pytest.fixture
def made(tmp_path, root):
    """A run with files, a secret beside its folder, and a client."""
    (tmp_path / "secret").write_text(SECRET)
    with epochal.init(dir=str(root), id="aaaaaaaa", **QUIET) as run:
        run.log({"loss": 1.0}, step=1)
    folder = Path(run.dir)
    (folder.parent / "secret").write_text(SECRET)
    (folder / "notes.md").write_text("# é\n")
    (folder / "plots").mkdir()
    (folder / "plots" / "a b.csv").write_text("x,y\n1,2\n")
    with serving(root, files) as client:
        yield client, folder


def url(path=""):
    """The address of a file."""
    return f"/api/run/aaaaaaaa/files{path and '/'}{path}"


def test_files_are_listed(made):
    """Path, size and kind of each; text is what is worth a preview."""
    client, folder = made
    (folder / "link").symlink_to(folder.parent / "secret")
    found = client.get(url()).json()
    by_path = {each["path"]: each for each in found["files"]}
    assert {"run.json", "notes.md", "plots/a b.csv"} <= set(by_path)
    assert any(path.startswith("journal/") for path in by_path)
    assert "link" not in by_path
    assert by_path["notes.md"]["bytes"] == len("# é\n".encode())
    kinds = {path.partition("/")[0]: each["kind"] for path, each in by_path.items()}
    assert kinds == {
        "run.json": "run", "journal": "journal", "notes.md": "file", "plots": "file",
    }  # fmt: skip
    assert {path for path, each in by_path.items() if each["text"]} == {
        "run.json", "notes.md", "plots/a b.csv",
    }  # fmt: skip
    assert (found["truncated"], found["artifacts"], found["checkpoints"]) == (False, [], [])


def test_the_size_alone(made):
    """How many files there are and what they take together, without the list."""
    client, _folder = made
    files = client.get(url()).json()["files"]
    assert client.get(url(), params={"size": 1}).json() == {
        "count": len(files), "bytes": sum(each["bytes"] for each in files), "truncated": False,
    }  # fmt: skip


def test_every_listed_file_can_be_saved(made):
    """As an attachment that no browser opens, whole or in ranges."""
    client, folder = made
    for each in client.get(url()).json()["files"]:
        answer = client.get(url(each["path"]))
        assert answer.content == (folder / each["path"]).read_bytes()
        assert answer.headers["content-type"] == "application/octet-stream"
        assert answer.headers["content-disposition"].startswith("attachment; filename=")
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["content-security-policy"].startswith("sandbox; default-src 'none'")
    part = client.get(url("plots/a%20b.csv"), headers={"Range": "bytes=2-3"})
    assert (part.status_code, part.content) == (206, b"y\n")
    whole = client.get(url("notes.md"))
    assert client.get(
        url("notes.md"), headers={"If-None-Match": whole.headers["etag"]}
    ).status_code == 304  # fmt: skip
    (folder / "notes.md").write_text("changed")
    answer = client.get(url("notes.md"), headers={"If-None-Match": whole.headers["etag"]})
    assert (answer.status_code, answer.text) == (200, "changed")


def test_large_files_are_streamed(made):
    """A file larger than a piece arrives whole; the file is closed afterwards."""
    client, folder = made
    body = os.urandom(1_000_003)
    (folder / "large.bin").write_bytes(body)
    before = open_files()
    assert client.get(url("large.bin")).content == body
    part = client.get(url("large.bin"), headers={"Range": "bytes=5-900000"})
    assert part.content == body[5:900_001]
    head = client.head(url("large.bin"))
    assert (head.content, head.headers["content-length"]) == (b"", "1000003")
    assert client.get(url("large.bin"), headers={"Range": "bytes=9999999-"}).status_code == 416
    wait_until(lambda: open_files() <= before)  # what other tests have left may end meanwhile


def test_previews(made):
    """The beginning of a text, cut between characters; what is no text says so."""
    client, folder = made
    found = client.get(url("notes.md"), params={"preview": 1}).json()
    assert found == {"path": "notes.md", "text": "# é\n", "truncated": False}
    (folder / "long.txt").write_text("x" + "é" * files.PREVIEW_BYTES)
    found = client.get(url("long.txt"), params={"preview": 1}).json()
    assert found["truncated"]
    assert found["text"] == "x" + "é" * (files.PREVIEW_BYTES // 2 - 1)
    (folder / "bom.txt").write_bytes(b"\xef\xbb\xbfhello")
    assert client.get(url("bom.txt"), params={"preview": 1}).json()["text"] == "hello"
    (folder / "empty.txt").touch()
    assert client.get(url("empty.txt"), params={"preview": 1}).json()["text"] == ""
    for body in (b"\x00\x01", b"\xff\xfe", b"caf\xe9", b"cut \xc3"):
        (folder / "binary.txt").write_bytes(body)
        answer = client.get(url("binary.txt"), params={"preview": 1})
        assert (answer.status_code, "no text" in answer.json()["error"]) == (415, True)


@pytest.mark.parametrize("path", [each for each in ESCAPES if "\ud800" not in each])
def test_nothing_outside_is_reached(made, path):
    """However a path is written, what is not in the folder is not found."""
    client, _ = made
    encoded = "".join(f"%{byte:02x}" for byte in path.encode())
    twice = encoded.replace("%", "%25")
    for each in (encoded, twice):
        for query in ("", "?preview=1"):
            answer = client.get(f"{url()}/{each}{query}")
            assert answer.status_code == 404, each
            assert SECRET not in answer.text


@pytest.mark.parametrize("path", [
    "../secret", "../../../secret", "plots/../../secret", "..%2fsecret", "%2e%2e/secret",
    "%2e%2e%2fsecret", "..%252fsecret", "%252e%252e%252fsecret", "..%5csecret", "..\\secret",
    "..%00/secret", "..;/secret", "%c0%ae%c0%ae/secret", "..%c0%afsecret", "..%ef%bc%8fsecret",
    "/etc/passwd", "//etc/passwd", "%2fetc%2fpasswd", "file:%2f%2f%2fetc%2fpasswd",
    "plots/%2e%2e/%2e%2e/secret", "....//secret", "link", "linked/secret", "up/secret",
])  # fmt: skip
def test_raw_paths(made, path):
    """Paths as an attacker's program writes them, which no browser or client tidies up."""
    client, folder = made
    (folder / "link").symlink_to(folder.parent / "secret")
    (folder / "linked").symlink_to(folder.parent)
    (folder / "up").symlink_to("..")
    from urllib.parse import unquote

    status, body = asked(client.app, unquote(f"{url()}/{path}"))
    assert status == 404
    assert SECRET.encode() not in body


def asked(app, path):
    """Status and body of a request whose path is exactly this."""
    import anyio

    sent = []

    async def receive():
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message):
        sent.append(message)

    scope = {
        "type": "http", "method": "GET", "path": path, "raw_path": b"", "query_string": b"",
        "headers": [], "scheme": "http", "server": ("x", 80), "root_path": "",
        "asgi": {"version": "3.0", "spec_version": "2.4"}, "http_version": "1.1",
    }  # fmt: skip
    anyio.run(app, scope, receive, send)
    return sent[0]["status"], b"".join(each.get("body", b"") for each in sent[1:])


def test_hostile_file_names(made):
    """Files with such names are listed and saved; a header is one line of ASCII."""
    client, folder = made
    names = [
        name for name in NAMES
        if not set(name) & set("/\\\ud800\n\t\r\x1b\x07") and not name.startswith(".")
    ]  # fmt: skip
    for name in names:
        (folder / name).write_text(name)
    found = {each["path"] for each in client.get(url()).json()["files"]}
    assert set(names) <= found
    for name in names:
        encoded = "".join(f"%{byte:02x}" for byte in name.encode())
        answer = client.get(f"{url()}/{encoded}")
        assert answer.text == name
        said = answer.headers["content-disposition"]
        assert said.isascii()
        assert said.isprintable()
        assert said.startswith('attachment; filename="')
        assert said.count("\n") == 0


def test_artifacts(tmp_path):
    """What was recorded of files and folders; those in the run folder can be asked for."""
    data = tmp_path / "data"
    data.mkdir()
    (data / "train.txt").write_text("hello")
    with epochal.init(dir=str(tmp_path / "runs"), id="aaaaaaaa", **QUIET) as run:
        (Path(run.dir) / "own.txt").write_text("own")
        run.log_artifact(data / "train.txt", type="dataset")
        run.log_artifact(data, name="folder")
        run.log_artifact(Path(run.dir) / "own.txt")
    with serving(tmp_path / "runs", files) as client:
        found = client.get(url()).json()["artifacts"]
        by_name = {each["name"]: each for each in found}
        dataset = by_name["train.txt"]
        assert (dataset["type"], dataset["bytes"], dataset["inside"]) == ("dataset", 5, "")
        assert len(dataset["sha256"]) == 64
        assert by_name["folder"]["count"] == 1
        assert by_name["folder"]["files"][0][0] == "train.txt"
        assert client.get(url(by_name["own.txt"]["inside"])).text == "own"


@pytest.mark.torch
def test_checkpoints(tmp_path):
    """Each kept one with where it was, how good it was, and under which path it is saved."""
    import torch

    model = torch.nn.Linear(2, 1)
    with epochal.init(dir=str(tmp_path), id="aaaaaaaa", **QUIET) as run:
        for step, loss in ((10, 0.5), (20, 0.7)):
            run.save_checkpoint(
                model, epoch=step / 10, step=step, loss=loss, metrics={"val/loss": loss},
                monitor="val/loss", goal="minimize", final=step == 20,
            )  # fmt: skip
    with serving(tmp_path, files) as client:
        found = client.get(url()).json()
        assert [(each["step"], each["epoch"], each["loss"]) for each in found["checkpoints"]] == [
            (10, 1, 0.5), (20, 2, 0.7),
        ]  # fmt: skip
        assert [each["best"] for each in found["checkpoints"]] == [True, False]
        assert [each["final"] for each in found["checkpoints"]] == [False, True]
        first = found["checkpoints"][0]
        assert first["path"] == f"checkpoints/{first['name']}"
        assert len(client.get(url(first["path"])).content) == first["bytes"]
        listed = {each["path"]: each["kind"] for each in found["files"]}
        assert listed[first["path"]] == "checkpoint"


def test_a_folder_that_went_away(made):
    """A run whose files were deleted meanwhile is not found, without a failure of the server."""
    import shutil

    client, folder = made
    shutil.rmtree(folder)
    assert client.get(url("notes.md")).status_code == 404


@pytest.mark.parametrize("path", [
    "../../../../secret", "%2e%2e/%2e%2e/secret", "..%2f..%2fsecret", "%252e%252e/secret",
    "//secret",
    "%2fetc%2fpasswd", "..%5c..%5csecret", "run.json%00.txt", "run.json/", "./run.json", "%ff",
    "plots/%2e%2e/run.json", "link",
])  # fmt: skip
def test_over_a_socket(made, serve, browse, path):
    """The server that really listens decodes once, tidies nothing, and refuses."""
    _, folder = made
    (folder / "link").symlink_to(folder.parent / "secret")
    answer = browse(serve()).get(f"{url()}/{path}")
    assert answer.status in (400, 404)
    assert SECRET.encode() not in answer.body
    assert b"journal" not in answer.body


def test_a_browser_that_leaves(made, serve, browse):
    """A download that is broken off leaves no file open, and the server goes on."""
    import socket

    _, folder = made
    (folder / "large.bin").write_bytes(bytes(64 << 20))
    dashboard = serve()
    browser = browse(dashboard)
    assert browser.get(url("notes.md")).status == 200
    for _ in range(3):
        with socket.create_connection(("127.0.0.1", dashboard.port)) as connection:
            connection.sendall(
                f"GET {url('large.bin')} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()
            )
            assert b"200 OK" in connection.recv(1000)

    def closed():
        links = (f"/proc/self/fd/{fd}" for fd in os.listdir("/proc/self/fd"))
        return not any(os.path.realpath(link).endswith("large.bin") for link in links)

    assert wait_until(closed)
    part = browser.get(url("large.bin"), headers={"Range": "bytes=5-9"})
    assert (part.status, part.body) == (206, bytes(5))
