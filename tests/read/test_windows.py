"""Windows show what a plain loop over every point shows, however the points are stored."""

import math
import threading
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from journals import JournalMaker, finished_run, make_run, rewrite
from plain_windows import PlainWindow
from recorded import THOROUGH

from epochal.core.errors import SettingError
from epochal.read import buckets, windows
from epochal.read.grids import Uniform
from epochal.read.view import RunView
from epochal.read.windows import Window, Windows
from epochal.store import level_files, levels, parquet, seal
from epochal.store.seal import seal_run

NUMBERS = st.floats(-10, 10) | st.sampled_from([math.nan, math.inf, -math.inf, 0.0, 1e9, -1e9])
FAR = st.floats(-1e200, 1e200)
KEYS = st.sampled_from([("a",)] * 4 + [("a", "b"), ("b", "a"), ("b",), ("a", "c"), ("c", "b")])
STEPS = st.one_of(
    st.tuples(st.just("by"), st.sampled_from([1, 1, 1, 2, 7, -3, 0])),
    st.tuples(st.just("in"), st.integers(0, 30)),
    st.tuples(st.just("float"), st.floats(-5, 5)),
    st.tuples(st.just("far"), FAR | st.integers(-(2**62), 2**62)),
)
RECORDS = st.lists(
    st.fixed_dictionaries(
        {"keys": KEYS, "values": st.tuples(NUMBERS, NUMBERS), "epoch": st.none() | NUMBERS,
         "do": st.sampled_from(["row"] * 12 + ["long", "big", "beat", "frame", "rotate"]),
         "repeat": st.sampled_from([1, 1, 2, 9])}
    ),
    max_size=30,
)  # fmt: skip
SESSIONS = st.lists(
    st.tuples(STEPS, RECORDS, st.booleans(), st.integers(0, 25)), min_size=1, max_size=3
)
ASKED = st.fixed_dictionaries(
    {"x": st.sampled_from(["step", "step", "elapsed", "time", "epoch", "b", "a"]),
     "from": st.none() | st.floats(-0.2, 1.1), "to": st.none() | st.floats(-0.1, 1.2),
     "width": st.integers(2, 12), "lead": st.sampled_from([0.0, 0.3, 2.0])}
)  # fmt: skip


def record(run_dir: str, sessions) -> None:
    """Records sessions; each but the first resumes at a step if it says so."""
    for number, ((kind, first), records, ends, after) in enumerate(sessions):
        hides = {"hides_after": after} if number and after < 20 else {}
        maker = JournalMaker(run_dir, claims={"host": "elsewhere"}, **hides)
        step: float = first if kind in ("float", "far") else 0
        for at, each in enumerate(records):
            for turn in range(each["repeat"]):
                if kind == "by":
                    step += first
                elif kind == "in":
                    step = (at * 7 + turn * first) % 31
                elif kind == "float":
                    step = step * 0.9 + turn + 0.1
                write(maker, each, step)
        maker.frame()
        if ends or number < len(sessions) - 1:
            maker.close()


def write(maker: JournalMaker, each: dict, step: float) -> None:
    """Records one thing."""
    if each["do"] == "big":
        maker.event("bigint", key="a", value=str(2**60 + maker.seq), step=step)
    elif each["do"] == "beat":
        maker.heartbeat(wall_shift_ns=maker.seq % 3 * 10**9)
    elif each["do"] in ("frame", "rotate") and maker.began:
        getattr(maker, each["do"])()
    else:
        values = (
            dict(zip(each["keys"], each["values"], strict=True))
            if len(each["keys"]) == 2
            else {each["keys"][0]: each["values"][0]}
        )
        maker.row(values, step, epoch=each["epoch"], long=each["do"] == "long")


def asked(views, metric: str, wanted: dict) -> dict:
    """The arguments of a reading; places are told in parts of what there is."""
    plain = PlainWindow(views, metric, wanted["x"], None, None, 5, 0.0, 16)
    low, high = plain.extent or (0.0, 1.0)
    low, high = max(low, -1e200), min(high, 1e200)
    span = high - low or 1.0
    ends = [None if each is None else low + each * span for each in (wanted["from"], wanted["to"])]
    if None not in ends:
        ends.sort()
    return {"x": wanted["x"], "start": ends[0], "stop": ends[1], "width": wanted["width"],
            "lead": wanted["lead"] * span}  # fmt: skip


def check(window: Window, views, arguments: dict, *, strict: bool) -> None:
    """Compare a window with the plain one.

    Not strict: blocks of several rows may have been shared out to two buckets.
    """
    plain = PlainWindow(views, window.metric, repeated=windows.REPEATED, **arguments)
    lead = 0 if plain.lead is None else plain.lead.n
    assert window.extent == plain.extent
    assert (window.exact, window.lead) == (plain.exact, lead)
    assert window.grid[lead:].tolist() == plain.grid
    assert window.problems == {}
    lanes = {lane.run: lane for lane in window.lanes}
    for run in plain.runs:
        before, places = plain.lead_places(run), plain.places(run)
        if run not in lanes:
            shown = places or any(place.finite for place in before.values())
            assert not (strict and shown)
            continue
        together = before | {at + lead: place for at, place in places.items()}
        if strict or (plain.exact and not lead):
            same(lanes[run], together, places, window)
        else:
            close(lanes[run], together, len(window.grid))
    assert window.points == sum(lane.points for lane in window.lanes)
    assert lanes.keys() <= plain.runs.keys()


def check_beside(window: Window, without: Window, views, arguments: dict) -> None:
    """Compare a window that has the points beside it with the one that has not."""
    plain = PlainWindow(views, window.metric, repeated=windows.REPEATED, **arguments)
    if not (plain.exact and plain.runs):
        assert window.grid.tolist() == without.grid.tolist()
        return
    expected = {run: plain.beside(run) for run in plain.runs}
    every = {x for found in expected.values() for x in found}
    assert window.grid[window.lead :].tolist() == sorted(every | set(plain.grid))
    inside = {lane.run: lane for lane in without.lanes}
    for lane in window.lanes:
        told = (lane.points, lane.marks, lane.marks_total)
        if lane.run in inside:
            mine = inside[lane.run]
            assert told == (mine.points, mine.marks, mine.marks_total)
        else:
            assert told == (0, [], 0)
        for x, values in expected[lane.run].items():
            finite = [value for value in values if math.isfinite(value)]
            at = window.lead + window.grid[window.lead :].tolist().index(x)
            assert lane.count[at] == len(finite)
            if finite:
                assert (lane.low[at], lane.high[at]) == (min(finite), max(finite))


def same(lane, together, places, window) -> None:
    """Every place has exactly what the plain one has."""
    assert lane.points == sum(len(p.finite) + p.bad.total() for p in places.values())
    bad = {(float(window.grid[at + window.lead]), kind, n)
           for at, place in places.items() for kind, n in place.bad.items()}  # fmt: skip
    assert set(lane.marks) == bad
    assert lane.marks_total == sum(n for *_, n in bad)
    for at in range(len(window.grid)):
        finite = together[at].finite if at in together else []
        assert lane.count[at] == len(finite)
        if not finite:
            assert np.isnan([lane.mean[at], lane.low[at], lane.high[at]]).all()
            continue
        assert (lane.low[at], lane.high[at]) == (min(finite), max(finite))
        mean = math.fsum(finite) / len(finite)
        assert lane.mean[at] == pytest.approx(mean, rel=1e-9, abs=1e-9 * max(map(abs, finite)))


def close(lane, together, n: int) -> None:
    """No point is beyond the extremes around it, and no extreme is invented."""
    for at, place in together.items():
        around = slice(at - 1, at + 2)
        if place.finite and 0 < at < n - 1:  # at the ends the other bucket may lie outside
            low, high = np.nanmin(lane.low[around]), np.nanmax(lane.high[around])
            assert all(low <= value <= high for value in place.finite)
    for at in range(n):
        if np.isnan(lane.low[at]):
            continue
        around = range(at - 1, at + 2)
        seen = [v for i in around if i in together for v in together[i].finite]
        assert lane.low[at] <= lane.mean[at] <= lane.high[at]
        assert 0 < at < n - 1 or not seen or min(seen) <= lane.high[at]
        if 0 < at < n - 1:
            for end in (lane.low[at], lane.high[at]):
                assert end in seen or end == lane.mean[at]


def shrink(patch: pytest.MonkeyPatch, block: int, group: int, tables: int, repeated: int) -> None:
    """Sets sizes so that a few rows are many blocks, row groups and tables."""
    patch.setattr(levels, "BLOCK", block)
    patch.setattr(level_files, "MIN_ROWS", 1)
    patch.setattr(parquet, "ROW_GROUP_ROWS", group)
    patch.setattr(seal, "MAX_TABLES", tables)
    patch.setattr(windows, "REPEATED", repeated)


def lose_levels(run_dir: str) -> None:
    """Removes one level of a run after the other, or damages it."""
    for number, path in enumerate(sorted(Path(run_dir, "sealed").glob("*.levels"))):
        size = path.stat().st_size
        if number % 2:
            path.unlink()
        else:  # its header, a column
            for at in (50, size * 9 // 10) if number % 4 else (size * 9 // 10,):
                rewrite(str(path), lambda data, at=at: data.__setitem__(at, data[at] ^ 1))


@settings(max_examples=80 * THOROUGH, deadline=None)
@given(
    runs=st.lists(SESSIONS, min_size=1, max_size=2), wanted=st.lists(ASKED, min_size=1, max_size=3),
    sizes=st.tuples(
        st.integers(1, 5), st.integers(1, 9), st.integers(1, 3), st.sampled_from([0, 1, 16])
    ),
)  # fmt: skip
def test_windows_are_what_a_plain_loop_finds(runs, wanted, sizes, tmp_path_factory):
    """Live, sealed with and without levels: windows of any runs are those of their points."""
    with pytest.MonkeyPatch.context() as patch:
        shrink(patch, *sizes)
        base = tmp_path_factory.mktemp("runs")
        run_dirs = [make_run(base, f"run{i}") for i in range(len(runs))]
        for run_dir, sessions in zip(run_dirs, runs, strict=True):
            record(run_dir, sessions)
        for change in (None, seal_run, lose_levels):
            for run_dir in run_dirs if change else ():
                change(run_dir)
            views, reader = [RunView(run_dir) for run_dir in run_dirs], Windows()
            for each in wanted:
                arguments = asked(views, "a", each)
                (window,) = reader.read(views, ["a"], **arguments)
                check(window, views, arguments, strict=sizes[0] == 1)
                (wider,) = reader.read(views, ["a"], **arguments, beside=True)
                check_beside(wider, window, views, arguments)


@settings(max_examples=40 * THOROUGH, deadline=None)
@given(sessions=SESSIONS, sizes=st.integers(1, 4), wanted=ASKED)
def test_a_run_that_goes_on(sessions, sizes, wanted, tmp_path_factory):
    """Whatever is added between two looks, in frames of any size, is there at the next look."""
    with pytest.MonkeyPatch.context() as patch:
        shrink(patch, sizes, 4, 2, 0)
        run_dir = make_run(tmp_path_factory.mktemp("runs"))
        maker, view, reader = JournalMaker(run_dir, claims={"host": "elsewhere"}), None, Windows()
        records = [each for _, found, *_ in sessions for each in found]
        for step, each in enumerate(records):
            write(maker, each, step)
            if each["values"][0] > 0 or step == len(records) - 1:
                maker.frame()
                view = view.refresh() if view else RunView(run_dir)
                fresh = RunView(run_dir)
                arguments = asked([fresh], "a", wanted)
                (window,) = reader.read([view], ["a"], **arguments)
                check(window, [fresh], arguments, strict=sizes == 1)
                for metric, summary in fresh.summary.items():
                    mine = known(view.summary[metric])
                    assert mine == pytest.approx(known(summary), rel=1e-6, abs=1e-3, nan_ok=True)
                seal_run(run_dir)


def known(summary) -> dict:
    """The fields of a summary that are numbers."""
    return {name: value for name, value in summary.to_dict().items() if value is not None}


# -- what is promised --------------------------------------------------------------------------


def edges_of(window: Window) -> np.ndarray:
    """Where the buckets of a window begin and end."""
    half = (window.grid[1] - window.grid[0]) / 2
    return np.append(window.grid - half, window.grid[-1] + half)


def long_run(folder, n: int, *, first=0, by=1, name="run", close=True) -> tuple[str, np.ndarray]:
    """Makes a run of a noisy metric with thirty spikes up or down; returns where these are."""
    run_dir, random = make_run(folder, name), np.random.default_rng(n + first + by)
    values = random.normal(size=n) * 0.01
    blocks = random.choice(n // levels.BLOCK, 30, replace=False)
    spikes = blocks * levels.BLOCK + random.integers(0, levels.BLOCK, 30)
    values[spikes] = random.choice([-1.0, 1.0], 30) * random.uniform(5, 9, 30)
    maker = JournalMaker(run_dir)
    for step, value in zip(range(first, first + n * by, by), values.tolist(), strict=True):
        maker.row({"loss": value}, step)
        if step % 5000 == 0:
            maker.frame()
    maker.frame()
    if close:
        maker.close()
        seal_run(run_dir)
    return run_dir, np.stack([first + by * spikes, values[spikes]], axis=1)


@pytest.mark.parametrize(("first", "by", "close"), [(0, 1, True), (1, 1, True), (3, 7, False)])
def test_no_spike_is_lost(first, by, close, tmp_path):
    """Each of thirty one-step spikes is the extreme of its own bucket, for 1 run and for 50."""
    n = 100_000
    run_dir, spikes = long_run(tmp_path, n, first=first, by=by, close=close)
    view, reader = RunView(run_dir), Windows()
    for views in ([view], [view] * 50):
        (window,) = reader.read(views, ["loss"], width=100)
        assert not window.exact
        assert len(window.lanes) == len(views)
        at = np.searchsorted(edges_of(window), spikes[:, 0], "right") - 1
        for lane in window.lanes:
            found = np.where(spikes[:, 1] > 0, lane.high[at], lane.low[at])
            together = [spikes[at == i, 1] for i in at]
            best = [
                max(each) if value > 0 else min(each)
                for each, value in zip(together, spikes[:, 1].tolist(), strict=True)
            ]
            assert found.tolist() == best
            assert (lane.points, lane.count.sum()) == (n, n)


def test_blocks_that_lie_in_one_bucket_are_exact(tmp_path):
    """A run that counts from 0 has every bucket of an overview exact, though no row is read."""
    run_dir, _ = long_run(tmp_path, 100_000)
    view = RunView(run_dir)
    (window,) = Windows().read([view], ["loss"], width=100)
    for path in Path(run_dir, "sealed").glob("*.parquet"):
        path.rename(path.with_suffix(".away"))
    assert Windows().read([view], ["loss"], width=100)[0].problems == {}
    for path in Path(run_dir, "sealed").glob("*.away"):
        path.rename(path.with_suffix(".parquet"))
    plain = PlainWindow([view], "loss", "step", None, None, 100, 0.0, windows.REPEATED)
    (lane,), places = window.lanes, plain.places(view.id)
    assert lane.low.tolist() == [min(places[i].finite) for i in range(len(window.grid))]
    assert lane.high.tolist() == [max(places[i].finite) for i in range(len(window.grid))]
    assert lane.count.tolist() == [len(places[i].finite) for i in range(len(window.grid))]
    means = [math.fsum(places[i].finite) / len(places[i].finite) for i in range(len(window.grid))]
    assert lane.mean == pytest.approx(means, rel=1e-5)


def test_a_narrow_window_reads_little(tmp_path, monkeypatch):
    """Of a long run only the row groups are decoded that the window reaches into."""
    run_dir, _ = long_run(tmp_path, 100_000)
    read: list[int] = []

    def spy(self, groups, columns, original=parquet.RowGroups.read):
        read.extend(groups)
        return original(self, groups, columns)

    monkeypatch.setattr(parquet.RowGroups, "read", spy)
    reader, view = Windows(), RunView(run_dir)
    (window,) = reader.read([view], ["loss"], start=40_000, stop=40_100)
    assert (window.exact, window.points, read) == (True, 101, [1])
    reader.read([view], ["loss"], start=40_200, stop=40_300)
    assert read == [1]
    reader.read([view], ["loss"], start=32_700, stop=32_800)
    assert read == [1, 0]


def test_no_runs_and_no_such_metric(tmp_path):
    """An empty list of runs means none of them; what was never logged is an empty window."""
    run_dir = finished_run(tmp_path, [({"a": 1.0}, 0)])
    for views, metric in (([], "a"), ([RunView(run_dir)], "nothing")):
        (window,) = Windows().read(views, [metric])
        assert (window.lanes, window.extent, window.points, window.problems) == ([], None, 0, {})
        assert (len(window.grid), window.exact) == (0, True)
    assert Windows().read([RunView(run_dir)], []) == []


def test_a_window_that_is_none(tmp_path):
    """Ends that are not finite or the wrong way round are refused with what was given."""
    view = RunView(finished_run(tmp_path, [({"a": 1.0}, 0)]))
    for wrong in (
        {"start": math.nan}, {"stop": math.inf}, {"start": 2.0, "stop": 1.0}, {"width": 0},
        {"lead": -1.0},
    ):  # fmt: skip
        with pytest.raises(SettingError, match=next(iter(wrong))):
            Windows().read([view], ["a"], **wrong)


def test_a_fork_has_what_it_took_over(tmp_path):
    """Points of the parent up to the fork's step are there, its later ones are not."""
    parent = finished_run(tmp_path, [({"a": float(step)}, step) for step in range(10)])
    about = {"run": RunView(parent).id, "dir": parent, "step": 4}
    fork = finished_run(tmp_path, [({"a": 100.0 + s}, s) for s in (5, 6)], "fork", fork=about)
    for _ in range(2):
        (window,) = Windows().read([RunView(fork)], ["a"])
        assert window.grid.tolist() == [0, 1, 2, 3, 4, 5, 6]
        assert window.lanes[0].mean.tolist() == [0, 1, 2, 3, 4, 105, 106]
        seal_run(parent)
        seal_run(fork)


def test_damaged_data_is_named_and_the_other_runs_are_shown(tmp_path):
    """A run whose sealed file is damaged or missing is left out with its reason."""
    good, bad = (
        finished_run(tmp_path, [({"a": float(i)}, i) for i in range(50)], name)
        for name in ("good", "bad")
    )
    for run_dir in (good, bad):
        seal_run(run_dir)
    (path,) = Path(bad, "sealed").glob("*.parquet")
    views = [RunView(good), RunView(bad)]
    rewrite(str(path), lambda data: data.__setitem__(-20, data[-20] ^ 1))
    for why in ("damaged", "missing"):
        (window,) = Windows().read(views, ["a"])
        assert [lane.run for lane in window.lanes] == [views[0].id]
        assert list(window.problems) == [views[1].id]
        assert why in window.problems[views[1].id]
        path.unlink(missing_ok=True)


def test_marks_are_few_and_complete(tmp_path):
    """Thousands of values that are not finite are told in at most 200 marks that count them."""
    run_dir = make_run(tmp_path)
    maker = JournalMaker(run_dir)
    for step in range(4000):
        maker.row({"a": (math.nan, math.inf, -math.inf, 1.0)[step % 4]}, step)
    maker.close()
    for asked_width in (4000, 700):
        (window,) = Windows().read([RunView(run_dir)], ["a"], width=asked_width)
        (lane,) = window.lanes
        assert (lane.points, lane.marks_total, lane.count.sum()) == (4000, 3000, 1000)
        assert 100 < len(lane.marks) <= buckets.MARKS
        assert lane.marks == sorted(lane.marks)
        for kind in ("nan", "inf", "-inf"):
            assert sum(n for _, name, n in lane.marks if name == kind) == 1000
        assert lane.marks[0][0] <= window.grid[2]


def test_many_threads_and_little_memory(tmp_path):
    """What several threads read at once with a cache that holds nearly nothing is the same."""
    run_dirs = [
        finished_run(tmp_path, [({"a": float(i % 7), "b": i * 0.5}, i) for i in range(3000)], name)
        for name in ("r1", "r2", "r3")
    ]
    for run_dir in run_dirs[:2]:
        seal_run(run_dir)
    views, reader = [RunView(run_dir) for run_dir in run_dirs], Windows(memory_bytes=20_000)
    ranges = [(None, None), (0, 40), (1000, 2900), (17, 18)]
    expected = [told(Windows().read(views, ["a", "b"], start=a, stop=b)) for a, b in ranges]
    wrong: list[object] = []

    def work() -> None:
        for _ in range(5):
            for (a, b), right in zip(ranges, expected, strict=True):
                if told(reader.read(views, ["a", "b"], start=a, stop=b)) != right:
                    wrong.append((a, b))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert 0 < reader.memory_bytes <= 20_000


def told(found: list[Window]) -> list:
    """What windows say, in a form that can be compared."""
    return [
        (w.metric, w.exact, w.grid.tobytes(), w.points, lane.run, lane.mean.tobytes(),
         lane.low.tobytes(), lane.high.tobytes())
        for w in found for lane in w.lanes
    ]  # fmt: skip


NEAR = st.floats(-1e6, 1e6) | st.integers(-100, 100).map(float) | st.floats(-1e250, 1e250)


@settings(max_examples=120 * THOROUGH, deadline=None)
@given(start=NEAR, span=st.floats(0, 1e7) | st.just(0.0), most=st.integers(2, 2000))
def test_buckets_are_round_and_hold_everything(start, span, most):
    """At most so many buckets of a round width, the edges multiples of it, hold the window."""
    stop = start + span
    grid = Uniform.over(start, stop, most)
    mantissa = math.frexp(grid.width)[0]
    assert mantissa * 8 in (4, 5, 6, 7)
    assert 1 <= grid.n <= most
    assert grid.edges[0] <= start
    assert stop < grid.edges[-1]
    assert math.remainder(grid.origin, grid.width) == 0
    fewest = 0.79 * most - 2
    assert grid.n >= fewest or grid.width <= max(abs(start), abs(stop), 1e-290) * 2**-48
    assert len(grid.centers) == grid.n
    for number, center in enumerate(grid.centers.tolist()):
        assert grid.edges[number] <= center < grid.edges[number + 1] or grid.width < 1e-9


def test_buckets_stay_where_they_are(tmp_path):
    """When a training goes on, earlier buckets keep their places and their values."""
    run_dir = make_run(tmp_path)
    maker = JournalMaker(run_dir, claims={"host": "elsewhere"})
    reader, seen = Windows(), {}
    for step in range(3000):
        maker.row({"a": math.sin(step / 10)}, step)
        if step % 100 == 99:
            maker.frame()
            (window,) = reader.read([RunView(run_dir)], ["a"], width=20)
            found = dict(zip(window.grid.tolist(), window.lanes[0].mean.tolist(), strict=True))
            width = window.grid[1] - window.grid[0] if not window.exact else 0
            earlier = seen.get(width, {})
            assert all(found[x] == earlier[x] for x in list(earlier)[:-1])
            seen[width] = found
    assert len(seen) > 5
