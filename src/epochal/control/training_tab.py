"""The tab Training: what is trained, start and stop, and how it goes."""

from __future__ import annotations

from typing import Any

import gradio as gr

from epochal.control import form, fragments
from epochal.control.configuration_tab import QUIET
from epochal.control.fields import FIELDS, TRAINING
from epochal.control.fields_view import Component, beside, component, seen_mark, unless_seen
from epochal.control.panel import Panel
from epochal.core.errors import EpochalError

TICK_S, IDLE_TICK_S = 1.0, 4.0
ABOUT = (
    "Real training fits the small language model of `epochal demo`; simulated training needs no"
    " PyTorch and obeys the same settings."
)


class TrainingTab:
    """The tab's components; :meth:`connect` gives them their functions.

    Args:
        panel: what all tabs share.
        headline: shows the state of the training above all tabs.
        timer: looks for news; it is outside of the tab, as it only ticks where it is shown.

    Attributes:
        fields: the components of the form's fields that are in this tab, by key.
    """

    def __init__(self, panel: Panel, headline: Component, timer: Component) -> None:
        self._panel, self._headline, self._timer = panel, headline, timer
        values = panel.filled_in()
        first, *numbers = TRAINING
        with gr.Row(equal_height=False):
            with gr.Column(scale=2, min_width=320), gr.Column(elem_classes="ep-card"):
                gr.Markdown(f"## Training\n\n{ABOUT}", container=False)
                with gr.Row(elem_classes="ep-buttons"):
                    self._start = gr.Button("Start", variant="primary", elem_id="start")
                    self._stop = gr.Button("Stop", elem_id="stop", interactive=False)
                self.fields = {first.key: component(first, values[first.key])}
                with gr.Row(elem_classes="ep-grid"):
                    for field in numbers:
                        self.fields[field.key] = component(field, values[field.key])
                self._goes_on = gr.Checkbox(
                    value=False, label="Keep running when the panel ends", elem_id="goes-on",
                    info="Otherwise Ctrl-C of the panel stops it cleanly. Closing this page never"
                    " does.",
                )  # fmt: skip
            with gr.Column(scale=3, min_width=320), gr.Column(elem_classes="ep-card"):
                gr.Markdown("## Status", container=False)
                self._message = gr.Markdown(elem_id="training-message", latex_delimiters=[])
                self._status = gr.Markdown(elem_id="status", latex_delimiters=[], container=False)
                self._seen = seen_mark()

    @property
    def outputs(self) -> list[Component]:
        """What :meth:`now` fills."""
        return [
            self._headline, self._status, self._start, self._stop, self._timer, self._seen
        ]  # fmt: skip

    def connect(self, fields: list[Component]) -> None:
        """Give the components their functions; ``fields`` are those of the whole form."""
        self._start.click(
            self._on_start, [self._goes_on, *fields], [*fields, self._message, *self.outputs],
            **QUIET,
        )  # fmt: skip
        self._stop.click(self._on_stop, None, [self._message, *self.outputs], **QUIET)
        self._timer.tick(self.now, self._seen, self.outputs, **QUIET)

    def now(self, seen: str = "") -> list[Any]:
        """Return how the training stands, by one look at it, unless the page has seen it."""
        stage, headline, status = self._panel.standing()
        idle = stage in ("none", "ended")
        news = [
            headline, status, gr.update(interactive=idle),
            gr.update(interactive=stage in ("starting", "running")),
            gr.update(value=IDLE_TICK_S if idle else TICK_S),
        ]  # fmt: skip
        return unless_seen(news, seen)

    def _on_start(self, *given: Any) -> list[Any]:
        goes_on, *rest = given
        values, problems = self._panel.check(rest)
        shown = beside(FIELDS, problems)
        if problems:
            said = f"Not started: correct {form.labels(problems)}."
            return [*shown, fragments.message(said, "wrong"), *self.now()]
        try:
            self._panel.job.start(values, goes_on=bool(goes_on))
        except (EpochalError, OSError) as error:
            return [*shown, fragments.message(f"Not started: {error}", "wrong"), *self.now()]
        return [*shown, "", *self.now()]

    def _on_stop(self) -> list[Any]:
        self._panel.job.stop()
        return ["", *self.now()]
