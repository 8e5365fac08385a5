"""Names, times and places of the sink `mlflow`: pure functions, no MLflow needed."""

import itertools
import json
import math
import os

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from epochal.core.errors import SettingError
from epochal.sinks.mlflow import place
from epochal.sinks.mlflow.names import MAX_NAME_CHARS, from_mlflow, to_mlflow, to_path
from epochal.sinks.mlflow.points import LARGEST, MAX_REQUEST_BYTES, Session, requests, whole
from epochal.testing.sink_suite import ODD_NAMES

TRICKY = st.text(alphabet="_u02c5f/.,x ", min_size=1, max_size=24)
NAMES = st.one_of(TRICKY, st.text(st.characters(codec="utf-8"), min_size=1, max_size=60))


@pytest.fixture(scope="module")
def taken_by_mlflow(mlflow_template):  # noqa: ARG001 - MLflow is imported then
    """MLflow's own opinion of a name: raises if it does not take it."""
    from mlflow.utils import validation

    def check(name):
        validation._validate_metric_name(name)
        validation._validate_length_limit("name", 250, name)

    return check


@given(name=NAMES)
@example(name="a//b")
@example(name="x/.")
@example(name="line\n")
@example(name="_u002c_")
@example(name="_" + "u002c_,")
def test_names_are_taken_and_come_back(taken_by_mlflow, name):
    """Any text becomes a name that MLflow takes, and reads back unless it was cut."""
    there = to_mlflow(name)
    taken_by_mlflow(there)
    if len(there) < MAX_NAME_CHARS:
        assert from_mlflow(there) == name


def test_names_of_the_suite_stay_different():
    """No two odd names meet in MLflow, nor do two that are cut."""
    translated = [to_mlflow(name) for name in ODD_NAMES if len(name) < MAX_NAME_CHARS]
    names = [*ODD_NAMES, *translated, "x" * 511 + "a", "x" * 511 + "b"]
    assert len({*map(to_mlflow, names)}) == len({*names})


@pytest.mark.parametrize("name", ["val/loss", "größe", "损失", "a b", "lr-group.0:1", "a_ux"])
def test_names_that_mlflow_takes_stay(name):
    """Translation is for others only."""
    assert to_mlflow(name) == name


@given(NAMES)
def test_paths_stay_inside(name):
    """A key as a path has no part that leads elsewhere, and none that is too long for a file."""
    parts = to_path(name).split("/")
    assert os.path.normpath("/".join(parts)) == "/".join(parts)
    assert not {"", ".", ".."} & set(parts)
    assert all(len(part.encode()) <= 150 for part in parts)


POINTS = st.lists(
    st.tuples(
        st.sampled_from(["a", "b"]),
        st.sampled_from([0.0, 0.0004, 0.001, 0.0011, 5.0]),
        st.integers(-1, 2),
        st.sampled_from([0.0, -0.0, 1.0, math.nan, math.inf, LARGEST]),
    ),
    max_size=40,
)


@given(POINTS, st.integers(0, 40))
def test_times_tell_points_apart_and_keep_their_order(points, at):
    """What MLflow orders by rises with every point, also when it goes on from a stored state."""
    session = Session()
    times = [session.time_ms(*point) for point in points[:at]]
    stored = json.loads(json.dumps(session.state()))
    later = [session.time_ms(*point) for point in points[at:]]
    again = Session(stored)
    assert [again.time_ms(*point) for point in points[at:]] == later
    for name in "ab":
        found = [
            (time_ms, step, 0.0 if math.isnan(value) else min(value, LARGEST))
            for time_ms, (key, _, step, value) in zip([*times, *later], points, strict=True)
            if key == name
        ]
        assert all(one < two for one, two in itertools.pairwise(found))


def test_times_are_those_of_the_clock():
    """Rows with new steps have the time of the record, to the millisecond, however fast."""
    session = Session()
    for n in range(50):
        time_s = 1.0 + n / 10_000
        assert abs(session.time_ms("a", time_s, n, 0.5) - 1000 * time_s) <= 0.501


@pytest.mark.parametrize(
    ("step", "expected"),
    [(3, 3), (3.9, 3), (-0.5, -1), (2**63, 2**63 - 1), (-1e300, -(2**63)), (math.nan, 0),
     (math.inf, 2**63 - 1), (2**53 + 1, 2**53 + 1)],
)  # fmt: skip
def test_steps_are_whole(step, expected):
    """Steps are cut to whole numbers of 64 bits."""
    assert whole(step) == expected


@given(st.lists(st.integers(1, MAX_REQUEST_BYTES + 5), max_size=30), st.integers(1, 7))
def test_requests_have_their_limits(sizes, most):
    """Everything is sent, in order; only what is too large alone is more than fits."""
    batches = list(requests(sizes, most, lambda size: size))
    assert [size for batch in batches for size in batch] == sizes
    for batch in batches:
        assert 0 < len(batch) <= most
        assert len(batch) == 1 or sum(batch) <= MAX_REQUEST_BYTES


@pytest.fixture
def run_dir(tmp_path, monkeypatch):
    """A run's folder in a folder of runs, and a current folder elsewhere."""
    path = tmp_path / "runs" / "p" / "run"
    path.mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    return str(path)


def test_the_store_is_beside_the_runs(run_dir, tmp_path):
    """Nothing asked: one database for all runs, which moves with their folder."""
    assert place.resolve(run_dir, None) == f"sqlite:///{tmp_path}/runs/mlflow.db"
    place.write_note(run_dir, None, place.resolve(run_dir, None), run_id="r")
    (tmp_path / "runs").rename(tmp_path / "moved")
    moved = run_dir.replace("/runs/", "/moved/")
    assert place.resolve(moved, None) == f"sqlite:///{tmp_path}/moved/mlflow.db"


def test_a_run_stays_where_it_is(run_dir, monkeypatch, tmp_path):
    """The environment decides until the run is there; a relative path means one place for good."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://wrong:1")
    place.write_note(run_dir, None, place.resolve(run_dir, None))
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "sqlite:///here.db")
    assert place.resolve(run_dir, None) == f"sqlite:///{tmp_path}/here.db"
    place.write_note(run_dir, None, place.resolve(run_dir, None), run_id="r")
    monkeypatch.chdir("/")
    assert place.resolve(run_dir, None) == f"sqlite:///{tmp_path}/here.db"
    monkeypatch.delenv("MLFLOW_TRACKING_URI")
    assert place.resolve(run_dir, None) == f"sqlite:///{tmp_path}/here.db"


def test_a_server_that_never_answered_is_remembered(run_dir, monkeypatch):
    """`epochal sync` in another shell finds it, though the variable is not set there."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://host:5000/")
    place.write_note(run_dir, None, place.resolve(run_dir, None))
    monkeypatch.delenv("MLFLOW_TRACKING_URI")
    assert place.resolve(run_dir, None) == "http://host:5000"


def test_an_option_goes_before_everything(run_dir, monkeypatch, tmp_path):
    """Another option moves the run; the same relative one is the same place in any folder."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://host:5000")
    place.write_note(run_dir, None, place.resolve(run_dir, None), run_id="r")
    assert place.resolve(run_dir, "sqlite:///own.db") == f"sqlite:///{tmp_path}/own.db"
    place.write_note(run_dir, "sqlite:///own.db", place.resolve(run_dir, "sqlite:///own.db"))
    monkeypatch.chdir("/")
    assert place.resolve(run_dir, "sqlite:///own.db") == f"sqlite:///{tmp_path}/own.db"


def test_passwords_are_used_and_never_stored(run_dir, monkeypatch):
    """The note has none; whoever knows the password may give it in the option or the variable."""
    full = "postgresql://me:hunter2@host/db"
    uri = place.resolve(run_dir, full)
    assert uri == full
    place.write_note(run_dir, full, uri, run_id="r")
    with open(os.path.join(run_dir, place.NOTE), encoding="ascii") as file:
        text = file.read()
    assert "hunter2" not in text
    assert place.resolve(run_dir, full) == full
    redacted = place.shown(full)  # as run.json has it
    assert place.resolve(run_dir, redacted) == redacted
    monkeypatch.setenv("MLFLOW_TRACKING_URI", full)
    assert place.resolve(run_dir, redacted) == full


@pytest.mark.parametrize("uri", ["mlruns", "./mlruns", "file:///a/mlruns", "C:\\mlruns"])
def test_file_stores_are_refused(run_dir, monkeypatch, uri):
    """Also from the environment, with the remedy."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    with pytest.raises(SettingError, match="sqlite:///"):
        place.resolve(run_dir, None)
