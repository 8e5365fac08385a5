"""Printed numbers against exact ones."""

import pytest

from epochal.paper.text.judge import OK, ROUNDING, UNSUPPORTED, judge, read

LOSS = 3.27837


@pytest.mark.parametrize(
    ("printed", "value", "status"),
    [
        ("3.28", LOSS, OK), ("3.278", LOSS, OK), ("3.2784", LOSS, OK), ("3", LOSS, OK),
        ("$3.28$", LOSS, OK), (r"\textbf{3.28}", LOSS, OK), (r"\num{3.28}", LOSS, OK),
        ("**3.28**", LOSS, OK), ("3.28 nats", LOSS, OK), ("$3.28$~nats", LOSS, OK),
        ("3.27", LOSS, ROUNDING), ("3.279", LOSS, ROUNDING), ("4", LOSS, ROUNDING),
        ("3.26", LOSS, UNSUPPORTED), ("2.28", LOSS, UNSUPPORTED), ("-3.28", LOSS, UNSUPPORTED),
        ("about three", LOSS, UNSUPPORTED), ("", LOSS, UNSUPPORTED),
        (r"12{,}345", 12345, OK), ("12,345", 12345, OK), (r"12\,345", 12345, OK),
        ("12.3k", 12345, OK), ("124M", 124e6, OK), ("125M", 124e6, UNSUPPORTED),
        (r"$1.5 \times 10^{-7}$", 1.5e-7, OK), ("1.5e-7", 1.5e-7, OK),
        ("1.5 \u00d7 10⁻⁷", 1.5e-7, OK),
        (r"$-0.5$", -0.5, OK),
        ("\u22120.5", -0.5, OK), (r"91.2\%", 0.912, OK), (r"91\,\%", 0.912, OK),
        ("< 0.001", 1e-5, OK), (r"$<0.001$", 0.002, UNSUPPORTED), (r"\textless 0.001", 1e-9, OK),
        ("0.5", 0.45, OK), ("0.4", 0.45, OK), (r"1.7$\times$", 1.68, OK),
    ],
)  # fmt: skip
def test_values(printed, value, status):
    """A number is right if it is the exact one to the digits that are printed."""
    assert judge(printed, value, None, "", "").status == status


@pytest.mark.parametrize(
    ("printed", "status"),
    [
        (r"$3.2784 \pm 0.0014$", OK), ("3.2784 ± 0.0014", OK), ("3.2784(14)", OK), ("3.28", OK),
        (r"$3.2784 \pm 0.0015$", ROUNDING), (r"$3.2784 \pm 0.01$", ROUNDING),
        (r"$3.2784 \pm 0.14$", UNSUPPORTED), (r"$3.1 \pm 0.0014$", UNSUPPORTED),
    ],
)  # fmt: skip
def test_errors(printed, status):
    """What follows the ± is compared too."""
    assert judge(printed, LOSS, 0.00142, "", "").status == status


def test_units():
    """A percent sign is part of a number whose unit is no percent sign."""
    assert judge(r"91.2\,\%", 91.23, None, "%", "").status == OK
    assert judge("91.2", 91.23, None, "%", "").status == OK
    assert judge(r"91.2\,\%", 91.23, None, "", "").status == UNSUPPORTED


def test_words():
    """A word is compared as a word."""
    assert judge(r"\textbf{AdamW}", "adamw", None, "", "").status == OK
    assert judge("sgd", "adamw", None, "", "adamw").why == "the runs say adamw"


def test_no_error_to_print():
    """A ± that no section asks for is not supported."""
    assert judge(r"3.28 \pm 0.01", LOSS, None, "", "").status == UNSUPPORTED


@pytest.mark.parametrize("text", ["x", "3.2.1", "1e999999", "3 4", "--3", r"\foo", "±"])
def test_no_numbers(text):
    """Other text is no number."""
    assert read(text) is None
