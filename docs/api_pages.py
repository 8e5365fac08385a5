"""MkDocs hook: one generated page of the Python API for each part of the package.

A part is a module or folder directly under `src/epochal`. The command line is left out: it has a
page written by hand. Names that begin with an underscore are private.
"""

from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

PACKAGE = Path(__file__).parents[1] / "src" / "epochal"
LEFT_OUT = {"cli"}


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Adds the generated pages to the navigation, at the end of Reference."""
    pages = [{name: uri(name)} for name in api()]
    for entry in config.nav or []:
        if pages and "Reference" in entry:
            entry["Reference"].append({"Python API": pages})
    return config


def on_files(files: Files, config: MkDocsConfig, **_: Any) -> Files:
    """Adds the generated pages to the site."""
    for name, modules in api().items():
        text = "\n".join([f"# {name}", "", *(f"::: {module}\n" for module in modules)])
        files.append(File.generated(config, uri(name), content=text))
    return files


def api() -> dict[str, list[str]]:
    """The parts of the package, each with the modules on its page."""
    if not PACKAGE.is_dir():
        return {}
    parts = {"epochal": ["epochal"]} if (PACKAGE / "__init__.py").exists() else {}
    for path in sorted(PACKAGE.iterdir()):
        if path.stem.startswith("_") or path.stem in LEFT_OUT:
            continue
        files = [path] if path.suffix == ".py" else sorted(path.rglob("*.py"))
        modules = [dotted(file) for file in files if is_public(file)]
        if modules:
            parts[f"epochal.{path.stem}"] = modules
    return parts


def is_public(file: Path) -> bool:
    """Whether no part of the path is private; `__init__.py` is not."""
    parts = file.relative_to(PACKAGE).with_suffix("").parts
    return all(not part.startswith("_") or part == "__init__" for part in parts)


def dotted(file: Path) -> str:
    """The module's name as an import statement writes it."""
    parts = file.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(part for part in parts if part != "__init__")


def uri(name: str) -> str:
    """The page's path inside the documentation."""
    return f"reference/api/{name}.md"
