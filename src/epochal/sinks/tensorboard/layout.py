"""Which names a run's metrics, texts and media have in TensorBoard: their own, or the sections'."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Protocol

from epochal.core.name_map import NameMap
from epochal.sinks.tensorboard import sections
from epochal.sinks.tensorboard.sections import Place

MAX_CLAIMS = 1000
_OWN_NAMES = ("parameters/layers/", "gradients/layers/", "system/", "diffusion/loss/")
"""Names that no other name shares a place with."""


class Layout(Protocol):
    """Says where things stand in TensorBoard."""

    def of_number(self, name: str) -> tuple[Place, ...]:
        """Return where a metric stands, nowhere if it is switched off."""

    def of_epoch(self, name: str) -> tuple[Place, ...]:
        """Return where a metric of the table of epochs stands."""

    def of_medium(self, name: str) -> tuple[str, ...]:
        """Return the tags of a medium or a text."""

    def state(self) -> Any:
        """Return what must be known to go on in the same way, JSON-able."""

    def restore(self, state: Any) -> None:
        """Go on from a state, or from the beginning: None."""


class PlainLayout:
    """Everything has the name that it was logged under, or the one that the user gave it.

    Args:
        names: TensorBoard's names.
    """

    def __init__(self, names: NameMap) -> None:
        self._names = names

    def of_number(self, name: str) -> tuple[Place, ...]:
        """Return where a metric stands."""
        return (Place(self._names[name]),)

    of_epoch = of_number

    def of_medium(self, name: str) -> tuple[str, ...]:
        """Return the tags of a medium or a text."""
        return (self._names[name],)

    def state(self) -> None:
        """Return None: there is nothing to be known."""

    def restore(self, state: Any) -> None:
        """Do nothing."""


class SectionLayout:
    """Everything stands in the numbered sections; what fits none keeps its name.

    Several metrics may claim one place (``loss`` and ``train/loss``): the first that a run logs
    has it, the others keep their names, so that no curve is a mixture of two.

    Args:
        names: the user's names, which go before the sections.
        off: sections that are switched off: what stands only there is left out.
    """

    def __init__(self, names: Mapping[str, str], off: frozenset[str]) -> None:
        self._names, self._off = NameMap(names), off
        self._exact = {name for name in names if not name.endswith("*")}
        self._begins = tuple(name[:-1] for name in names if name.endswith("*"))
        self._claims: dict[str, str] = {}

    def of_number(self, name: str) -> tuple[Place, ...]:
        """Return where a metric stands, nowhere if it is switched off."""
        return self._own(name) or self._free(name, sections.of_number(name))

    def of_epoch(self, name: str) -> tuple[Place, ...]:
        """Return where a metric of the table of epochs stands."""
        places = sections.of_epoch(name)
        by_epoch = tuple(place for place in places if place.by_epoch)
        if not by_epoch:
            return self._own(name) or self._free(name, places)
        # A curve of steps is not mixed with means over epochs.
        by_step = (p for p in places if not p.by_epoch and p.tag not in self._claims)
        return self._own(name) or (*self._free(name, by_epoch), *self._on(by_step))

    def of_medium(self, name: str) -> tuple[str, ...]:
        """Return the tags of a medium or a text."""
        places = self._own(name) or self._on(sections.of_medium(name) or (Place(name),))
        return tuple(place.tag for place in places)

    def state(self) -> dict[str, str]:
        """Return who has claimed which place."""
        return dict(self._claims)

    def restore(self, state: Mapping[str, str] | None) -> None:
        """Go on with the claims of a state."""
        self._claims = dict(state or {})

    def _own(self, name: str) -> tuple[Place, ...]:
        """Return the place that the user gave a name, none if there is none."""
        if name in self._exact or (self._begins and name.startswith(self._begins)):
            return (Place(self._names[name]),)
        return ()

    def _free(self, name: str, places: tuple[Place, ...]) -> tuple[Place, ...]:
        if not places:
            return (Place(name),)
        if name.startswith(_OWN_NAMES):
            return self._on(places)
        if any(self._claims.get(place.tag, name) != name for place in places):
            return (Place(name),)
        if len(self._claims) < MAX_CLAIMS:
            self._claims.update((place.tag, name) for place in places)
        return self._on(places)

    def _on(self, places: Iterable[Place]) -> tuple[Place, ...]:
        return tuple(p for p in places if p.tag.partition("/")[0] not in self._off)


def make(
    layout: str, names: Mapping[str, str], switches: Mapping[str | int, bool] | None
) -> Layout:
    """Return a layout by name.

    Raises:
        ValueError: there is no layout of that name, or a switch or name is not allowed.
    """
    if layout == "sections":
        return SectionLayout(names, sections.switched_off(switches))
    if layout != "plain":
        message = f"layout={layout!r} is neither 'plain' nor 'sections'"
        raise ValueError(message)
    if switches:
        message = f"sections={dict(switches)!r} needs layout='sections'"
        raise ValueError(message)
    return PlainLayout(NameMap(names))
