"""The plan: what a paper.toml may say, and the message for what it may not."""

import pytest

from epochal.core.errors import SettingError
from epochal.paper.plan import load


def plan(folder, text):
    """The plan of a text."""
    (folder / "paper.toml").write_text(text)
    return load(folder)


def test_sections(tmp_path):
    """Sections are found by kind and name, and paths start at the file's folder."""
    found = plan(tmp_path, '[paper]\nruns = "../r"\n[number.a]\nmetric = "m"\n[table.t]\nof = "c"\n'
                           '[comparison.c]\nmetric = "m"')  # fmt: skip
    assert [each.title for each in found.sections()] == ["comparison.c", "table.t", "number.a"]
    assert found.runs_dir == str(tmp_path.parent / "r")
    assert found.out == str(tmp_path / "generated")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[numbr.a]\nx = 1", "line 1, has a section [numbr], which means nothing"),
        ("[numbr.a]\nx = 1", "(did you mean 'number'?)"),
        ('[number.a]\nmetric = "m"\novr = "mean"', "[number.a] has no key 'ovr' (did you mean"),
        ("\n[number.a]\n\nmetric = 3", "line 4, [number.a] metric is 3: give text"),
        ("[number.'../x']\nmetric = 'm'", "the name '../x' becomes that of a file"),
        ("[table.t]\nof = 'best'\n[comparison.beste]\nmetric = 'm'",
         "line 2, [table.t] of names the comparison 'best', which is not there (did you"),
        ("number = 3", "line 1: number is a section: write [number.NAME]"),
        ("[number]\na = 3", "number.a is 3, where a section [number.NAME] is expected"),
        ("[paper]\nruns = [", "is not valid TOML"),
        ("[table.a]\n[table.A]", "differs from 'a' by upper case only"),
        ("[number.a]\npair = ['x']", "pair is ['x']: give a list of two texts"),
        ("[text]\nresults = ['x']", "names the comparison 'x'"),
    ],
)  # fmt: skip
def test_mistakes(tmp_path, text, message):
    """Every mistake is named with line, section, key, value and remedy."""
    with pytest.raises(SettingError) as error:
        plan(tmp_path, text)
    assert message in str(error.value)


def test_no_file(tmp_path):
    """A plan that is not there says how to make one."""
    with pytest.raises(SettingError, match="make one with `epochal paper init`"):
        load(tmp_path / "other.toml")


def test_documents(tmp_path):
    """Patterns find the text's files; a name without a file is a mistake."""
    for name in ("a.tex", "b.tex", "c.md"):
        (tmp_path / name).write_text("")
    found = plan(tmp_path, '[paper]\ntex = ["b.tex", "*.tex", "c.md"]')
    assert [path.rpartition("/")[2] for path in found.documents()] == ["b.tex", "a.tex", "c.md"]
    with pytest.raises(SettingError, match=r"line 2, .paper. tex names 'x/"):
        plan(tmp_path, '[paper]\ntex = "x/*.tex"').documents()
