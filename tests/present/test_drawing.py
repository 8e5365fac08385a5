"""Figures from their spec: sizes, legends, fonts, bytes."""

import os
import re
import subprocess
import sys

import numpy as np
import pytest

pytest.importorskip("matplotlib")

import matplotlib as mpl

from epochal.core.errors import EvidenceError
from epochal.present.drawing import render
from epochal.present.panel import Curve, Note, Panel, Segment
from epochal.present.spec import FigureSpec, Provenance
from epochal.present.venues import VENUES, Venue, venue_of

X = np.arange(0.0, 200.0, 5.0)
LONG = "optimizer=sgd, " + "momentum=0.9, " * 12 + "nesterov"


def lines(*labels, **more):
    """Return a panel with a styled line for each label."""
    curves = tuple(
        Curve(label, 2.0 / (1 + X / 40) + i, low=1.9 / (1 + X / 40) + i,
              high=2.2 / (1 + X / 40) + i, style=i)
        for i, label in enumerate(labels)
    )  # fmt: skip
    return Panel("Loss", "val/loss", X, "step", lines=curves, **more)


def spec(*panels, grid=None, **more):
    """Return a figure of panels in one row."""
    return FigureSpec("try", panels, grid or (1, len(panels)), **more)


def inside(drawn):
    """Assert that everything that a figure shows is on its page."""
    drawn.figure.canvas.draw()
    box, (width, height) = drawn.figure.get_tightbbox(), drawn.figure.get_size_inches()
    shown = [float(each) for each in box.extents]
    assert min(shown[:2]) > -0.01
    assert shown[2] < width + 0.01
    assert shown[3] < height + 0.01


@pytest.mark.parametrize("venue", VENUES)
@pytest.mark.parametrize("column", ["single", "full"])
def test_figures_have_the_width_of_the_venue(venue, column):
    """A figure is as wide as its place, so that it need not be scaled."""
    place = venue_of(venue)
    drawn = render(spec(lines("a")), venue=venue, column=column)
    assert drawn.figure.get_figwidth() == pytest.approx(place.width_in(column))


def test_own_venue_and_size():
    """A venue of one's own, and a size of one's own."""
    drawn = render(spec(lines("a")), venue=Venue("Mine", 2.9, 6.1), column="full", height_in=2.0)
    assert drawn.figure.get_size_inches().tolist() == pytest.approx([6.1, 2.0])


@pytest.mark.parametrize(
    "panels",
    [
        (lines("a", "b", "c"),),
        (lines(*(f"group {i} with a long name" for i in range(8))),),
        (lines(LONG, "b"), lines(LONG, "b")),
        (lines("_a", "$x^2$ {", "100 %\n\x1b"), Panel("B", "", X, empty="Because. " * 12)),
        (Panel(LONG, LONG, X, LONG, lines=(Curve("", X),), non_finite=X[:3], remark="cut"),),
        (Panel("", "y", np.arange(6.0), points=(Curve("p", np.arange(6.0)),),
               categories=(LONG,) * 6),),
        (Panel("", "y", np.arange(6.0), points=(Curve("p", np.arange(6.0)),),
               categories=(LONG,) * 6, horizontal=True),),
    ],
)  # fmt: skip
def test_no_text_is_cut(panels):
    """Labels, legends, titles and explanations stay on the page, however long they are."""
    inside(render(spec(*panels), venue="icml"))


def test_legends_are_not_over_data():
    """A legend of many groups stands above the axes, and the figure grows for it."""
    few = render(spec(lines("a")), venue="icml")
    many = render(spec(lines(*(f"a long group name {i}" for i in range(8)))), venue="icml")
    many.figure.canvas.draw()
    axes = many.figure.axes[0]
    legend = axes.get_legend().get_window_extent()
    assert legend.y0 >= axes.get_window_extent().y1 - 1
    assert many.figure.get_figheight() > few.figure.get_figheight()
    heights = [drawn.figure.axes[0].get_window_extent().height for drawn in (few, many)]
    assert heights[1] > 0.8 * heights[0]


def test_panels_with_the_same_groups_share_a_legend():
    """Groups are named once, under the figure, with all labels literal."""
    drawn = render(spec(lines("_a", "$b"), lines("_a", "$b")), venue="icml", column="full")
    assert [axes.get_legend() for axes in drawn.figure.axes] == [None, None]
    texts = [text.get_text() for text in drawn.figure.legends[0].get_texts()]
    assert texts == ["_a", "$b"]


def test_groups_are_told_apart_without_color():
    """Eight groups have eight colors, and no two the same dashes and marker."""
    axes = render(spec(lines(*"abcdefgh"))).figure.axes[0]
    looks = {(str(each.get_linestyle()), each._dash_pattern[1] and
              tuple(each._dash_pattern[1]), each.get_marker()) for each in axes.lines}  # fmt: skip
    assert len(looks) == 8
    assert len({each.get_color() for each in axes.lines}) == 8


def test_bars_points_segments_and_notes():
    """Points and bars have whiskers; segments and notes stand where they are told."""
    low, y, high = np.array([1.0, 2.0]), np.array([1.5, 2.5]), np.array([2.0, 3.0])
    curve = Curve("p", y, low=low, high=high, style=1)
    for horizontal in (False, True):
        for kind in ("bars", "points"):
            panel = Panel("", "loss", np.arange(2.0), categories=("a", "b"), horizontal=horizontal,
                          **{kind: (curve, curve)})  # fmt: skip
            inside(render(spec(panel)))
    bare = Panel("", "", X, bare=True, segments=(Segment((1, 2), (0, 0), style=2),),
                 notes=(Note(1, 0.5, "$a_b", "center", above=True),))  # fmt: skip
    axes = render(spec(bare)).figure.axes[0]
    assert [text.get_text() for text in axes.texts] == ["$a_b"]
    assert not axes.axison


@pytest.mark.parametrize("style", ["print", "dark"])
@pytest.mark.parametrize(
    "curve",
    [
        Curve("one", np.array([1.0]), x=np.array([3.0]), low=np.array([0.5]), high=np.array([2.0])),
        Curve("gap", np.array([1.0, np.nan, 2.0]), x=np.arange(3.0)),
        Curve("negative", -X, x=X),
        Curve("flat", np.zeros(40), x=X),
        Curve("stairs", X, x=X, stairs=True),
        Curve("tiny", X * 1e-300, x=X),
        Curve("large", X * 1e300, x=X * 1e5),
    ],
    ids=lambda curve: curve.label if isinstance(curve, Curve) else curve,
)
def test_any_values_can_be_drawn(style, curve):
    """One point, gaps, negative, equal, tiny and huge values give a figure without a warning."""
    inside(render(spec(Panel("T", "y", np.empty(0), "step", lines=(curve,))), style=style))


def test_logarithmic_axes_have_plain_numbers():
    """Tick labels of a logarithmic axis are short, without Python's plus and zeros."""
    panel = Panel("", "y", X, lines=(Curve("", 10.0 ** (X / 20)),), log=True)
    drawn = render(spec(panel))
    drawn.figure.canvas.draw()
    labels = [each.get_text() for each in drawn.figure.axes[0].get_yticklabels()]
    assert {"1e5", "1e6", "1e7"} & set(labels)
    assert not [label for label in labels if "+" in label]


@pytest.mark.parametrize(
    ("look", "message"),
    [
        ({"venue": "nurips"}, "did you mean 'neurips'"),
        ({"column": "half"}, "neither 'single' nor 'full'"),
        ({"style": "light"}, "neither 'print' nor 'dark'"),
        ({"colour": "red"}, "no option 'colour'"),
        ({"path": "a.jpg"}, "not written as 'jpg'"),
    ],
)
def test_wrong_options_are_named(look, message):
    """What is not known is said with what there is."""
    with pytest.raises(EvidenceError, match=message):
        render(spec(lines("a")), **look)


def test_saving(tmp_path):
    """Without an ending PDF and PNG; the facts and the points are beside them."""
    drawn = render(spec(lines("a")), path=tmp_path / "new" / "loss.v2")
    names = sorted(path.name for path in (tmp_path / "new").iterdir())
    assert names == [f"loss.v2.{kind}" for kind in ("csv", "json", "pdf", "png")]
    found = drawn.save(tmp_path / "one.SVG")
    assert [os.path.basename(path) for path in found] == ["one.svg", "one.json", "one.csv"]
    found = drawn.save(tmp_path / "two.pdf", formats=["png", "pdf"])
    assert [os.path.basename(path) for path in found][:2] == ["two.png", "two.pdf"]
    pillow = pytest.importorskip("PIL.Image")
    with pillow.open(found[0]) as image:
        assert round(image.info["dpi"][0]) == 300
        assert image.width == round(3.5 * 300)
    with pytest.raises(EvidenceError, match="'gif'"):
        drawn.save(tmp_path / "a", formats=["gif"])
    assert drawn._repr_png_()[:4] == b"\x89PNG"


def test_pdf_has_truetype_fonts_only():
    """Venues refuse Type 3 fonts: text is embedded TrueType."""
    data = render(spec(lines("a")), venue="neurips").to_bytes("pdf")
    assert b"/Type3" not in data
    assert b"/CIDFontType2" in data
    assert b"CreationDate" not in data


def test_settings_of_the_program_change_nothing():
    """A program with its own settings of matplotlib gets the same bytes, and keeps its settings."""
    plain = render(spec(lines("a"))).to_bytes("svg")
    with mpl.rc_context({"font.size": 30, "axes.grid": True, "pdf.fonttype": 3,
                                "lines.linewidth": 9, "svg.hashsalt": "x"}):  # fmt: skip
        assert render(spec(lines("a"))).to_bytes("svg") == plain
        assert mpl.rcParams["font.size"] == 30


BUILD = """
import sys, numpy as np
from epochal.present.drawing import render
from epochal.present.panel import Curve, Panel
from epochal.present.spec import FigureSpec, Provenance
x = np.arange(100.0)
curves = tuple(Curve(f"gr\u00f6\u00dfe {i} \u00b1", np.sin(x / 9) + i, low=np.sin(x / 9) + i - 1,
                     high=np.sin(x / 9) + i + 1, style=i) for i in range(5))
panel = Panel("Loss", "loss", x, "step", lines=curves, non_finite=x[:3], band=("b", x - 99, x / 9))
origin = Provenance(("r1",), {"a": 1}, ("c",), "d")
spec = FigureSpec("f", (panel, panel), (1, 2), provenance=origin)
render(spec, venue="neurips").save(sys.argv[1], formats=["pdf", "svg", "png"])
"""


def test_a_second_build_has_the_same_bytes(tmp_path):
    """Two fresh programs, with other hash seeds, write the same PDF, SVG, PNG, facts and points."""
    for name, seed in (("one", "1"), ("two", "2")):
        code = [sys.executable, "-c", BUILD, str(tmp_path / name / "f")]
        subprocess.run(code, check=True, env={**os.environ, "PYTHONHASHSEED": seed})
    for kind in ("pdf", "svg", "png", "json", "csv"):
        one, two = ((tmp_path / name / f"f.{kind}").read_bytes() for name in ("one", "two"))
        assert one == two, kind


def test_provenance_is_inside_each_format():
    """Ids of the runs stand in the PDF's Subject, the SVG's metadata and the PNG's text."""
    drawn = render(spec(lines("a"), provenance=Provenance(runs=("run-17",), git=("abc",))))
    assert re.search(rb"/Subject \(runs=run-17;git=abc;", drawn.to_bytes("pdf"))
    assert b"runs=run-17;git=abc;" in drawn.to_bytes("svg")
    assert b"tEXtComment\0runs=run-17;git=abc;" in drawn.to_bytes("png")
