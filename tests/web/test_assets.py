"""The build hook that brings the dashboard's packages from npm."""

import importlib.util
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]
SECTION = '[tool.hatch.build.targets.wheel.hooks.custom]\npath = "hatch_build.py"\n'


def load_hook() -> ModuleType:
    """Imports hatch_build.py, which is in no package."""
    pytest.importorskip("hatchling", reason="the hook is hatchling's")
    spec = importlib.util.spec_from_file_location("hatch_build", ROOT / "hatch_build.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def hook() -> ModuleType:
    """The module hatch_build."""
    return load_hook()


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of what a build needs, without the files of others."""
    root = tmp_path / "copy"
    web = root / "src" / "epochal" / "web"
    web.parent.mkdir(parents=True)
    for name in ("hatch_build.py", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, root)
    shutil.copy(ROOT / "src" / "epochal" / "__init__.py", web.parent)
    shutil.copytree(ROOT / "src" / "epochal" / "web", web, ignore=shutil.ignore_patterns("vendor"))
    project = (ROOT / "pyproject.toml").read_text("utf-8")
    if "wheel.hooks.custom" not in project:
        project += f"\n{SECTION}"
    (root / "pyproject.toml").write_text(project, "utf-8")
    (root / ".gitignore").write_text("/src/epochal/web/static/vendor/\n", "utf-8")
    return root


def build(root: Path, path: str) -> tuple[set[str], str]:
    """Builds a wheel with this PATH; returns the names in it and what was said."""
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel"]
    environment = {**os.environ, "PATH": path, "NO_COLOR": "1"}
    done = subprocess.run(
        command, check=False, cwd=root, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    (wheel,) = (root / "dist").glob("*.whl")
    with zipfile.ZipFile(wheel) as file:
        return set(file.namelist()), done.stderr


def vendored(hook: ModuleType) -> set[str]:
    """The names that a whole wheel has of others."""
    folder = hook.VENDOR.relative_to("src").as_posix()
    return {f"{folder}/{name}" for name in (*hook.FILES, hook.RECORD)}


def bring(hook: ModuleType, root: Path, skip_or_fail) -> None:
    """Brings the files; skips where npm or its registry cannot be reached."""
    try:
        hook.bring(root)
    except subprocess.SubprocessError as error:
        skip_or_fail(f"npm could not install: {hook.first_line(error)}")


@pytest.mark.needs("npm")
def test_a_wheel_holds_the_packages_with_their_licenses(hook, copy, skip_or_fail):
    """Files, record and licenses are in it, and no comment names a map that is not."""
    bring(hook, copy, skip_or_fail)
    shutil.rmtree(copy / hook.VENDOR)
    names, said = build(copy, os.environ["PATH"])
    assert vendored(hook) <= names
    assert "left out" not in said
    for name in hook.FILES:
        assert b"sourceMappingURL" not in (copy / hook.VENDOR / name).read_bytes()
    assert b"MIT" in (copy / hook.VENDOR / "LICENSE.preact.txt").read_bytes()
    assert b"Apache" in (copy / hook.VENDOR / "LICENSE.htm.txt").read_bytes()


@pytest.mark.needs("npm")
def test_what_is_there_already_is_not_brought_again(hook, copy, skip_or_fail):
    """A build with nothing to do needs no npm; a changed file is noticed."""
    bring(hook, copy, skip_or_fail)
    assert hook.is_current(copy)
    names, said = build(copy, path="")
    assert vendored(hook) <= names
    assert "left out" not in said
    (copy / hook.VENDOR / "htm.mjs").write_bytes(b"export default 1;")
    assert not hook.is_current(copy)


def test_a_build_without_npm_succeeds_and_says_so_in_one_line(hook, copy):
    """The wheel then lacks the files, and has everything else."""
    names, said = build(copy, path="")
    assert not vendored(hook) & names
    assert "epochal/web/static/app.js" in names
    lines = [line for line in said.splitlines() if "charts are left out" in line]
    assert len(lines) == 1
    assert "there is no npm" in lines[0]


def test_a_failure_of_npm_is_told_in_its_words(hook, copy, tmp_path):
    """The build goes on when the registry cannot be reached."""
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "npm").write_text("#!/bin/sh\necho 'npm error code ENOTFOUND' >&2\nexit 1\n")
    (programs / "npm").chmod(0o755)
    names, said = build(copy, path=str(programs))
    assert not vendored(hook) & names
    assert "npm error code ENOTFOUND" in said


def test_npm_is_a_build_dependency_only_where_it_is_missing(hook, copy, monkeypatch, tmp_path):
    """A machine with npm, or with the files, is spared the download of Node.js."""
    builder = hook.BrowserAssets(str(copy), {}, None, None, str(tmp_path), "wheel")
    monkeypatch.setenv("PATH", "")
    assert builder.dependencies() == [hook.NODE]
    monkeypatch.setattr(hook, "is_current", lambda _root: True)
    assert builder.dependencies() == []


def test_the_lock_file_names_no_registry(hook):
    """Which registry is asked is the user's choice; the hashes say what is right."""
    text = (ROOT / hook.WEB / "package-lock.json").read_text("utf-8")
    assert "resolved" not in text
    assert "://" not in text.replace("https://opencollective.com/preact", "")
    assert all(value.startswith("sha512-") for value in hook.locked(ROOT).values())


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"let a=1;\n//# sourceMappingURL=a.mjs.map\n", b"let a=1;\n"),
        (b"let a=1;\n//# sourceMappingURL=a.mjs.map", b"let a=1;"),
        (b"a{}/*# sourceMappingURL=a.css.map */", b"a{}"),
        (b"const s = 'sourceMappingURL';\n", b"const s = 'sourceMappingURL';\n"),
    ],
)
def test_comments_that_name_a_map_go(hook, content, expected):
    """Nothing else of a script or style changes."""
    assert hook.without_map(content) == expected
