"""The experiment log: all runs, newest first, and nothing lost of what people wrote into it."""

import shutil

import pytest
from hostile import NAMES, squeezed, visible
from markdown_it import MarkdownIt

import epochal
from epochal.core.errors import EvidenceError
from epochal.core.names import printable
from epochal.present.logbook import Block, logbook, merged
from epochal.read.view import RunView


def record(base, name, *, group=None, project="log", seed=0, loss=1.0, **config):
    """Record a run of one step."""
    with epochal.init(
        project=project, name=name, group=group, dir=str(base), seed=seed, config=config,
        follow="off", capture_environment=False,
    ) as run:  # fmt: skip
        run.log({"val/loss": loss}, step=1)
    return run.dir


def read(path):
    """The text of a file."""
    with open(path, encoding="utf-8", newline="") as file:
        return file.read()


def rows(text):
    """The cells of all rows of all tables, headings left out."""
    lines = [line for line in text.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines]


def test_all_runs_newest_first_in_their_groups(tmp_path):
    """A table for each group; what differs inside a group is a column."""
    record(tmp_path, "old", group="a", lr=0.1)
    record(tmp_path, "mid", group="b", lr=0.1)
    record(tmp_path, "new", group="a", lr=0.2, loss=0.5)
    text = read(logbook(tmp_path))
    assert text.index("## a") < text.index("## b")
    table = rows(text)
    assert table[0][:5] == ["run", "state", "lr", "seed", "min val/loss"]
    assert table[1][:5] == ["new", "finished", "0.2", "0", "0.5"]
    assert table[2][:5] == ["old", "finished", "0.1", "0", "1"]
    assert table[4][:4] == ["mid", "finished", "0", "1"]  # one run: no key differs
    assert "3 runs (3 finished)" in text


def test_what_people_wrote_stays(tmp_path):
    """Text before, between and after the blocks is kept where it stood when runs are added."""
    record(tmp_path, "one", group="a")
    record(tmp_path, "two", group="b")
    path = logbook(tmp_path)
    text = "My notes.\n\n" + read(path).replace("\n## a", "\n## a")
    end_of_b = text.index("<!-- epochal:end", text.index("## b"))
    at = text.index("\n", end_of_b) + 1
    text = f"{text[:at]}\n- b was *odd* | see <!-- this -->\n{text[at:]}\nThe end.\n"
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    record(tmp_path, "three", group="c")
    after = read(logbook(tmp_path))
    assert after.startswith("My notes.\n\n<!-- epochal:begin head")
    assert after.index("## c") < after.index("## b") < after.index("- b was *odd* | see <!-- this")
    assert after.index("- b was") < after.index("## a") < after.index("The end.")
    assert read(logbook(tmp_path)) == after


def test_text_about_runs_that_are_gone_stays(tmp_path):
    """A group that was deleted leaves behind what was written about it."""
    gone = record(tmp_path, "one", group="a")
    record(tmp_path, "two", group="b")
    path = logbook(tmp_path)
    with open(path, "a", encoding="utf-8") as file:
        file.write("\nWhat a taught us.\n")
    shutil.rmtree(gone)
    after = read(logbook(tmp_path))
    assert "## a" not in after
    assert after.count("What a taught us.") == 1
    assert read(logbook(tmp_path)) == after


def test_a_log_that_others_began_is_kept(tmp_path):
    """A file without any marks becomes the preface, to the letter."""
    record(tmp_path, "one")
    path = tmp_path / "EXPERIMENT_LOG.md"
    path.write_text("# Ours\n\nby hand | ünï\n", encoding="utf-8")
    logbook(tmp_path)
    assert read(path).startswith("# Ours\n\nby hand | ünï\n\n<!-- epochal:begin head")


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: text.replace("<!-- epochal:end head -->", ""),
        lambda text: text[: text.rindex("<!-- epochal:end")],
        lambda text: text + text,
        lambda text: text.replace("epochal:end head", "epochal:end other", 1),
    ],
)
def test_damaged_marks_are_an_error(tmp_path, damage):
    """Where it is not clear what is whose, nothing is written and the line is named."""
    record(tmp_path, "one")
    path = logbook(tmp_path)
    text = damage(read(path))
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    with pytest.raises(EvidenceError, match=r"EXPERIMENT_LOG\.md, line \d+: the mark epochal:"):
        logbook(tmp_path)
    assert read(path) == text


def test_windows_line_ends_do_no_harm():
    """Marks are found in a file that an editor saved with CRLF."""
    text = merged("", [Block("a", "old")]) + "\nmine\n"
    again = merged(text.replace("\n", "\r\n"), [Block("a", "new")])
    assert again.count("mine") == 1
    assert "old" not in again


def test_chosen_columns(tmp_path):
    """Keys and metrics are columns if they are asked for, also where nothing differs."""
    record(tmp_path, "one", model={"depth": 3}, lr=0.1)
    path = logbook(tmp_path, tmp_path / "x" / "log.md", keys=["model.depth"], metrics=["val/loss"])
    head, row = rows(read(path))
    assert head[:5] == ["run", "state", "depth", "seed", "min val/loss"]
    assert row[:5] == ["one", "finished", "3", "0", "1"]


def test_several_projects_are_named(tmp_path):
    """In the log of a folder of runs each group says its project."""
    record(tmp_path, "one", group="g", project="p1")
    record(tmp_path, "two", group="g", project="p2")
    text = read(logbook(tmp_path))
    assert "## p1 / g" in text
    assert "## p2 / g" in text


def test_no_runs_and_no_place(tmp_path):
    """An empty folder, or runs without a place for the file, is an error that says so."""
    with pytest.raises(EvidenceError, match="no runs"):
        logbook(tmp_path)
    run = record(tmp_path, "one")
    with pytest.raises(EvidenceError, match="Give path="):
        logbook([run])


@pytest.mark.parametrize("name", NAMES)
def test_names_come_out_literally(tmp_path, name):
    """Groups, names, values, tags and notes are text, and never a mark."""
    name = name.encode("utf-8", "replace").decode()
    with epochal.init(
        project="p", group=name, notes=name, dir=str(tmp_path), follow="off", tags=[name],
        config={"key": name}, capture_environment=False,
    ) as run:  # fmt: skip
        run.log({"val/loss": 0.5}, step=1)
    RunView(run.dir).rename(name)
    path = logbook(tmp_path, keys=["key"])
    text = read(path)
    tokens = MarkdownIt("commonmark").enable("table").parse(text)
    inline = [child for token in tokens for child in token.children or ()]
    assert {child.type for child in inline} <= {"text", "text_special"}
    shown = squeezed("".join(child.content for child in inline))
    assert shown.count(visible(printable(name))) >= 2
    assert read(logbook(tmp_path, keys=["key"])) == text
