"""The command line: ``epochal``, one file per command.

Exit status: 0 on success, 1 on a failure named in one line on standard error, 2 on wrong usage.
A command's file is loaded when it is called, and what needs NumPy or Arrow when it is used.
"""

from __future__ import annotations

import importlib
import os
import sys
from typing import Any

import click

from epochal.core.errors import EpochalError, did_you_mean

SECTIONS = {
    "Start": ("demo", "doctor", "settings"),
    "Read": ("ls", "show", "best", "diff", "sql", "tail", "console", "media", "tensorboard"),
    "Live": ("serve", "control", "export"),
    "Evidence": ("compare", "analyze", "report", "logbook", "paper", "whence"),
    "Annotate": ("tag", "note"),
    "Keep": ("recover", "verify", "seal", "sync", "gc"),
}
"""Every command, under its heading in the help; the command is in the file of its name."""


class Commands(click.Group):
    """Loads a command when it is needed; turns Epochal's errors into one line."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """Return the names of all commands."""
        return [name for names in SECTIONS.values() for name in names]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return a command, loading its file; None: there is none of that name."""
        if cmd_name not in self.list_commands(ctx):
            return None
        module = importlib.import_module(f"epochal.cli.{cmd_name}")
        commands = (each for each in vars(module).values() if isinstance(each, click.Command))
        return next(each for each in commands if each.name == cmd_name)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command that was typed; a misspelled one is told which is near."""
        if args and self.get_command(ctx, args[0]) is None and not args[0].startswith("-"):
            near = did_you_mean(args[0], self.list_commands(ctx))
            ctx.fail(f"there is no command {args[0]!r}{near}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the commands by section."""
        width = max(map(len, self.list_commands(ctx)))
        for title, names in SECTIONS.items():
            rows = []
            for name in names:
                command = self.get_command(ctx, name)
                if command is not None and not command.hidden:
                    help_text = command.get_short_help_str(formatter.width - width - 6)
                    rows.append((name.ljust(width), help_text))
            with formatter.section(title):
                formatter.write_dl(rows)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; an error becomes one line on standard error and status 1."""
        try:
            result = super().invoke(ctx)
            sys.stdout.flush()  # a reader that is gone is noticed here and not while exiting
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise click.exceptions.Exit(1) from None
        except EpochalError as error:
            raise click.ClickException(_line(str(error))) from error
        except OSError as error:
            named = f"{error.filename}: " if error.filename else ""
            raise click.ClickException(_line(f"{named}{error.strerror or error}")) from error
        return result


def _line(message: str) -> str:
    """Return a message for the terminal; the caret under a filter keeps its lines."""
    from epochal.core.names import printable

    lines = [line for line in message.split("\n") if line.strip()]
    return "\n".join(map(printable, lines[:4]))


@click.group(
    cls=Commands,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(package_name="epochal", prog_name="epochal")
def main() -> None:
    """Record, find, compare and keep deep-learning experiments.

    RUN is an id, a name, the beginning of either, or the path of a run folder.
    """
