"""Run folders whose every checksum is right and whose files are a stranger's: nothing fails."""

import contextlib
import json
import os
import shutil
import sqlite3
import struct
import tempfile
import zlib
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from forged import VALID, changed
from hypothesis import given
from hypothesis import strategies as st
from journals import JournalMaker, make_run
from recorded import THOROUGH
from strangers import ask_every_route, few, made, read_everything, run_commands

import epochal
from epochal.core.errors import EpochalError, RunFolderError
from epochal.read import describe
from epochal.read.document_shape import DOCUMENT
from epochal.read.registry import ExperimentRegistry
from epochal.read.view import RunView
from epochal.read.windows import Windows
from epochal.store import cursor, parquet, seal
from epochal.store.catalog import Catalog, database_path

FEW = few(5 * THOROUGH)
EVENTS = [each for each in VALID if each[0] not in ("end", "resume")]
CURSOR = {"positions": {"0123456789abcdef": [1, 20, 3]}, "state": {"a": 1}, "finished": False}


@pytest.fixture(scope="module")
def sealed_runs(tmp_path_factory):
    """Two sealed runs: tables with and without a level, rare rows, few events and many."""
    base = tmp_path_factory.mktemp("sealed")
    few = made(base / "runs", EVENTS)
    many = make_run(base / "runs", "many")
    maker = JournalMaker(many)
    for step in range(9000):
        maker.row({"loss": 1.0 / (step + 1), "bad": float("nan") if step % 7 else 1.0}, step)
    for step in range(6):
        maker.row({"train/loss": 0.5, f"rare{step}": 1.0}, float(step), epoch=0.5, phase="val")
    for kind, fields in EVENTS:
        maker.event(kind, **fields)
    maker.close()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(seal, "MAX_TABLES", 3)
        seal.seal_run(few)
        patch.setattr(seal, "INLINE_EVENTS", 2)
        seal.seal_run(many)
    for run_dir in (few, many):
        shutil.rmtree(Path(run_dir, "journal"), ignore_errors=True)
        os.mkdir(Path(run_dir, "journal"))
    return base / "runs"


@contextlib.contextmanager
def copied(runs):
    """A copy of the runs: its root, and their folders by name."""
    with tempfile.TemporaryDirectory() as base:
        root = Path(base, "runs")
        shutil.copytree(runs, root)
        yield root, {path.name.rsplit("-", 3)[0]: path for path in root.glob("doc/*")}


def manifest_of(run_dir) -> Path:
    """The only manifest of a run."""
    (path,) = run_dir.glob("sealed/*.json")
    return path


def reforge(path: Path, change) -> None:
    """Write a manifest that was changed, with the right checksum."""
    body = json.loads(path.read_bytes())
    body.pop("crc", None)
    body = change(body) or body
    text = json.dumps(body)
    crc = zlib.crc32(text.encode("ascii"))
    path.write_bytes(f'{text[:-1]}, "crc": {crc}}}'.encode("ascii"))


def ask(root, *run_dirs, draw=False) -> list[str]:
    """Ask everything of runs; only errors of ours are raised, and no file elsewhere is read."""
    damage = []
    for run_dir in run_dirs:
        with contextlib.suppress(EpochalError):
            view = RunView(run_dir)
            _ = view.damage
            for x in ("step", "elapsed", "time", "epoch", "loss"):
                Windows().read([view], [*view.metrics, "loss"], x=x, width=50, beside=True)
        with contextlib.suppress(EpochalError):
            damage += read_everything(str(run_dir)).damage
        with contextlib.suppress(EpochalError):
            for _ in RunView(run_dir).follow(timeout=0):
                pass
    ask_every_route(root, *map(str, run_dirs))
    run_commands(str(run_dirs[0]), draw=draw)
    return damage


@FEW
@given(st.data())
def test_manifests(sealed_runs, data):
    """Whatever fields of a manifest are replaced or gone: the segment is said to be damaged."""
    with copied(sealed_runs) as (root, runs):
        for run_dir in runs.values():
            reforge(manifest_of(run_dir), lambda body: forged_manifest(data, body))
        ask(root, *runs.values())


def forged_manifest(data, body):
    """A manifest with changes, most of them not in one of its many events."""
    events = body.pop("events")
    files = body["files"]
    part = data.draw(st.sampled_from(["all", "files", "events", "descriptor"]))
    if part == "files":
        body["files"] = data.draw(changed({"files": files}))["files"] if files else files
        body.setdefault("files", files)
    elif part == "events":
        events = data.draw(changed({"events": events[:3]})).get("events")
    elif part == "descriptor":
        body |= data.draw(changed({"descriptor": body["descriptor"], "anchors": body["anchors"]}))
    else:
        body = data.draw(changed(body))
    return {**body, "events": events}


def test_the_template_is_sound(sealed_runs):
    """Nothing that Epochal seals is taken for a stranger's, nor what the catalog keeps."""
    with copied(sealed_runs) as (root, runs):
        assert ask(root, *runs.values()) == []
        assert len(list(root.glob("doc/*/sealed/*.levels"))) == 1
        assert len(list(root.glob("doc/*/sealed/*-events.parquet"))) == 1
        assert len(list(root.glob("doc/*/sealed/*-long*.parquet"))) == 1
        assert len(RunView(runs["many"]).series("train/loss")) == 6
        catalog = Catalog(str(root), describe.entry)
        assert [DOCUMENT.fault(catalog.document(where)) for where in catalog.refresh()] == ["", ""]


@pytest.mark.parametrize("wrong", [
    {"seq": [0]}, {"seq": [-1, 4]}, {"seq": [0, 2**70]}, {"segment": [1, "../../x", 1]},
    {"segment": [1, "0123456789abcdef", 1]}, {"descriptor": {"mono_ns": "1"}}, {"lost": -1},
    {"heartbeat": {"wall_ns": []}}, {"anchors": [[1, 2]]}, {"anchors": [[1, 2, 2**70]]},
    {"damage": [[0, 1, None]]}, {"files": None}, {"files": [{"name": "../../x.parquet"}]},
    {"source_bytes": -1}, {"last_elapsed_ns": float("nan")}, {"events": [{"seq": 0}]},
    {"events": [{"seq": 0, "mono_ns": 0, "data": []}]}, {"last_step": "3"},
    *({"file": each} for each in (
        {"name": "../../../secret.parquet"}, {"name": "/etc/passwd"}, {"name": None},
        {"rows": -1}, {"rows": "8"}, {"bytes": None}, {"layout": {"id": 1}}, {"kind": 3},
        {"layout": {"id": float("inf"), "keys": ["loss"], "phase": None, "variant": 0}},
        {"layout": {"id": 1, "keys": [None], "phase": None, "variant": 0}},
        {"footer_crc": "x"}, {"stats": {"loss": {"count": "3"}}}, {"stats": {"loss": {"m2": -1.0}}},
        {"stats": {"loss": {"mean": 10**400}}}, {"stats": [1]},
    )),
])  # fmt: skip
def test_a_manifest_of_something_else(sealed_runs, wrong):
    """The run says which manifest is damaged and why; what others hold is read as ever."""
    with copied(sealed_runs) as (_, runs):
        run_dir = runs["many"]
        later = JournalMaker(str(run_dir))
        later.row({"later": 0.5}, 1)
        later.close()

        def change(body) -> None:
            body["files"][0] |= wrong.get("file", {})
            body |= {name: value for name, value in wrong.items() if name != "file"}

        reforge(manifest_of(run_dir), change)
        view = read_everything(str(run_dir))
        name = manifest_of(run_dir).name
        assert [each.startswith(f"{name} is damaged: ") for each in view.damage] == [True]
        assert view.series("later").values.tolist() == [0.5]
        with pytest.raises(EpochalError, match="is damaged"):
            list(view.follow(timeout=5))


DEEP = "[" * 100_000 + "]" * 100_000
INTS = pa.array(range(8), pa.int64())
HALVES = pa.array([0.5] * 8)
ROWS = {"_seq": INTS, "_elapsed_ns": INTS, "_step": INTS, "loss": HALVES, "train/loss": HALVES}


@pytest.mark.parametrize("columns", [
    {**ROWS, "loss": pa.array(["a"] * 8)}, {**ROWS, "loss": INTS}, {**ROWS, "_step": HALVES},
    {**ROWS, "_seq": pa.array([1] * 8, pa.int32())}, {**ROWS, "loss": pa.array([None] + [0.5] * 7)},
    {**ROWS, "_elapsed_ns": pa.array([None] + [1] * 7, pa.int64())}, {"loss": HALVES}, {},
    {name: column[:3] for name, column in ROWS.items()}, {**ROWS, "more": HALVES},
    {**ROWS, "loss": pa.array([[0.5]] * 8)},
])  # fmt: skip
def test_a_table_of_something_else(sealed_runs, columns):
    """A Parquet file with other columns, types or rows, or nulls, is damaged, and nothing fails."""
    with copied(sealed_runs) as (root, runs):
        run_dir = runs["run"]
        reforge(manifest_of(run_dir), lambda body: put_table(run_dir, body, "rows", columns))
        ask(root, run_dir)
        with pytest.raises(EpochalError, match="damaged"):
            RunView(run_dir).series("loss")
        (window,) = Windows().read([RunView(run_dir)], ["loss"], x="elapsed")
        assert "damaged" in window.problems[RunView(run_dir).id]


def put_table(run_dir, body, kind, columns) -> None:
    """Replace a Parquet file; the manifest knows its size and its footer's checksum."""
    file = next(each for each in body["files"] if each["kind"] == kind)
    path = run_dir / "sealed" / file["name"]
    pq.write_table(pa.table(columns), path, write_page_checksum=True)
    file["footer_crc"], file["bytes"] = parquet.crc_of_footer(str(path)), path.stat().st_size


@FEW
@given(st.data())
def test_tables_of_anything(sealed_runs, data):
    """Tables of rows, rare rows and events whose columns are replaced or gone are damaged."""
    odd = st.sampled_from([
        lambda column: column.cast(pa.string()),
        lambda column: pa.array([None] * len(column), column.type),
        lambda column: pa.array(["\udcff".encode("utf-8", "surrogateescape")] * len(column)),
        lambda column: pa.array([2**62] * len(column), pa.int64()),
        lambda column: pa.array([float("nan")] * len(column)),
        lambda column: pa.array(range(len(column), 0, -1), pa.int64()),
        lambda column: column.slice(0, 2), lambda _: None,
    ])  # fmt: skip
    with copied(sealed_runs) as (root, runs):
        run_dir = runs["many"]

        def change(body) -> None:
            for kind in {each["kind"] for each in body["files"]}:
                (name,) = [each["name"] for each in body["files"] if each["kind"] == kind][:1]
                table = pq.read_table(run_dir / "sealed" / name)
                columns = {n: table[n].combine_chunks() for n in table.schema.names}
                victim = data.draw(st.sampled_from(sorted(columns)))
                columns[victim] = data.draw(odd)(columns[victim])
                most = min(len(c) for c in columns.values() if c is not None)
                columns = {n: c.slice(0, most) for n, c in columns.items() if c is not None}
                put_table(run_dir, body, kind, columns)
                if data.draw(st.booleans()):
                    next(f for f in body["files"] if f["kind"] == kind)["rows"] = most

        reforge(manifest_of(run_dir), change)
        ask(root, run_dir)


@FEW
@given(st.data())
def test_levels(sealed_runs, data):
    """Whatever a level's header or columns say: the table itself is read."""
    with copied(sealed_runs) as (root, runs):
        (path,) = root.glob("doc/*/sealed/*.levels")
        body = path.read_bytes()
        magic, length, _ = struct.unpack_from("<8sII", body)
        about, columns = json.loads(body[16 : 16 + length]), body[16 + length :]
        if data.draw(st.booleans()):
            about = data.draw(changed(about))
        else:  # other columns with the right checksums
            columns = bytearray(columns)
            for place in [*about["columns"].values(), *about["metrics"]]:
                size = 8 * 71 * (1 if place is about["columns"]["seq"] else 2)
                columns[place[0] : place[0] + size] = data.draw(st.binary(min_size=1)) * size
            columns = bytes(columns[: len(body) - 16 - length])
            for name, copies in (("seq", 1), ("elapsed", 2), ("step", 2)):
                place = about["columns"][name]
                place[2] = zlib.crc32(columns[place[0] : place[0] + 8 * 71 * copies])
            for place in about["metrics"]:
                size = 71 * (18 + int(place[1][1]) + 3 * place[2])
                size += -size % 8
                place[3] = zlib.crc32(columns[place[0] : place[0] + size])
        header = data.draw(st.just(json.dumps(about)) | st.just(DEEP)).encode("ascii")
        header += b" " * (-(16 + len(header)) % 8)
        prefix = struct.pack("<8sII", magic, len(header), zlib.crc32(header))
        path.write_bytes(prefix + header + columns)
        ask(root, runs["many"])
        assert len(RunView(runs["many"]).series("loss")) == 9000


@pytest.mark.parametrize("about", [
    [], 3, {}, {**CURSOR, "positions": []}, {**CURSOR, "positions": {"a": [1]}},
    {**CURSOR, "positions": {"a": ["1", 2, 3]}}, {**CURSOR, "positions": {"a": [-1, 2, 3]}},
    {**CURSOR, "state": 3}, {**CURSOR, "finished": "no"}, DEEP,
])  # fmt: skip
def test_a_cursor_of_something_else(sealed_runs, about):
    """That mirror starts over; the run is read and verified as ever."""
    with copied(sealed_runs) as (_, runs):
        follow = runs["many"] / "follow"
        follow.mkdir()
        text = about if isinstance(about, str) else json.dumps(about)
        (follow / "csv.json").write_text(text)
        assert cursor.load(str(runs["many"]), "csv") == cursor.Cursor()
        run_commands(str(runs["many"]))


@pytest.mark.parametrize("text", ["3", "{}", '["a", 3]', '["\\u0000"]', "null", DEEP, "["])
def test_a_list_of_registered_runs_of_something_else(sealed_runs, text):
    """The registry says that it cannot be read."""
    with copied(sealed_runs) as (root, _):
        (root / "registered.json").write_text(text)
        with pytest.raises(RunFolderError, match=r"registered\.json"):
            ExperimentRegistry(root)


CHART = {"title": "t", "metrics": ["loss"], "x": "step", "log": True, "smoothing": 3.0,
         "group": None, "kind": "line"}  # fmt: skip


@FEW
@given(changed({"format": 1, "charts": [CHART, CHART]}, most=3))
def test_saved_charts(sealed_runs, body):
    """Charts that are none are not shown; nothing else changes."""
    with copied(sealed_runs) as (root, runs):
        for path in [root / "doc" / ".dashboard", root / ".dashboard"]:
            path.mkdir()
            (path / "charts.json").write_text(json.dumps(body))
        ask_every_route(root, str(runs["run"]))


ODD = [None, "", "x", "[", "[3]", "{}", "null", -1, 2**62, 0.5, float("inf"), b"\xff", b"[", DEEP,
       '[["../../x", 1, {}, 1.0, "alive"]]', '[["journal/x", 1, {}, 1, "ended"]]',
       "[[]]", '{"id": 3}', '["state"]', "..", "/etc"]  # fmt: skip


@FEW
@given(st.data())
def test_catalogs(sealed_runs, data):
    """An index that says something else is made anew, whatever is in it."""
    with copied(sealed_runs) as (root, runs):
        Catalog(str(root), describe.entry).refresh()
        path = database_path(str(root), None)
        db = sqlite3.connect(path)
        places = [(table, column) for table, columns in {
            "runs": ["dir", "mtime", "checked", "created", "watch"], "documents": ["body"],
            "paths": ["path"], "fields": ["value"]}.items() for column in columns]  # fmt: skip
        for _ in range(data.draw(st.integers(1, 3))):
            table, column = data.draw(st.sampled_from(places))
            rows = [row for (row,) in db.execute(f"select {column} from {table}")]
            old, new = data.draw(st.sampled_from(rows)), data.draw(st.sampled_from(ODD))
            if table == "documents":
                new = json.dumps(data.draw(changed(json.loads(old)))) if old else new
            with contextlib.suppress(sqlite3.IntegrityError, sqlite3.InterfaceError):
                db.execute(f"update {table} set {column} = ? where {column} = ?", (new, old))
        db.commit()
        db.close()
        found = ask_every_route(root, *map(str, runs.values()))
        assert 200 in found["/api/run/{id}"]
        for view in epochal.open(str(root)).runs("steps >= 0 and state == 'finished'"):
            assert view.name in ("run", "many", "other", "renamed")
        run_commands(str(runs["run"]))


@pytest.mark.parametrize(
    "part",
    [
        "run.json",
        "journal",
        "sealed",
        "sealed/{manifest}",
        "sealed/{table}",
        "sealed/{level}",
        "journal/{segment}",
    ],
)
@pytest.mark.parametrize("kind", ["link", "pipe"])
def test_nothing_is_read_through_a_link_or_a_pipe(sealed_runs, part, kind):
    """What leads out of the run's folder, or has no end, is not read, and the run says so."""
    with copied(sealed_runs) as (root, runs):
        run_dir, outside = runs["many"], root.parent / "outside"
        live = JournalMaker(str(run_dir))
        live.row({"later": 0.5}, 1)
        live.close()
        names = {"manifest": manifest_of(run_dir).name, "segment": live.session.segment(1).name,
                 "table": next(run_dir.glob("sealed/*-001.parquet")).name,
                 "level": next(run_dir.glob("sealed/*.levels")).name}  # fmt: skip
        path, metrics = run_dir / part.format(**names), set(RunView(run_dir).metrics)
        shutil.move(path, outside)
        path.symlink_to(outside) if kind == "link" else os.mkfifo(path)
        ask(root, runs["run"], run_dir)
        if part == "run.json":
            with pytest.raises(RunFolderError, match=r"run\.json"):
                RunView(run_dir).id  # noqa: B018 - it is read when it is asked for
            return
        view = RunView(run_dir)
        assert any("no plain file" in each or "no folder" in each for each in view.damage)
        if "table" in part:
            with pytest.raises(EpochalError, match="damaged"):
                view.series("loss")
        elif "level" in part:
            assert len(view.series("loss")) == 9000
        else:
            assert set(view.metrics) == ({"later"} if "sealed" in part else metrics - {"later"})
