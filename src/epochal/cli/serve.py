"""``epochal serve``: the dashboard."""

from __future__ import annotations

import os
import sys
import threading
import time

import click

from epochal.cli.options import folder_argument, runs_dir

LEAVE_S = 1.0
"""So long Ctrl-C waits for answers that are being made."""


@click.command()
@folder_argument
@click.option(
    "--host", default="127.0.0.1", show_default=True, metavar="NAME",
    help="Address to listen on. Any but this machine's own needs --token, or a password in"
    " EPOCHAL_TOKEN.",
)  # fmt: skip
@click.option(
    "--port", type=click.IntRange(0, 65535),
    help="Port to listen on; 0: any. [default: 8765, or one near it that is free]",
)  # fmt: skip
@click.option("--open/--no-open", "open_browser", default=False, help="Open the browser.")
@click.option(
    "--token", is_flag=True, help="Let nobody read without a link, on this machine neither."
)
@click.option(
    "--allow-host", "allow_hosts", multiple=True, metavar="NAME",
    help="A further name under which it answers, such as that of a proxy.",
)  # fmt: skip
@click.option("--control", metavar="URL", help="Where `epochal control` is, to link to.")
def serve(
    folder: str | None, host: str, port: int | None, open_browser: bool, token: bool,
    allow_hosts: tuple[str, ...], control: str | None,
) -> None:  # fmt: skip
    """Show the runs of a folder in the browser.

    Works while trainings write to it, and needs no database. The printed link gives its browser
    the right to edit tags, notes and annotations; without it one can look. Ctrl-C ends it.
    Needs Starlette and uvicorn: pip install 'epochal[dashboard]'
    """
    from epochal.core.optional import require

    for module in ("starlette", "uvicorn"):
        require(module, extra="dashboard", why="epochal serve")
    from epochal.web.serve import serve as run_server

    others = threading.enumerate()
    run_server(
        runs_dir(folder), host, port, token=token, allow_hosts=allow_hosts, control=control,
        open_browser=open_browser, say=click.echo,
    )  # fmt: skip
    _leave(others)


def _leave(others: list[threading.Thread]) -> None:
    """End the process if threads still work on answers that nobody waits for any more.

    The interpreter would wait for them, which may take minutes.  What they change is written so
    that it may be cut off anywhere.
    """
    deadline = time.monotonic() + LEAVE_S
    for each in threading.enumerate():
        if not each.daemon and each not in others:
            each.join(max(0.0, deadline - time.monotonic()))
            if each.is_alive():
                sys.stdout.flush()
                os._exit(0)
