"""The checkpoints of one run: saved, recorded, chosen among, thinned out, loaded."""

from __future__ import annotations

import math
import operator
import os
import threading
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timezone
from typing import Any

from epochal.checkpoints import choice, drafts, folder, random_state
from epochal.checkpoints.choice import Verdict
from epochal.checkpoints.file import Saved, digest, load_file, save_file
from epochal.checkpoints.folder import BEST, FINAL, Known
from epochal.checkpoints.state import restore, state_of
from epochal.core.errors import CheckpointError, EpochalError
from epochal.core.nested import flatten
from epochal.core.problems import logger
from epochal.core.redact import redact

Record = Callable[[str, Mapping[str, Any]], bool]
Tell = Callable[[str], None]

WORDS = ("last", "best", "final")
MAX_METRICS = 200
"""Metrics that are recorded with a checkpoint; the file has all of them."""


class RunCheckpoints:
    """Saves and loads the checkpoints of a run; threads may call it at the same time.

    Args:
        place: the folder; None: there is none, and only paths can be loaded.  If it lies outside
            the run folder and holds checkpoints that are not this run's, those stay as they are,
            and this run's go to a folder of its own in it.
        run_dir: the run's folder, "" if nothing is recorded.
        writes: False: this process saves nothing, as another rank does.
        earlier: returns what earlier sessions recorded; called when it is first needed.
        limit: the step after which a resume hides everything.
    """

    def __init__(
        self, place: str | None, *, run_dir: str = "", writes: bool = True,
        earlier: Callable[[], list[Known]] = list, limit: float | None = None,
    ) -> None:  # fmt: skip
        self._place, self._run_dir, self._writes = place, run_dir, writes
        shared = place and run_dir and not place.startswith(os.path.join(run_dir, ""))
        self._aside = os.path.join(place, os.path.basename(run_dir)) if place and shared else None
        self._earlier, self._limit = earlier, math.inf if limit is None else limit
        self._known: list[Known] | None = None
        self._parent = ""
        self._linked = False
        self._lock = threading.RLock()

    # -- saving ------------------------------------------------------------------------------

    def save(  # noqa: PLR0913 - what run.save_checkpoint was given, sorted
        self, parts: Mapping[str, Any], facts: Mapping[str, Any], *, monitor: str | None,
        goal: str | None, keep_last: Any, final: bool, generators: Mapping[str, Any] | None,
        record: Record, tell: Tell, best: bool = False, path: str | os.PathLike[str] | None = None,
    ) -> str | None:  # fmt: skip
        """Write a checkpoint, then record it; return its path, None if this process saves none.

        Args:
            parts: ``model optimizer scheduler ema``, each may be None.
            facts: ``epoch step loss metrics config extra``.
            monitor: the metric by which the best one is chosen.
            goal: "minimize" or "maximize", None: what is usual.
            keep_last: so many are kept beside the best and final ones; None: all.
            final: it is the last one of the training.
            generators: generators of random numbers by name.
            record: records an event; False: it could not.
            tell: told what went wrong beside the saving.
            best: it is the best one so far, whatever ``monitor`` says.
            path: of the file; None: its usual name in the folder.

        Raises:
            CheckpointError: it cannot be saved; what was there before is untouched.
        """
        if not self._writes or self._place is None:
            return None
        facts = _numbered(facts)
        numbers = _numbers(facts)
        with self._lock:
            self._know(tell)
            verdict = self._judge(monitor, goal, {"loss": facts["loss"], **numbers}, tell)
            verdict = verdict._replace(best=verdict.best or bool(best))
            if path is None:
                name = folder.file_name(facts["epoch"], facts["step"])
                path = os.path.join(self._folder(tell), name)
            path = os.path.abspath(path)
            saved = save_file(path, _contents(parts, facts, generators))
            about = _about(facts, numbers, verdict, final=final, parent=self._parent)
            new = Known(saved.path, saved.sha256, about)
            if self._known is not None:
                self._known = [
                    *(replace(k, visible=False) if k.path == path else k for k in self._known),
                    new,
                ]
            record("artifact", self._fields(saved, about))
            self._link(new, tell)
            self._remove_old(keep_last, record, tell)
            return saved.path

    def _know(self, tell: Tell) -> None:
        """Read what was recorded earlier, if that is not known yet; if it cannot be, tell."""
        try:
            self._known_now()
        except (EpochalError, OSError) as error:
            tell(
                f"what was recorded of earlier checkpoints cannot be read: {error}; {BEST} and old"
                " checkpoints are left as they are"
            )

    def _known_now(self) -> list[Known]:
        """Return what was recorded, in order."""
        if not self._writes:  # another process saves: what it recorded is read each time
            known = self._earlier()
        else:
            known = self._known = self._earlier() if self._known is None else self._known
        if any(each.own and os.path.dirname(each.path) == self._aside for each in known):
            self._place = self._aside
        return known

    def _judge(
        self, monitor: str | None, goal: str | None, numbers: Mapping[str, Any], tell: Tell
    ) -> Verdict:
        if self._known is None:
            return Verdict(monitor, goal)  # nobody knows whether it is the best
        try:
            return choice.judge(monitor, goal, numbers, self._known)
        except CheckpointError as error:  # the checkpoint is worth more than the choice
            tell(f"{BEST} is left as it is: {error}")
            return Verdict(monitor, goal)

    def _folder(self, tell: Tell) -> str:
        """Return where to save: never among files that this run did not record."""
        assert self._place is not None
        if self._aside is not None and self._place != self._aside:
            mine = {path for k in self._known or () if k.own for path in k.paths}
            if others := folder.others(self._place, mine):
                tell(
                    f"{self._place} holds checkpoints that are not this run's, such as {others[0]},"
                    f" which are left as they are: this run's go to {self._aside}"
                )
                self._place = self._aside
        return self._place

    def _link(self, new: Known, tell: Tell) -> None:
        """Give the best and the final checkpoint their names."""
        wanted = [(new, FINAL)] if new.about["final"] else []
        best = new if new.about["best"] else folder.best_of(self._known or ())
        if best is not None and best.own and (best is new or not self._linked):
            wanted.append((best, BEST))  # once after a start too: a resume may have hidden another
        self._linked = self._known is not None
        for each, name in wanted:
            target = os.path.join(os.path.dirname(each.path), name)
            try:
                if each is new or (os.path.exists(each.path) and not _same(each.path, target)):
                    drafts.link(each.path, target)
            except OSError as error:
                tell(f"{target} cannot be made: {error.strerror or error}; {each.path} is there")

    def _fields(self, saved: Saved, about: Mapping[str, Any]) -> dict[str, Any]:
        fields = {"name": os.path.basename(saved.path), "type": "checkpoint", **saved._asdict()}
        return {**fields, **self._inside(saved.path), "about": dict(about)}

    def _inside(self, path: str) -> dict[str, str]:
        """Return where a file is in the run folder: it is found again when that was moved."""
        if not path.startswith(os.path.join(self._run_dir, "")):
            return {}
        return {"file": os.path.relpath(path, self._run_dir).replace(os.sep, "/")}

    def _remove_old(self, keep_last: Any, record: Record, tell: Tell) -> None:
        """Remove all but the newest ones, the best one and final ones."""
        if keep_last is None:
            return
        if not hasattr(keep_last, "__index__") or keep_last < 1:
            tell(f"old checkpoints stay: keep_last={keep_last!r} is not a whole number from 1 on")
            return
        known = self._known or []
        best = folder.best_of(known)
        mine = [k for k in known if k.own and k.visible]
        for old in mine[: -operator.index(keep_last)]:
            if old is best or old.about.get("final"):
                continue
            said = {"name": os.path.basename(old.path), "path": old.path, "sha256": old.sha256}
            if not record("artifact_removed", {**said, **self._inside(old.path)}):
                return  # it stays, as readers would miss it
            known[known.index(old)] = replace(old, visible=False)
            try:
                os.unlink(old.path)
            except FileNotFoundError:
                continue
            except OSError as error:
                tell(f"the old checkpoint {old.path} cannot be removed: {error.strerror or error}")

    # -- loading -----------------------------------------------------------------------------

    def load(
        self, which: str | os.PathLike[str], parts: Mapping[str, Any], *, rng: bool,
        generators: Mapping[str, Any] | None,
    ) -> dict[str, Any]:  # fmt: skip
        """Load a checkpoint and give each part its state back; return what the file holds.

        Args:
            which: "last", "best", "final", or a path.
            parts: ``model optimizer scheduler ema``, each may be None.
            rng: also set the global generators of random numbers, if the file has their states;
                not on other ranks, as they are rank 0's and all ranks would draw the same.
            generators: other generators, by the names under which they were saved.

        Raises:
            CheckpointError: there is none, it is damaged, or it does not fit.
        """
        with self._lock:
            path, sha256, found = self._found(which)
            for name, part in parts.items():
                restore(part, found.get(f"{name}_state_dict"), name, path)
            if rng or generators:
                state = found.get("rng_state") or {}
                if not rng or random_state.of_another_rank():
                    state = {"generators": state.get("generators")}
                random_state.restore(state, generators, path)
            self._parent = sha256 or digest(path)
        return found

    def _found(self, which: str | os.PathLike[str]) -> tuple[str, str, dict[str, Any]]:
        """Return the path, the recorded hash and the content of the checkpoint that is meant."""
        known = [k for k in self._known_now() if k.visible]
        word = os.fspath(which)
        if word not in WORDS:
            path = self._path(word)
            sha256 = next((k.sha256 for k in known if path in k.paths[:1]), "")
            return path, sha256, load_file(path, sha256=sha256)
        candidates = self._candidates(word, known)
        reasons: list[str] = []
        for each in candidates:
            for path in each.paths:
                try:
                    found = load_file(path, sha256=each.sha256)
                except CheckpointError as error:
                    reasons.append(str(error))
                    continue
                if reasons:
                    logger.warning("%s; loaded instead: %s", "; ".join(reasons), path)
                return path, each.sha256, found
        raise CheckpointError(self._nothing(word, reasons))

    def _candidates(self, word: str, known: list[Known]) -> list[Known]:
        if word == "last":
            recorded = {k.path for k in self._known_now()}
            others = folder.unrecorded(self._place, recorded, self._limit) if self._place else []
            return folder.newest_first(known, others)
        if word == "best":
            best = folder.best_of(known)
            chosen = [best] if best else []
        else:
            chosen = [k for k in known if k.about.get("final")][-1:]
        if not chosen and not self._known_now() and self._place:  # nothing recorded: by name
            path = os.path.join(self._place, BEST if word == "best" else FINAL)
            chosen = [Known(path, "")] if os.path.exists(path) else []
        return chosen

    def _path(self, given: str) -> str:
        path = os.path.abspath(given)
        if not os.path.exists(path) and self._place is not None:
            inside = os.path.join(self._place, given)
            return inside if os.path.exists(inside) else path
        return path

    def _nothing(self, word: str, reasons: list[str]) -> str:
        if self._place is None:
            return (
                f"there is no {word} checkpoint: this process records nothing and has no"
                " checkpoint_dir; give the path of a checkpoint"
            )
        if not reasons:
            hint = "save one with run.save_checkpoint(...), or give a path"
            if word == "best":
                hint = "save with monitor=, or load 'last'"
            return f"there is no {word} checkpoint in {self._place}: {hint}"
        hint = "" if word == "last" else "; 'last' loads the newest one that is sound"
        return f"there is no sound {word} checkpoint: {'; '.join(reasons)}{hint}"


def _contents(
    parts: Mapping[str, Any], facts: Mapping[str, Any], generators: Mapping[str, Any] | None
) -> dict[str, Any]:
    """Return the dictionary that is saved."""
    states = {f"{name}_state_dict": state_of(part, name) for name, part in parts.items()}
    ema = states.pop("ema_state_dict")
    return {
        "epoch": facts["epoch"], "step": facts["step"], "loss": facts["loss"],
        "metrics": facts["metrics"], **states,
        "timestamp": datetime.now(timezone.utc).isoformat(),
        "config": redact(facts["config"]),
        "rng_state": random_state.capture(generators),
        **({} if ema is None else {"ema_state_dict": ema}),
        **({} if facts["extra"] is None else {"extra": facts["extra"]}),
    }  # fmt: skip


def _about(
    facts: Mapping[str, Any], numbers: Mapping[str, Any], verdict: Verdict, *, final: bool,
    parent: str,
) -> dict[str, Any]:  # fmt: skip
    """Return what is recorded with a checkpoint."""
    kept = numbers
    if len(numbers) > MAX_METRICS:
        kept = {name: numbers[name] for name in [*numbers][:MAX_METRICS]}
    return {
        "epoch": facts["epoch"], "step": facts["step"], "loss": facts["loss"],
        "metrics": dict(kept), **verdict._asdict(), "final": bool(final), "parent": parent,
    }  # fmt: skip


def _numbered(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return facts with Python's numbers where they hold numbers of another kind.

    Raises:
        CheckpointError: epoch, step or loss is no number.
    """
    found = dict(facts)
    for name in ("epoch", "step", "loss"):
        number = found[name] = _number(found[name])
        if number is not None and not isinstance(number, int | float):
            raise CheckpointError(f"{name}={number!r} is not a number")
        if name != "loss" and number is not None and not math.isfinite(number):
            raise CheckpointError(f"{name}={number!r} is not finite")
    metrics = found["metrics"]
    if metrics is not None and not isinstance(metrics, Mapping):
        raise CheckpointError(f"metrics= is a {type(metrics).__name__}, not a mapping of numbers")
    found["metrics"] = _number(metrics or {})
    return found


def _number(value: Any) -> Any:
    """Return a number of any kind as Python's, also in mappings; anything else stays as it is."""
    if isinstance(value, Mapping):
        return {key: _number(inner) for key, inner in value.items()}
    if value is None or type(value) in (bool, int, float, str):
        return value
    try:
        return value.item() if hasattr(value, "item") else float(value)
    except (TypeError, ValueError, RuntimeError):
        return value


def _numbers(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return the metrics that are numbers, flat."""
    flat = flatten(facts["metrics"], "/")
    return {name: value for name, value in flat.items() if isinstance(value, int | float)}


def _same(path: str, other: str) -> bool:
    try:
        return os.path.samefile(path, other)
    except OSError:
        return False
