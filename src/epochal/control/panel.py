"""What all tabs and browsers share: the form as it is, the training, figures and TensorBoard."""

from __future__ import annotations

import logging
import os
import threading
import traceback
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from epochal.control import document, form, fragments
from epochal.control.board import Board
from epochal.control.fields import FIELDS, defaults
from epochal.control.figures import Figures
from epochal.control.form import Places, Problems, Values
from epochal.control.job import Job, Stage
from epochal.control.progress import Runs
from epochal.control.saved import Saved
from epochal.core.errors import EpochalError
from epochal.core.names import printable

KEPT_DOCUMENTS = 20
logger = logging.getLogger("epochal")
_reported: deque[tuple[str, str, int | None]] = deque(maxlen=20)  # what failed, and where


class Standing(NamedTuple):
    """How the training stands, by one look at it.

    Attributes:
        stage: what can be done: it is started, or stopped.
        headline: its state in a few words, "" if none runs.
        status: all that is said of it.
    """

    stage: Stage
    headline: str
    status: str


class Panel:
    """The state of one panel.  Threads may share it.

    Args:
        places: the folder of runs, and where else a form may name folders.
        saved: forms by name.
        dashboard: the address of the dashboard, "" for none.
        environ: the environment of processes that are started.
    """

    def __init__(
        self, places: Places, saved: Saved, dashboard: str = "",
        environ: dict[str, str] | None = None,
    ) -> None:  # fmt: skip
        environ = dict(os.environ) if environ is None else environ
        self.places, self.saved, self.dashboard = places, saved, dashboard
        self.job = Job(places, environ)
        self.board = Board(places.root, environ)
        self.runs, self.figures = Runs(places.root), Figures()
        self._values = defaults()
        self._documents: dict[str, tuple[str, str]] = {}
        self._lock, self._looking = threading.Lock(), threading.Lock()

    # -- the form ----------------------------------------------------------------------------

    def filled_in(self) -> Values:
        """Return the form as somebody left it last, in whatever tab."""
        with self._lock:
            return dict(self._values)

    def check(self, given: Sequence[Any]) -> tuple[Values, Problems]:
        """Return what the fields of a page say, in their order, and what is wrong with it."""
        named = dict(zip((field.key for field in FIELDS), given, strict=True))
        return self._take(*form.read(named, self.places))

    def preset(self, given: Sequence[Any], preset: str) -> tuple[Values, Problems, str]:
        """Return the form after a preset, and what of it was left out."""
        values, _ = self.check(given)
        values, note = form.with_preset(values, preset)
        return *self._take(*form.read(values, self.places)), note

    def load(self, text: str) -> tuple[Values, Problems, list[str]]:
        """Return the form that a document holds, what is wrong with it, and what was left out.

        Raises:
            ConfigError, SettingError: it holds none.
        """
        values, problems, left_out = document.from_json(text, self.places)
        return *self._take(values, problems), left_out

    def _take(self, values: Values, problems: Problems) -> tuple[Values, Problems]:
        with self._lock:
            self._values = dict(values)
        return values, problems

    # -- files that are made in memory -------------------------------------------------------

    def offer(self, token: str, name: str, text: str) -> None:
        """Keep a document until somebody fetches it, or twenty others were made."""
        with self._lock:
            self._documents[token] = name, text
            while len(self._documents) > KEPT_DOCUMENTS:
                self._documents.pop(next(iter(self._documents)))

    def document(self, token: str) -> tuple[str, str] | None:
        """Return name and text of a document, None if there is none."""
        with self._lock:
            return self._documents.get(token)

    # -- the training ------------------------------------------------------------------------

    def standing(self) -> Standing:
        """Return how the training stands, for the page; looks follow one another."""
        with self._looking:
            stage, run_dir, error = self.job.standing()
            if stage == "none":
                empty = '<p class="ep-empty">No training was started from here yet.</p>'
                return Standing(stage, "", empty)
            if error:
                words = f"The training could not begin: {error}"
                return Standing(stage, "", fragments.message(words, "wrong"))
            if not run_dir:
                starting = fragments.state("starting")
                return Standing(stage, starting, f"<p>{starting}</p>")
            try:
                return self._progress(stage, run_dir)
            except Exception as problem:  # told; the buttons must work whatever the run holds
                logger.debug("cannot tell how %s stands", run_dir, exc_info=True)
                headline = "" if stage == "ended" else fragments.state(stage)
                kind = "" if isinstance(problem, EpochalError) else f"{type(problem).__name__}: "
                words = f"The run cannot be read: {kind}{problem}".partition("\n")[0]
                return Standing(stage, headline, fragments.message(words, "wrong"))

    def _progress(self, stage: Stage, run_dir: str) -> Standing:
        """Return how a run stands: its process says whether it runs, its folder how it ended."""
        ended = stage == "ended"
        found = self.runs.progress(run_dir, anew=ended)
        if not ended:
            found = found._replace(state=stage)
        of = f" of {found.steps:,}" if found.steps else ""
        step = f"step {fragments.number(found.step or 0)}{of}"
        headline = f"{fragments.state(found.state)} {fragments.text(found.name)} · {step}"
        return Standing(stage, "" if ended else headline, fragments.progress(found, self.dashboard))

    def close(self, say: Callable[[str], None] = lambda _: None) -> None:
        """End what the panel has started, but for a training that goes on.

        Args:
            say: is told what becomes of the training.
        """
        self.board.stop()
        run_dir = self.job.run_dir
        name = printable(os.path.basename(run_dir)) if run_dir else "that begins"
        if self.job.stage in ("starting", "running", "stopping"):
            say(
                f"The training {name} goes on; `epochal control` finds it again."
                if self.job.goes_on
                else f"Stopping the training {name}: 'Keep running when the panel ends' was off."
            )
        self.job.close()


def told(make: Callable[[], str]) -> str:
    """Return a piece of the page, or the error that was met in its place."""
    try:
        return make()
    except EpochalError as error:
        return fragments.message(str(error).partition("\n")[0], "wrong")
    except OSError as error:
        return fragments.message(error.strerror or str(error), "wrong")
    except Exception as error:  # told; Gradio's page would only say "Error"
        kind = type(error).__name__
        at = traceback.extract_tb(error.__traceback__)[-1]
        place = kind, at.filename, at.lineno
        if place not in _reported:  # the page asks again every two seconds
            _reported.append(place)
            logger.exception("the control panel failed (%s)", kind)
        words = (
            f"The control panel failed ({kind}: {str(error).partition(chr(10))[0]}): try again, and"
            " if it fails again, report it with the traceback in the terminal of epochal control."
        )
        return fragments.message(words, "wrong")
