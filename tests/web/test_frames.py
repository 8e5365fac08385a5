"""Windows become bytes that say the same; the browser's decoder reads the same file."""

import json
import math
import struct
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from epochal.read.windows import Lane, Window
from epochal.web.frames import ROUNDING, encode

DATA = Path(__file__).parent / "data"
NAN = math.nan


def lane(run: str, mean, low=None, high=None, count=None, marks=(), total=0) -> Lane:
    """A lane of plain lists."""
    arrays = [np.array(mean if each is None else each, float) for each in (mean, low, high)]
    known = np.array([0 if math.isnan(v) else 1 for v in mean] if count is None else count)
    return Lane(run, *arrays, known, int(known.sum()) + total, list(marks), total)


def window(metric: str, grid, lanes, **more) -> Window:
    """A window of plain lists."""
    given = {"x": "step", "lead": 0, "exact": False, "extent": (min(grid), max(grid)), **more}
    points = sum(each.points for each in lanes)
    return Window(metric, given["x"], np.array(grid, float), given["lead"], given["exact"], lanes,
                  given["extent"], points)  # fmt: skip


def example() -> bytes:
    """The answer of ``data/frame.bin``: everything that a frame can hold, in few bytes."""
    wide = lane(
        "aaaaaaaaaa", [1.5, NAN, 2.5], [1.0, NAN, 2.0], [2.0, NAN, 3.0], [2, 0, 4],
        [(16.0, "nan", 3), (16.0, "-inf", 1)], 4,
    )  # fmt: skip
    charts = [
        window("loss", [0.5, 16.0, 48.0], [wide, lane("bbbbbbbbbb", [-1.0, 0.0, 0.5])], lead=1),
        window("größe/é", [0.0, 0.25], [lane("aaaaaaaaaa", [1e9, 1e9 + 0.001])], exact=True),
    ]
    empty = Window("none", "time", np.empty(0), 0, exact=True, lanes=[], extent=None, points=0)
    missing = [{"run": "cccccccccc", "reason": "damaged"}]
    return encode([*charts, empty], counts=True, missing=missing, ms=1.25)


def decode(body: bytes) -> dict:
    """Read an answer as the browser does."""
    (length,) = struct.unpack_from("<I", body)
    assert (4 + length) % 8 == 0
    header = json.loads(body[4 : 4 + length])

    def array(place) -> list | None:
        if place is None:
            return None
        offset, count, kind = place
        assert offset % 8 == 0
        assert 4 + length <= offset <= len(body)
        return np.frombuffer(body, f"<{kind}", count, offset).astype(float).tolist()

    for chart in header["charts"]:
        chart["grid"] = array(chart["grid"])
        for each in chart["lanes"]:
            each["kind"] = each["mean"][2]
            each |= {name: array(each[name]) for name in ("mean", "low", "high", "count")}
    return header


def plain(value):
    """The same with null for NaN, as JSON files know it."""
    if isinstance(value, dict):
        return {key: plain(each) for key, each in value.items()}
    if isinstance(value, list):
        return [plain(each) for each in value]
    return None if isinstance(value, float) and math.isnan(value) else value


def test_the_bytes_that_the_browser_is_tested_with():
    """The example's bytes are those of the file, and say what the JSON beside it says."""
    body = example()
    assert body == (DATA / "frame.bin").read_bytes()
    assert plain(decode(body)) == json.loads((DATA / "frame.json").read_text(encoding="utf-8"))


NUMBERS = st.floats(-1e307, 1e307) | st.floats(-10, 10)
MEANS = st.lists(NUMBERS | st.just(NAN), min_size=1, max_size=20)


@given(rows=st.lists(st.tuples(MEANS, st.floats(0, 100)), max_size=4), counts=st.booleans())
def test_what_is_encoded_is_decoded(rows, counts):
    """Arrays come back exactly, or as float32 where no pixel tells the difference."""
    n = min((len(means) for means, _ in rows), default=1)
    lanes = [
        lane(f"run{i}", means[:n], [m - width for m in means[:n]], [m + width for m in means[:n]])
        for i, (means, width) in enumerate(rows)
    ]
    (chart,) = decode(encode([window("m", range(n), lanes)], counts=counts))["charts"]
    assert chart["grid"] == list(range(n))
    every = np.concatenate([each.mean for each in lanes] or [np.empty(0)])
    every = every[~np.isnan(every)]
    drawn = np.ptp(every / 2) * 2 if len(every) else 0.0
    for found, given_lane in zip(chart["lanes"], lanes, strict=True):
        assert found["run"] == given_lane.run
        assert found["count"] == (given_lane.count.tolist() if counts else None)
        for name in ("mean", "low", "high"):
            values = found["mean"] if found[name] is None else found[name]
            right = getattr(given_lane, name)
            near = 0.0 if found["kind"] == "f8" or not drawn else ROUNDING * drawn
            if drawn or found["kind"] == "f8":
                assert values == pytest.approx(right.tolist(), rel=0, abs=near, nan_ok=True)


def test_float32_only_where_it_is_as_good():
    """Small differences of large numbers, and what float32 cannot hold, are sent as float64."""
    ordinary = np.linspace(0.5, 2.5, 100)
    for values, kind in (
        (ordinary, "f4"), (ordinary + 1e6, "f8"), (ordinary * 1e39, "f8"), (ordinary * 1e-39, "f8"),
        (np.zeros(100), "f4"),
    ):  # fmt: skip
        (chart,) = decode(encode([window("m", range(100), [lane("r", values)])]))["charts"]
        assert chart["lanes"][0]["kind"] == kind


def test_bounds_are_sent_once():
    """Where every bucket has one value, its extremes are left out."""
    both = [lane("a", [1.0, NAN]), lane("b", [1.0, 2.0], high=[1.0, 2.5])]
    (chart,) = decode(encode([window("m", [0, 1], both)]))["charts"]
    assert [each["low"] is None for each in chart["lanes"]] == [True, False]
    assert [each["high"] is None for each in chart["lanes"]] == [True, False]


if __name__ == "__main__" and "--write" in sys.argv:
    DATA.mkdir(exist_ok=True)
    (DATA / "frame.bin").write_bytes(example())
    (DATA / "frame.json").write_text(json.dumps(plain(decode(example())), indent=1) + "\n")
