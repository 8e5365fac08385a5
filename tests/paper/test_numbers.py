"""One number from runs: of metrics, of the config, of comparisons; as it is printed."""

import math
import shutil

import pytest
from papers import LOSSES, MEAN, QUIET, record

import epochal

ADAMW = """filter = 'config.optimizer == "adamw"'\n"""


def test_over_runs(number):
    """The finished runs that pass the filter are put together as the section says."""
    found = number(f'metric = "val/loss"\nover = "mean"\n{ADAMW}')
    assert found["value"] == pytest.approx(MEAN, abs=1e-12)
    assert (found["n"], found["shown"], found["macro"]) == (3, "3.278", "X")
    assert number(f'metric = "val/loss"\nover = "max"\n{ADAMW}')["value"] == 3.2790
    assert number(f'metric = "val/loss"\nover = "median"\n{ADAMW}')["value"] == 3.2781


def test_statistics(number):
    """A run's number is the last, smallest, largest ... value of its metric."""
    one = "filter = 'name == \"adamw-1\"'\n"
    assert number(f'metric = "val/loss"\n{one}')["value"] == 3.2790
    assert number(f'metric = "val/loss"\nstatistic = "max"\n{one}')["value"] == 2 * 3.2790
    assert number(f'metric = "val/loss"\nstatistic = "best"\n{one}')["value"] == 3.2790


def test_errors_of_means(number):
    """A mean has an interval, a standard deviation or a standard error if it is asked for."""
    lines = f'metric = "val/loss"\nover = "mean"\n{ADAMW}'
    losses = LOSSES["adamw"]
    std = math.sqrt(sum((x - MEAN) ** 2 for x in losses) / 2)
    assert number(f'{lines}error = "std"')["error"] == pytest.approx(std)
    assert number(f'{lines}error = "standard error"')["error"] == pytest.approx(std / math.sqrt(3))
    interval = number(f'{lines}error = "interval"')
    assert interval["error"] == pytest.approx(4.302652729911275 * std / math.sqrt(3))
    assert interval["shown"] == "3.2781 ± 0.0022"


def test_printing(number):
    """Digits, decimals, a scale and a unit are those of the section."""
    lines = f'metric = "val/loss"\nover = "mean"\n{ADAMW}'
    assert number(f"{lines}digits = 2")["shown"] == "3.3"
    assert number(f"{lines}decimals = 5")["shown"] == "3.27810"
    percent = number(f'{lines}scale = 100\ndecimals = 1\nunit = "%"')
    assert (percent["shown"], percent["value"]) == ("327.8 %", pytest.approx(100 * MEAN))
    assert number(f"{lines}scale = -1\ndecimals = 2")["shown"] == "-3.28"


def test_counts_and_paths(number):
    """The number of runs, and a value of the config that all of them have."""
    assert number('over = "count"')["value"] == 6
    assert number('over = "count"\nstates = "all"')["value"] == 7
    assert number('over = "count"\nstates = ["failed"]')["value"] == 1
    assert number('path = "config.lr"')["value"] == 0.001
    assert number(f'path = "config.optimizer"\n{ADAMW}')["shown"] == "adamw"
    assert number('path = "duration_s"\nover = "sum"\nstates = "all"')["value"] > 0


def test_of_comparison(number):
    """Differences, p and groups of a comparison."""
    difference = number('of = "main"\npair = ["sgd", "adamw"]')
    assert difference["value"] == pytest.approx(0.1229333, abs=1e-6)
    assert number('of = "main"\npair = ["adamw", "sgd"]')["value"] == -difference["value"]
    assert number('of = "main"\nfield = "p"')["shown"] == "< 0.001"
    assert number('of = "main"\nfield = "verdict"\npair = ["adamw", "sgd"]')["value"] == "better"
    assert number('of = "main"\ngroup = "adamw"')["value"] == pytest.approx(MEAN)
    assert number('of = "main"\ngroup = "adamw"\nfield = "n"')["value"] == 3


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ('metric = "val/loss"', "matches 6 runs: say over = one of"),
        ('metric = "val/los"\nover = "mean"', "none of 6 runs has (did you mean 'val/loss'?)"),
        ('metric = "val/loss"\nfilter = "config.lr > 1"', "matches no run"),
        ('metric = "val/loss"\nfilter = "config.lr >"', "filter is 'config.lr >', no filter: "),
        ('metric = "val/loss"\nof = "main"', "of cannot stand beside metric"),
        ("digits = 3", "does not say which number it is"),
        ('metric = "val/loss"\nover = "average"', "over is 'average': give one of 'mean'"),
        ('of = "main"\ngroup = "adam"', "no group of the comparison (did you mean 'adamw'?)"),
        ('of = "main"\nover = "mean"', "over has no meaning beside of: remove it"),
        ('path = "config.depth"', "which is not there in: adamw-0"),
        ('over = "count"\nmacro = "Pr"', "which LaTeX has"),
        ('metric = "val/loss"\nover = "max"\nerror = "std"', 'is for over = "mean"'),
        ('metric = "val/loss"\nover = "mean"\nstates = "failing"', "(did you mean 'failed'?)"),
    ],
)  # fmt: skip
def test_mistakes(number, lines, message):
    """What is not one number of the runs is named with its place in the file."""
    with pytest.raises(AssertionError) as error:
        number(lines)
    assert message in str(error.value)
    assert "paper.toml, line " in str(error.value)


def test_copies_of_runs(number, paper):
    """Of a copy of a run one counts; copies that say different things are a mistake."""
    (folder,) = (paper.folder / "runs" / "lab").glob("adamw-0-*")
    copy = paper.folder / "runs" / "backup" / folder.name
    shutil.copytree(folder, copy)
    assert number('over = "count"')["value"] == 6
    with epochal.init(resume=str(copy), dir=str(paper.folder / "runs"), **QUIET) as run:
        run.log({"val/loss": 3.0}, step=9)
    with pytest.raises(AssertionError, match=r"\[paper\] runs has run .* twice, in backup/adamw-0"):
        number('over = "count"')


def test_nan(paper):
    """A run that diverged is never left out silently: the message names it."""
    record(paper.folder / "runs", "diverged", math.nan, 5, optimizer="adamw", lr=0.001)
    (failed,) = [e for e in paper.built().done if e.title == "number.best_loss"]
    assert failed.what == "failed"
    assert "run diverged" in failed.why
    assert "leave it out with filter" in failed.why


def test_what_cannot_be_printed(number):
    """More digits than a number has, and a scale without a number, are mistakes."""
    lines = f'metric = "val/loss"\nover = "mean"\n{ADAMW}'
    with pytest.raises(AssertionError, match="decimals is 5000: give at most 17"):
        number(f"{lines}decimals = 5000")
    with pytest.raises(AssertionError, match="digits is 99: give at most 17"):
        number(f"{lines}digits = 99")
    with pytest.raises(AssertionError, match="there is no such number to print"):
        number(f"{lines}scale = inf")


def test_units_stand_behind_numbers(number):
    """As text that LaTeX does not take for math, thousands separated, the value as exact."""
    found = number(f'metric = "val/loss"\nover = "sum"\nscale = 1e4\nunit = "$x"\n{ADAMW}')
    assert found["shown"] == "98,343 $x"
    assert found["unit"] == "$x"
