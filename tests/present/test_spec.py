"""A figure as data: points, facts and provenance."""

import csv
import io
import json
import math

import numpy as np

import epochal
from epochal.present.panel import Curve, Panel, Segment
from epochal.present.spec import COLUMNS, FigureSpec, Provenance, joint_sha256


def panel(**more):
    """Return a panel with one line of three points."""
    line = Curve("=a", np.array([1.0, math.nan, 3.0]), low=np.array([0.5, math.nan, 2.5]),
                 high=np.array([1.5, math.nan, 3.5]), n=np.array([3.0, 0.0, 2.0]))  # fmt: skip
    return Panel("Loss", "loss", np.array([0.0, 1.0, 2.5]), "step", lines=(line,), **more)


def test_every_drawn_point_is_in_the_table():
    """The CSV has x, y, interval and n of each point; names are no formulas; NaN is empty."""
    rows = list(csv.reader(io.StringIO(FigureSpec("f", (panel(),)).to_csv())))
    assert tuple(rows[0]) == COLUMNS
    assert rows[1] == ["Loss", "'=a", "0", "1", "0.5", "1.5", "3"]
    assert rows[2] == ["Loss", "'=a", "1", "", "", "", "0"]
    assert rows[3] == ["Loss", "'=a", "2.5", "3", "2.5", "3.5", "2"]


def test_points_read_back_exactly():
    """A number in the CSV is the number that was drawn, bit for bit."""
    y = np.array([0.1 + 0.2, -1e-300, 1e22, 12345678.0])
    spec = FigureSpec("f", (Panel("", "", np.arange(4.0), lines=(Curve("a", y),)),))
    rows = list(csv.DictReader(io.StringIO(spec.to_csv())))
    assert [float(row["y"]) for row in rows] == y.tolist()


def test_categories_bands_and_marks_are_points_too():
    """On an axis of categories x is the name; bands, the best point and lines are in the table."""
    bars = Panel(
        "Final", "loss", np.arange(2.0), "", bars=(Curve("last", np.array([1.0, 2.0])),),
        categories=("adam", "sgd"), band=("range", np.zeros(2), np.ones(2)),
        best=("best", 0.0, 1.0), segments=(Segment((0, 1), (3, 3)),), references=(("goal", 0.5),),
    )  # fmt: skip
    points = list(FigureSpec("f", (bars, Panel("none", "", np.empty(0), empty="no"))).points())
    assert [row[1:4] for row in points[:2]] == [("last", "adam", 1.0), ("last", "sgd", 2.0)]
    assert {row[1] for row in points} == {"last", "range", "best", "segment", "goal"}
    assert not [row for row in points if row[0] == "none"]


def test_facts_are_json_and_say_n_and_what_is_empty():
    """The file beside a figure says what each panel has, and why one is empty."""
    spec = FigureSpec(
        "f", (panel(remark="cut"), Panel("B", "", np.empty(0), empty="nothing")),
        caption="c", notes=("left out: r3 (failed)",), provenance=Provenance(runs=("r1",)),
    )  # fmt: skip
    facts = json.loads(json.dumps(spec.to_dict()))
    assert facts["panels"][0]["curves"] == [
        {"label": "=a", "drawn_as": "line", "points": 3, "n": [0, 3]}
    ]
    assert facts["panels"][1]["empty"] == "nothing"
    assert facts["notes"] == ["left out: r3 (failed)"]
    assert facts["provenance"]["runs"] == ["r1"]
    assert len(facts["points_sha256"]) == 64


def test_provenance_of_runs(tmp_path):
    """It holds the ids, the query and one hash of the data that the order of runs is nothing to."""
    views = []
    for seed in range(2):
        with epochal.init(project="p", dir=str(tmp_path), config={"seed": seed}) as run:
            run.log({"loss": 1.0 + seed}, step=0)
        views.append(epochal.open(str(tmp_path)).run(run.id))
    one = Provenance.of(views, {"figure": "f", "by": {1, 2}})
    other = Provenance.of(views[::-1], {"figure": "f"})
    assert one.runs == tuple(view.id for view in views)
    assert one.data_sha256 == other.data_sha256 != Provenance.of(views[:1], {}).data_sha256
    assert "Epochal" in one.made_with
    json.dumps(one.to_dict())
    assert Provenance.from_dict(one.to_dict()) == one


def test_a_line_for_comments_cannot_end_them():
    """In a comment the facts are one line of ASCII without two hyphens, whatever it says."""
    origin = Provenance(runs=("r--1-->",), query={"metric": "é\n% -- \\", "n": 2})
    line = origin.to_line()
    assert line.isascii()
    assert "\n" not in line
    assert "--" not in line
    assert Provenance.from_dict(json.loads(line.partition(" ")[2])) == origin


def test_many_runs_are_cut_inside_files_only():
    """Inside a figure stand 200 ids at most, and how many more there are."""
    origin = Provenance(runs=tuple(map(str, range(205))))
    assert len(origin.to_dict()["runs"]) == 205
    assert origin.to_dict(200)["runs_left_out"] == 5
    assert origin.to_short().startswith("runs=0,1,2,3,4,5,6,7,8,9,+195;")


def test_joint_hash():
    """One hash for several, whatever their order; none for none."""
    assert joint_sha256(["a", "b"]) == joint_sha256(["b", "a"]) != joint_sha256(["a"])
    assert joint_sha256([]) == ""
