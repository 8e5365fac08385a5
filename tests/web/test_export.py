"""`epochal export --html`: what is in the file, and what is not."""

import base64
import gzip
import json
import os
import re
import shutil
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

import epochal
from epochal.core.errors import FilterError, RunNotFoundError, SettingError

pytest.importorskip("starlette")

from epochal.web import charts, export, export_page
from epochal.web.export_frames import Container

STATIC = Path(export_page.FOLDER)
QUIET = {"follow": "off", "sinks": (), "capture_environment": False}
HOSTILE = "</script><script>window.__ran=1</script></style></noscript><img src=http://x.invalid/a>"


def record(folder, name="first", project="p", steps=50, **more):
    """Records a run and returns its folder."""
    with epochal.init(project=project, name=name, dir=folder, **{**QUIET, **more}) as run:
        for step in range(steps):
            run.log({"loss": 1 / (step + 1), "val/acc": step / 100}, step=step)
    return run.dir


class Page(HTMLParser):
    """The elements of an exported page."""

    def __init__(self, path) -> None:
        super().__init__()
        self.text = Path(path).read_text(encoding="utf-8")
        self.tags, self.scripts, self._script = [], [], None
        self.feed(self.text)

    def handle_starttag(self, tag, attrs):
        """Notes an element."""
        self.tags.append((tag, dict(attrs)))
        if tag == "script":
            self._script = dict(attrs)

    def handle_data(self, data):
        """Notes what a script holds."""
        if self._script is not None:
            self.scripts.append((self._script, data))
            self._script = None

    @property
    def modules(self) -> dict:
        """The import map: module by name."""
        (text,) = (text for about, text in self.scripts if about.get("type") == "importmap")
        found = json.loads(text)["imports"]
        return {
            name: base64.b64decode(url.partition(",")[2]).decode() for name, url in found.items()
        }

    @property
    def content(self) -> tuple[dict, bytes]:
        """The header of the data, and the arrays."""
        (text,) = (text for about, text in self.scripts if about.get("id") == "epochal-data")
        data = gzip.decompress(base64.b64decode(text))
        after = 4 + int.from_bytes(data[:4], "little")
        return json.loads(data[4:after]), data[after:]

    def lane(self, metric, run_id) -> dict:
        """The arrays of a run in a chart."""
        header, arrays = self.content
        (chart,) = (each for each in header["charts"] if each["metric"] == metric)
        (lane,) = (each for each in chart["lanes"] if each["run"] == run_id)
        kinds = {"f4": "<f4", "f8": "<f8"}

        def array(place):
            return place and np.frombuffer(arrays, kinds[place[2]], place[1], place[0])

        found = {name: array(lane[name]) for name in ("mean", "low", "high", "count")}
        return {**found, "grid": array(lane["grid"]), "lane": lane}


def test_the_file_has_every_module_and_no_address_of_a_server(tmp_path):
    """All modules are in the page, and nothing in it names another file or host."""
    export.write(tmp_path / "a.html", [record(tmp_path / "runs")])
    page = Page(tmp_path / "a.html")
    names = {f"epochal/{path.name}" for path in STATIC.glob("*.js")}
    assert names <= page.modules.keys()
    assert "isStatic = true" in page.modules["epochal/api.js"]
    for name, source in page.modules.items():
        for wanted in re.findall(r"""(?:from|import)\s*\(?["']([^"'.\s][^"'\s]*)["']""", source):
            assert wanted in page.modules, f"{name} imports {wanted}, which is not in the page"
    for tag, attributes in page.tags:
        address = attributes.get("src") or attributes.get("href") or "data:"
        assert address.startswith("data:"), (tag, address)
    assert "connect-src" not in page.text.partition("<style>")[0]
    assert "default-src 'none'" in page.text


def test_the_values_are_those_that_were_recorded(tmp_path):
    """A short series is complete, and a long one keeps its extremes."""
    short = record(tmp_path / "runs")
    with epochal.init(project="p", name="long", dir=tmp_path / "runs", **QUIET) as run:
        for step in range(5000):
            run.log({"loss": 100.0 if step == 1234 else 1.0}, step=step)
    export.write(tmp_path / "a.html", [run.dir], points=100)
    lane = Page(tmp_path / "a.html").lane("loss", run.id)
    assert 50 <= len(lane["grid"]) <= 100
    assert lane["high"].max() == 100
    assert lane["count"].sum() == 5000
    export.write(tmp_path / "b.html", [short], points=100)
    (view,) = epochal.open(short).runs()
    lane = Page(tmp_path / "b.html").lane("loss", view.id)
    assert np.allclose(lane["mean"], view.series("loss").values)
    assert lane["grid"].tolist() == view.series("loss").steps.tolist()


def test_a_short_run_beside_a_long_one_is_complete(tmp_path):
    """Each run has its own resolution; runs of the same steps share their places."""
    short, other = (record(tmp_path / "runs", steps=300) for _ in range(2))
    with epochal.init(project="p", name="long", dir=tmp_path / "runs", **QUIET) as run:
        for step in range(20_000):
            run.log({"loss": 1.0}, step=step)
    export.write(tmp_path / "a.html", [short, other, run.dir])
    page = Page(tmp_path / "a.html")
    lanes = [page.lane("loss", epochal.open(each).runs()[0].id) for each in (short, other)]
    for lane in lanes:
        assert lane["lane"]["exact"]
        assert lane["grid"].tolist() == list(range(300))
        assert lane["lane"]["extent"] == [0, 299]
    assert lanes[0]["lane"]["grid"] == lanes[1]["lane"]["grid"]
    long = page.lane("loss", run.id)
    assert not long["lane"]["exact"]
    assert 200 <= len(long["grid"]) <= 400


def test_saved_charts_by_step_come_along(tmp_path):
    """What people saved beside the runs is in the file, unless its x-axis is not."""
    saved = [
        {"title": title, "metrics": ["*/loss"], "x": x, "log": False, "smoothing": 0,
         "group": "", "kind": "line"}
        for title, x in (("as the page", ""), ("steps", "step"), ("hours", "time"))
    ]  # fmt: skip
    run_dir = Path(record(tmp_path / "runs"))
    charts.save(os.fspath(run_dir.parent), saved)
    others = [record(tmp_path / "runs", project="q"), record(tmp_path / "elsewhere")]
    export.write(tmp_path / "a.html", [os.fspath(run_dir), *others])
    answers = Page(tmp_path / "a.html").content[0]["answers"]
    assert answers["/api/charts?project=p"] == {"charts": saved[:2]}
    assert answers["/api/charts?project=q"] == {"charts": []}


def test_annotations_say_what_they_say_now(tmp_path):
    """The text of an edit is in the page; what was edited or removed is not."""
    (view,) = epochal.open(record(tmp_path / "runs")).runs()
    for text in ("before the edit", "to be removed"):
        view.annotate(text, step=3)
    edited, removed = view.annotations
    view.edit_annotation(edited, "after the edit")
    view.remove_annotation(removed)
    export.write(tmp_path / "a.html", [view.dir])
    page = Page(tmp_path / "a.html")
    found = page.content[0]["answers"][f"/api/run/{view.id}"]["annotations"]
    assert [(each["text"], each["step"]) for each in found] == [("after the edit", 3)]
    assert "before the edit" not in json.dumps(page.content[0])


def test_without_scripts_the_main_metrics_are_shown(tmp_path):
    """Losses and what was validated come first, and how many are left out is said."""
    with epochal.init(project="p", dir=tmp_path / "runs", **QUIET) as run:
        layers = {f"layers/{i:02}/grad_norm": 1.0 for i in range(30)}
        run.log({**layers, "val/loss": 0.25, "train/loss": 0.5, "val/accuracy": 0.75}, step=1)
    export.write(tmp_path / "a.html", [run.dir])
    text = Page(tmp_path / "a.html").text.partition("<noscript>")[2].partition("</noscript>")[0]
    names = re.findall("<th(?: .*?)?>(.*?)</th>", text)
    assert names[:6] == ["project", "run", "state", "val/loss", "val/accuracy", "train/loss"]
    assert len(names) == 11
    numbers = re.findall('<td class="number">(.*?)</td>', text)
    assert numbers[:3] == ["0.25", "0.75", "0.5"]
    assert "Left out: 25 more metrics." in text
    assert re.search(r"<p>Exported \d{4}-\d\d-\d\d \d\d:\d\d UTC\.", text)


def test_mean_only_leaves_the_extremes_out(tmp_path):
    """Minimum and maximum are gone and the file is smaller."""
    rng = np.random.default_rng(0)
    with epochal.init(project="p", dir=tmp_path / "runs", **QUIET) as run:
        for step in range(5000):
            run.log({"loss": rng.standard_normal()}, step=step)
    full = export.write(tmp_path / "a.html", [run.dir])
    less = export.write(tmp_path / "b.html", [run.dir], mean_only=True)
    lane = Page(tmp_path / "b.html").lane("loss", run.id)
    assert lane["low"] is None
    assert lane["high"] is None
    assert less.bytes < full.bytes


def test_runs_may_lie_anywhere_and_be_filtered(tmp_path):
    """Runs of several folders and projects are in one file, those that pass the filter only."""
    first = record(tmp_path / "a", config={"lr": 0.1})
    second = record(tmp_path / "b", name="second", project="q", config={"lr": 0.2})
    third = record(tmp_path / "b", name="third", project="q", config={"lr": 0.3})
    done = export.write(tmp_path / "a.html", [first, second, third], filter="config.lr < 0.25")
    header, _ = Page(tmp_path / "a.html").content
    assert done.runs == 2
    assert {slug: table["name"] for slug, table in header["runs"].items()} == {
        "p": ["first"], "q": ["second"],
    }  # fmt: skip


def test_nothing_to_export_is_an_error_and_writes_no_file(tmp_path):
    """No runs, or none that passes, or a filter that is wrong."""
    run_dir = record(tmp_path / "runs")
    with pytest.raises(RunNotFoundError, match="there are no runs"):
        export.write(tmp_path / "a.html", [])
    with pytest.raises(RunNotFoundError, match="none of 1 runs"):
        export.write(tmp_path / "a.html", [run_dir], filter="config.lr > 7")
    with pytest.raises(FilterError):
        export.write(tmp_path / "a.html", [run_dir], filter="1 +")
    assert not (tmp_path / "a.html").exists()


def test_folders_of_any_name_and_copies(tmp_path):
    """A run whose folder was renamed is in the file; one that was copied is there once."""
    first, second = record(tmp_path / "runs"), record(tmp_path / "runs", name="second")
    renamed = os.fspath(tmp_path / "my run")
    os.rename(second, renamed)
    copy = shutil.copytree(first, tmp_path / "backup" / os.path.basename(first))
    done = export.write(tmp_path / "a.html", [first, renamed, os.fspath(copy)])
    header, _ = Page(tmp_path / "a.html").content
    assert done.runs == 2
    assert sorted(header["runs"]["p"]["name"]) == ["first", "second"]


def test_what_cannot_be_the_file_is_refused_at_once(tmp_path):
    """A folder, a device or a pipe is not replaced, and a folder that is missing is named."""
    run_dir = record(tmp_path / "runs")
    os.mkfifo(tmp_path / "pipe")
    os.symlink("/dev/null", tmp_path / "device")
    for name in ("runs", "pipe", "device"):
        before = os.lstat(tmp_path / name)
        with pytest.raises(SettingError, match="is no file"):
            export.write(tmp_path / name, [run_dir])
        assert os.lstat(tmp_path / name) == before
    with pytest.raises(SettingError, match="there is no folder"):
        export.write(tmp_path / "missing" / "a.html", [run_dir])


def test_too_many_runs_are_refused(tmp_path, monkeypatch):
    """How many there may be is said before they are read."""
    run_dirs = [record(tmp_path / "runs", name=name) for name in "ab"]
    monkeypatch.setattr(export.series, "MOST_RUNS", 1)
    with pytest.raises(SettingError, match="2 runs are too many"):
        export.write(tmp_path / "a.html", run_dirs)
    assert export.write(tmp_path / "a.html", run_dirs, filter='name == "a"').runs == 1


def test_hostile_names_stay_text(tmp_path):
    """Names end no element and add none; a browser without JavaScript sees them literally."""
    run_dir = record(
        tmp_path / "runs", name=HOSTILE, project=HOSTILE, tags=[HOSTILE], notes=HOSTILE,
        config={HOSTILE: HOSTILE},
    )  # fmt: skip
    export.write(tmp_path / "a.html", [run_dir], title=HOSTILE)
    export.write(tmp_path / "b.html", [record(tmp_path / "others")])
    kinds = [[tag for tag, _ in Page(tmp_path / name).tags] for name in ("a.html", "b.html")]
    assert kinds[0] == kinds[1]
    assert "x.invalid" not in re.sub(r"&lt;.*?&gt;", "", Page(tmp_path / "a.html").text)


def test_places_of_this_machine_are_left_out(tmp_path):
    """The file does not say where the runs lay."""
    export.write(tmp_path / "a.html", [record(tmp_path / "runs")])
    page = Page(tmp_path / "a.html")
    assert str(tmp_path) not in json.dumps(page.content[0])
    assert str(tmp_path) not in page.text


def test_the_index_of_the_export_goes_with_it(tmp_path, monkeypatch):
    """Exporting leaves nothing in the cache."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    export.write(tmp_path / "a.html", [record(tmp_path / "runs")])
    assert [path for path in (tmp_path / "cache").rglob("*") if path.is_file()] == []


def test_the_command_says_what_it_wrote(tmp_path):
    """One line: the file, runs, metrics, size."""
    from click.testing import CliRunner

    from epochal.cli import main

    record(tmp_path / "runs")
    target = tmp_path / "results.html"
    arguments = ["export", "--html", str(target), "--dir", str(tmp_path / "runs")]
    done = CliRunner().invoke(main, arguments, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    assert "1 run, 2 metrics" in done.output
    assert target.stat().st_size > 10_000
    done = CliRunner().invoke(main, [*arguments, "--filter", "config.lr > 1"])
    assert done.exit_code == 1
    assert "nothing is exported" in done.output


def test_runs_of_several_answers_are_one_container():
    """Offsets are those of the container, what is alike is there once, without points nothing."""
    container = Container()
    for metric, run_id, values in (("a", "r", 1.0), ("b", "r", 4.0), ("a", "s", 1.0)):
        numbers = [values, values + 1, values + 2]
        container.add(_frames({"metric": metric, "x": "step"}, numbers, run_id))
    body = container.body({"more": 1})
    after = 4 + int.from_bytes(body[:4], "little")
    header = json.loads(body[4:after])
    assert header["more"] == 1
    found = {
        (chart["metric"], lane["run"]): np.frombuffer(
            body[after:], "<f4", lane["mean"][1], lane["mean"][0]
        ).tolist()
        for chart in header["charts"]
        for lane in chart["lanes"]
    }
    assert found == {
        ("a", "r"): [1.0, 2.0, 3.0], ("a", "s"): [1.0, 2.0, 3.0], ("b", "r"): [4.0, 5.0, 6.0],
    }  # fmt: skip
    assert [chart["metric"] for chart in header["charts"]] == ["a", "b"]
    assert len(body) - after == 24 + 16 + 16


def _frames(about: dict, values: list[float], run_id: str) -> bytes:
    """Makes an answer with one run that has points, and one that has none."""
    arrays = np.arange(3, dtype="<f8").tobytes() + np.array(values, "<f4").tobytes() + bytes(4)
    start = 1000
    lane = {"run": run_id, "points": 3, "mean": [start + 24, 3, "f4"], "low": None, "high": None,
            "count": [start + 24, 3, "f4"], "marks": [], "marksTotal": 0}  # fmt: skip
    chart = {**about, "exact": True, "lead": 0, "extent": [0, 2],
             "points": 3, "grid": [start, 3, "f8"],
             "lanes": [lane, {**lane, "run": "none", "points": 0}]}  # fmt: skip
    text = json.dumps({"charts": [chart]}).encode().ljust(start - 4)
    return len(text).to_bytes(4, "little") + text + arrays
