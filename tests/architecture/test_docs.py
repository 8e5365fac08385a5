"""The documentation names every command, and its code runs."""

import importlib.util
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import click
import pytest

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("README.md"), *(ROOT / "docs").rglob("*.md")])

FENCE = re.compile(r"^(?P<indent>[ >]*)(?P<ticks>`{3,})(?P<info>[^`]*)$")
NO_RUN = "<!-- no-run -->"
MIRRORED_TOOLS = ("tensorboard", "wandb", "mlflow")


@dataclass(frozen=True)
class Block:
    """A block of Python code on a page; `line` is the line of its first line of code."""

    line: int
    code: tuple[str, ...]
    marked: bool  # opened with ```python run
    excused: bool  # <!-- no-run --> stands before it


def label(path: Path) -> str:
    """The path as it is read in a test id."""
    return str(path.relative_to(ROOT))


def python_blocks(text: str) -> list[Block]:
    """Finds the Python blocks of a page, also those indented in lists and tabs."""
    blocks: list[Block] = []
    lines = iter(enumerate(text.splitlines(), start=1))
    before = ""  # the last line that is not blank
    for number, line in lines:
        opening = FENCE.match(line)
        if opening is None:
            before = line.strip() or before
            continue
        indent, ticks = opening["indent"], opening["ticks"]
        code = []
        for _, inner in lines:
            if re.fullmatch(rf"[ >]*{ticks}`*\s*", inner):
                break
            code.append(inner.removeprefix(indent))
        words = opening["info"].split()
        if words[:1] in (["python"], ["py"]):
            blocks.append(Block(number + 1, tuple(code), "run" in words[1:], before == NO_RUN))
        before = ""
    return blocks


def script(text: str) -> str:
    """The blocks to run as one program in which every line keeps its number on the page."""
    out: list[str] = []
    for block in python_blocks(text):
        if block.marked and not block.excused:
            out += [""] * (block.line - 1 - len(out))
            out += block.code
    return "\n".join(out) + "\n" if out else ""


def pages_to_run() -> list:
    """One parameter for each page with code to run, marked where the code needs PyTorch."""
    params = []
    for page in PAGES:
        program = script(page.read_text(encoding="utf-8"))
        if program:
            uses_torch = re.search(r"^\s*(import|from) torch\b", program, re.MULTILINE)
            marks = [pytest.mark.torch] if uses_torch else []
            if page.stem in MIRRORED_TOOLS:
                absent = importlib.util.find_spec(page.stem) is None
                marks.append(pytest.mark.skipif(absent, reason=f"{page.stem} is not installed"))
            params.append(pytest.param(page, id=label(page), marks=marks))
    return params


def command_names(group: click.Group, prefix: str = "epochal") -> list[str]:
    """Full names of all commands that a user can type and see in the help."""
    context = click.Context(group, info_name=prefix)
    names = []
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if command is None or command.hidden:
            continue
        full = f"{prefix} {name}"
        names += command_names(command, full) if isinstance(command, click.Group) else [full]
    return names


def test_blocks_are_found():
    """Blocks in lists, with and without marks, are read with their line numbers."""
    text = "a\n```python run\nx = 1\n```\n<!-- no-run -->\n\n```python run\n1/0\n```\n"
    text += "- b\n\n  ```python run\n  if x:\n      y = x\n  ```\n```python\n1/0\n```\n"
    assert script(text).splitlines() == ["", "", "x = 1", *[""] * 9, "if x:", "    y = x"]


def test_every_command_is_documented():
    """The name of each command stands in the documentation."""
    from epochal import cli

    candidates = [cli.main, *vars(cli).values()]
    group = next((value for value in candidates if isinstance(value, click.Group)), None)
    assert group is not None, "epochal.cli has no click.Group to list the commands of"
    text = "\n".join(page.read_text(encoding="utf-8") for page in PAGES)
    names = command_names(group)
    unnamed = [name for name in names if not re.search(rf"\b{re.escape(name)}\b", text)]
    assert names
    assert not unnamed, f"no page names: {unnamed}"


@pytest.mark.parametrize("page", PAGES, ids=label)
def test_every_python_block_is_decided(page):
    """Each Python block says whether it is run, so that none is left untested by accident."""
    blocks = python_blocks(page.read_text(encoding="utf-8"))
    undecided = [block.line for block in blocks if not (block.marked or block.excused)]
    remedy = f"open with ```python run, or put {NO_RUN} before"
    assert not undecided, f"{label(page)}, lines {undecided}: {remedy}"


@pytest.mark.parametrize("page", pages_to_run())
def test_code_runs(page, tmp_path):
    """The blocks of a page run one after another in an empty folder, in one namespace."""
    program = tmp_path / "page.py"  # never the name of a standard module
    program.write_text(script(page.read_text(encoding="utf-8")), encoding="utf-8")
    folder = tmp_path / "work"
    folder.mkdir()
    done = subprocess.run(
        [sys.executable, str(program)],
        cwd=folder,
        env=os.environ | {"PYTHONSAFEPATH": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )
    assert done.returncode == 0, f"{label(page)} (same line numbers):\n{done.stderr}"
