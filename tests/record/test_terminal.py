"""Text as a terminal would show it: what is drawn again is folded, the rest stays as it is."""

import itertools
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from recorded import THOROUGH

from epochal.core.items import to_json
from epochal.core.ring import SMALLEST_BYTES
from epochal.record.terminal import EVENT_BYTES, Terminal, events, plain

PLAIN = st.text(st.characters(exclude_categories=["Cc", "Cs"]) | st.sampled_from("\t "))
LETTERS = st.text(st.characters(categories=["L", "So"]) | st.sampled_from('\\"'), max_size=30)
ANYTHING = st.lists(
    st.sampled_from([
        "\r", "\n", "\b", "\x1b[A", "\x1b[3A", "\x1b[2B", "\x1b[9C", "\x1b[5D", "\x1b[7G", "\x1b[K",
        "\x1b[1K", "\x1b[2K", "\x1b[J", "\x1b[2J", "\x1b[1;31m", "\x1b[H", "\x1b[?25l", "\x1b[",
        "\x1b", "\x1b]8;;http://x\x1b\\", "\x1b]0;title\x07", "\x1b]0;", "\x9b", "\x1b[999999999A",
        "\x1b[" + "9" * 5000 + "C", "ab", "äö 🎉", "\x00", "\x7f", "\x1bM",
    ]),
    max_size=60,
)  # fmt: skip


def shown(*texts: str) -> list[str]:
    """All lines of some texts fed one after the other."""
    terminal = Terminal()
    lines = [line for text in texts for line in terminal.feed(text)]
    return lines + terminal.rest()


def pieces(text: str, cuts: list[int]) -> list[str]:
    """Cut a text at some places."""
    places = sorted({min(cut, len(text)) for cut in cuts} | {0, len(text)})
    return [text[a:b] for a, b in itertools.pairwise(places)]


@settings(max_examples=100 * THOROUGH, deadline=None)
@given(st.lists(PLAIN.map(str.rstrip).filter(bool), max_size=20), st.lists(st.integers(0, 300)))
def test_plain_lines_stay(lines, cuts):
    """Text without control characters comes out as it went in, however it is cut."""
    assert shown(*pieces("\n".join(lines), cuts)) == lines


@settings(max_examples=200 * THOROUGH, deadline=None)
@given(ANYTHING, st.lists(st.integers(0, 300), max_size=5))
def test_anything_may_come(parts, cuts):
    """Whatever is printed, lines without control characters come out."""
    for line in shown(*pieces("".join(parts), cuts)):
        assert not re.search(r"[\x00-\x08\x0a-\x1f\x7f]", line)


@pytest.mark.parametrize(
    ("printed", "lines"),
    [
        ("10%\r20%\r100%\n", ["100%"]),
        ("long line\rshort\n", ["shortline"]),
        ("long line\r\x1b[Kshort\n", ["short"]),
        ("windows\r\nlines\r\n", ["windows", "lines"]),
        ("abc\b\b\bxy\n", ["xyc"]),
        ("a\x1b[5Cb\n", ["a     b"]),
        ("\x1b[31mred\x1b[0m and \x1b[1mbold\x1b[m\n", ["red and bold"]),
        ("\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\\n", ["link"]),
        ("\x1b]0;title\x07text\n", ["text"]),
        ("bell\x07\n", ["bell"]),
        ("one\ntwo\x1b[A\rONE\x1b[B\rTWO\n", ["ONE", "TWO"]),
        ("a\nb\nc\x1b[2A\r\x1b[Jx\n", ["x"]),
        ("kept\x1b[2J\nafter\n", ["kept", "after"]),
        ("\n\nblank\n", ["", "", "blank"]),
        ("no end", ["no end"]),
        ("", []),
    ],
)
def test_sequences(printed, lines):
    """What moves and erases is carried out, what colors is left out."""
    assert shown(printed) == lines


def test_a_display_of_several_lines():
    """Once the cursor has gone up, rows wait as long as they may be drawn again."""
    terminal = Terminal()
    frame = "\r\x1b[2K\x1b[1A\x1b[2Ka {0}\nb {0}"
    assert terminal.feed("start\na 0\nb 0") == ["start", "a 0"]  # nobody could know
    assert terminal.feed(frame.format(1)) == []
    assert [terminal.feed(frame.format(n)) for n in range(2, 6)] == [[]] * 4
    assert terminal.feed("\nend\n") == ["a 5", "b 5"]
    assert terminal.rest() == ["end"]


def test_a_sequence_that_is_cut():
    """Half a sequence waits for its other half."""
    for text in ("\x1b[31mred\x1b[0m", "10%\r\x1b[2K20%", "\x1b]0;title\x1b\\text", "a\r\nb"):
        for cut in range(len(text)):
            assert shown(text[:cut], text[cut:]) == shown(text)


def test_a_line_that_was_handed_over():
    """What follows a line that was handed over before its end begins a new one."""
    terminal = Terminal()
    terminal.feed("Loading ...")
    assert terminal.rest() == ["Loading ..."]
    assert terminal.feed(" done\n") == [" done"]
    terminal.feed("Name? ")
    assert terminal.rest() == ["Name?"]
    assert terminal.feed("\nHello\n") == ["Hello"]


def test_a_line_without_end():
    """A line that never ends comes in pieces, and nothing of it is lost."""
    terminal = Terminal()
    given_back = [line for _ in range(100) for line in terminal.feed("." * 1000)]
    assert max(map(len, given_back)) < 2 * EVENT_BYTES
    assert "".join(given_back + terminal.rest()) == "." * 100_000


def test_memory_is_bounded():
    """A program that moves the cursor about makes neither endless rows nor endlessly many."""
    terminal = Terminal()
    for _ in range(100):
        terminal.feed("\x1b[999C" * 100 + "x")
        terminal.feed("\n" * 1000 + "\x1b[900A")
    assert sum(map(len, terminal.held())) < 1_000_000
    assert len(terminal.held()) <= 2000


@settings(max_examples=50 * THOROUGH, deadline=None)
@given(st.lists(LETTERS | LETTERS.map(lambda text: text * 2000), max_size=20))
def test_events(lines):
    """Events hold all text, and none is larger than it may be, nor too large for the ring."""
    texts = list(events(lines))
    assert all(len(text.encode()) <= EVENT_BYTES for text in texts)
    assert all(len(to_json(text)) <= SMALLEST_BYTES // 4 - 1000 for text in texts)
    assert "".join(texts).replace("\n", "") == "".join(lines).replace("\n", "")


def test_plain():
    """Colors go, lines and tabs stay."""
    assert plain("a\tb\n\n  c  \n") == "a\tb\n\n  c  \n"
    assert plain("\x1b[31mred\x1b[0m\n\tnext") == "red\n\tnext"
