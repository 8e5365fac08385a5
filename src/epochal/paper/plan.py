"""``paper.toml``: which comparisons, tables, figures and numbers a paper takes from its runs."""

from __future__ import annotations

import glob
import os
import re
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from epochal.core.errors import SettingError, did_you_mean
from epochal.paper.section import KEYS, Section
from epochal.settings.sources import line_of

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,99}")
"""Names of sections become names of files."""

SINGLE = ("paper", "text")
MAX_BYTES = 1 << 20
DEFAULT_FILE = "paper.toml"


@dataclass(frozen=True)
class Plan:
    """What is to be made, as it stands in the file; made by `load`.

    Attributes:
        path: of the file, absolute.
        paper: the section ``[paper]``.
        comparisons, tables, figures, numbers: name → section.
        text: the section ``[text]``, None if there is none.
    """

    path: str
    paper: Section
    comparisons: Mapping[str, Section] = field(default_factory=dict)
    tables: Mapping[str, Section] = field(default_factory=dict)
    figures: Mapping[str, Section] = field(default_factory=dict)
    numbers: Mapping[str, Section] = field(default_factory=dict)
    text: Section | None = None

    @property
    def folder(self) -> str:
        """The folder of the file: relative paths start here."""
        return os.path.dirname(self.path)

    @property
    def runs_dir(self) -> str:
        """The folder of runs, absolute."""
        return self._absolute(self.paper.get("runs", "runs"))

    @property
    def out(self) -> str:
        """The folder of what is made, absolute."""
        return self._absolute(self.paper.get("out", "generated"))

    def documents(self) -> list[str]:
        """Return the files of the paper's text, absolute, in the order in which they were named.

        Raises:
            SettingError: a name or pattern fits no file.
        """
        given = self.paper.get("tex", [])
        found: dict[str, None] = {}
        for pattern in [given] if isinstance(given, str) else given:
            full = self._absolute(pattern)
            fitting = sorted(glob.glob(full, recursive=True)) if glob.has_magic(full) else [full]
            fitting = [path for path in fitting if os.path.isfile(path)]
            if not fitting:
                problem = f"names {pattern!r}, and there is no such file below {self.folder}"
                raise self.paper.error("tex", f"{problem}: name the files of the paper's text")
            if outside := [path for path in fitting if not self.is_inside(path)]:
                problem = f"names {pattern!r}, and {outside[0]} is not below {self.folder}"
                raise self.paper.error("tex", f"{problem}: put {DEFAULT_FILE} above the text")
            found.update(dict.fromkeys(fitting))
        return list(found)

    @property
    def text_folder(self) -> str:
        """The folder from which LaTeX finds files: that of the first file of the text."""
        given = self.paper.get("tex", [])
        first = given if isinstance(given, str) else next(iter(given), "")
        return os.path.dirname(self._absolute(first)) if first else self.folder

    @property
    def prefix(self) -> str:
        """How LaTeX finds the output folder from that of the paper's text."""
        return os.path.relpath(self.out, self.text_folder).replace(os.sep, "/")

    def is_inside(self, path: str) -> bool:
        """Say whether a path is below the folder of the file, whatever links it goes through."""
        folder = os.path.realpath(self.folder)
        return os.path.join(os.path.realpath(path), "").startswith(os.path.join(folder, ""))

    def sections(self) -> list[Section]:
        """Return every section that something is made of."""
        parts = (self.comparisons, self.tables, self.figures, self.numbers)
        found = [section for part in parts for section in part.values()]
        return [*found, self.text] if self.text is not None else found

    def comparison(self, name: str, asking: Section, key: str) -> Section:
        """Return the section of a comparison that another section names.

        Raises:
            SettingError: there is none of that name.
        """
        if name not in self.comparisons:
            hint = did_you_mean(name, self.comparisons) or f": add a section [comparison.{name}]"
            raise asking.error(key, f"names the comparison {name!r}, which is not there{hint}")
        return self.comparisons[name]

    def _absolute(self, path: str) -> str:
        return os.path.normpath(os.path.join(self.folder, os.path.expanduser(path)))


def load(path: str | os.PathLike[str] = DEFAULT_FILE) -> Plan:
    r"""Read a ``paper.toml``.

    Args:
        path: of the file, or of the folder in which ``paper.toml`` is.

    Raises:
        SettingError: it cannot be read, is not valid TOML, or says something that has no meaning.

    Example:
        >>> import tempfile
        >>> path = os.path.join(tempfile.mkdtemp(), "paper.toml")
        >>> with open(path, "w") as file:
        ...     _ = file.write('[number.best_loss]\nmetric = "val/loss"')
        >>> load(path).numbers["best_loss"].get("metric")
        'val/loss'
    """
    full = os.path.abspath(os.fspath(path))
    if os.path.isdir(full):
        full = os.path.join(full, DEFAULT_FILE)
    text, parsed = _parsed(full)
    name = os.path.basename(full)
    kinds: dict[str, dict[str, Section]] = {kind: {} for kind in KEYS}
    for kind, content in parsed.items():
        if kind not in KEYS:
            raise SettingError(
                f"{name}, line {line_of(text, (kind,))}, has a section [{kind}], which means"
                f" nothing{did_you_mean(kind, KEYS) or ': it may have ' + ', '.join(KEYS)}"
            )
        for section in _sections(kind, content, text, name):
            kinds[kind][section.name] = section
    plan = Plan(
        full, kinds["paper"].get("", Section("paper", "", {}, name)), kinds["comparison"],
        kinds["table"], kinds["figure"], kinds["number"], kinds["text"].get(""),
    )  # fmt: skip
    _check_names(plan)
    if not plan.is_inside(plan.out):
        problem = f"is {plan.paper.get('out')!r}, which leads out of {plan.folder}"
        raise plan.paper.error("out", f"{problem}: name a folder below that of {name}")
    return plan


def _parsed(path: str) -> tuple[str, dict[str, Any]]:
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib
    try:
        with open(path, "rb") as file:
            data = file.read(MAX_BYTES + 1)
        text = data.decode("utf-8-sig")
    except FileNotFoundError as error:
        message = f"there is no {path}: make one with `epochal paper init`"
        raise SettingError(message) from error
    except (OSError, UnicodeDecodeError) as error:
        raise SettingError(f"{path} cannot be read: {error}") from error
    if len(data) > MAX_BYTES:
        raise SettingError(f"{path} is larger than {MAX_BYTES >> 20} MiB: it is no plan of a paper")
    try:
        return text, tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:  # its message names the line
        raise SettingError(f"{path} is not valid TOML: {error}") from error


def _sections(kind: str, content: Any, text: str, file: str) -> Iterable[Section]:
    if kind in SINGLE:
        yield _section(kind, "", content, text, file)
        return
    if not isinstance(content, Mapping):
        line = line_of(text, (kind,))
        raise SettingError(f"{file}, line {line}: {kind} is a section: write [{kind}.NAME]")
    for name, values in content.items():
        yield _section(kind, name, values, text, file)


def _section(kind: str, name: str, values: Any, text: str, file: str) -> Section:
    path = (kind, name) if name else (kind,)
    start = line_of(text, path)
    if not isinstance(values, Mapping):
        title = f"{kind}.NAME" if kind not in SINGLE else kind
        raise SettingError(
            f"{file}, line {start}: {'.'.join(path)} is {values!r}, where a section [{title}] is"
            " expected"
        )
    lines = {"": start, **{key: line_of(text, (*path, key)) for key in values}}
    section = Section(kind, name, values, file, lines)
    if name and not NAME.fullmatch(name):
        raise SettingError(
            f"{file}, line {start}: the name {name!r} becomes that of a file: use letters, digits,"
            " hyphens and underscores"
        )
    section.check()
    return section


def _check_names(plan: Plan) -> None:
    """Check that what is named is there, and that no two files get the same name.

    Raises:
        SettingError: it is not so.
    """
    for section in (*plan.tables.values(), *plan.figures.values(), *plan.numbers.values()):
        if "of" in section.values:
            plan.comparison(section.get("of"), section, "of")
    if plan.text is not None:
        for name in plan.text.get("results", ()):
            plan.comparison(name, plan.text, "results")
    for part in (plan.comparisons, plan.tables, plan.figures):
        seen: dict[str, str] = {}
        for name, section in part.items():
            other = seen.setdefault(name.lower(), name)
            if other != name:  # file systems of macOS and Windows take both as one
                raise section.error("", f"differs from {other!r} by upper case only: rename one")
