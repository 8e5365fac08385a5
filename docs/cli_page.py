"""Writes the descriptions of commands and options into `docs/reference/cli.md`.

    python docs/cli_page.py

Between `<!-- command NAME -->` and `<!-- end -->` the page says what the command's own help says.
What stands outside is written by hand. A test fails where the page is behind.
"""

import inspect
import re
from collections.abc import Iterator
from pathlib import Path

import click

PAGE = Path(__file__).parent / "reference" / "cli.md"
BLOCK = re.compile(r"(<!-- command ([\w ]+) -->\n).*?(<!-- end -->)", re.DOTALL)


def renewed(text: str) -> str:
    """Gives the page with every command as it is now."""
    return BLOCK.sub(lambda found: f"{found[1]}{description(found[2])}\n{found[3]}", text)


def commands() -> dict[str, click.Command]:
    """Gives all commands by name, in the order of the help; those of a group behind its name."""
    from epochal.cli import main

    return dict(commands_of(main))


def commands_of(group: click.Group, above: str = "") -> Iterator[tuple[str, click.Command]]:
    """Gives the names and commands of a group, and of the groups in it."""
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if isinstance(command, click.Group):
            yield from commands_of(command, f"{above}{name} ")
        elif command and not command.hidden:
            yield f"{above}{name}", command


def description(name: str) -> str:
    """Gives a command's usage, help and options in Markdown."""
    command = commands()[name]
    arguments = [p for p in command.params if isinstance(p, click.Argument)]
    usage = " ".join(["epochal", name, "[OPTIONS]", *map(metavar, arguments)])
    lines = [
        "```console",
        f"$ {usage}",
        "```",
        "",
        *paragraphs(inspect.cleandoc(command.help or "")),
        "",
    ]
    options = [p for p in command.params if isinstance(p, click.Option)]
    if options:
        lines += ["| option | |", "| --- | --- |"]
    lines += [f"| {signature(each)} | {meaning(each)} |" for each in options]
    return "\n".join(lines)


def paragraphs(text: str) -> list[str]:
    """Gives help text with a sentence on each line; what may not be wrapped becomes a block."""
    out: list[str] = []
    for part in text.split("\n\n"):
        if part.startswith("\b"):
            out += ["```text", *part.splitlines()[1:], "```", ""]
        else:
            out += [*re.sub(r"(?<=[a-z0-9)\]])\. ", ".\n", " ".join(part.split())).splitlines(), ""]
    return out[:-1]


def metavar(argument: click.Argument) -> str:
    """Gives an argument as the usage shows it."""
    return str(argument.metavar or (argument.name or "").upper())


def signature(option: click.Option) -> str:
    """Gives the names of an option with its value."""
    names = ", ".join(option.opts) + "".join(f" / {name}" for name in option.secondary_opts)
    if option.is_flag:
        return f"`{names}`"
    choices = getattr(option.type, "choices", None)
    numbers = isinstance(option.type, click.types.IntParamType)
    kind = "N" if numbers else "|".join(choices) if choices else option.type.name.upper()
    value = option.metavar or kind
    # Within backticks GitHub needs a pipe escaped and MkDocs shows the backslash: HTML suits both.
    code = f"{names} {value}"
    return f"<code>{code.replace('|', '&#124;')}</code>" if "|" in code else f"`{code}`"


def meaning(option: click.Option) -> str:
    """Gives the help of an option with its default."""
    text = str(option.help or "").replace("|", "\\|")
    default = option.default
    if option.show_default and default is not None:
        if isinstance(default, bool):
            names = option.opts if default else option.secondary_opts
            default = names[0].lstrip("-")
        text += f" [default: {default}]"
    return text


if __name__ == "__main__":
    PAGE.write_text(renewed(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
