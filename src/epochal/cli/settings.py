"""``epochal settings``: every setting, its value and where that comes from."""

from __future__ import annotations

import click

from epochal.cli.options import json_option


@click.command()
@click.argument("names", metavar="[NAME]...", nargs=-1)
@click.option("--changed", is_flag=True, help="Only settings that are not at their default.")
@json_option
def settings(names: tuple[str, ...], changed: bool, as_json: bool) -> None:
    """List the settings and their values.

    Shows what holds in this folder and where each value comes from. A setting comes from an
    argument of `epochal.init`, an environment variable, a preset, the table [epochal] of
    the nearest epochal.toml, or its default. With NAME only those settings are shown, with
    what is allowed.
    """
    from epochal.cli import output
    from epochal.core.errors import SettingError, did_you_mean
    from epochal.settings import describe, load

    known = {row.name: row for row in describe()}
    for name in names:
        if name not in known:
            raise SettingError(f"there is no setting {name!r}{did_you_mean(name, known)}")
    loaded, places = load(), _places()
    rows = []
    for name, row in known.items():
        head, _, kind = name.partition(".")
        found = getattr(loaded, head)
        text = _text(found[kind] if kind else found)
        place = places.get(name, "default")
        derived = row.default.startswith(("./", "$", "name of"))
        if place == "default" and loaded.preset and text != row.default and not derived:
            place = f"preset {loaded.preset}"
        if (not names or name in names) and (not changed or place != "default"):
            rows.append({**row._asdict(), "value": text, "source": place})
    if as_json:
        output.print_json(rows)
    elif names:
        for row_ in rows:
            output.pairs([(key, str(row_[key])) for key in _SHOWN])
            if row_ is not rows[-1]:
                click.echo()
    else:
        columns = [
            output.Column("Setting"), output.Column("Value", elastic=16),
            output.Column("Source", elastic=16), output.Column("Meaning", elastic=24, rank=1),
        ]  # fmt: skip
        shown = ("name", "value", "source", "meaning")
        output.table(columns, [[row_[key] for key in shown] for row_ in rows])


_SHOWN = ("name", "value", "source", "meaning", "type", "allowed", "default", "variable")


def _places() -> dict[str, str]:
    """Return where settings are given, by name: environment variables before the file."""
    import os

    from epochal.settings.sources import from_environment, read_settings_file, read_source

    cwd = os.getcwd()
    file = read_settings_file(cwd, os.environ).source
    found: dict[str, str] = {}
    for source in (file, from_environment(os.environ, cwd)):
        for written in source.values:
            for given in read_source(source._replace(values={written: source.values[written]})):
                kinds = given.value if given.setting == "cadence" else [""]
                for kind in kinds:
                    name = f"{given.setting}.{kind}" if kind else given.setting
                    found[name] = source.where(written).removeprefix("environment variable ")
    return found


def _text(found: object) -> str:
    from collections.abc import Mapping

    if found is None or found in ("", ()):
        return "none"
    if isinstance(found, bool):
        return str(found).lower()
    if isinstance(found, Mapping):
        return ", ".join(map(str, found)) or "none"
    if isinstance(found, tuple):
        return ", ".join(each if isinstance(each, str) else each.name for each in found)
    return str(found)
