"""A run's names in another tool: which metric, text or picture is called what there."""

from __future__ import annotations

from collections.abc import Mapping


class NameMap:
    """Turns Epochal's names into the names that a sink writes.

    Args:
        names: Epochal's name → the sink's; a trailing ``*`` on both sides exchanges the beginning.
            The exact name goes before the longest beginning; what fits nothing keeps its name.

    Raises:
        ValueError: a beginning is mapped onto a single name, or the other way round.

    Example:
        >>> names = NameMap({"train/loss": "Loss/Train", "grad/*": "Gradients/*"})
        >>> names["train/loss"], names["grad/norm"], names["lr"]
        ('Loss/Train', 'Gradients/norm', 'lr')
    """

    def __init__(self, names: Mapping[str, str] | None = None) -> None:
        given = dict(names or {})
        for name, other in given.items():
            if name.endswith("*") != other.endswith("*"):
                message = f"name map {name!r} → {other!r}: '*' stands at the end of both or neither"
                raise ValueError(message)
        self._known = {name: other for name, other in given.items() if not name.endswith("*")}
        begins = [(name[:-1], other[:-1]) for name, other in given.items() if name.endswith("*")]
        self._begins = sorted(begins, key=lambda pair: -len(pair[0]))

    def __getitem__(self, name: str) -> str:
        """Return the sink's name; remembered, so that a row costs one lookup a value."""
        found = self._known.get(name)
        if found is None:
            found = next((o + name[len(b) :] for b, o in self._begins if name.startswith(b)), name)
            self._known[name] = found
        return found
