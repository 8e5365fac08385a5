"""A run of several ranks: rank 0 is what is shown, the others are there when they are asked for."""

import math
import os

import numpy as np
import pytest
from journals import JournalMaker, make_run

import epochal
from epochal.core.errors import MetricNotFoundError, NotFoundError
from epochal.core.records import Event, Row
from epochal.follow.follower import Follower
from epochal.journal.frames import segments
from epochal.journal.session import rank_of
from epochal.read.ranks import RankSeries, shown
from epochal.read.view import RunView
from epochal.store.seal import seal_run
from epochal.store.verify import behind, verify_run
from epochal.testing import MemorySink

RANKS = 4


def record(run_dir, rank, *, steps=range(5), factor=1.0, **session):
    """Records one rank's part."""
    maker = JournalMaker(run_dir, rank=rank, **({"ordinal": 1} | session))
    maker.event("tag", tags=[f"rank{rank}"])
    maker.event("summary", values={"rank": rank})
    maker.event("text", key="said", text=f"by {rank}", step=0)
    maker.event("console", stream="stdout", text=f"printed by {rank}")
    for step in steps:
        maker.row({"loss": 10.0 * rank + step, "step_s": factor * (1 + 0.01 * rank)}, step)
    if rank == 2:
        maker.event("alert", title="hot", text="", level="warn")
        maker.row({"only/two": 7.0}, steps[-1])
    maker.close()


@pytest.fixture(params=["journal", "sealed"])
def run_dir(request, tmp_path):
    """A run of four ranks that were written in any order; rank 3 is slow and began late."""
    run_dir = make_run(tmp_path / "runs", sinks=["memory"], tags=["given"])
    for rank in (2, 0, 1):
        record(run_dir, rank)
    record(run_dir, 3, steps=range(2, 6), factor=2.0)
    if request.param == "sealed":
        seal_run(run_dir)
    return run_dir


def test_what_is_shown_is_of_rank_zero(run_dir):
    """Points, statistics, texts, console, summary and tags: nothing of the other ranks."""
    view = RunView(run_dir)
    assert view.ranks == [0, 1, 2, 3]
    assert view.series("loss").values.tolist() == [0, 1, 2, 3, 4]
    assert view.history("loss")["loss"].to_pylist() == [0, 1, 2, 3, 4]
    assert (view.summary["loss"].count, view.summary["loss"].max, view.steps) == (5, 4, 4)
    assert sorted(view.metrics) == ["loss", "step_s"]
    assert (view.tags, view.summary["rank"]) == (["given", "rank0"], 0)
    assert [text.text for text in view.texts("said")] == ["by 0"]
    assert [line.text for line in view.console()] == ["printed by 0"]
    records = [record for batch in view.follow(timeout=0) for record in batch]
    assert [r.values["loss"] for r in records if isinstance(r, Row)] == [0, 1, 2, 3, 4]


def test_what_must_be_seen_is_of_all_ranks(run_dir):
    """An alert of any rank is shown with its rank; so are all sessions, by rank."""
    view = RunView(run_dir)
    assert [(alert["title"], alert["rank"]) for alert in view.alerts] == [("hot", 2)]
    assert [(each.ordinal, each.rank) for each in view.sessions] == [(1, n) for n in range(4)]


def test_show_groups_the_sessions_of_ranks(run_dir):
    """Ranks of a launch that are in the same state share a line, another one has its own."""
    from click.testing import CliRunner

    from epochal.cli import main

    record(run_dir, 0, ordinal=2, hides_after=4)
    table = CliRunner().invoke(main, ["show", run_dir]).stdout.split("Sessions\n")[1].splitlines()
    assert table.index("") == 3
    assert table[1].split()[:2] == ["1", "train"]
    assert "4 processes" in table[1]
    assert table[1].rstrip().endswith("0 to 3")
    assert table[2].split()[:2] == ["2", "train"]
    assert table[2].split()[-2:] == ["0", "4"]


def test_another_rank(run_dir):
    """The run as another rank recorded it; what is said of the run stays that of rank 0."""
    view = RunView(run_dir).of_rank(2)
    assert view.series("loss").values.tolist() == [20, 21, 22, 23, 24]
    assert view.summary["only/two"].last == 7
    assert (view.tags, view.summary["rank"]) == (["given", "rank0"], 2)
    assert [text.text for text in view.texts("said")] == ["by 2"]
    assert [line.text for line in view.console()] == ["printed by 2"]
    assert view.refresh().series("loss").values[0] == 20
    assert RunView(run_dir).series("loss", rank=3).steps.tolist() == [2, 3, 4, 5]
    assert RunView(run_dir).series("loss", rank=0).values[0] == 0
    with pytest.raises(NotFoundError, match="ranks 0 to 3 wrote"):
        RunView(run_dir).series("loss", rank=7)
    with pytest.raises(MetricNotFoundError, match="only/two"):
        RunView(run_dir).series("only/two", rank=1)


def test_over_ranks(run_dir):
    """All ranks by step, missing values as NaN, and statistics over the ranks that are there."""
    found = RunView(run_dir).over_ranks("loss")
    assert (found.metric, found.ranks.tolist()) == ("loss", [0, 1, 2, 3])
    assert found.steps.tolist() == [0, 1, 2, 3, 4, 5]
    expected = np.array([[10.0 * rank + step for step in range(6)] for rank in range(RANKS)])
    expected[:3, 5] = expected[3, :2] = np.nan
    np.testing.assert_array_equal(found.values, expected)
    assert found.count.tolist() == [3, 3, 4, 4, 4, 1]
    np.testing.assert_allclose(found.mean, np.nanmean(expected, axis=0))
    np.testing.assert_allclose(found.std[:5], np.nanstd(expected[:, :5], axis=0, ddof=1))
    assert math.isnan(found.std[5])
    np.testing.assert_array_equal(found.min, np.nanmin(expected, axis=0))
    np.testing.assert_array_equal(found.max, np.nanmax(expected, axis=0))
    assert found.slowest.tolist() == [2, 2, 3, 3, 3, 3]
    assert RunView(run_dir).over_ranks("only/two").ranks.tolist() == [2]
    with pytest.raises(MetricNotFoundError, match="did you mean"):
        RunView(run_dir).over_ranks("los")


def test_stragglers(run_dir):
    """A rank that takes longer than the median is named; more than was asked for is not."""
    found = RunView(run_dir).over_ranks("step_s")
    (straggler,) = found.stragglers()
    assert (straggler.rank, straggler.share) == (3, 1.0)
    assert straggler.ratio == pytest.approx(2 * 1.03 / 1.015)
    assert found.stragglers(factor=2.5) == []
    assert [each.rank for each in found.stragglers(factor=1.0)] == [3, 2]


def test_a_rank_that_is_rarely_slow():
    """One slow step of ten counts, with its share."""
    values = np.ones((8, 10))
    values[5, 3] = 11.0
    found = RankSeries("s", np.arange(8), np.arange(10), values).stragglers()
    assert [tuple(each) for each in found] == [(5, 0.1, 2.0)]


def test_nothing_to_compare():
    """One rank, no rank, and values that are not finite give no error."""
    one = RankSeries("s", np.array([0]), np.arange(2), np.array([[1.0, np.nan]]))
    assert (one.stragglers(), one.slowest.tolist()) == ([], [0, -1])
    assert np.isnan(one.std).all()
    assert np.isnan(one.mean[1])
    none = RankSeries("s", np.empty(0, int), np.empty(0, int), np.empty((0, 0)))
    assert (none.stragglers(), len(none.mean), len(none.max)) == ([], 0, 0)
    wild = RankSeries("s", np.arange(2), np.arange(1), np.array([[np.inf], [1.0]]))
    assert (wild.max.tolist(), wild.slowest.tolist()) == ([math.inf], [0])


def test_the_last_value_of_a_step_counts(tmp_path):
    """A step that a rank recorded twice has its last value; float steps are kept."""
    run_dir = make_run(tmp_path)
    for rank in (0, 1):
        maker = JournalMaker(run_dir, ordinal=1, rank=rank)
        for step, value in ((1, 1.0), (1, 2.0), (1.5, 3.0)):
            maker.row({"a": value + rank}, step)
        maker.close()
    found = RunView(run_dir).over_ranks("a")
    assert found.steps.tolist() == [1.0, 1.5]
    assert found.values.tolist() == [[2, 3], [3, 4]]


def test_a_resume_hides_the_tail_of_every_rank(run_dir):
    """What all ranks recorded after the step is hidden; what the new ranks record is not."""
    for rank in (1, 3, 0):
        record(run_dir, rank, steps=range(3, 5), ordinal=9, hides_after=2, factor=0.0)
    view = RunView(run_dir)
    assert view.series("step_s").values.tolist() == [1, 1, 1, 0, 0]
    found = view.over_ranks("step_s")
    assert found.steps.tolist() == [0, 1, 2, 3, 4]
    assert found.values[:, 3:].tolist()[0] == [0, 0]
    assert np.isnan(found.values[2, 3:]).all()  # rank 2 did not come back
    assert len(view.series("step_s", hidden=True)) == 7


def test_a_fork_takes_over_all_ranks(run_dir, tmp_path):
    """What a fork inherits is that of every rank."""
    about = {"run": RunView(run_dir).id, "dir": run_dir, "step": 2}
    fork = make_run(tmp_path / "runs", fork=about)
    record(fork, 0, steps=range(3, 4))
    view = RunView(fork)
    assert view.series("loss").values.tolist() == [0, 1, 2, 3]
    assert view.over_ranks("loss").values[1].tolist()[:3] == [10, 11, 12]


def test_sql(run_dir, tmp_path):
    """Points are those of rank 0; rank_points and events are those of all, with the rank."""
    project = epochal.open(tmp_path / "runs")

    def rows(text):
        return list(zip(*project.sql(text).to_pydict().values(), strict=True))

    assert rows("select count(*) from points where metric = 'loss'") == [(5,)]
    text = "select rank, sum(value) from rank_points where metric = 'loss' group by 1 order by 1"
    assert rows(text) == [(0, 10), (1, 60), (2, 110), (3, 134)]
    text = "select a.rank from rank_points a join points b using (metric, step) where a.value = 11"
    assert rows(text) == [(1,)]
    assert rows("select rank from events where kind = 'tag' order by 1") == [(n,) for n in range(4)]
    assert project.runs('summary["loss"].max < 5')[0].dir == run_dir


def test_mirrors_show_rank_zero(run_dir):
    """A mirror gets rank 0's records only, and is not behind because of the others."""
    sink = MemorySink()
    assert behind(run_dir).keys() == {"memory"}
    assert Follower(run_dir, sink).finish(float("inf"))
    points = [point for point in sink.points() if point[1] == "loss"]
    assert points == [(step, "loss", float(step)) for step in range(5)]
    events = [record for record in sink.records if isinstance(record, Event)]
    assert [event.data["tags"] for event in events if event.kind == "tag"] == [["rank0"]]
    assert (behind(run_dir), verify_run(run_dir).ok) == ({}, True)


def test_other_ranks_are_sealed_without_mirrors(tmp_path):
    """Sealed files of other ranks replace their journal at once: no mirror will ever read them."""
    run_dir = make_run(tmp_path, sinks=["memory"])
    for rank in range(2):
        record(run_dir, rank)
    done = seal_run(run_dir)
    assert (done.segments, done.deleted) == (2, 1)
    journal = os.path.join(run_dir, "journal")
    assert [rank_of(journal, segment) for segment in segments(journal)] == [0]
    found = RunView(run_dir).over_ranks("loss").values
    assert found.tolist() == [[0, 1, 2, 3, 4], [10, 11, 12, 13, 14]]


def test_ranks_for_people():
    """Neighbors are joined, however many there are."""
    assert [shown(ranks) for ranks in ([0], [0, 1], [0, 2, 3, 4, 9])] == [
        "rank 0", "ranks 0 and 1", "ranks 0, 2 to 4 and 9",
    ]  # fmt: skip
