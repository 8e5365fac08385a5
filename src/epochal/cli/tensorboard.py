"""``epochal tensorboard``: look at runs with TensorBoard."""

from __future__ import annotations

import contextlib
import signal
import tempfile
import time
from collections.abc import Iterator
from types import FrameType
from typing import TYPE_CHECKING

import click

from epochal.cli.options import dir_option, places_argument, runs_dir

if TYPE_CHECKING:
    from epochal.cli.tensorboard_runs import Shown
    from epochal.cli.tensorboard_server import Server

STEP_S = 1.0
LOOK_EVERY_S = 5.0
LOOK_SHARE = 0.05
"""Looking for new runs takes at most this share of the time, however many runs there are."""

SIGNALS = ("SIGINT", "SIGTERM", "SIGHUP")


@click.command()
@places_argument
@dir_option
@click.option(
    "--host", default="127.0.0.1", show_default=True, metavar="NAME",
    help="Address to listen on. TensorBoard asks nobody for a password.",
)  # fmt: skip
@click.option(
    "--port", type=click.IntRange(0, 65535),
    help="Port to listen on; 0: any. [default: 6006, or one near it that is free]",
)  # fmt: skip
@click.option(
    "--sections", is_flag=True,
    help="Put metrics and media in the fifteen numbered sections, in runs that do not write event"
    " files themselves.",
)  # fmt: skip
def tensorboard(
    places: tuple[str, ...], base: str | None, host: str, port: int | None, sections: bool
) -> None:
    """Look at runs with TensorBoard.

    Runs without event files get them first, those that are being recorded are kept up to
    date, and new ones are added until you press Ctrl-C. Without RUN or DIR all runs are
    shown, under their project and name. Needs TensorBoard:
    pip install 'epochal[tensorboard]'
    """
    from epochal.cli import output
    from epochal.cli.formats import count
    from epochal.cli.tensorboard_runs import Shown
    from epochal.cli.tensorboard_server import Server
    from epochal.core.optional import require

    require("tensorboard", extra="tensorboard", why="epochal tensorboard")
    layout = "sections" if sections else "plain"
    with (
        _signals_end_it(),
        tempfile.TemporaryDirectory(prefix="epochal-tensorboard-") as logdir,
        contextlib.closing(Shown(logdir, runs_dir(base), places, layout)) as shown,
    ):
        _look(shown)
        with contextlib.closing(Server(logdir, host, port)) as server:
            click.echo(f"TensorBoard shows {count(len(shown), 'run')} at {server.url}")
            output.say("Ctrl-C ends it.")
            _serve(server, shown)


def _look(shown: Shown) -> None:
    """Add runs that are not shown yet, with a progress bar; tell what cannot be shown."""
    from epochal.cli import output
    from epochal.cli.formats import count

    new = shown.new()
    with output.progress("Mirroring", len(new)) as advance:
        for run in new:
            shown.add(run)
            advance()
    if problems := shown.take_problems():
        run_dir, why = next(iter(problems.items()))
        output.say(f"not mirrored: {count(len(problems), 'run')}, such as {run_dir}: {why}")


def _serve(server: Server, shown: Shown) -> None:
    """Keep the runs up to date for as long as TensorBoard runs.

    Raises:
        click.ClickException: it has ended by itself.
    """
    from epochal.cli import output

    look_at = time.monotonic() + LOOK_EVERY_S
    while not server.wait(STEP_S):
        shown.follow()
        began = time.monotonic()
        if began >= look_at:
            _look(shown)
            ended = time.monotonic()
            look_at = ended + max(LOOK_EVERY_S, (ended - began) / LOOK_SHARE)
    output.fail(f"TensorBoard has ended: {server.last_words()}")


@contextlib.contextmanager
def _signals_end_it() -> Iterator[None]:
    """Leave the block when a signal asks to, once; what cleans up is not interrupted again."""

    def leave(_number: int, _frame: FrameType | None) -> None:
        for each in before:
            signal.signal(each, signal.SIG_IGN)
        raise KeyboardInterrupt

    wanted = [getattr(signal, name) for name in SIGNALS if hasattr(signal, name)]
    # What whoever started this wants to be ignored (nohup, a job in the background) stays so.
    mine = [each for each in wanted if signal.getsignal(each) is not signal.SIG_IGN]
    before = {each: signal.getsignal(each) for each in mine}
    try:
        for each in mine:
            signal.signal(each, leave)
        with contextlib.suppress(KeyboardInterrupt):
            yield
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)
