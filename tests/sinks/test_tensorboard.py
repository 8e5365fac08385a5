"""The sink `tensorboard`: event files that TensorBoard's own readers understand."""

import importlib.util
import json
import logging
import math
import struct
import subprocess
import sys
import time
from pathlib import Path

import pytest

if importlib.util.find_spec("tensorboard") is None:
    pytest.skip("the package tensorboard is not installed", allow_module_level=True)

from tensorboard.backend.event_processing import (
    event_accumulator,
    event_file_loader,
    plugin_event_accumulator,
)
from tensorboard.plugins.hparams import api_pb2
from tensorboard.plugins.hparams import metadata as hparams_metadata

from epochal.core.errors import MissingExtraError, SinkError
from epochal.core.records import RunInfo
from epochal.follow.follower import Follower
from epochal.sinks.tensorboard import events, records
from epochal.sinks.tensorboard.files import TensorBoardSink
from epochal.testing import SinkSuite, event, rows

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))

from recorded import new_run, recover, start_script, wait_until

__all__ = ["new_run"]


def accumulated(folder):
    """Reads a folder of event files with TensorBoard's reader, everything of it."""
    keep_all = dict.fromkeys(event_accumulator.DEFAULT_SIZE_GUIDANCE, 0)
    return event_accumulator.EventAccumulator(str(folder), size_guidance=keep_all).Reload()


def scalars(folder, tag):
    """(step, value) of all points that TensorBoard has of a tag."""
    return [(point.step, point.value) for point in accumulated(folder).Scalars(tag)]


def texts(folder, tag):
    """(step, text) of all texts that TensorBoard has of a tag."""
    found = accumulated(folder).Tensors(tag)
    return [(text.step, text.tensor_proto.string_val[0].decode()) for text in found]


def session(folder):
    """What the tab HParams learns of a run: its hyperparameters and how it ended, None: nothing."""
    found = plugin_event_accumulator.EventAccumulator(str(folder)).Reload()
    content = found.PluginTagToContent("hparams")
    start = hparams_metadata.parse_session_start_info_plugin_data(
        content[hparams_metadata.SESSION_START_INFO_TAG]
    )
    end = None
    if hparams_metadata.SESSION_END_INFO_TAG in content:
        end = hparams_metadata.parse_session_end_info_plugin_data(
            content[hparams_metadata.SESSION_END_INFO_TAG]
        )
    values = {name: getattr(v, v.WhichOneof("kind")) for name, v in start.hparams.items()}
    return values, end and api_pb2.Status.Name(end.status), start.start_time_secs


def single(number):
    """Rounds to single precision."""
    return struct.unpack("<f", struct.pack("<f", number))[0]


def info(folder, **about):
    """What a sink is told of a run."""
    about = {"name": "Run 1", "project": "p", "slug": "run-1", "created_s": 1e9} | about
    return RunInfo(id="a1b2c3d4e5", dir=str(folder), **about)


@pytest.fixture
def sink(tmp_path):
    """A sink that is open on an empty folder."""
    made = TensorBoardSink()
    made.open(info(tmp_path, config={"lr": 0.1}), None)
    yield made
    made.close()


@pytest.fixture
def files(tmp_path):
    """The folder of the event files."""
    return tmp_path / "tensorboard"


class TestTensorBoard(SinkSuite):
    """What every sink promises; steps are whole and values of single precision."""

    keeps_float_steps = False
    keeps_float64 = False

    def make(self, folder):  # noqa: ARG002 - the suite's signature
        """Returns a sink."""
        return TensorBoardSink()

    def read_back(self, folder):
        """Returns every scalar that TensorBoard shows."""
        found = accumulated(folder / "tensorboard")
        return [
            (point.step, tag, point.value)
            for tag in found.Tags()["scalars"]
            for point in found.Scalars(tag)
        ]


# -- rows ------------------------------------------------------------------------------------


def test_a_row_is_one_event(sink, files):
    """All values of a row share one event with the row's wall time, not one event each."""
    sink.write(rows(3, ("a", "b", "c")))
    sink.flush()
    (path,) = files.glob("*.records")
    loader = event_file_loader.LegacyEventFileLoader(str(path))
    found = [each for each in loader.Load() if each.HasField("summary")]
    assert [len(each.summary.value) for each in found] == [3, 3, 3]
    assert [each.wall_time for each in found] == [row.time_s for row in rows(3)]


def test_names_are_mapped(tmp_path, files):
    """Metrics and texts have the names that the map gives them."""
    sink = TensorBoardSink(names={"train/loss": "Loss/Train", "grad/*": "Gradients/*"})
    sink.open(info(tmp_path), None)
    sink.write(rows(1, ("train/loss", "grad/norm", "lr")))
    sink.write([event("text", key="grad/note", text="hello", step=1)])
    sink.close()
    assert set(accumulated(files).Tags()["scalars"]) == {"Loss/Train", "Gradients/norm", "lr"}
    assert texts(files, "Gradients/note") == [(1, "hello")]


def test_steps_are_whole(sink, files):
    """Fractional steps are rounded down, and what 64 bits cannot hold becomes the last step."""
    steps = [0.25, 1.999, -0.5, 2.0**62, 1e300, -1e300]
    sink.write([row._replace(step=s) for row, s in zip(rows(6), steps, strict=True)])
    sink.close()
    expected = [0, 1, -1, 2**62, 2**63 - 1, -(2**63)]
    assert [step for step, _ in scalars(files, "loss")] == expected


def test_ever_new_names(sink, files):
    """Prepared events are dropped when there are too many, and values stay with their names."""
    count = events.MAX_KEY_SETS + 10
    for _ in range(2):
        for i in range(count):
            sink.write(rows(1, (f"m{i}", "same"), start=i))
    sink.close()
    found = accumulated(files)
    assert all([p.step for p in found.Scalars(f"m{i}")] == [i, i] for i in range(count))


def test_integers_beyond_floats(sink, files):
    """Integers that are recorded in full become the nearest number; too large ones infinite."""
    values = (2**70, 10**400, -(10**400))
    sink.write([event("bigint", key="n", value=str(v), step=i) for i, v in enumerate(values)])
    sink.close()
    assert scalars(files, "n") == [(0, 2.0**70), (1, math.inf), (2, -math.inf)]


def test_system_rows_are_scalars(sink, files):
    """Samples of the machine are written like any other row."""
    (row,) = rows(1, ("cpu",), start=7, phase="system")
    sink.write([row._replace(step_given=False)])
    sink.close()
    assert scalars(files, "system/cpu") == [(7, 7.0)]


# -- texts -----------------------------------------------------------------------------------


def test_text_is_kept_as_it_is(sink, files):
    """A text stays character by character; what has no encoding becomes a question mark."""
    sink.write([event("text", key="t", text="# a\n\nb | ü \ud800", step=3)])
    sink.close()
    assert texts(files, "t") == [(3, "# a\n\nb | ü ?")]


def test_generated_text_has_its_settings_above(sink, files):
    """Caption and settings stand in front of a generated text, and cannot break out of there."""
    about = {"prompt": "a*b\n<i>", "top_p": 0.9}
    sink.write([event("text", key="t", text="*out*", step=1, caption="best", about=about)])
    sink.close()
    settings = "**prompt** a\\*b<br>&lt;i> · **top\\_p** 0.9"
    assert texts(files, "t") == [(1, f"**best**\n\n{settings}\n\n*out*")]


def test_long_text_is_joined(tmp_path, files):
    """Parts become one text, also across a restart; what lacks a part is left out."""
    run = info(tmp_path)

    def part(number, text, count=3, key="t"):
        return event("text", key=key, text=text, step=number, part=[number, count])

    first = TensorBoardSink()
    first.open(run, None)
    first.write([part(1, "a"), part(1, "other", key="u"), part(2, "b"), part(2, "c", key="v")])
    state = json.loads(json.dumps(first.flush()))
    second = TensorBoardSink()
    second.open(run, state)
    second.write([part(3, "c"), part(3, "d", key="v"), event("resume", after=None, session=2)])
    second.write([part(2, "late", key="u"), part(3, "later", key="u")])
    second.close()
    assert texts(files, "t") == [(3, "abc")]
    assert not {"u", "v"} & set(accumulated(files).Tags()["tensors"])
    first.close()


# -- hyperparameters -------------------------------------------------------------------------


def test_hyperparameters(tmp_path, files):
    """The config is flattened; what TensorBoard cannot hold or would choke on becomes text."""
    config = {
        "lr": 0.1, "layers": 12, "warm": True, "model": {"act": "gelu", "norm": {"eps": 1e-6}},
        "betas": [0.9, 0.99], "none": None, "odd": math.nan, "far": math.inf, "big": 2**60,
        "empty": {}, "s\ud800": "\ud800",
    }  # fmt: skip
    sink = TensorBoardSink()
    sink.open(info(tmp_path, config=config), None)
    sink.close()
    values, status, began_s = session(files)
    assert values == {
        "lr": 0.1, "layers": 12.0, "warm": True, "model.act": "gelu", "model.norm.eps": 1e-6,
        "betas": "[0.9, 0.99]", "none": "None", "odd": "nan", "far": "inf", "big": str(2**60),
        "empty": "{}", "s?": "?",
    }  # fmt: skip
    assert (status, began_s) == (None, 1e9)


def test_config_updates_count(sink, files):
    """TensorBoard shows the config as it is now, not as it was when the run began."""
    sink.write([event("config", update={"model": {"depth": 2}}), *rows(2)])
    sink.flush()
    sink.write([event("config", update={"model": {"depth": 3}, "lr": {"start": 1.0}})])
    sink.flush()
    assert session(files)[0] == {"lr.start": 1.0, "model.depth": 3.0}
    assert [step for step, _ in scalars(files, "loss")] == [1, 2]


@pytest.mark.parametrize(
    ("state", "status"),
    [("finished", "SUCCESS"), ("failed", "FAILURE"), ("killed", "FAILURE"),
     ("interrupted", "UNKNOWN")],
)  # fmt: skip
def test_status(tmp_path, files, state, status):
    """The tab HParams says how a run ended; one that was resumed runs, until it ends again."""
    run = info(tmp_path)
    sink = TensorBoardSink()
    sink.open(run, None)
    sink.write([*rows(1), event("end", state=state, error=None)])
    stored = sink.flush()
    assert session(files)[1] == f"STATUS_{status}"
    sink.close()
    sink.open(run, stored)
    sink.write([event("resume", after=None, session=2)])
    sink.flush()
    assert session(files)[1] == "STATUS_RUNNING"
    sink.write([event("end", state="finished", error=None)])
    sink.close()
    assert session(files)[1] == "STATUS_SUCCESS"


def test_a_running_tensorboard_learns_the_end(sink, files):
    """A reader that has read the small file already finds the status in the other one."""
    sink.write(rows(1))
    sink.flush()
    reader = plugin_event_accumulator.EventAccumulator(str(files)).Reload()
    sink.write([event("end", state="finished", error=None)])
    sink.flush()
    assert hparams_metadata.SESSION_END_INFO_TAG in reader.Reload().PluginTagToContent("hparams")


def test_without_hyperparameters(tmp_path, files):
    """`hparams=False` leaves nothing of the config in the files."""
    sink = TensorBoardSink(hparams=False)
    sink.open(info(tmp_path, config={"secret": 1}), None)
    sink.write([*rows(1), event("config", update={"a": 1}), event("end", state="failed")])
    sink.close()
    (path,) = files.iterdir()
    assert b"hparams" not in path.read_bytes()


# -- resume ----------------------------------------------------------------------------------


def test_resume_hides_everything_after_the_step(sink, files):
    """Scalars and texts after the step are gone, also of metrics that never come again."""
    sink.write([*rows(10, ("loss", "gone")), event("text", key="t", text="old", step=9)])
    sink.write([event("text", key="t", text="kept", step=6), event("end", state="killed")])
    sink.flush()
    sink.write([event("resume", after=6, session=2), *rows(2, start=7, session=2)])
    sink.flush()
    assert [step for step, _ in scalars(files, "loss")] == [1, 2, 3, 4, 5, 6, 7, 8]
    assert [step for step, _ in scalars(files, "gone")] == [1, 2, 3, 4, 5, 6]
    assert texts(files, "t") == [(6, "kept")]


def test_resume_with_nothing_to_hide_keeps_the_file(sink, files):
    """Where nothing comes after the step, the file goes on."""
    sink.write(rows(5))
    before = sink.flush()["stem"]
    sink.write([event("resume", after=5, session=2), *rows(1, start=6, session=2)])
    assert sink.flush()["stem"] == before
    assert [step for step, _ in scalars(files, "loss")] == [1, 2, 3, 4, 5, 6]


def test_a_running_tensorboard_follows_a_resume(sink, files):
    """A reader that has read the old file goes over to the new one and forgets what is hidden."""
    sink.write(rows(10))
    sink.flush()
    reader = plugin_event_accumulator.EventAccumulator(str(files)).Reload()
    sink.write([event("resume", after=6, session=2), *rows(1, start=7, session=2)])
    sink.flush()
    sink.write(rows(1, start=8, session=2))
    sink.flush()
    assert [each.step for each in reader.Reload().Tensors("loss")] == [1, 2, 3, 4, 5, 6, 7, 8]


def test_everything_hidden(sink, files):
    """A resume before the first step leaves a file that readers take."""
    sink.write([*rows(3), event("resume", after=-1, session=2)])
    sink.flush()
    assert session(files)[0] == {"lr": 0.1}
    assert accumulated(files).Tags()["scalars"] == []


# -- files -----------------------------------------------------------------------------------


def test_other_folder(tmp_path):
    """`dir=` takes the files of all runs, each in a folder of the run folder's name."""
    sink = TensorBoardSink(dir=str(tmp_path / "tb"))
    sink.open(info(tmp_path / "runs" / "run-1-20240101-000000-a1b2c3d4e5"), None)
    sink.write(rows(1))
    sink.close()
    assert scalars(tmp_path / "tb" / "run-1-20240101-000000-a1b2c3d4e5", "loss") == [(1, 1.0)]
    assert not (tmp_path / "runs").exists()


def test_other_files_are_left_alone(tmp_path, files):
    """Starting over replaces the files of this run and of nobody else."""
    files.mkdir()
    foreign = files / "events.out.tfevents.1700000000.host.1234.0"
    foreign.write_bytes(b"mine")
    for _ in range(3):
        sink = TensorBoardSink()
        sink.open(info(tmp_path), None)
        sink.write(rows(2))
        sink.close()
    assert foreign.read_bytes() == b"mine"
    foreign.unlink()
    assert scalars(files, "loss") == [(1, 1.0), (2, 2.0)]
    full = [path for path in files.iterdir() if path.stat().st_size]
    assert sorted(path.suffix for path in full) == [".hparams", ".records"]


@pytest.mark.parametrize("damage", ["gone", "shorter", "changed", "empty"])
def test_changed_file_is_written_anew(new_run, damage):
    """A file that is not the one of the state is noticed, and the follower makes it again."""
    run = new_run()
    for step in range(100):
        run.log({"loss": step / 8}, step=step)
    run.flush()
    assert Follower(run.dir, TensorBoardSink()).finish(time.monotonic() + 60)
    files = Path(run.dir, "tensorboard")
    (path,) = files.glob("*.records")
    content = path.read_bytes()
    if damage == "gone":
        path.unlink()
    else:
        path.write_bytes({"shorter": content[:-1], "empty": b"",
                          "changed": content[:-20] + b"x" + content[-19:]}[damage])  # fmt: skip
    run.log({"loss": 100 / 8}, step=100)
    run.flush()
    assert Follower(run.dir, TensorBoardSink()).finish(time.monotonic() + 60)
    assert scalars(files, "loss") == [(step, step / 8) for step in range(101)]


def test_file_that_grew_is_cut_back(tmp_path, files):
    """What was written after the last state is written again, not twice."""
    run = info(tmp_path)
    sink = TensorBoardSink()
    sink.open(run, None)
    sink.write(rows(3))
    state = sink.flush()
    sink.write(rows(3, start=4))
    sink.flush()
    sink.close()
    again = TensorBoardSink()
    again.open(run, state)
    again.write(rows(4, start=4))
    again.close()
    assert [step for step, _ in scalars(files, "loss")] == [1, 2, 3, 4, 5, 6, 7]


@pytest.mark.parametrize("options", [{"names": {"loss": "Loss"}}, {"hparams": False}])
def test_other_options_begin_anew(tmp_path, options):
    """Files that were written with other options are not gone on with."""
    sink = TensorBoardSink()
    sink.open(info(tmp_path), None)
    state = sink.flush()
    sink.close()
    with pytest.raises(SinkError, match="other options"):
        TensorBoardSink(**options).open(info(tmp_path), state)


@pytest.mark.parametrize("change", [{"format": 99}, {"file": None}, {"texts": 1}, {"stem": 1}])
def test_strange_states_are_refused(tmp_path, change):
    """A state of another version, or a damaged one, is a SinkError and not a crash."""
    sink = TensorBoardSink()
    sink.open(info(tmp_path), None)
    state = sink.flush()
    sink.close()
    with pytest.raises(SinkError):
        sink.open(info(tmp_path), {**state, **change})


def test_every_flush_is_readable(sink, files):
    """A reader that follows the file sees whole rows only, all of them after each flush."""
    reader = event_accumulator.EventAccumulator(str(files))
    for step in range(1, 50):
        sink.write(rows(1, start=step))
        sink.flush()
        assert len(reader.Reload().Scalars("loss")) == step


def test_large_batches_are_written_meanwhile(sink, files):
    """Rows do not wait for a flush without end: beyond a MiB they are written."""
    wide = [f"metric/{i}" for i in range(1000)]
    sink.write(rows(100, wide))
    (path,) = files.glob("*.records")
    assert path.stat().st_size > 1 << 20
    assert len(accumulated(files).Scalars("metric/7")) >= 1


def test_records_are_those_of_tensorboard(tmp_path):
    """Frames and checksums equal those of TensorBoard's writer, with either implementation."""
    from tensorboard.compat.tensorflow_stub.io.gfile import GFile
    from tensorboard.summary.writer.record_writer import RecordWriter

    data = [b"", b"a", bytes(range(256)) * 5]
    with GFile(str(tmp_path / "theirs"), "wb") as file:
        for each in data:
            RecordWriter(file).write(each)
    theirs = (tmp_path / "theirs").read_bytes()
    assert records.framed(*data) == theirs
    code = (
        "import sys; sys.modules['google_crc32c'] = None\n"
        "from epochal.sinks.tensorboard.records import framed\n"
        f"sys.stdout.buffer.write(framed(*{data!r}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    assert done.stdout == theirs


# -- with real runs --------------------------------------------------------------------------

TRAINING = """
    import os, signal, sys, epochal
    run = epochal.init(project="p", dir=sys.argv[1], config={"lr": 0.1}, sinks=["tensorboard"],
                       seal=False, capture_environment=False)
    print(run.dir, flush=True)
    for step in range(20_000):
        run.log({"loss": step / 7, "lr": 1 / (step + 1)}, step=step)
    run.flush()
    if sys.argv[2] == "finish":
        run.finish()
    sys.stdin.readline()
    os.kill(os.getpid(), signal.SIGKILL)
"""


def complete(run_dir):
    """Says whether the mirror has seen the end of the run."""
    path = Path(run_dir, "follow", "tensorboard.json")
    return path.exists() and json.loads(path.read_text())["finished"]


def check_training(run_dir):
    """All values of the training are there once, rounded to single precision."""
    files = Path(run_dir, "tensorboard")
    found = accumulated(files)
    for tag, value in (("loss", lambda s: s / 7), ("lr", lambda s: 1 / (s + 1))):
        expected = [(step, single(value(step))) for step in range(20_000)]
        assert [(point.step, point.value) for point in found.Scalars(tag)] == expected


def test_by_name(tmp_path):
    """`sinks=["tensorboard"]` mirrors a run in the follower process, to the last row."""
    training = start_script(TRAINING, tmp_path, "finish", stdin=subprocess.PIPE)
    run_dir = training.stdout.readline().strip()
    wait_until(lambda: complete(run_dir))
    check_training(run_dir)
    assert session(Path(run_dir, "tensorboard"))[:2] == ({"lr": 0.1}, "STATUS_SUCCESS")
    training.communicate("\n", timeout=60)


def test_sigkill_of_the_training(tmp_path):
    """The training is killed: its follower process completes the mirror, nothing is doubled."""
    training = start_script(TRAINING, tmp_path, "killed", stdin=subprocess.PIPE)
    run_dir = training.stdout.readline().strip()
    wait_until(lambda: list(Path(run_dir, "tensorboard").glob("*.records")))
    training.communicate("\n", timeout=60)
    wait_until(lambda: complete(run_dir))
    check_training(run_dir)
    assert session(Path(run_dir, "tensorboard"))[1] == "STATUS_FAILURE"


FOLLOWING = """
    import os, signal, sys, time
    from epochal.follow.follower import Follower
    from epochal.sinks.tensorboard.files import TensorBoardSink

    class Killed(TensorBoardSink):
        written = 0
        def write(self, records):
            super().write(records)
            self.written += len(records)
            if self.written > int(sys.argv[2]):
                self._file.flush()  # more is in the file than any state knows
                os.kill(os.getpid(), signal.SIGKILL)

    Follower(sys.argv[1], Killed()).finish(time.monotonic() + 60)
"""


def test_sigkill_of_the_follower(new_run):
    """The follower is killed again and again: the mirror is completed, nothing is doubled."""
    run = new_run()
    for step in range(20_000):
        run.log({"loss": step / 7, "lr": 1 / (step + 1)}, step=step)
    run.finish()
    recover(run.dir)
    for after in (0, 5000, 100, 12_000):
        process = start_script(FOLLOWING, run.dir, after)
        process.communicate(timeout=60)
        assert process.returncode == -9
    assert Follower(run.dir, TensorBoardSink()).finish(time.monotonic() + 60)
    check_training(run.dir)


def test_what_is_loaded():
    """The sink loads neither TensorFlow nor PyTorch, and this module nothing before it is used."""
    code = (
        "import sys\n"
        "import epochal.sinks.tensorboard.files as files\n"
        "assert 'tensorboard' not in sys.modules\n"
        "files.TensorBoardSink()\n"
        "heavy = {'tensorflow', 'torch', 'werkzeug', 'grpc'} & set(sys.modules)\n"
        "sys.exit(str(heavy) if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_missing_package_is_named(monkeypatch):
    """Without the package the sink cannot be made, and the message says how to get it."""
    events.protos.cache_clear()
    monkeypatch.setitem(sys.modules, "tensorboard.compat.proto.event_pb2", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'epochal\[tensorboard\]'"):
        TensorBoardSink()
    events.protos.cache_clear()


def test_missing_media_are_told(sink, files, caplog):
    """A medium whose file is gone is left out and told once; the rest is mirrored."""
    data = {"key": "image", "type": "image", "format": "png", "caption": "", "bytes": 3,
            "sha256": "0", "file": "media/a.png", "about": {"width": 1, "height": 1}}  # fmt: skip
    with caplog.at_level(logging.WARNING, "epochal"):
        sink.write([*rows(1), *(event("media", step=i, **data) for i in range(3))])
    sink.write(rows(1, start=2))
    sink.flush()
    assert [step for step, _ in scalars(files, "loss")] == [1, 2]
    assert len(caplog.records) == 1
    assert "media/a.png" in caplog.text
