"""The page: a heading and three tabs."""

from __future__ import annotations

import os
from typing import Any

import gradio as gr

from epochal.control import fragments
from epochal.control.configuration_tab import QUIET, ConfigurationTab
from epochal.control.fields import FIELDS
from epochal.control.fields_view import Component, beside, filled
from epochal.control.monitoring_tab import MonitoringTab
from epochal.control.panel import Panel
from epochal.control.training_tab import TICK_S, TrainingTab

TITLE = "Epochal control panel"


def build(panel: Panel) -> Any:
    """Return the page of a panel, as ``gradio.Blocks``."""
    first_values = panel.filled_in()
    with gr.Blocks(analytics_enabled=False, title=TITLE, fill_width=True) as page:
        headline = _heading(panel)
        timer = gr.Timer(TICK_S)
        with gr.Tabs(elem_id="tabs"):
            with gr.Tab("Configuration", id="configuration") as first:
                configuration = ConfigurationTab(panel)
            with gr.Tab("Training", id="training") as second:
                training = TrainingTab(panel, headline, timer)
            with gr.Tab("Monitoring", id="monitoring") as third:
                monitoring = MonitoringTab(panel)
        known = {**configuration.fields, **training.fields}
        fields = [known[field.key] for field in FIELDS]
        configuration.connect(fields)
        training.connect(fields)
        monitoring.connect(third, [first, second])
        _check_while_typing(panel, fields)

        def arrive() -> list[Any]:
            values, problems = panel.check([panel.filled_in()[field.key] for field in FIELDS])
            shown = [
                update if field.key in problems or values[field.key] != first_values[field.key]
                else gr.skip()  # what somebody types while the page arrives stays
                for field, update in zip(FIELDS, filled(FIELDS, values, problems), strict=True)
            ]  # fmt: skip
            return [*shown, configuration.names(), *training.now()]

        page.load(arrive, None, [*fields, configuration.name, *training.outputs], **QUIET)
    return page


def _heading(panel: Panel) -> Component:
    with gr.Row(elem_classes="ep-top"):
        folder = fragments.text(os.path.basename(panel.places.root) or panel.places.root)
        gr.Markdown(f"# Epochal control panel <small>{folder}</small>", container=False)
        headline = gr.Markdown(elem_id="headline", latex_delimiters=[], container=False)
        if panel.dashboard:
            gr.Button(
                "Dashboard", link=panel.dashboard, link_target="_self", size="sm", scale=0,
                elem_id="dashboard", elem_classes="ep-dashboard",
            )  # fmt: skip
    return headline


def _check_while_typing(panel: Panel, fields: list[Component]) -> None:
    """Say beside the fields what is wrong, while they change.

    When a field is left would be too late: what is said takes place, and a button that moves
    between press and release is not pressed.
    """

    def check(*given: Any) -> list[Any]:
        _, problems = panel.check(given)
        return beside(FIELDS, problems)

    changed = [each.change for each in fields]
    gr.on(changed, check, fields, fields, trigger_mode="always_last", **QUIET)
