"""``epochal serve``: the dashboard."""

from __future__ import annotations

import click

from epochal.cli.options import folder_argument, runs_dir


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

    run_server(
        runs_dir(folder), host, port, token=token, allow_hosts=allow_hosts, control=control,
        open_browser=open_browser, say=click.echo,
    )  # fmt: skip
