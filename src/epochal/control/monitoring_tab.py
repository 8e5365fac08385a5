"""The tab Monitoring: figure, summary and health of a run, the newest runs, TensorBoard."""

from __future__ import annotations

from typing import Any

import gradio as gr

from epochal.control import fragments
from epochal.control.configuration_tab import QUIET
from epochal.control.fields_view import Component, seen_mark, unless_seen
from epochal.control.panel import Panel, told
from epochal.core.names import printable
from epochal.core.optional import require

TICK_S = 2.0
START_ONE = "start one in the tab Training."
NOTHING = "Summary and health of the run that is chosen above appear here."


class MonitoringTab:
    """The tab's components; :meth:`connect` gives them their functions.

    Args:
        panel: what all tabs share.
    """

    def __init__(self, panel: Panel) -> None:
        self._panel = panel
        with gr.Row(equal_height=False):
            with gr.Column(scale=3, min_width=480):
                with gr.Column(elem_classes="ep-card"):
                    gr.Markdown("## Progress of a run", container=False)
                    with gr.Row(equal_height=False, elem_classes="ep-run-row"):
                        self._run = gr.Dropdown(
                            self._choices(), value=None, label="Run", elem_id="run", scale=3,
                            info="The running and the newest first.", allow_custom_value=True,
                            interactive=True,
                        )  # fmt: skip
                        self._draw = gr.Button(
                            "Draw figure", variant="primary", elem_id="draw", scale=1
                        )
                    self._figure = gr.Markdown(
                        elem_id="figure", latex_delimiters=[], container=False
                    )
                with gr.Column(elem_classes="ep-card"):
                    gr.Markdown("## Summary and health", container=False)
                    self._details = gr.Markdown(
                        elem_id="details", latex_delimiters=[], container=False
                    )
            with gr.Column(scale=2, min_width=400):
                with gr.Column(elem_classes="ep-card"):
                    gr.Markdown("## TensorBoard", container=False)
                    self._board = gr.Markdown(
                        elem_id="tensorboard", latex_delimiters=[], container=False
                    )
                    with gr.Row(elem_classes="ep-buttons"):
                        self._on = gr.Button("Start TensorBoard", elem_id="tensorboard-start")
                        self._off = gr.Button(
                            "Stop TensorBoard", elem_id="tensorboard-stop", interactive=False
                        )
                with gr.Column(elem_classes="ep-card"):
                    gr.Markdown("## Runs", container=False)
                    self._table = gr.Markdown(elem_id="runs", latex_delimiters=[], container=False)

    def connect(self, tab: Component, others: list[Component]) -> None:
        """Give the components their functions; they look for news while the tab is the one shown.

        Call it outside of the tab: a timer only ticks where it is shown.
        """
        timer = gr.Timer(TICK_S, active=False)
        outputs = [self._details, self._board, self._on, self._off, self._table]
        tab.select(self._shown, self._run, [timer, self._run, *outputs], **QUIET)
        for other in others:
            other.select(lambda: gr.Timer(active=False), None, timer, **QUIET)
        seen = seen_mark()
        timer.tick(self._news, [self._run, seen], [*outputs, seen], **QUIET)
        self._run.input(self._on_run, self._run, [self._figure, *outputs], **QUIET)
        self._draw.click(
            self._on_draw, self._run, self._figure, **{**QUIET, "show_progress": "minimal"}
        )
        self._on.click(self._on_board, None, outputs[1:4], **QUIET)
        self._off.click(self._off_board, None, outputs[1:4], **QUIET)

    def _choices(self) -> list[tuple[str, str]]:
        return [
            (printable(f"{run.name} · {run.project} · {run.id}"), run.id)
            for run in self._panel.runs.listed()
        ]

    def _shown(self, chosen: str | None) -> list[Any]:
        choices = self._choices()
        known = [run_id for _, run_id in choices]
        current = chosen if chosen in known else next(iter(known), None)
        return [
            gr.Timer(active=True),
            gr.update(choices=choices, value=current),
            *self._now(current),
        ]

    def _news(self, chosen: str | None, seen: str) -> list[Any]:
        return unless_seen(self._now(chosen), seen)

    def _now(self, chosen: str | None) -> list[Any]:
        runs = told(lambda: fragments.runs_table(self._panel.runs.listed()))
        return [told(lambda: self._about(chosen)), *self._board_now(), runs]

    def _on_run(self, chosen: str | None) -> list[Any]:
        return ["", *self._now(chosen)]

    def _about(self, chosen: str | None) -> str:
        if not chosen:
            return f'<p class="ep-empty">{NOTHING}</p>'
        view = self._panel.runs.of_id(chosen)
        if view is None:
            return fragments.message(
                "There is no such run among the newest: choose one of the list.", "wrong"
            )
        found = self._panel.runs.details(view)
        return fragments.details(found, view.id, self._panel.dashboard)

    def _on_draw(self, chosen: str | None) -> str:
        view = self._panel.runs.of_id(chosen) if chosen else None
        if view is None:
            none = f"There is no run to draw yet: {START_ONE}"
            words = "Choose a run under Run first." if self._panel.runs.listed() else none
            return fragments.message(words, "wrong")
        return told(lambda: self._panel.figures.add(view.dir))

    def _on_board(self) -> list[Any]:
        def start() -> str:
            if not self._panel.runs.listed():  # there may not even be a folder
                return fragments.message(f"There is no run to show yet: {START_ONE}", "wrong")
            require("tensorboard", extra="tensorboard", why="TensorBoard")
            self._panel.board.start()
            return ""

        failed = told(start)
        return [failed, gr.skip(), gr.skip()] if failed else self._board_now()

    def _off_board(self) -> list[Any]:
        self._panel.board.stop()
        return self._board_now()

    def _board_now(self) -> list[Any]:
        board = self._panel.board
        stage = board.stage
        words = {
            "off": "<p>Off. It shows all runs of this folder, on a free port of this computer.</p>",
            "starting": f"<p>{fragments.state('starting')}: runs without event files get them"
            " first.</p>",
            "on": f"<p>{fragments.state('running')} at {fragments.link(board.url, board.url)}</p>",
            "failed": fragments.message(f"TensorBoard has ended: {board.error}", "wrong"),
        }[stage]
        running = stage in ("starting", "on")
        return [words, gr.update(interactive=not running), gr.update(interactive=running)]
