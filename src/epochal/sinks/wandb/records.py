"""A run's records as calls of W&B's client."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from epochal.core.errors import EpochalError
from epochal.core.name_map import NameMap
from epochal.core.records import Event, Record, Row
from epochal.sinks.wandb.artifacts import log_artifact
from epochal.sinks.wandb.machine import save_environment
from epochal.sinks.wandb.media import Media
from epochal.sinks.wandb.options import valid_tags
from epochal.sinks.wandb.sent import Sent
from epochal.sinks.wandb.texts import Texts

_TAKEN = re.compile(r"(step|epoch|_step|_runtime|_timestamp|_wandb)_*")
"""Columns of a row of history that are no metrics."""

_AXES = {"elapsed": "_runtime", "time": "_timestamp"}


class Records:
    """Writes records into a run of W&B's client.

    What becomes a row of history is a matter of a session's records alone, so that the number of
    rows that the server has says which of them need not be sent again.  Events that are no rows
    are repeated if they set something (config, tags), and left out if they happen (an alert, an
    artifact) and the server has rows that came later.

    Args:
        run_dir: the run's folder, for its media.
        names: W&B's names of metrics, texts and media.
        tags: of the run at its start.
        save_media: whether images and the like are sent.
        tensorboard: folder whose event files go with the run; "" for none.
        code: folder whose code goes with the run; "" for none.
        skip: records that W&B's client cannot take, as (session, seq).
        sent: file in which is kept what was sent.

    Attributes:
        at: the record that is being written.
        problems: what could not be written as asked, by topic.
    """

    def __init__(
        self, *, run_dir: str, names: Mapping[str, str], tags: Sequence[str],
        save_media: bool, tensorboard: str, code: str, skip: Sequence[tuple[int, int]], sent: str,
    ) -> None:  # fmt: skip
        self._run: Any = None
        self._run_dir, self._names = run_dir, NameMap(names)
        self._keys: dict[str, str] = {}
        self._tags = dict.fromkeys(tags)
        self._tensorboard, self._code = tensorboard, code
        self._skip = set(skip)
        self._texts = Texts()
        self._media = Media(run_dir) if save_media else None
        self._sent, self._begun = Sent(sent), False
        self._there: dict[int, int] = {}  # rows that the server has, by session
        self._unknown = 0  # and rows of which nobody knows the session
        self._seen: dict[int, int] = {}
        self.at: tuple[int, int] | None = None
        self.problems: dict[str, str] = {}

    @property
    def rows(self) -> int:
        """How many rows of history W&B is to have: those of the server and those sent to it."""
        return self._sent.rows

    def begin(self, run: Any, there: int) -> None:
        """Write into a run of which the server has some rows already."""
        self._run, again, self._begun = run, self._begun, True
        if not again:
            self._there = self._sent.there(there)
            self._unknown = there - sum(self._there.values())
        run.define_metric("*", step_metric="step")
        if self._code and not again:
            with self._noting("code"):
                run.log_code(self._code, name=f"source-{run.id}")

    def write(self, records: Sequence[Record]) -> None:
        """Write records, in order."""
        for record in records:
            self.at = (record.session, record.seq)
            if self.at in self._skip:
                self.problems["skip"] = f"record {self.at} is left out: W&B's client cannot take it"
            elif isinstance(record, Row):
                self._row(record, record.step, record.epoch, lambda r=record: self._named(r.values))  # type: ignore[misc]
            else:
                self._event(record)

    def end(self) -> None:
        """Add what goes with a run when it ends."""
        if not self._tensorboard:
            return
        parent = os.path.dirname(self._tensorboard)
        for folder, _, files in os.walk(self._tensorboard):
            for name in files:
                if "tfevents" in name:
                    self._run.save(os.path.join(folder, name), base_path=parent, policy="now")

    def _row(
        self, record: Record, step: float | None, epoch: float | None,
        content: Callable[[], Mapping[str, Any]],
    ) -> None:  # fmt: skip
        """Log a row of history unless the server has it."""
        session = record.session
        seen = self._seen[session] = self._seen.get(session, 0) + 1
        if seen <= self._there.get(session, 0):
            return
        if self._unknown:
            self._unknown -= 1
            return
        row: dict[str, Any] = {} if step is None else {"step": step}  # W&B repeats the last one
        if epoch is not None:
            row["epoch"] = epoch
        row.update(content())
        row["_timestamp"] = record.time_s
        self._sent.add(session)
        self._run.log(row)

    def _named(self, values: Mapping[str, Any]) -> dict[str, Any]:
        keys = self._keys
        return {keys.get(name) or self._key(name): value for name, value in values.items()}

    def _key(self, name: str) -> str:
        key = self._names[name]
        self._keys[name] = key = f"{key}_" if _TAKEN.fullmatch(key) else key
        return key

    def _event(self, event: Event) -> None:
        data = event.data
        match event.kind:
            case "text":
                self._text(event)
            case "media" if self._media is not None:
                self._medium(event)
            case "bigint":
                values = {data["key"]: int(data["value"])}
                self._row(event, data.get("step"), None, lambda: self._named(values))
            case "end":
                self._rest(event)
            case "config":
                self._run.config.update(data["update"], allow_val_change=True)
            case "define":
                with self._noting("define"):
                    self._define(data)
            case "environment":
                with self._noting("environment"):
                    save_environment(self._run, data["values"])
            case "tag" | "untag" | "note" | "rename":
                self._describe(event.kind, data)
            case _ if self._seen.get(event.session, 0) >= self._there.get(event.session, 0):
                self._happened(event.kind, data)

    def _text(self, event: Event) -> None:
        """Take a text into its table; the table is logged each time it has grown by an eighth."""
        key = self._key(event.data["key"])
        if self._texts.add(event.session, key, event.data):
            step, epoch = event.data.get("step"), event.data.get("epoch")
            self._row(event, step, epoch, lambda: {key: self._texts.table(key)})

    def _medium(self, event: Event) -> None:
        assert self._media is not None
        key = self._key(event.data["key"])
        for group in self._media.add(event.session, key, event.data):
            self._media_row(event, group)

    def _media_row(self, event: Event, group: Sequence[Mapping[str, Any]]) -> None:
        """Log one medium, or the media of a list; a row without them if they cannot be read."""
        assert self._media is not None
        media, first = self._media, group[0]

        def content() -> dict[str, Any]:
            with self._noting(f"media {first['key']}"):
                return media.values(self._key(first["key"]), group)
            return {}

        self._row(event, first.get("step"), first.get("epoch"), content)
        media.release()

    def _rest(self, event: Event) -> None:
        """Log what waits for more, as a session has ended."""
        for key, step in self._texts.rest(event.session):
            self._row(event, step, None, lambda k=key: {k: self._texts.table(k)})  # type: ignore[misc]
        for group in self._media.rest(event.session) if self._media is not None else ():
            self._media_row(event, group)

    def _define(self, data: Mapping[str, Any]) -> None:
        pattern, glob = data["metric"].removesuffix("*"), data["metric"].endswith("*")
        name = self._names[pattern] + "*" if glob else self._key(pattern)
        x = data.get("x", "step")
        axis = x if x in ("step", "epoch") else _AXES.get(x) or self._key(x)
        best = {"minimize": "min", "maximize": "max"}.get(data.get("goal", ""))
        rule = best if data.get("summary") == "best" else data.get("summary")
        if rule is None and best:
            rule = f"{best},last"
        self._run.define_metric(name, step_metric=axis, summary=rule)

    def _describe(self, kind: str, data: Mapping[str, Any]) -> None:
        match kind:
            case "tag":
                self._tags |= dict.fromkeys(data["tags"])
            case "untag":
                self._tags = {tag: None for tag in self._tags if tag not in data["tags"]}
            case "note":
                self._run.notes = data["text"]
            case "rename":
                self._run.name = data["name"]
        if kind in ("tag", "untag"):
            self._run.tags = valid_tags(self._tags)

    def _happened(self, kind: str, data: Mapping[str, Any]) -> None:
        match kind:
            case "summary":
                self._run.summary.update({self._key(k): v for k, v in data["values"].items()})
            case "alert":
                title, level = data["title"][:63] or "alert", data["level"].upper()
                self._run.alert(title, data["text"], level=level)
            case "console":
                origin = f"{data['level']}:{data['logger']}:" if data["stream"] == "log" else ""
                self._run.write_logs(origin + data["text"])
            case "artifact":
                with self._noting(f"artifact {data['name']}"):
                    log_artifact(self._run, data)

    @contextlib.contextmanager
    def _noting(self, topic: str) -> Any:
        """Note what cannot be made of one record, which must not cost the others."""
        try:
            yield
        except Exception as error:  # noqa: BLE001 - W&B's classes refuse in many ways; told
            own = isinstance(error, EpochalError)
            self.problems[topic] = str(error) if own else f"{type(error).__name__}: {error}"
