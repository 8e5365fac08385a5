"""Histories: rows that were logged together stay together, and nothing is made up."""

import decimal
import math

import pyarrow as pa
import pytest
from journals import JournalMaker, finished_run, make_run

from epochal.core.errors import MetricNotFoundError
from epochal.read.view import RunView
from epochal.store.seal import seal_run


def history(base, record, *metrics, **options) -> dict:
    """The history of a run that `record` records, live and sealed, as lists."""
    run_dir = make_run(base)
    maker = JournalMaker(run_dir)
    record(maker)
    maker.close()
    live = RunView(run_dir).history(*metrics, **options)
    seal_run(run_dir)
    sealed = RunView(run_dir).history(*metrics, **options)
    assert sealed.schema == live.schema
    assert repr(sealed.to_pydict()) == repr(live.to_pydict())  # NaN equals NaN, -0.0 is not 0.0
    return live.to_pydict()


def test_neighbors_of_equal_step_are_one_row(tmp_path):
    """Two calls at one step make one row; a metric that comes twice begins a new one."""

    def record(maker):
        maker.row({"a": 1.0}, 0)
        maker.row({"b": 2.0}, 0)
        maker.row({"a": 3.0}, 1)
        maker.row({"a": 4.0, "b": 5.0}, 1)
        maker.row({"b": 6.0}, 0)

    assert history(tmp_path, record, "a", "b") == {
        "step": [0, 1, 1, 0], "a": [1, 3, 4, None], "b": [2, None, 5, 6],
    }  # fmt: skip


def test_absent_is_null_and_nan_is_nan(tmp_path):
    """A value that was not logged differs from NaN."""

    def record(maker):
        maker.row({"a": math.nan}, 0)
        maker.row({"b": -0.0}, 1)

    found = history(tmp_path, record, "a", "b")
    assert math.isnan(found["a"][0])
    assert found["a"][1] is None
    assert math.copysign(1, found["b"][1]) == -1


def test_other_axes(tmp_path):
    """Epochs, clocks and metrics as x; null where there is none."""

    def record(maker):
        maker.row({"loss": 1.0, "tokens": 10.0}, 0)
        maker.row({"loss": 2.0}, 1, epoch=0.5)

    run_dir = make_run(tmp_path)
    maker = JournalMaker(run_dir)
    record(maker)
    maker.close()
    view = RunView(run_dir)
    assert view.history("loss", x="epoch")["epoch"].to_pylist() == [None, 0.5]
    assert view.history("loss", x="tokens").to_pydict() == {"tokens": [10, None], "loss": [1, 2]}
    series = view.series("loss")
    assert view.history("loss", x="elapsed")["elapsed"].to_pylist() == series.elapsed_s.tolist()
    assert view.history("loss", x="time")["time"].to_pylist() == series.times.tolist()
    assert view.history().column_names == ["step", "loss", "tokens"]
    with pytest.raises(MetricNotFoundError):
        view.history("loss", x="token")


def test_sessions_are_not_merged(tmp_path):
    """What two processes record at the same step stays two rows."""
    run_dir = make_run(tmp_path)
    for role in ("train", "fork"):
        maker = JournalMaker(run_dir, role=role)
        maker.row({role: 1.0}, 0)
        maker.close()
    assert RunView(run_dir).history().num_rows == 2


def test_a_metric_named_like_the_axis(tmp_path):
    """A metric called step gets a column of its own."""
    table = RunView(finished_run(tmp_path, [({"step": 9.0}, 4)])).history("step")
    assert table.to_pydict() == {"step": [4], "step_": [9.0]}


def test_big_integers_keep_their_digits(tmp_path):
    """Columns are int64, decimal or text, whichever is needed."""

    def record(maker):
        maker.event("bigint", key="fits", value=str(2**60), step=0)
        maker.row({"fits": 1.0, "huge": 2.0, "mixed": 0.5}, 0)
        maker.event("bigint", key="huge", value=str(2**100), step=1)
        maker.event("bigint", key="mixed", value=str(2**100), step=1)

    run_dir = make_run(tmp_path)
    maker = JournalMaker(run_dir)
    record(maker)
    maker.close()
    table = RunView(run_dir).history("fits", "huge", "mixed")
    assert table.schema.field("fits").type == pa.int64()
    assert table["fits"].to_pylist() == [2**60, 1, None]
    assert table["huge"].to_pylist() == [None, 2, decimal.Decimal(2**100)]
    assert table["mixed"].to_pylist() == [None, "0.5", str(2**100)]


def test_every_point_is_there(tmp_path):
    """Many calls without a new step, of alternating key sets, all come out."""

    def record(maker):
        for i in range(300):
            maker.row({"a": float(i)} if i % 3 else {"b": float(i), "c": 1.0}, 7, given=False)

    found = history(tmp_path, record)
    assert [v for v in found["a"] if v is not None] == [float(i) for i in range(300) if i % 3]
    assert [v for v in found["b"] if v is not None] == [float(i) for i in range(0, 300, 3)]
