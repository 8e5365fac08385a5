"""Neither a plan nor a lock reaches out of the folder of the paper."""

import json
import os
import shutil

import pytest
from papers import PLAN, TEXT

from epochal.core.errors import SettingError
from epochal.paper import state
from epochal.paper.plan import load


@pytest.fixture
def outside(tmp_path_factory):
    """A folder that is none of the paper's business."""
    return tmp_path_factory.mktemp("outside")


@pytest.mark.parametrize("out", ["..", "../elsewhere", "a/../../b", "/", "~"])
def test_out(paper, out):
    """What is made stays below the folder of the plan."""
    paper.write(PLAN.replace('tex = "main.tex"', f'out = "{out}"'))
    with pytest.raises(SettingError, match=r"line 4, \[paper\] out .* leads out of"):
        load(paper.folder)


def test_out_is_a_link(paper, outside):
    """A link that came with the plan does not lead out of the folder either."""
    (paper.folder / "generated").symlink_to(outside, target_is_directory=True)
    with pytest.raises(SettingError, match="leads out of"):
        paper.build()
    assert list(outside.iterdir()) == []


@pytest.mark.parametrize("name", ["tables", "text", "paper.lock.json", "numbers.tex"])
def test_links_below_out(paper, outside, name):
    """Nothing is written or read through a link, to a folder or a file."""
    (outside / "file").write_text("mine")
    out = paper.folder / "generated"
    out.mkdir()
    to = outside if "." not in name else outside / "file"
    (out / name).symlink_to(to, target_is_directory=to == outside)
    try:
        failed = [each.why for each in paper.built().done if each.what == "failed"]
    except SettingError as error:
        failed = [str(error)]
    assert any("through a link" in why for why in failed)
    assert [path.name for path in outside.iterdir()] == ["file"]
    assert (outside / "file").read_text() == "mine"


def test_a_link_in_place_of_what_was_made(paper, outside):
    """A check says so, and does not look where the link leads."""
    paper.build()
    shutil.copy(paper.path("tables/main.tex"), outside / "main.tex")
    paper.path("tables/main.tex").unlink()
    paper.path("tables/main.tex").symlink_to(outside / "main.tex")
    with pytest.raises(SettingError, match=r"main\.tex is or goes through a link"):
        paper.check()


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no such files on this system")
def test_pipes_are_not_waited_for(paper):
    """A file whose end never comes is none."""
    paper.build()
    paper.path("tables/main.tex").unlink()
    os.mkfifo(paper.path("tables/main.tex"))
    os.mkfifo(paper.folder / "figure.pdf")
    assert ("table.main", "missing") in paper.wrong()
    paper.write(text=TEXT + r"\includegraphics{figure}")
    assert paper.check().coverage.figures.total == 1


@pytest.mark.parametrize("tex", ["{}/secret.tex", "../*/secret.tex", "link.tex"])
def test_text(paper, outside, tex):
    """Files of the text are below the folder of the plan, whatever pattern or link names them."""
    (outside / "secret.tex").write_text("12.5")
    (paper.folder / "link.tex").symlink_to(outside / "secret.tex")
    paper.write(PLAN.replace("main.tex", tex.format(outside)))
    paper.build()
    with pytest.raises(SettingError, match=r"\[paper\] tex .*(is not below|no such file)"):
        paper.check()


def test_text_that_is_read_in(paper, outside):
    """A file from elsewhere is not looked at, and that is said."""
    (outside / "secret.tex").write_text("The key is 12.5.")
    paper.write(text=TEXT + rf"\input{{{outside}/secret}}" + f"\n\\input{outside}/secret.tex\n")
    paper.build()
    found = paper.check()
    notes = [each for each in found.findings if "secret" in each.what]
    assert [each.status for each in notes] == ["not generated"] * 2
    assert "was not looked at" in notes[0].why
    assert not any("12.5" in printed for _, printed in found.coverage.free)


def test_facts_of_a_lock(paper):
    """A command that is a pattern, or a number without its facts, is not believed."""
    paper.build()
    path = paper.path("paper.lock.json")
    for wrong in ({"macro": "(a+)+$"}, {"value": None, "macro": "X"}):
        lock = json.loads(path.read_text())
        entry = lock["outputs"]["number.runs"]
        entry["facts"] = {**entry["facts"], **wrong} if len(wrong) == 1 else wrong
        entry.pop("sum")
        entry["sum"] = state._sum(entry)
        path.write_text(json.dumps(lock))
        with pytest.raises(SettingError, match=r"is damaged at number\.runs"):
            paper.check()
        path.unlink()
        paper.build()
