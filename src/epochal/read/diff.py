"""How two runs differ: config, code, packages and results."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from epochal.read.metrics import MetricSummary
from epochal.read.view import RunView

_CODE = ("commit", "branch", "dirty", "remote")


class Change(NamedTuple):
    """One difference.

    Attributes:
        path: keys from the top, such as ``("config", "optimizer", "lr")``.
        kind: "added" (only b has it), "removed" (only a has it) or "changed".
        a, b: the values; None on the side that has none.
    """

    path: tuple[str, ...]
    kind: str
    a: Any
    b: Any


@dataclass(frozen=True)
class RunDiff:
    """What differs between two runs; what is equal is left out, except in ``summary``.

    Attributes:
        a, b: the names of the runs.
        config: differences of the configs, leaf by leaf.
        code: of commit, branch, dirty and remote.
        packages: of the versions of installed packages.
        summary: value → (of a, of b): the summary values side by side, None where a run has none.
    """

    a: str
    b: str
    config: list[Change] = field(default_factory=list)
    code: list[Change] = field(default_factory=list)
    packages: list[Change] = field(default_factory=list)
    summary: dict[str, tuple[Any, Any]] = field(default_factory=dict)

    def __bool__(self) -> bool:
        """Return whether config, code or packages differ."""
        return bool(self.config or self.code or self.packages)

    def rows(self) -> list[tuple[str, str, str, str]]:
        """Return (what, kind, a, b) as text for a table, results at the end."""
        changes = [*self.config, *self.code, *self.packages]
        found = [(_name(c.path), c.kind, _shown(c, "a"), _shown(c, "b")) for c in changes]
        for metric, (a, b) in self.summary.items():
            found.append((f"summary {metric}", "", _number(a), _number(b)))
        return found

    def to_dict(self) -> dict[str, Any]:
        """Return the differences as nested JSON-able mappings.

        A leaf is ``{"change": kind, "a": …, "b": …}`` without the side that has no value.
        """
        nested: dict[str, Any] = {
            "a": self.a,
            "b": self.b,
            "config": {},
            "code": {},
            "packages": {},
        }
        for change in (*self.config, *self.code, *self.packages):
            into = nested
            for key in change.path[:-1]:
                into = into.setdefault(key, {})
            into[change.path[-1]] = {
                "change": change.kind,
                **({} if change.kind == "added" else {"a": change.a}),
                **({} if change.kind == "removed" else {"b": change.b}),
            }
        nested["summary"] = {name: {"a": a, "b": b} for name, (a, b) in self.summary.items()}
        return nested

    def __repr__(self) -> str:
        """Return a table."""
        head = ("", "", self.a, self.b)
        rows = [head, *self.rows()]
        widths = [max(len(row[i]) for row in rows) for i in range(4)]
        lines = [
            "  ".join(t.ljust(w) for t, w in zip(r, widths, strict=True)).rstrip() for r in rows
        ]
        return "\n".join(lines if len(rows) > 1 else [*lines, "no difference"])


def diff(a: RunView, b: RunView) -> RunDiff:
    """Compare two runs.

    Mappings are compared key by key, everything else (lists too) as a whole; 1 and 1.0 are equal,
    NaN equals NaN, and True differs from 1.

    Args:
        a: a run, such as ``project.run("baseline")``.
        b: another one.

    Example:
        >>> import epochal, tempfile
        >>> folder = tempfile.mkdtemp()
        >>> for lr in (0.1, 0.2):
        ...     epochal.init(name=f"lr-{lr}", config={"lr": lr, "depth": 2}, dir=folder).finish()
        >>> project = epochal.open(folder)
        >>> diff(project.run("lr-0.1"), project.run("lr-0.2")).config
        [Change(path=('config', 'lr'), kind='changed', a=0.1, b=0.2)]
    """
    code = [{key: run.git[key] for key in _CODE if key in run.git} for run in (a, b)]
    packages = [run.environment.get("packages") or {} for run in (a, b)]
    values = [{name: _value(each) for name, each in run.summary.items()} for run in (a, b)]
    return RunDiff(
        a.name,
        b.name,
        list(_changes(("config",), a.config, b.config)),
        list(_changes(("code",), *code)),
        # A run whose environment was not recorded says nothing about packages.
        list(_changes(("packages",), *packages)) if all(packages) else [],
        {
            name: (values[0].get(name), values[1].get(name))
            for name in sorted({*values[0], *values[1]})
        },
    )


def _changes(path: tuple[str, ...], a: Mapping[str, Any], b: Mapping[str, Any]) -> Iterator[Change]:
    for key in dict.fromkeys((*a, *b)):
        here = (*path, str(key))
        if key not in b:
            yield Change(here, "removed", a[key], None)
        elif key not in a:
            yield Change(here, "added", None, b[key])
        elif isinstance(a[key], Mapping) and isinstance(b[key], Mapping):
            yield from _changes(here, a[key], b[key])
        elif not _equal(a[key], b[key]):
            yield Change(here, "changed", a[key], b[key])


def _equal(a: Any, b: Any) -> bool:
    if isinstance(a, bool) != isinstance(b, bool):
        return False
    if isinstance(a, float) and isinstance(b, float) and math.isnan(a) and math.isnan(b):
        return True
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(map(_equal, a, b))
    if isinstance(a, Mapping) and isinstance(b, Mapping):
        return a.keys() == b.keys() and all(_equal(a[key], b[key]) for key in a)
    return bool(a == b)


def _value(summary: Any) -> Any:
    return summary.value if isinstance(summary, MetricSummary) else summary


def _name(path: tuple[str, ...]) -> str:
    return f"{path[0]} {'.'.join(path[1:])}"


def _shown(change: Change, side: str) -> str:
    absent = change.kind == ("added" if side == "a" else "removed")
    return "-" if absent else repr(getattr(change, side))


def _number(value: Any) -> str:
    if value is None:
        return "-"
    return f"{value:.6g}" if isinstance(value, float) else repr(value)
