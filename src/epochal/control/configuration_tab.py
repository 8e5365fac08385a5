"""The tab Configuration: what is recorded, how often and where; presets, and saved forms."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from typing import Any

import gradio as gr

from epochal.control import document, form, fragments
from epochal.control.fields import FIELDS, IDENTITY, INTERVALS, PATHS, WHAT, Field
from epochal.control.fields_view import Component, component, filled
from epochal.control.panel import Panel
from epochal.core.errors import EpochalError, NotFoundError
from epochal.core.names import slug
from epochal.settings.presets import PRESETS

QUIET: dict[str, Any] = {"queue": False, "api_visibility": "private", "show_progress": "hidden"}
"""How all events of the panel are: they answer at once, and are no API."""


class ConfigurationTab:
    """The tab's components; :meth:`connect` gives them their functions.

    Args:
        panel: what all tabs share.

    Attributes:
        fields: the components of the form's fields that are in this tab, by key.
    """

    def __init__(self, panel: Panel) -> None:
        self._panel, self._values = panel, panel.filled_in()
        self.fields: dict[str, Component] = {}
        with gr.Row(equal_height=False):
            with gr.Column(scale=1, min_width=320):
                self._start_from()
                self._keeping()
                self._message = gr.Markdown(elem_id="configuration-message", latex_delimiters=[])
            with gr.Column(scale=1, min_width=320):
                self._section("The run", IDENTITY)
                self._section("Folders", PATHS)
            with gr.Column(scale=1, min_width=320):
                self._section("What is recorded", WHAT)
                self._intervals()

    def _start_from(self) -> None:
        with gr.Column(elem_classes="ep-card"):
            gr.Markdown(
                "## Presets\n\nThey set mirrors, intervals and what is logged.", container=False
            )
            with gr.Row(elem_classes="ep-buttons"):
                self._presets = [
                    (short, gr.Button(each.title, elem_id=f"preset-{short}", size="sm"))
                    for short, each in PRESETS.items()
                ]

    def _keeping(self) -> None:
        with gr.Column(elem_classes="ep-card"):
            gr.Markdown("## Saved configurations", container=False)
            self._name = gr.Dropdown(
                self._panel.saved.names(), value=None, label="Name", elem_id="saved-name",
                info="Choose one, or type a new name.", allow_custom_value=True, interactive=True,
            )  # fmt: skip
            with gr.Row(elem_classes="ep-buttons"):
                self._save = gr.Button("Save", elem_id="save", size="sm")
                self._load = gr.Button("Load", elem_id="load", size="sm")
                self._remove = gr.Button("Remove", elem_id="remove", size="sm")
            with gr.Row(elem_classes="ep-buttons"):
                self._download = gr.Button("Download JSON", elem_id="download", size="sm")
                gr.Button("Open JSON …", elem_id="upload", size="sm")
        self._uploaded = gr.Textbox(visible="hidden", elem_id="uploaded", label="Opened file")

    def _section(self, title: str, fields: Sequence[Field]) -> None:
        with gr.Column(elem_classes="ep-card"):
            gr.Markdown(f"## {title}", container=False)
            for field in fields:
                self.fields[field.key] = component(field, self._values[field.key])

    def _intervals(self) -> None:
        with gr.Column(elem_classes="ep-card"):
            gr.Markdown(
                "## How often\n\nEvery so many steps, or 30s, 5min, 2 epochs, never.",
                container=False,
            )
            with gr.Row(elem_classes="ep-grid"):
                for field in INTERVALS:
                    self.fields[field.key] = component(field, self._values[field.key])

    def connect(self, fields: list[Component]) -> None:
        """Give the components their functions; ``fields`` are those of the whole form."""
        outputs = [*fields, self._message]
        for short, button in self._presets:
            button.click(self._preset(short), fields, outputs, **QUIET)
        self._save.click(self._on_save, [self._name, *fields], [*outputs, self._name], **QUIET)
        self._load.click(self._on_load, self._name, outputs, **QUIET)
        self._remove.click(self._on_remove, self._name, [self._message, self._name], **QUIET)
        self._download.click(self._on_download, fields, outputs, **QUIET)
        self._uploaded.change(self._on_upload, self._uploaded, outputs, **QUIET)

    def names(self) -> Any:
        """Return the list of saved forms as it is now."""
        return gr.update(choices=self._panel.saved.names())

    @property
    def name(self) -> Component:
        """The component with that list."""
        return self._name

    def _preset(self, short: str) -> Any:
        def apply(*given: Any) -> list[Any]:
            values, problems, note = self._panel.preset(given, short)
            said = f"{PRESETS[short].title}: mirrors, intervals and what to log are set. {note}"
            return [*filled(FIELDS, values, problems), fragments.message(said)]

        return apply

    def _on_save(self, name: str | None, *given: Any) -> list[Any]:
        values, problems = self._panel.check(given)
        shown, name = filled(FIELDS, values, problems), (name or "").strip()
        if problems:
            return [*shown, _not_done("Not saved", problems), gr.skip()]
        before = self._panel.saved.names()
        try:
            self._panel.saved.save(name, document.to_json(values, self._panel.places))
        except (EpochalError, OSError) as error:
            return [*shown, fragments.message(f"Not saved: {error}", "wrong"), gr.skip()]
        names = gr.update(choices=self._panel.saved.names(), value=name)
        replaced = " It replaces the one of that name." if name in before else ""
        return [*shown, fragments.message(f"Saved as {name}.{replaced}"), names]

    def _on_load(self, name: str | None) -> list[Any]:
        try:
            text = self._panel.saved.load(name := self._chosen(name))
        except EpochalError as error:
            return [*_unchanged(), fragments.message(f"Not loaded: {error}", "wrong")]
        return self._loaded(text, f"Loaded {name}.")

    def _on_remove(self, name: str | None) -> list[Any]:
        try:
            self._panel.saved.remove(name := self._chosen(name))
        except (EpochalError, OSError) as error:
            return [fragments.message(f"Not removed: {error}", "wrong"), gr.skip()]
        names = gr.update(choices=self._panel.saved.names(), value=None)
        return [fragments.message(f"Removed {name}."), names]

    def _chosen(self, name: str | None) -> str:
        """Return the name of a saved form.

        Raises:
            NotFoundError: there is none of that name.
        """
        name = (name or "").strip()
        if not name:
            raise NotFoundError("Choose one under Name first.")
        if name not in self._panel.saved.names():
            raise NotFoundError(f"There is no saved configuration {name!r}: choose one under Name.")
        return name

    def _on_download(self, *given: Any) -> list[Any]:
        values, problems = self._panel.check(given)
        shown = filled(FIELDS, values, problems)
        if problems:
            return [*shown, _not_done("Not downloaded", problems)]
        token, file = secrets.token_urlsafe(16), f"{slug(values['name'] or 'configuration')}.json"
        self._panel.offer(token, file, document.to_json(values, self._panel.places))
        link = fragments.link(f"/panel/document/{token}", file, file=file)
        return [*shown, f'<p class="ep-message ep-fetch">{link}</p>']

    def _on_upload(self, text: str) -> list[Any]:
        return self._loaded(text, "Opened the file.") if text else [*_unchanged(), gr.skip()]

    def _loaded(self, text: str, said: str) -> list[Any]:
        try:
            values, problems, left_out = self._panel.load(text)
        except EpochalError as error:
            return [*_unchanged(), fragments.message(f"Not loaded: {error}", "wrong")]
        if left_out:
            said += f" Left out, as the form has no such field: {', '.join(left_out)}."
        if problems:
            said += f" To be corrected: {form.labels(problems)}."
        kind = "wrong" if problems else "said"
        return [*filled(FIELDS, values, problems), fragments.message(said, kind)]


def _unchanged() -> list[Any]:
    return [gr.skip() for _ in FIELDS]


def _not_done(said: str, problems: form.Problems) -> str:
    return fragments.message(f"{said}: correct {form.labels(problems)}.", "wrong")
