"""``epochal compare``: groups, verdicts and guards, as text, JSON, Markdown and LaTeX."""

import json

import pytest

from epochal import init

UNSAFE = ("\x1b[2J", "\x1b[31m", "\r", "\x07", "\u202e")


@pytest.fixture
def study(tmp_path):
    """Two optimizers with four seeds each, one failed run, and a single run of a third."""
    base = tmp_path / "runs"

    def record(name, value, seed, state="finished", **config):
        run = init(
            project="study", name=name, dir=str(base), seed=seed, config=config, follow="off",
            capture_environment=False,
        )  # fmt: skip
        run.log({"val/loss": value, "acc": 1 / value}, step=1)
        run.finish(state)

    for optimizer, mean, factor in (("adamw", 2.3, 7), ("sgd", 2.5, 5)):
        for seed in range(4):
            value = mean + 0.01 * (seed * factor % 4)
            record(f"{optimizer}-{seed}", value, seed, optimizer=optimizer)
    record("sgd-4", 9.0, 4, "failed", optimizer="sgd")
    return base


def strict(text):
    """JSON in which Python's NaN and Infinity are an error."""

    def refuse(name):
        raise ValueError(name)

    return json.loads(text, parse_constant=refuse)


def test_compare_prints_groups_verdicts_and_guards(epochal, study):
    """Each setting has a line, each pair a sentence; what stands against it follows."""
    result = epochal("compare", study, "val/loss", "--by", "optimizer", "--unpaired")
    assert result.exit_code == 0
    text = result.stdout
    assert text.startswith("val/loss (last, lower is better) by optimizer\n")
    row = next(line for line in text.splitlines() if line.startswith("adamw "))
    assert row.split() == ["adamw", "2.315", "±", "0.021", "4", "0.0129", "-", "best"]
    assert "adamw is better than sgd: val/loss 2.315 against 2.515" in text
    assert "sgd: 1 of 5 runs left out (sgd-4 failed with an exception)" in text
    assert all(line == line.rstrip() for line in text.splitlines())


def test_compare_finds_the_folder(epochal, study):
    """The folder may stand first, behind --dir, or be ./runs; several metrics are corrected."""
    sentence = "adamw is better than sgd"
    assert sentence in epochal("compare", "val/loss").stdout
    assert sentence in epochal("compare", "val/loss", "--dir", study).stdout
    both = epochal("compare", study, "val/loss", "acc", "--goal", "minimize").stdout
    assert "adamw is better" in both
    assert "after Holm over 2 comparisons" in both


def test_compare_as_json(epochal, study):
    """Everything is there, as strict JSON; several metrics are a list."""
    found = strict(epochal("compare", study, "val/loss", "--json").stdout)
    assert found["verdicts"][0]["word"] == "better"
    assert [row["n"] for row in found["groups"]] == [4, 4]
    assert found["groups"][1]["left_out"][0]["name"] == "sgd-4"
    two = strict(
        epochal("compare", study, "val/loss", "acc", "--goal", "minimize", "--json").stdout
    )
    assert [each["metric"] for each in two] == ["val/loss", "acc"]


def test_compare_as_a_table_for_a_paper(epochal, study):
    """Markdown and LaTeX come out complete and alone."""
    markdown = epochal("compare", study, "val/loss", "--markdown").stdout
    assert markdown.startswith("| group |")
    latex = epochal("compare", study, "val/loss", "--latex").stdout
    assert r"\begin{tabular}" in latex
    assert latex.startswith("% adamw is better")


def test_compare_options(epochal, study):
    """Baseline, margin, test, correction, statistic, level and filter reach the comparison."""

    def verdict(*options):
        found = strict(epochal("compare", study, "val/loss", "--json", *options).stdout)
        return found, found["verdicts"][0]

    found, one = verdict("--baseline", "adamw")
    assert (one["a"], one["b"], one["word"]) == ("sgd", "adamw", "worse")
    found, one = verdict("--margin", "20 %", "--baseline", "sgd")
    assert one["word"] == "equivalent"
    assert found["margin"] == pytest.approx(0.503)
    assert verdict("--margin", "0.5")[0]["margin"] == 0.5
    assert verdict("--test", "mann_whitney")[1]["test"] == "mann_whitney"
    assert verdict("--paired")[1]["paired"] is True
    assert verdict("--level", "0.9")[0]["level"] == 0.9
    assert verdict("--statistic", "max", "--correction", "none")[0]["statistic"] == "max"
    assert verdict("--filter", "seed < 3")[0]["groups"][0]["n"] == 3
    assert len(verdict("--by", "run", "--project", "study")[0]["groups"]) == 9


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (("val/los",), 1, "did you mean 'val/loss'"),
        (("val/loss", "--by", "optimiser"), 1, "did you mean 'optimizer'"),
        (("val/loss", "--baseline", "adam"), 1, "baseline"),
        (("val/loss", "--margin", "much"), 2, "--margin"),
        (("val/loss", "--test", "welsh"), 1, "did you mean 'welch'"),
        (("acc",), 1, "what is better for 'acc'"),
        (("val/loss", "--filter", "seed > 90"), 1, "no runs to compare"),
        ((), 2, "METRIC"),
    ],
)  # fmt: skip
def test_compare_says_what_is_wrong(epochal, study, arguments, status, words):
    """A wrong name is one line on standard error that helps."""
    if arguments == ("val/los",):
        arguments = ("val/los", "--goal", "minimize")
    place = (study,) if arguments else ()
    result = epochal("compare", *place, *arguments)
    assert result.exit_code == status
    assert words in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize("width", [80, 120])
def test_compare_fits_the_terminal(epochal, study, width):
    """No line is wider than the terminal, and no word is cut off."""
    result = epochal("compare", study, "val/loss", "--by", "optimizer", width=width)
    from rich.text import Text

    lines = [Text.from_ansi(line).plain for line in result.stdout.splitlines()]
    assert max(map(len, lines)) <= width
    assert "…" not in result.stdout
    assert "adamw is better than sgd" in " ".join(" ".join(lines).split())


def test_compare_is_harmless(epochal, tmp_path):
    """Names made of escape sequences come out as text in every form."""
    base = tmp_path / "runs"
    for name in ("\x1b[2J\x07evil", "[red]x[/]"):
        for seed in range(3):
            run = init(dir=str(base), name=f"{name}{seed}\r", seed=seed, config={"k\x1b[31m": name},
                       follow="off", capture_environment=False)  # fmt: skip
            run.log({"loss": float(seed), "lo\x1b[2Jss": float(seed + len(name))}, step=0)
            run.finish("failed" if seed == 2 else "finished")
    for metric in ("loss", "lo\x1b[2Jss"):
        for options in ((), ("--markdown",), ("--latex",), ("--json",)):
            result = epochal("compare", base, metric, "--goal", "minimize", *options)
            assert result.exit_code == 0
            assert not any(code in result.stdout + result.stderr for code in UNSAFE)
    assert "[red]x[/]" in epochal("compare", base, "loss").stdout
