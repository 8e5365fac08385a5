"""The reading commands: ls, show, best, diff, sql; as tables, at widths, and as strict JSON."""

import json

import pytest

NAME = "[red]x[/] \\x1b[2J\\r\\n\\u202eevil"
UNSAFE = ("\x1b[2J", "\x1b[31m", "\r", "\x07", "\u202e")


def strict(text):
    """JSON in which Python's NaN and Infinity are an error."""

    def refuse(name):
        message = f"{name} is no JSON"
        raise ValueError(message)

    return json.loads(text, parse_constant=refuse)


def lines(result):
    """The lines of a table that were padded with spaces, split at two or more of them."""
    assert result.exit_code == 0, result.stderr
    return [line.split("  ") for line in result.stdout.splitlines()]


def test_ls_lists_runs(epochal, runs):
    """Each run is a line with its state, its main metric and its tags."""
    table = epochal("ls", runs).stdout
    head, *rows = table.splitlines()
    assert head.split() == [
        "Name", "Id", "State", "Project", "Created", "Duration", "Steps", "val/loss", "Tags",
    ]  # fmt: skip
    assert len(rows) == 4
    adam = next(row for row in rows if row.startswith("adam "))
    assert adam.split()[2:4] == ["finished", "text2sign"]
    assert adam.split()[-3:] == ["49", "0.1", "ablation/lr"]
    assert all(row == row.rstrip() for row in table.splitlines())


def test_ls_selects(epochal, runs):
    """Filter, sort, project and limit choose runs and their order."""

    def names(*options):
        return [run["name"] for run in strict(epochal("ls", runs, *options, "--json").stdout)]

    assert names("--filter", "config.lr < 0.05", "--sort", "config.lr") == ["adam", "other"]
    assert names("--sort", "-config.lr", "--limit", "2", "--project", "text2sign")[1] == "sgd"
    assert names("--project", "speech") == ["other"]
    assert names("--filter", 'state == "running"') == []


def test_ls_columns(epochal, runs):
    """Any path can be a column, commas in brackets included."""
    columns = 'name,config.model["depth"],summary["val/loss"].min,tags'
    result = epochal("ls", runs, "--columns", columns, "--filter", 'name == "adam"')
    assert result.stdout.splitlines()[1].split() == ["adam", "12", "0.1", "ablation/lr"]
    options = ("--columns", columns, "--filter", 'name == "adam"', "--json")
    assert strict(epochal("ls", runs, *options).stdout) == [
        {"name": "adam", 'config.model["depth"]': 12, 'summary["val/loss"].min': 0.1,
         "tags": ["ablation/lr"]}
    ]  # fmt: skip


def test_ls_of_an_empty_folder(epochal, tmp_path):
    """No runs is no failure, and the remark is not in the output."""
    result = epochal("ls", tmp_path)
    assert (result.exit_code, result.stdout) == (0, "")
    assert "There are no runs" in result.stderr


@pytest.mark.parametrize("width", [80, 120])
@pytest.mark.parametrize(
    "command",
    [
        ("ls",), ("show", "adam"), ("show", NAME), ("best", "val/loss"), ("diff", "adam", "sgd"),
        ("diff", "adam", NAME), ("sql", "select * from runs"), ("settings",), ("gc",),
        ("ls", "--columns", "name,id,state,config.lr,tags,created,duration_s,notes,host"),
        ("gc", "--older-than", "0s"), ("tail", NAME, "--no-follow", "-n", "3"),
    ],
    ids=lambda command: " ".join(command)[:30],
)  # fmt: skip
def test_terminal_output_is_safe_and_fits(epochal, runs, command, width, folder_of):
    """No line is wider than the terminal, and no name does anything to it."""
    hostile = folder_of("red-x-2j-evil")
    command = [str(hostile) if part == NAME else part for part in command]
    place = [] if command[0] == "settings" else ["--dir", runs]
    result = epochal(*command, *place, width=width)
    assert result.exit_code == 0, result.stderr
    plain = result.stdout
    for style in ("0", "1", "2", "31", "32", "33", "35", "36"):
        plain = plain.replace(f"\x1b[{style}m", "")
    assert "\x1b" not in plain
    assert not any(character in plain for character in UNSAFE)
    if command[0] != "tail" and "Files" not in plain:
        assert max(map(len, plain.splitlines()), default=0) <= width


@pytest.mark.parametrize(
    "command",
    [
        ("ls",), ("best", "val/loss"), ("sql", "select name, tags from runs"), ("show",),
        ("tail", "--no-follow"), ("ls", "--columns", "name,tags,config.lr"),
    ],
    ids=lambda command: " ".join(command)[:30],
)  # fmt: skip
def test_piped_output_is_plain(epochal, runs, folder_of, command):
    """In a pipe there are neither colors nor frames, and names stand as they are, escaped."""
    run = [folder_of("red-x-2j-evil")] if command[0] in {"show", "tail"} else []
    result = epochal(*command, *run, "--dir", runs)
    assert result.exit_code == 0
    assert not any(character in result.stdout for character in ("\x1b", *UNSAFE[2:], "─", "…"))
    if command[0] != "tail":
        assert NAME in result.stdout


@pytest.mark.parametrize(
    "command",
    [
        ("ls",), ("show", "RUN"), ("best", "val/loss"), ("diff", "adam", "RUN"),
        ("sql", "select * from points"), ("settings",), ("verify",), ("gc",), ("recover",),
        ("seal",), ("sync",), ("doctor",),
    ],
    ids=lambda command: command[0],
)  # fmt: skip
def test_json_is_strict_and_alone(epochal, runs, folder_of, command):
    """With --json standard output is one JSON value without NaN."""
    command = [folder_of("red-x-2j-evil") if part == "RUN" else part for part in command]
    place = [] if command[0] == "settings" else ["--dir", runs]
    result = epochal(*command, "--json", *place)
    assert result.exit_code == 0, result.stderr
    strict(result.stdout)


def test_non_finite_numbers_in_json(epochal, tmp_path):
    """NaN and infinities are text in JSON."""
    import epochal as library

    run = library.init(project="p", name="odd", dir=str(tmp_path / "r"), follow="off")
    run.log({"nan": float("nan"), "low": float("-inf"), "high": float("inf")}, step=1)
    run.finish()
    found = strict(epochal("sql", "select metric, value from points", "--json",
                           "--dir", tmp_path / "r").stdout)  # fmt: skip
    assert {row["metric"]: row["value"] for row in found} == {
        "nan": "NaN", "low": "-Infinity", "high": "Infinity",
    }  # fmt: skip


def test_show(epochal, runs):
    """All that is known of a run is there."""
    text = epochal("show", "adam", "--dir", runs).stdout
    for part in ("adam\n", "finished", "ablation/lr", "  model\n    depth: 12", "minimize, nats",
                 "params: 124", "all good", "csv/"):  # fmt: skip
        assert part in text
    row = next(line for line in text.splitlines() if line.startswith("train/loss"))
    assert row.split()[1:] == ["0.002", "0.002", "0.1", "0.0089984", "50"]


def test_show_tells_what_is_wrong(epochal, tmp_path):
    """Refused values, alerts, the end by an exception, and mirrors that are behind are shown."""
    import epochal as library

    run = library.init(dir=str(tmp_path), follow="off")
    run.log({"loss": 1.0, "odd": object()}, step=1)
    run.alert("loss spike", "at step 1", level="error")
    run.end_with(ZeroDivisionError("division by zero"))
    text = epochal("show", run.dir).stdout
    for part in ("failed", "refused", "loss spike at step 1", "behind", "ZeroDivisionError"):
        assert part in text


def test_best_orders_runs(epochal, runs):
    """The best run comes first, with the config values in which the runs differ."""
    found = strict(epochal("best", "val/loss", "--json", "--dir", runs).stdout)
    assert found["goal"] == "minimize"
    assert [run["name"] for run in found["runs"]][:3] == ["adam", "other", "sgd"]
    assert (found["best"]["name"], found["best"]["value"]) == ("adam", 0.1)
    found = strict(epochal("best", "lr", "--goal", "maximize", "--filter", "config.lr < 1",
                           "--limit", "1", "--json", "--dir", runs).stdout)  # fmt: skip
    assert [run["name"] for run in found["runs"]] == ["sgd"]
    assert "model.depth" in epochal("best", "val/loss", "--dir", runs).stdout


def test_diff(epochal, runs):
    """Config values that differ and results stand side by side; equal ones are left out."""
    rows = [
        line.split() for line in epochal("diff", "adam", "sgd", "--dir", runs).stdout.splitlines()
    ]
    assert rows[0] == ["adam", "sgd", "Change"]
    assert ["config.model.depth", "12", "24"] in rows
    assert ["val/loss", "0.1", "10", "+9900.0%"] in rows
    assert not any(row[0] == "config.seed" for row in rows)


def test_sql_is_confined(epochal, runs):
    """A query reads runs and nothing else."""
    query = "select name from runs where state = 'failed'"
    assert epochal("sql", query, "--dir", runs).stdout.split() == ["name", "other"]
    result = epochal("sql", "select * from read_csv('/etc/passwd')", "--dir", runs)
    assert (result.exit_code, result.stdout) == (1, "")
    assert epochal("sql", "-", "--dir", runs, stdin=query).stdout.split() == ["name", "other"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("show", "absent"), "there is no run 'absent'"),
        (("tail", "absent"), "there is no run 'absent'"),
        (("diff", "adam", "adm"), "there is no run 'adm'"),
        (("best", "val/los"), "did you mean 'val/loss'?"),
        (("ls", "--filter", "confg.lr < 1"), "did you mean 'config'?"),
        (("ls", "--sort", "1 +"), "cannot be read"),
        (("ls", "--project", "absent"), "there is no project 'absent'"),
        (("sql", "selec"), "syntax error"),
        (("tag", "absent", "x"), "there is no run"),
        (("gc", "--restore", "absent"), "there is no run"),
        (("verify", "absent"), "there is no run"),
    ],
    ids=lambda part: part[0] if isinstance(part, tuple) else "",
)
def test_failures_are_named(epochal, runs, arguments, message):
    """A failure is status 1, one message on standard error, and no traceback."""
    result = epochal(*arguments, "--dir", runs)
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith("Error: ")
    assert message in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize(
    "arguments",
    [("lss",), ("show",), ("ls", "--limit", "-1"), ("best", "x", "--goal", "up"), ("tag", "adam"),
     ("ls", "--dir", "/nowhere"), ("tail", "adam", "-n", "x")],
    ids=" ".join,
)  # fmt: skip
def test_wrong_usage(epochal, arguments):
    """What cannot be meant is status 2."""
    result = epochal(*arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    assert "Error: " in result.stderr


def test_a_message_cannot_harm_the_terminal(epochal, runs):
    """Control characters that come back in an error are escaped."""
    result = epochal("show", "\x1b[2Jabsent\r", "--dir", runs)
    assert result.exit_code == 1
    assert "\x1b" not in result.stderr
    assert "\r" not in result.stderr
