"""Points of charts: binary frames from a real server."""

import json
import math
import struct

import epochal


def decode(body: bytes):
    """The header, and a function that gives an array of it."""
    (length,) = struct.unpack_from("<I", body)
    header = json.loads(body[4 : 4 + length])
    assert (4 + length) % 8 == 0

    def array(place):
        start, count, kind = place
        assert start % 8 == 0
        return list(struct.unpack_from(f"<{count}{'d' if kind == 'f8' else 'f'}", body, start))

    return header, array


def ask(browser, runs, metrics=("train/loss",), **more):
    """Asks for a chart of each metric."""
    answer = browser.post("/api/series", {"runs": runs, "metrics": list(metrics), **more})
    assert answer.status == 200, answer.body
    assert answer.headers["content-type"] == "application/octet-stream"
    return decode(answer.body)


def test_every_point_of_a_short_series(browser, runs):
    """Few points come as they are."""
    header, array = ask(browser, runs[:2], ["train/loss", "val/loss"])
    assert header["missing"] == []
    loss, validation = header["charts"]
    assert (loss["metric"], loss["exact"], loss["extent"], loss["points"]) == (
        "train/loss", True, [0.0, 19.0], 40,
    )  # fmt: skip
    assert [lane["run"] for lane in loss["lanes"]] == runs[:2]
    assert array(loss["grid"]) == [float(step) for step in range(20)]
    values = array(loss["lanes"][0]["mean"])
    assert all(math.isclose(v, math.exp(-i / 7), rel_tol=1e-4) for i, v in enumerate(values))
    assert array(validation["lanes"][0]["mean"]) == [0.5]


def test_a_window(browser, runs):
    """A window has what lies in it, and the points next to it, so that lines reach its ends."""
    header, array = ask(browser, runs[:1], range=[5, 9])
    assert array(header["charts"][0]["grid"]) == [4.0, 5.0, 6.0, 7.0, 8.0, 9.0, 10.0]


def test_buckets(root, serve, browse):
    """Of many points extremes are kept; counts come when they are asked for."""
    with epochal.init(project="demo", dir=str(root), follow="off", sinks=[]) as run:
        for step in range(5000):
            run.log({"loss": 100.0 if step == 777 else 1.0}, step=step)
    header, array = ask(browse(serve()), [run.id], ["loss"], width=100, counts=True)
    (lane,) = header["charts"][0]["lanes"]
    assert max(array(lane["high"])) == 100.0
    assert sum(array(lane["count"])) == 5000


def test_no_runs_are_none_and_not_all(browser, runs):  # noqa: ARG001 - there are some
    """An empty list of runs gives no lanes."""
    header, _ = ask(browser, [])
    assert [lane for chart in header["charts"] for lane in chart["lanes"]] == []


def test_what_is_missing_is_named(browser, runs):
    """A run that is not there does not cost the others."""
    header, _ = ask(browser, [runs[0], "zzzzzzzzzz", "../../etc"])
    assert [lane["run"] for lane in header["charts"][0]["lanes"]] == [runs[0]]
    assert [each["run"] for each in header["missing"]] == ["zzzzzzzzzz", "../../etc"]
    assert all(each["reason"] for each in header["missing"])


def test_a_damaged_run_is_named(root, browser, runs):
    """Neither does one that cannot be read."""
    run_dir = next(root.glob(f"*/*-{runs[1]}"))
    (run_dir / "run.json").write_text("{")
    (run_dir / "journal" / "touched").touch()
    header, _ = ask(browser, [runs[0], runs[1]])
    assert runs[0] in [lane["run"] for lane in header["charts"][0]["lanes"]]


def test_a_metric_that_nobody_has(browser, runs):
    """Its chart is empty."""
    header, _ = ask(browser, runs, ["never"])
    (chart,) = header["charts"]
    assert (chart["lanes"], chart["extent"]) == ([], None)
