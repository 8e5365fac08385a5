"""Sizes that keep the code readable in one go."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCES = sorted((ROOT / "src" / "epochal").rglob("*.py"))

MAX_FILE_LINES = 400
MAX_FUNCTION_LINES = 60
MAX_PUBLIC_METHODS = 15

# Classes that may have more public methods: name -> reason.
LARGE_CLASSES: dict[str, str] = {
    "Run": "its methods are the public interface of a run that is being written",
    "RunView": "its methods are the public interface of a run that is being read",
    "RunFacts": "its properties are the part of that interface that needs no points",
}

FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


def parse(path: Path) -> ast.Module:
    """Parses a source file."""
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def code_lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines from `def` to the end without the docstring: documenting never costs."""
    lines = function.end_lineno - function.lineno + 1
    if ast.get_docstring(function, clean=False) is not None:
        docstring = function.body[0]
        lines -= docstring.end_lineno - docstring.lineno + 1
    return lines


def public_methods(class_: ast.ClassDef) -> Iterator[str]:
    """Names of public methods, a property with its setter counted once."""
    names = {node.name for node in class_.body if isinstance(node, FUNCTIONS)}
    return (name for name in sorted(names) if not name.startswith("_"))


def label(path: Path) -> str:
    """The path as it is read in a test id."""
    return str(path.relative_to(ROOT))


def test_there_are_sources():
    """The checks below look at something."""
    assert SOURCES, "no Python file under src/epochal"


@pytest.mark.parametrize("path", SOURCES, ids=label)
def test_file_is_short(path):
    """A file has at most 400 lines."""
    count = len(path.read_text(encoding="utf-8").splitlines())
    assert count <= MAX_FILE_LINES, f"{label(path)} has {count} lines: divide it by subject"


@pytest.mark.parametrize("path", SOURCES, ids=label)
def test_functions_are_short(path):
    """A function has at most 60 lines, its docstring not counted."""
    functions = [node for node in ast.walk(parse(path)) if isinstance(node, FUNCTIONS)]
    long = {f"{f.name}:{f.lineno}": code_lines(f) for f in functions}
    long = {name: count for name, count in long.items() if count > MAX_FUNCTION_LINES}
    assert not long, f"{label(path)}: functions over {MAX_FUNCTION_LINES} lines: {long}"


@pytest.mark.parametrize("path", SOURCES, ids=label)
def test_classes_are_narrow(path):
    """A class has at most 15 public methods unless it is listed with a reason."""
    classes = [node for node in ast.walk(parse(path)) if isinstance(node, ast.ClassDef)]
    wide = {c.name: len(list(public_methods(c))) for c in classes if c.name not in LARGE_CLASSES}
    wide = {name: count for name, count in wide.items() if count > MAX_PUBLIC_METHODS}
    assert not wide, f"{label(path)}: over {MAX_PUBLIC_METHODS} public methods: {wide}"
