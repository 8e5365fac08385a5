"""The page of commands says what the commands themselves say."""

import importlib.util
from pathlib import Path

DOCS = Path(__file__).parents[2] / "docs"


def generator():
    """The program that writes the page, as a module."""
    spec = importlib.util.spec_from_file_location("cli_page", DOCS / "cli_page.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_page_is_up_to_date():
    """Every command with its options stands on the page as its help has it."""
    module, page = generator(), (DOCS / "reference" / "cli.md").read_text(encoding="utf-8")
    assert module.renewed(page) == page, "run: python docs/cli_page.py"


def test_page_has_every_command():
    """No command is left out."""
    page = (DOCS / "reference" / "cli.md").read_text(encoding="utf-8")
    missing = [name for name in generator().commands() if f"<!-- command {name} -->" not in page]
    assert missing == []


def test_options_have_a_meaning():
    """Every option says what it does."""
    import click

    silent = [
        f"{name} {option.opts[0]}"
        for name, command in generator().commands().items()
        for option in command.params
        if isinstance(option, click.Option) and not option.help
    ]
    assert silent == []
