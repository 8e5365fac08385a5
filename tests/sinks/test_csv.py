"""The sink `csv`: two files that pandas, R and spreadsheets read while training runs."""

import contextlib
import csv
import importlib.util
import io
import json
import math
import random
import struct

import pytest

from epochal.core.errors import SinkError
from epochal.core.records import Row, RunInfo
from epochal.sinks.csv_files import CsvSink
from epochal.testing import event, rows

STEPS = "step,phase,timestamp,loss,lr,grad_norm_total,grad_norm_avg,grad_norm_max"
EPOCHS = (
    "epoch,duration_s,train_loss_mean,train_loss_std,train_loss_min,train_loss_max,val_loss,"
    "learning_rate,grad_norm_avg,grad_norm_max,samples_processed,ema_step_counter"
)

needs_pandas = pytest.mark.skipif(importlib.util.find_spec("pandas") is None, reason="needs pandas")


class Clock:
    """Stands still until it is told to move."""

    def __init__(self):
        self.now = 100.0

    def __call__(self):
        """Returns seconds."""
        return self.now


class Files:
    """A sink on a folder, with what a test asks of it."""

    def __init__(self, folder, **options):
        self.folder, self.options, self.clock = folder, options, Clock()
        self.run = RunInfo("id", "Run 1", "p", "run-1", str(folder))
        self.made = []
        self.sink = self.make()
        self.sink.open(self.run, None)

    def make(self):
        """Returns another sink for the same folder."""
        sink = CsvSink(clock=self.clock, **self.options)
        self.made.append(sink)
        return sink

    def log(self, values, step=None, *, epoch=None, phase=None, session=1, elapsed_s=0.5):
        """Writes one row; the phase is put before the names as a run does."""
        if phase:
            values = {f"{phase}/{name}": value for name, value in values.items()}
        given = step is not None
        self.sink.write([Row(session, 0, 1.25, elapsed_s, step or 0, given, epoch, phase, values)])

    def text(self, which="steps"):
        """Returns a file's text, exactly."""
        return (self.folder / "csv" / f"run-1_{which}.csv").read_bytes().decode("utf-8")

    def lines(self, which="steps"):
        """Returns the lines of a file as mappings, without their empty cells."""
        found = csv.DictReader(io.StringIO(self.text(which), newline=""))
        return [{name: cell for name, cell in line.items() if cell} for line in found]

    def values(self, which="steps"):
        """Returns the lines without the clocks."""
        clocks = {"timestamp", "time_utc", "duration_s"}
        return [
            {name: cell for name, cell in line.items() if name not in clocks}
            for line in self.lines(which)
        ]


@pytest.fixture
def make_files():
    """Makes sinks on folders and closes all of them at the end, the crashed ones too."""
    made = []

    def make(folder, **options):
        folder.mkdir(exist_ok=True)
        made.append(Files(folder, **options))
        return made[-1]

    yield make
    for files in made:
        for sink in files.made:
            with contextlib.suppress(SinkError):  # others went on with the files of a crashed one
                sink.close()


@pytest.fixture
def files(make_files, tmp_path):
    """A sink that is open on an empty folder."""
    return make_files(tmp_path)


def test_fixed_columns_come_first(files):
    """Both headers begin with the exact names, also before anything was logged."""
    assert files.text().startswith(f"{STEPS},epoch,time_utc\n")
    assert files.text("epochs").startswith(f"{EPOCHS},")
    files.log({"zeta": 1.0, "loss": 2.0}, 1)
    files.log({"train_loss_mean": 1.0, "val/acc": 2.0}, epoch=1)
    files.sink.close()
    assert files.text().splitlines()[0] == f"{STEPS},epoch,time_utc,zeta"
    assert files.text("epochs").splitlines()[0] == f"{EPOCHS},step,timestamp,time_utc,val/acc"


def test_a_line_says_when(files):
    """Time stands there as seconds since the start and as UTC; the phase has its column."""
    files.log({"loss": 0.5}, 3, phase="train", epoch=2.0, elapsed_s=1.5)
    files.sink.flush()
    assert files.lines() == [
        {
            "step": "3", "phase": "train", "timestamp": "1.500000", "loss": "0.5", "epoch": "2",
            "time_utc": "1970-01-01T00:00:01.250Z",
        }
    ]  # fmt: skip


def test_names_without_phase_stay_whole(files):
    """`train/loss` typed as such is a column of that name, beside the phase's `loss`."""
    files.log({"train/loss": 1.0}, 1)
    files.log({"loss": 2.0}, 1, phase="train")
    files.sink.close()
    assert files.values() == [
        {"step": "1", "train/loss": "1.0"},
        {"step": "1", "phase": "train", "loss": "2.0"},
    ]


def test_numbers_read_back_to_the_same_bits(files):
    """Every float survives the way through text; a step is an integer or what was given."""
    seed = random.Random(5)
    numbers = [struct.unpack("d", seed.randbytes(8))[0] for _ in range(2000)]
    numbers = [x for x in numbers if math.isfinite(x)] + [-0.0, 5e-324, 3.0, 2.0**60]
    for step, number in enumerate(numbers):
        files.log({"x": number}, step)
    files.log({"x": 1.0}, 0.25)
    files.sink.close()
    *found, last = files.lines()
    bits = [struct.pack("d", float(line["x"])) for line in found]
    assert bits == [struct.pack("d", number) for number in numbers]
    assert [line["step"] for line in found] == [str(i) for i in range(len(numbers))]
    assert last["step"] == "0.25"


def test_non_finite_numbers_have_the_names_of_r_and_pandas(files):
    """NaN, Inf and -Inf."""
    files.log({"loss": math.nan, "a": math.inf, "b": -math.inf, "c": -0.0}, 1)
    files.sink.flush()
    assert files.values() == [{"step": "1", "loss": "NaN", "a": "Inf", "b": "-Inf", "c": "-0.0"}]


def test_taken_names_get_an_underscore(files):
    """A metric called like a column that is none keeps its value under another name."""
    files.log({"step": 1.0, "step_": 2.0, "epoch": 3.0, "time_utc": 4.0, "stepper": 5.0}, 7)
    files.sink.flush()
    assert files.values() == [
        {"step": "7", "step_": "1.0", "step__": "2.0", "epoch_": "3.0", "time_utc_": "4.0",
         "stepper": "5.0"}
    ]  # fmt: skip


def test_neighbors_are_one_line(files):
    """Rows of the same step with different metrics join, over flushes and a restart too."""
    files.log({"loss": 1.0}, 1)
    files.sink.flush()
    assert files.values() == [{"step": "1", "loss": "1.0"}]
    files.log({"lr": 2.0}, 1)
    state = files.sink.flush()
    assert files.values() == [{"step": "1", "loss": "1.0", "lr": "2.0"}]
    files.sink.close()
    files.sink.open(files.run, json.loads(json.dumps(state)))
    files.log({"grad_norm_avg": 3.0}, 1)
    files.sink.flush()
    assert files.values() == [{"step": "1", "loss": "1.0", "lr": "2.0", "grad_norm_avg": "3.0"}]


@pytest.mark.parametrize(
    "second",
    [
        {"values": {"loss": 9.0}, "step": 1},
        {"values": {"lr": 9.0}, "step": 2},
        {"values": {"lr": 9.0}, "step": 1, "phase": "val"},
        {"values": {"lr": 9.0}, "step": 1, "epoch": 1.0},
        {"values": {"lr": 9.0}, "step": 1, "session": 2},
    ],
    ids=["same metric", "step", "phase", "epoch", "session"],
)
def test_others_are_lines_of_their_own(files, second):
    """A repeated metric, another step, phase, epoch or session begins a new line."""
    files.log({"loss": 1.0}, 1)
    files.log(**second)
    files.sink.close()
    assert [line["step"] for line in files.lines()] == ["1", str(second["step"])]


def test_epochs_have_their_own_file(files):
    """`epoch=` without `step=` goes to the epochs file; with `step=` it does not."""
    files.log({"val_loss": 1.0}, epoch=1.0)
    files.log({"val_loss": 2.0}, 10, epoch=1.0)
    files.log({"loss": 3.0})
    files.sink.close()
    assert files.values("epochs") == [{"epoch": "1", "val_loss": "1.0", "step": "0"}]
    assert files.values() == [
        {"step": "10", "epoch": "1", "val_loss": "2.0"},
        {"step": "0", "loss": "3.0"},
    ]


def test_duration_is_measured(files):
    """An epoch's duration is the time since the line before, whatever joined that one."""
    files.log({"loss": 1.0}, epoch=1.0, phase="train", elapsed_s=10.0)
    files.log({"loss": 1.5}, epoch=1.0, phase="val", elapsed_s=12.0)
    files.log({"loss": 1.0}, epoch=2.0, phase="train", elapsed_s=25.0)
    files.sink.close()
    found = [(line["duration_s"], line["train/loss"]) for line in files.lines("epochs")]
    assert found == [("10.000000", "1.0"), ("15.000000", "1.0")]


def test_duration_of_a_later_session_begins_with_it(files):
    """The night between two sessions is no part of an epoch."""
    files.log({"loss": 1.0}, epoch=1.0, elapsed_s=10.0)
    files.sink.write([event("tag", session=2, tags=["a"])._replace(elapsed_s=5000.0)])
    files.log({"loss": 1.0}, epoch=2.0, elapsed_s=5007.0, session=2)
    files.sink.close()
    assert [line["duration_s"] for line in files.lines("epochs")] == ["10.000000", "7.000000"]


def test_own_duration_takes_the_place(files):
    """A `duration_…` metric stands in the second column, under the user's name."""
    files.log({"val_loss": 1.0, "duration_minutes": 2.5}, epoch=1.0)
    files.log({"val_loss": 1.0, "duration_minutes": 3.5}, epoch=2.0)
    files.sink.close()
    header = files.text("epochs").splitlines()[0]
    assert header.startswith(EPOCHS.replace("duration_s", "duration_minutes"))
    assert [line["duration_minutes"] for line in files.lines("epochs")] == ["2.5", "3.5"]
    assert "duration_s" not in header


def test_own_duration_s_is_kept(files):
    """A logged `duration_s` is not overwritten by the measured one, also if it comes late."""
    files.log({"val_loss": 1.0}, epoch=1.0)
    files.sink.flush()
    files.log({"duration_s": 99.0}, epoch=1.0)
    files.sink.close()
    assert [line["duration_s"] for line in files.lines("epochs")] == ["99.0"]


def test_new_columns_rewrite_seldom(files):
    """A second new column within two seconds waits; then all waiting lines come at once."""
    files.log({"a": 1.0}, 1)
    files.log({"a": 1.0}, 2)
    files.sink.flush()
    files.log({"b": 1.0}, 3)
    files.log({"a": 2.0}, 4)
    files.sink.flush()
    assert [line["step"] for line in files.lines()] == ["1", "2", "3", "4"]
    files.log({"c": 1.0}, 5)
    files.log({"a": 3.0}, 6)
    files.clock.now += 1.9
    files.sink.flush()
    assert [line["step"] for line in files.lines()] == ["1", "2", "3", "4"]
    files.clock.now += 0.2
    files.sink.flush()
    assert [line["step"] for line in files.lines()] == ["1", "2", "3", "4", "5", "6"]
    assert files.text().splitlines()[0].endswith("time_utc,a,b,c")
    widths = {line.count(",") for line in files.text().splitlines()}
    assert len(widths) == 1


def test_waiting_lines_survive_a_crash(files):
    """Lines that wait for their columns are in the state: they need not be sent again."""
    for step, name in enumerate(["a", "b", "c", "d"]):
        files.log({name: 1.0}, step)
        state = files.sink.flush()
    assert [line["step"] for line in files.lines()] == ["0", "1", "2"]
    files.sink = files.make()
    files.sink.open(files.run, json.loads(json.dumps(state)))
    files.sink.close()
    assert files.values() == [
        {"step": str(step), name: "1.0"} for step, name in enumerate(["a", "b", "c", "d"])
    ]


@pytest.mark.parametrize("end", ["close", "end"])
def test_nothing_waits_at_the_end(files, end):
    """Closing and the end of the run write everything, however young the last rewrite is."""
    for step, name in enumerate(["a", "b", "c", "d"]):
        files.log({name: 1.0}, step)
        files.sink.flush()
    assert len(files.lines()) == 3
    if end == "close":
        files.sink.close()
    else:
        files.sink.write([event("end", state="finished")])
    assert [line["step"] for line in files.lines()] == ["0", "1", "2", "3"]


def test_memory_is_bounded(files):
    """Lines do not pile up between two flushes, not even while their columns must wait."""
    for start in range(0, 20_000, 1000):
        files.sink.write(rows(1000, (f"m{start}",), start=start))
        assert len(files.sink._tables[0]._held) <= 4096
    files.sink.close()
    assert len(files.lines()) == 20_000


@pytest.mark.parametrize("harm", ["missing", "shorter", "changed", "header"])
def test_other_files_are_refused(files, harm):
    """A file that is not the one of the state is said to be so, and starting over works."""
    files.sink.write(rows(5))
    state = files.sink.flush()
    files.sink.close()
    path = files.folder / "csv" / "run-1_steps.csv"
    content = path.read_bytes()
    if harm == "missing":
        path.unlink()
    else:
        cut = {"shorter": content[:-60], "changed": content.replace(b"4.0", b"4.5")}
        path.write_bytes(cut.get(harm, b"x" + content[1:]))
    with pytest.raises(SinkError, match=r"run-1_steps\.csv"):
        files.sink.open(files.run, state)
    files.sink.open(files.run, None)
    files.sink.write(rows(5))
    files.sink.close()
    assert path.read_bytes() == content


def test_a_file_that_others_cut_is_noticed(files):
    """Lines that vanish while the sink is open are an error, not an endless search for them."""
    files.sink.write(rows(9))
    files.sink.flush()
    path = files.folder / "csv" / "run-1_steps.csv"
    path.write_bytes(path.read_bytes()[:300])
    with pytest.raises(SinkError, match="somebody else"):
        files.sink.write([event("resume", session=2, after=3)])


@pytest.mark.parametrize("state", [{}, {"format": 99}, {"format": 1, "session": 1}])
def test_states_of_others_are_refused(files, state):
    """A state that cannot be understood is an error that followers know."""
    with pytest.raises(SinkError):
        files.sink.open(files.run, state)


def test_closed_sinks_say_so(files):
    """Writing to a closed sink is an error of ours, not an accident."""
    files.sink.close()
    with pytest.raises(SinkError, match="closed"):
        files.sink.write(rows(1))


def test_resume_removes_lines(files):
    """Lines of earlier sessions above the step go, in both files; the rest stays as it was."""
    files.sink.write(rows(6))
    for epoch in (1, 2, 3):
        line = rows(1, ("val_loss",), start=2 * epoch, epoch=float(epoch))[0]
        files.sink.write([line._replace(step_given=False)])
    files.sink.flush()
    before = files.text().splitlines()
    files.sink.write([event("resume", session=2, after=4)])
    files.sink.write(rows(2, start=5, session=2))
    files.sink.close()
    assert files.text().splitlines()[:5] == before[:5]
    assert [line["step"] for line in files.lines()] == ["1", "2", "3", "4", "5", "6"]
    assert [line["epoch"] for line in files.lines("epochs")] == ["1", "2"]


def test_resume_that_hides_nothing_rewrites_nothing(files):
    """Going on from the last step leaves the file as it is."""
    files.sink.write(rows(6))
    files.sink.flush()
    path = files.folder / "csv" / "run-1_steps.csv"
    inode = path.stat().st_ino
    files.sink.write([event("resume", session=2, after=6), event("resume", session=2, after=None)])
    assert path.stat().st_ino == inode


def test_odd_phases_are_quoted(files):
    """A phase may hold commas, quotes and line ends; lines are still counted right."""
    phase = 'a,"b"\nc'
    files.log({"loss": 1.0}, 1, phase=phase)
    files.log({"loss": 2.0}, 2, phase=phase)
    files.sink.flush()
    files.log({"other": 3.0}, 3)
    files.log({"other": 4.0}, 9)
    files.sink.write([event("resume", session=2, after=3)])
    files.sink.close()
    assert files.values() == [
        {"step": "1", "phase": phase, "loss": "1.0"},
        {"step": "2", "phase": phase, "loss": "2.0"},
        {"step": "3", "other": "3.0"},
    ]


def test_huge_integers_are_exact(files):
    """An integer beyond what a float holds is written digit by digit."""
    big = 2**64 + 1
    files.sink.write([event("bigint", key="tokens", value=str(big), step=4)])
    state = files.sink.flush()
    files.sink.close()
    files.sink.open(files.run, json.loads(json.dumps(state)))
    files.sink.close()
    assert files.values() == [{"step": "4", "tokens": str(big)}]


def test_formulas_are_disarmed_on_request(make_files, tmp_path):
    """With `spreadsheet=True` text that begins like a formula gets a quote, numbers do not."""
    names = ["=1+1", "+a", "-a", "@a", "\ta", "\ra", "＝1", "a=1"]  # noqa: RUF001
    for spreadsheet in (False, True):
        files = make_files(tmp_path / str(spreadsheet), spreadsheet=spreadsheet)
        files.log(dict.fromkeys(names, -1.0), -5, phase="=x")
        state = files.sink.flush()
        files.sink.close()
        files.sink.open(files.run, state)
        files.sink.close()
        quote = "'" if spreadsheet else ""
        expected = dict.fromkeys([*(quote + name for name in names[:-1]), names[-1]], "-1.0")
        assert files.values() == [{"step": "-5", "phase": f"{quote}=x", **expected}]


def random_records(seed):
    """A run that does everything: phases, epochs, repeats, new metrics, a resume."""
    records = []
    for seq in range(seed.randrange(5, 60)):
        step = seed.randrange(4) + seq // 4
        phase, epoch = seed.choice([None, None, "val", 'v"\n,']), seed.choice([None, None, 1.0])
        names = seed.sample(["loss", "lr", "x", "y", "duration_x", "step"], seed.randrange(1, 4))
        if seed.random() < 0.1:
            names.append(f"new{seq}")
        values = {f"{phase}/{n}" if phase else n: seed.random() for n in names}
        given = seed.random() < 0.7
        records.append(Row(1, seq, 1e9 + seq, seq / 8, step, given, epoch, phase, values))
    cut = seed.randrange(len(records))
    later = [record._replace(session=2) for record in records[cut:]]
    return [*records[:cut], event("resume", session=2, after=seed.randrange(12)), *later]


@pytest.mark.parametrize("number", range(30))
def test_crashes_leave_no_trace(make_files, number, tmp_path):
    """Killed and restarted at random places, the files are those of a run without a crash."""
    seed = random.Random(number)
    records = random_records(seed)
    calm, wild = make_files(tmp_path / "calm"), make_files(tmp_path / "wild")
    calm.sink.write(records)
    calm.sink.close()

    done, stored, state = 0, 0, None
    while done < len(records):
        count = seed.randrange(1, 9)
        wild.sink.write(records[done : done + count])
        done = min(done + count, len(records))
        wild.clock.now += seed.random()
        if seed.random() < 0.6:
            flushed = json.loads(json.dumps(wild.sink.flush(), allow_nan=False))
            if seed.random() < 0.8:  # else the follower dies before it can store the state
                stored, state = done, flushed
        if seed.random() < 0.3:
            wild.sink, done = wild.make(), stored  # the old one just stops
            try:
                wild.sink.open(wild.run, state)
            except SinkError:
                wild.sink.open(wild.run, None)
                done, stored, state = 0, 0, None
    wild.sink.close()
    assert wild.lines() == calm.lines()
    assert wild.lines("epochs") == calm.lines("epochs")
    assert not list(tmp_path.glob("*/csv/.*")), "a temporary file was left behind"


@needs_pandas
def test_pandas_finds_the_best_epoch(files):
    """The usual code: best validation loss and its epoch, improvement, mean and deviation."""
    import pandas as pd

    for epoch, (train, val) in enumerate([(2.0, 2.5), (1.0, 1.25), (0.5, 1.5)], start=1):
        files.log(
            {"train_loss_mean": train, "train_loss_std": 0.1, "val_loss": val, "accuracy": 0.5},
            epoch=float(epoch),
        )
    files.sink.flush()
    table = pd.read_csv(files.folder / "csv" / "run-1_epochs.csv")
    best = table.loc[table["val_loss"].idxmin()]
    assert (best["epoch"], best["val_loss"]) == (2, 1.25)
    first, last = table["train_loss_mean"].iloc[[0, -1]]
    assert (first - last) / first * 100 == 75.0
    low = table["train_loss_mean"] - table["train_loss_std"]
    assert low.tolist() == [1.9, 0.9, 0.4]
    assert table["epoch"].dtype == "int64"
    assert table["duration_s"].notna().all()


@needs_pandas
def test_pandas_reads_the_steps(files):
    """Steps by phase, with columns that came late and numbers that are none."""
    import pandas as pd

    for step in range(1, 11):
        files.log({"loss": 2.0**-step, "lr": 0.1}, step, phase="train")
        if step % 5 == 0:
            files.log({"loss": math.inf if step == 5 else 0.25, "acc": 0.5}, step, phase="val")
    files.sink.close()
    table = pd.read_csv(files.folder / "csv" / "run-1_steps.csv")
    train = table[table["phase"] == "train"]
    assert train["loss"].tolist() == [2.0**-step for step in range(1, 11)]
    assert table[table["phase"] == "val"]["loss"].tolist() == [math.inf, 0.25]
    assert table["acc"].count() == 2
    assert pd.to_datetime(table["time_utc"]).dt.tz is not None
    assert (table["step"].dtype, table["timestamp"].dtype) == ("int64", "float64")
