"""Series: every point, exact, in order, with the right clocks; resumes and forks."""

import logging
import os
import struct

import numpy as np
import pytest
from hypothesis import given, settings
from journals import STREAMS, JournalMaker, finished_run, make_run, play, rewrite
from recorded import THOROUGH, recorded

from epochal.core.errors import MetricNotFoundError
from epochal.journal import frames
from epochal.read.view import RunView
from epochal.store.seal import seal_run


def packed(number: float) -> bytes:
    """The bytes of a number as float64."""
    return struct.pack("<d", number)


@settings(max_examples=40 * THOROUGH, deadline=None)
@given(stream=STREAMS)
def test_series_agree_with_the_journal_reader(stream, tmp_path_factory):
    """Values, steps, epochs and both clocks are those of the records, live and sealed."""
    run_dir = make_run(tmp_path_factory.mktemp("run"))
    play(JournalMaker(run_dir), stream)
    rows = recorded(run_dir).rows
    for metric in {key for row in rows for key in row.values}:
        mine = [row for row in rows if metric in row.values]
        for _ in range(2):
            series = RunView(run_dir).series(metric)
            assert series.seq.tolist() == [row.seq for row in mine]
            assert series.values.tobytes() == b"".join(packed(r.values[metric]) for r in mine)
            assert series.times.tolist() == [row.time_s for row in mine]
            assert series.elapsed_s.tolist() == [row.elapsed_s for row in mine]
            expected = np.array([np.nan if r.epoch is None else r.epoch for r in mine])
            assert series.epochs.tobytes() == expected.tobytes()
            floats = any(type(row.step) is float for row in mine)
            steps = [float(row.step) if floats else row.step for row in mine]
            assert series.steps.tolist() == steps
            assert series.steps.dtype == (np.float64 if floats else np.int64)
            seal_run(run_dir)


def test_wall_time_follows_the_heartbeats(tmp_path):
    """A clock that was set right counts from its heartbeat on, also across segments."""
    run_dir = make_run(tmp_path)
    maker = JournalMaker(run_dir)
    maker.row({"a": 0.0}, 0)
    maker.heartbeat(wall_shift_ns=5_000_000_000)
    maker.row({"a": 1.0}, 1)
    maker.rotate()
    maker.row({"a": 2.0}, 2)
    maker.close()
    series = RunView(run_dir).series("a")
    assert np.diff(series.times) == pytest.approx([5.0, 0.0], abs=0.1)
    assert np.diff(series.elapsed_s) == pytest.approx([0.002, 0.001], abs=0.002)


def test_no_flipped_bit_gives_a_wrong_value(tmp_path):
    """One flipped bit in a segment loses points at most, and says so; what is read is right."""
    run_dir = make_run(tmp_path)
    maker = JournalMaker(run_dir)
    for step in range(40):
        maker.row({"a": float(step)} if step % 3 else {"a": float(step), "b": 0.5}, step)
        if step % 4 == 3:
            maker.frame()
    maker.close()
    (segment,) = frames.segments(maker.folder)
    path = os.path.join(maker.folder, segment.name)
    size = os.path.getsize(path)
    for at in range(0, size, max(1, size // (120 * THOROUGH))):
        rewrite(path, lambda data, at=at: data.__setitem__(at, data[at] ^ 1 << at % 8))
        view = RunView(run_dir)
        if "a" in view.metrics:
            series = view.series("a")
            assert series.values.tolist() == series.steps.tolist()
            sound = np.isnan(series.elapsed_s) | (series.elapsed_s < 1)
            assert sound.all()
            assert len(series) == 40 or view.damage
        else:
            assert view.damage
        rewrite(path, lambda data, at=at: data.__setitem__(at, data[at] ^ 1 << at % 8))
    assert RunView(run_dir).damage == []


def resumed(base, *hides) -> str:
    """A run of steps 0 to 9, and one session from k + 1 on for each k it was resumed at."""
    run_dir = finished_run(base, [({"a": float(step)}, step) for step in range(10)])
    for number, after in enumerate(hides, start=1):
        maker = JournalMaker(run_dir, hides_after=after)
        for step in range(after + 1, after + 3):
            maker.row({"a": 100.0 * number + step}, step)
        maker.close()
    return run_dir


@pytest.mark.parametrize("sealed", [False, True])
def test_a_resume_hides_the_tail(tmp_path, sealed):
    """What came after the step is hidden, kept, and left out of the summary."""
    run_dir = resumed(tmp_path, 5, 3)
    if sealed:
        seal_run(run_dir)
    view = RunView(run_dir)
    series = view.series("a")
    assert series.values.tolist() == [0, 1, 2, 3, 204, 205]
    assert series.sessions.tolist() == [1, 1, 1, 1, 3, 3]
    assert view.series("a", hidden=True).values.tolist() == [
        *range(10), 106, 107, 204, 205,
    ]  # fmt: skip
    summary = view.summary["a"]
    assert (summary.count, summary.max, summary.max_step, summary.last) == (6, 205, 5, 205)
    assert summary.mean == pytest.approx(series.values.mean())
    assert view.history("a")["a"].to_pylist() == series.values.tolist()


def test_ranks_that_resume_together_do_not_hide_each_other(tmp_path):
    """Each launch hides what all ranks of the earlier ones recorded, and none of its own."""
    run_dir = make_run(tmp_path)
    for ordinal, hides in ((1, None), (4, 2), (5, 2)):
        for rank in (2, 0, 1):
            maker = JournalMaker(run_dir, ordinal=ordinal, rank=rank, hides_after=hides)
            for step in range(0 if hides is None else 3, 5):
                maker.row({"a": 10.0 * ordinal + rank}, step)
            maker.close()
    for rank in range(3):
        series = RunView(run_dir).series("a", rank=rank)
        assert series.steps.tolist() == [0, 1, 2, 3, 4]
        assert series.sessions.tolist() == [1, 1, 1, 5, 5]
        assert series.values.tolist() == [10 + rank] * 3 + [50 + rank] * 2


def forked(base, parent: str, step: int) -> str:
    """A fork of a run at a step, with one point of its own."""
    about = {"run": RunView(parent).id, "dir": parent, "step": step}
    run_dir = make_run(base, "fork", fork=about)
    maker = JournalMaker(run_dir)
    maker.row({"a": -1.0}, step + 1)
    maker.close()
    return run_dir


def test_a_fork_begins_with_its_parents_history(tmp_path):
    """The parent's visible points up to the step come first, through several generations."""
    parent = resumed(tmp_path, 5)
    child = forked(tmp_path, parent, 6)
    grandchild = forked(tmp_path, child, 3)
    seal_run(parent)
    assert RunView(child).series("a").values.tolist() == [0, 1, 2, 3, 4, 5, 106, -1]
    view = RunView(grandchild)
    series = view.series("a", hidden=True)
    assert series.values.tolist() == [0, 1, 2, 3, -1]
    assert series.sessions.tolist()[-1] == 1
    assert max(series.sessions.tolist()[:-1]) <= 0
    assert view.summary["a"].count == 5
    assert view.missing_parent == ""


def test_a_moved_parent_is_found_by_its_id(tmp_path):
    """A parent whose folder of runs was moved is found beside the fork."""
    parent = finished_run(tmp_path / "old", [({"a": 1.0}, 0)])
    child = forked(tmp_path / "old", parent, 0)
    moved = tmp_path / "new"
    (tmp_path / "old").rename(moved)
    child = os.path.join(moved, os.path.relpath(child, tmp_path / "old"))
    assert RunView(child).series("a").values.tolist() == [1, -1]


def test_a_missing_parent_is_told(tmp_path, caplog):
    """Without its parent a fork has its own points, a warning and a flag."""
    parent = finished_run(tmp_path / "gone", [({"a": 1.0}, 0)])
    child = forked(tmp_path / "here", parent, 0)
    (tmp_path / "gone").rename(tmp_path / "away")
    with caplog.at_level(logging.WARNING, "epochal"):
        view = RunView(child)
        assert view.series("a").values.tolist() == [-1]
    assert view.missing_parent == parent
    assert "are missing" in caplog.text


def test_big_integers_are_exact(tmp_path):
    """Integers beyond 2**53 come out as they went in: int64, or Python integers if they must."""
    run_dir = make_run(tmp_path)
    maker = JournalMaker(run_dir)
    maker.row({"tokens": 7.0, "mixed": 0.5}, 0)
    maker.event("bigint", key="tokens", value=str(2**60 + 1), step=1)
    maker.event("bigint", key="mixed", value=str(2**200), step=1)
    maker.row({"tokens": 3.0}, 2)
    maker.close()
    for _ in range(2):
        view = RunView(run_dir)
        tokens, mixed = view.series("tokens"), view.series("mixed")
        assert tokens.values.dtype == np.int64
        assert tokens.values.tolist() == [7, 2**60 + 1, 3]
        assert tokens.steps.tolist() == [0, 1, 2]
        assert mixed.values.tolist() == [0.5, 2**200]
        assert view.summary["tokens"].max == 2**60 + 1
        assert view.summary["tokens"].last == 3
        assert view.summary["mixed"].max == 2**200
        seal_run(run_dir)


def test_an_unknown_metric(tmp_path):
    """The message names the run, the metric and the nearest name."""
    view = RunView(finished_run(tmp_path, [({"val/loss": 1.0}, 0)]))
    with pytest.raises(MetricNotFoundError, match="did you mean 'val/loss'"):
        view.series("val/los")


def test_to_pandas(tmp_path):
    """A DataFrame has a column for each array."""
    frame = RunView(finished_run(tmp_path, [({"a": 1.5}, 3)])).series("a").to_pandas()
    assert frame["step"].tolist() == [3]
    assert frame["value"].tolist() == [1.5]
    assert len(frame.columns) == 7
