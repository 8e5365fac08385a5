"""``epochal control``: the control panel."""

from __future__ import annotations

import click

from epochal.cli.options import runs_dir


@click.command()
@click.argument("folder", metavar="[DIR]", required=False, type=click.Path(file_okay=False))
@click.option(
    "--dir", "base", metavar="DIR", type=click.Path(file_okay=False),
    help="Folder of all runs. [default: the setting 'dir', ./runs unless changed]",
)  # fmt: skip
@click.option(
    "--host", default="127.0.0.1", show_default=True, metavar="NAME",
    help="Address to listen on. Any but this machine's own needs --token, or a password in"
    " EPOCHAL_TOKEN.",
)  # fmt: skip
@click.option(
    "--port", type=click.IntRange(0, 65535),
    help="Port to listen on; 0: any. [default: 7860, or one near it that is free]",
)  # fmt: skip
@click.option("--open/--no-open", "open_browser", default=False, help="Open the browser.")
@click.option("--token", is_flag=True, help="Let other machines in by a link that works once.")
@click.option(
    "--allow-host", "allow_hosts", multiple=True, metavar="NAME",
    help="A further name under which it answers, such as that of a proxy.",
)  # fmt: skip
@click.option(
    "--allow-path", "allow_paths", multiple=True, metavar="DIR", type=click.Path(file_okay=False),
    help="A folder, besides that of the runs, in which the form may name folders.",
)  # fmt: skip
@click.option(
    "--dashboard", default="", metavar="URL", help="Where `epochal serve` is, to link to."
)
def control(
    *, folder: str | None, base: str | None, host: str, port: int | None, open_browser: bool,
    token: bool, allow_hosts: tuple[str, ...], allow_paths: tuple[str, ...], dashboard: str,
) -> None:  # fmt: skip
    """Set up, start, stop and watch trainings in the browser.

    The printed link lets its browser in. Trainings are processes of their own: they go on when
    the page is closed, and end with the panel unless they are told to go on. Ctrl-C ends it.
    Needs Gradio: pip install 'epochal[control]'
    """
    import os
    import threading
    import webbrowser

    from epochal.control.serve import Server
    from epochal.core.names import printable

    root = runs_dir(folder, base)
    server = Server(
        root, host, port, token=token, password=os.environ.get("EPOCHAL_TOKEN") or None,
        allow_hosts=allow_hosts, allow_paths=allow_paths, dashboard=dashboard,
    )  # fmt: skip
    click.echo(f"Control panel of {printable(os.path.relpath(root))}: {server.link}")
    if open_browser:
        threading.Timer(0.5, webbrowser.open, [server.link]).start()
    server.run(click.echo)
