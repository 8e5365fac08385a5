"""The sink ``tensorboard``: a run as event files that TensorBoard reads, live and afterwards.

================= ===============================================================================
rows              scalars: one event for a row, in float32, of a whole step (rounded down)
image, figure     images
video             images, as animated GIF
audio             audio
histogram         histograms
text, table       text, which TensorBoard reads as Markdown; generated text below its settings
caption           a text, ``<key>/caption``
config, end       the tab HParams: the configuration flattened (``model.depth``), and the status
layout sections   names of the numbered sections; configuration and model stand there, too
resume            the files are replaced by some without what the new session hides
================= ===============================================================================

Media that were logged as a list have ``/1``, ``/2``... behind their key.  Pages of HTML, console
output, tags and notes have no place in TensorBoard and are left out.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

from epochal.core.errors import DamageError, MissingExtraError, SinkError
from epochal.core.problems import Problems
from epochal.core.records import Event, Record, Row, RunInfo
from epochal.sinks.tensorboard import events, text
from epochal.sinks.tensorboard.facts import Facts
from epochal.sinks.tensorboard.folder import EventFolder
from epochal.sinks.tensorboard.hparams import SessionFile
from epochal.sinks.tensorboard.layout import make as make_layout
from epochal.sinks.tensorboard.records import RecordFile

BUFFER_BYTES = 1 << 20
FORMAT = 1
MODEL_TREE = "model/tree"
"""The text whose lines and spaces must stay as they are."""


class TensorBoardSink:
    """Mirrors a run into ``tensorboard/events.out.tfevents.*``.

    Exactly once: the state that ``flush`` returns holds how far the file is final, and ``open``
    with it goes back to there.  If the file is missing or was changed otherwise, ``open`` raises
    :class:`SinkError`; the way on is ``open`` with no state and all records from the first: the
    files of this run are then replaced, others in the folder are left alone.  Memory is constant.

    Args:
        names: what metrics, texts and media are called in TensorBoard, such as
            ``{"train/loss": "Loss/Train", "grad/*": "Gradients/*"}``; other names stay.
        dir: folder for the event files of all runs; each run has a folder of its name in it.
            Default: ``tensorboard`` in the run's folder.
        hparams: give configuration and status to the tab HParams; False: the sections leave out the
            configuration, too.
        layout: "plain", the names that were logged, or "sections", the fifteen numbered sections
            (:mod:`epochal.sinks.tensorboard.sections`).
        sections: sections that are switched off, by number or name: ``{"12": False}``.

    Attributes:
        layout: the name of the layout.

    Raises:
        MissingExtraError: the package ``tensorboard`` is not installed.
        ValueError: ``names`` maps a beginning onto a single name, or there is no such layout or
            section.

    Example:
        >>> import tempfile
        >>> from epochal.core.records import Row, RunInfo
        >>> from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
        >>> folder = tempfile.mkdtemp()
        >>> sink = TensorBoardSink(names={"loss": "Loss/Train"})
        >>> sink.open(RunInfo("id", "My run", "p", "my-run", folder), None)
        >>> sink.write([Row(1, 0, 0.0, 0.5, 7, True, None, None, {"loss": 0.25})])
        >>> sink.close()
        >>> found = EventAccumulator(f"{folder}/tensorboard").Reload()
        >>> [(point.step, point.value) for point in found.Scalars("Loss/Train")]
        [(7, 0.25)]
    """

    name = "tensorboard"

    def __init__(
        self, *, names: Mapping[str, str] | None = None, dir: str | None = None,
        hparams: bool = True, layout: str = "plain",
        sections: Mapping[str | int, bool] | None = None,
    ) -> None:  # fmt: skip
        events.protos()  # a package that is missing is told when the run starts
        self.layout = layout
        self._layout = make_layout(layout, dict(names or {}), sections)
        self._options: dict[str, Any] = {"names": dict(names or {}), "hparams": hparams}
        if layout != "plain":
            switches = {str(name): on for name, on in (sections or {}).items()}
            self._options |= {"layout": layout, "sections": switches}
        self._facts = Facts(self._layout) if layout == "sections" else None
        self._dir = dir
        self._rows = events.RowEvents(self._layout)
        self._problems = Problems()
        self._about = RunInfo("", "", "", "", "")
        self._stem = ""
        self._file: RecordFile | None = None
        self._session: SessionFile | None = None
        self._texts: dict[str, list[str]] = {}  # long ones of which parts are still to come

    def open(self, run: RunInfo, state: Mapping[str, Any] | None) -> None:
        """Begin new files, or go back to where ``state`` was taken.

        Raises:
            SinkError: the files are not those of the state; open without one and send everything.
            OSError: the folder cannot be written.
        """
        self._release()
        self._about = run
        os.makedirs(self.folder(run), mode=0o700, exist_ok=True)
        if state is None:
            self._begin()
            return
        try:
            self._go_on(state)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            message = f"the state of {self.folder(run)} cannot be read: {error!r}"
            raise SinkError(message) from error

    def write(self, records: Sequence[Record]) -> None:
        """Take records; they reach the files at the next ``flush`` at the latest."""
        append, events_of = self._opened().append, self._rows.serialized
        for record in records:
            if isinstance(record, Row):
                for event in events_of(record):
                    append(event)
            else:
                self._take(record)
                append = self._opened().append  # a resume replaces the file

    def flush(self) -> Mapping[str, Any]:
        """Make everything visible to TensorBoard; return the state."""
        file = self._opened()
        file.flush()
        if self._session is not None:
            self._session.flush()
        return {
            "format": FORMAT,
            "options": self._options,
            "stem": self._stem,
            "file": file.state(),
            "session": self._session and self._session.state(),
            "layout": self._layout.state(),
            "facts": self._facts and self._facts.state(),
            "texts": self._texts,
        }

    def close(self) -> None:
        """Write everything and close the files."""
        if self._file is None:
            return
        try:
            self._file.close()
            if self._session is not None:
                self._session.flush()
        finally:
            self._release()

    def folder(self, run: RunInfo) -> str:
        """Return the folder that a run's event files are in."""
        if self._dir is None:
            return os.path.join(run.dir, "tensorboard")
        base = os.path.abspath(os.path.expanduser(self._dir))
        return os.path.join(base, os.path.basename(os.path.normpath(run.dir)))

    def _begin(self) -> None:
        self._stem, self._texts = self._folder().new_stem(), {}
        self._restore(None, None)
        self._use(None, None)
        for event in events.beginning(self._about.created_s):
            self._opened().append(event)
        self._take_config(self._about.config, self._about.created_s)
        self._folder().keep_only(self._stem)

    def _go_on(self, state: Mapping[str, Any]) -> None:
        if state["format"] != FORMAT:
            raise SinkError(f"state of format {state['format']!r}, known is {FORMAT}")
        if state["options"] != self._options:
            raise SinkError(f"{self._folder().path} was written with other options; write it anew")
        self._stem = os.path.basename(state["stem"])
        self._texts = {key: list(parts) for key, parts in state["texts"].items()}
        self._restore(state.get("layout"), state.get("facts"))
        self._use(dict(state["file"]), state["session"])
        self._folder().keep_only(self._stem)

    def _use(self, file: Mapping[str, Any] | None, session: Mapping[str, Any] | None) -> None:
        opened = RecordFile(self._path("records"), BUFFER_BYTES)
        opened.open(file)
        self._file = opened
        if self._options["hparams"]:
            run, path = self._about, self._path("hparams")
            self._session = SessionFile(path, run.created_s, run.config, session)

    def _restore(self, layout: Any, facts: Any) -> None:
        self._layout.restore(layout)
        self._rows = events.RowEvents(self._layout)
        if self._facts is not None:
            self._facts.restore(facts)

    def _folder(self) -> EventFolder:
        return EventFolder(self.folder(self._about), self._about.id)

    def _path(self, part: str) -> str:
        return self._folder().file(self._stem, part)

    def _opened(self) -> RecordFile:
        if self._file is None:
            raise SinkError(f"sink {self.name!r} is closed; open it first")
        return self._file

    def _release(self) -> None:
        if self._file is not None:
            self._file.release()
        self._file = self._session = None

    def _take(self, event: Event) -> None:
        data = event.data
        match event.kind:
            case "text":
                self._take_text(event)
            case "media":
                self._take_media(event)
            case "bigint":
                places = self._layout.of_number(data["key"])
                number = _as_float(data["value"])
                values = [events.scalar(place.tag, number * place.factor) for place in places]
                self._append(event.time_s, data["step"], values)
            case "config":
                self._take_config(data["update"], event.time_s)
                if self._session is not None:
                    self._session.update(data["update"])
            case "summary" if self._facts is not None:
                self._append_facts(event.time_s, self._facts.summary(data["values"]))
            case "end" if self._session is not None:
                self._append(event.time_s, 0, [self._session.end(data["state"], event.time_s)])
            case "resume":
                self._resume(event)

    def _take_config(self, update: Mapping[str, Any], time_s: float) -> None:
        if self._facts is not None and self._options["hparams"]:
            self._append_facts(time_s, self._facts.config(update))

    def _append_facts(self, time_s: float, values: Sequence[Any]) -> None:
        if values:
            values[0].node_name = events.ALWAYS
        self._append(time_s, 0, values)

    def _append(self, time_s: float, step: float | None, values: Sequence[Any]) -> None:
        if values:
            self._opened().append(events.summary(time_s, step or 0, values))

    def _resume(self, event: Event) -> None:
        """Hide what earlier sessions recorded after the step from which this one goes on."""
        self._texts = {}  # whoever was to send the other parts is gone
        if self._session is not None:
            self._session.end("running", 0.0)
        after = event.data.get("after")
        if after is not None:
            self._cut(after)

    def _cut(self, after: float) -> None:
        """Replace the file by one without what is hidden.

        To tell TensorBoard to forget it is not enough: its fast loader, the usual one, does not
        listen.
        """
        old = self._opened()
        old.flush()
        if all(events.stays(event, after) for event in old.records()):
            return
        self._stem = self._folder().new_stem()
        new = RecordFile(self._path("records"), BUFFER_BYTES)
        new.open(None)
        for event in old.records():
            if events.stays(event, after):
                new.append(event)
        new.flush()
        old.release()
        self._file = new
        if self._session is not None:
            self._session.move(self._path("hparams"))
        self._folder().keep_only(self._stem)

    def _take_text(self, event: Event) -> None:
        data = event.data
        number, count = data.get("part") or (1, 1)
        parts = self._texts.pop(data["key"], [])[: number - 1]
        if len(parts) != number - 1:
            return  # a part before this one is missing
        parts.append(data["text"])
        if number < count:
            self._texts[data["key"]] = parts
            return
        content = "".join(parts)
        if data["key"] == MODEL_TREE:
            content = text.code(content)
        shown = text.described(content, data.get("caption") or "", data.get("about") or {})
        tags = self._layout.of_medium(data["key"])
        self._append(event.time_s, data["step"], [text.value(tag, shown) for tag in tags])

    def _take_media(self, event: Event) -> None:
        from epochal.sinks.tensorboard import media

        data = event.data
        try:
            tags = self._layout.of_medium(data["key"])
            values = [v for tag in tags for v in media.values(self._about.dir, tag, data)]
        except (DamageError, MissingExtraError) as error:  # all else of the run can be mirrored
            self._problems.report(f"{data['type']} {type(error).__name__}",
                                  f"not in the TensorBoard files: {error}")  # fmt: skip
            return
        self._append(event.time_s, data["step"], values)


def _as_float(digits: str) -> float:
    """Return an integer beyond 2**53 as a float; one beyond all floats is infinite."""
    try:
        return float(int(digits))
    except OverflowError:
        return float("-inf" if digits.startswith("-") else "inf")
