"""The console page by page: every line once, in order, and found without patterns."""

import sys
import time

import pytest
from hostile import NAMES
from journals import JournalMaker, make_run
from recorded import QUIET, wait_until
from serving import serving

import epochal
from epochal.store import folder
from epochal.web import console


@pytest.fixture
def by_hand(tmp_path):
    """Makes a run that printed texts of our choice, and serves it."""
    run_dir = make_run(str(tmp_path))
    maker = JournalMaker(run_dir)
    path = f"/api/run/{folder.describe(run_dir)['id']}/console"

    def printed(*texts, stream="stdout", **more):
        for text in texts:
            maker.event("console", stream=stream, text=text, **more)

    def serve():
        maker.event("end", state="finished", problems={})
        maker.close()
        return serving(tmp_path, console), path

    return printed, serve


def texts(answer):
    """The texts of a page."""
    return [line[-1] for line in answer.json()["lines"]]


def test_lines_with_their_times(by_hand):
    """Each line with seconds since the start and since 1970, stream, level and logger."""
    printed, serve = by_hand
    printed("one\ntwo")
    printed("bad", stream="stderr")
    printed("careful", stream="log", level="WARNING", logger="my.module")
    serving_, path = serve()
    with serving_ as client:
        found = client.get(path).json()
    assert [line[2:] for line in found["lines"]] == [
        ["stdout", "", "", "one"], ["stdout", "", "", "two"], ["stderr", "", "", "bad"],
        ["log", "WARNING", "my.module", "careful"],
    ]  # fmt: skip
    elapsed_s, time_s = found["lines"][0][:2]
    assert 0 < elapsed_s < 1
    assert time_s == pytest.approx(1_700_000_000 + elapsed_s)
    assert (found["next"], found["total"]) == (4, 4)


def test_pages_join(by_hand):
    """Pages of any size give every line once; the end can be asked for."""
    printed, serve = by_hand
    every = [f"line {i}" for i in range(1000)]
    for start in range(0, 1000, 7):
        printed("\n".join(every[start : start + 7]))
    serving_, path = serve()
    with serving_ as client:
        found, after = [], 0
        while after < 1000:
            page = client.get(path, params={"after": after, "limit": 33})
            found += texts(page)
            after = page.json()["next"]
        assert found == every
        assert texts(client.get(path, params={"after": -5})) == every[-5:]
        past = client.get(path, params={"after": 5000}).json()
        assert (past["lines"], past["next"], past["total"]) == ([], 1000, 1000)


def test_finding(by_hand):
    """A text is found literally, with capitals only where it has some; streams can be chosen."""
    printed, serve = by_hand
    printed("Loss 1", "loss 2", "LOSS (3)", "gain", "a.b", "axb")
    printed("loss on stderr", stream="stderr")
    serving_, path = serve()
    with serving_ as client:
        found = client.get(path, params={"grep": "loss", "limit": 2})
        assert texts(found) == ["Loss 1", "loss 2"]
        assert (found.json()["next"], found.json()["total"]) == (2, 4)
        more = client.get(path, params={"grep": "loss", "after": 2})
        assert texts(more) == ["LOSS (3)", "loss on stderr"]
        assert texts(client.get(path, params={"grep": "Loss"})) == ["Loss 1"]
        assert texts(client.get(path, params={"grep": "a.b"})) == ["a.b"]
        assert texts(client.get(path, params={"grep": "loss", "stream": "stderr"})) == [
            "loss on stderr"
        ]
        assert texts(client.get(path, params={"grep": "s ("})) == ["LOSS (3)"]


@pytest.mark.parametrize("pattern", ["(a+)+$", "(.*)*x", "[", "(?P<", "\\", "(a|a)*b" * 50])
def test_patterns_are_text(by_hand, pattern):
    """What would be a costly or wrong regular expression is a text like any other."""
    printed, serve = by_hand
    printed("a" * 10_000 + "!", f"x {pattern} y")
    serving_, path = serve()
    with serving_ as client:
        began = time.process_time()
        found = client.get(path, params={"grep": pattern})
    assert texts(found) == [f"x {pattern} y"]
    assert time.process_time() - began < 30  # nested quantifiers take longer than the universe


@pytest.mark.parametrize("query", [
    {"limit": "5001"}, {"limit": "0"}, {"limit": "1e9"}, {"limit": "-1"}, {"after": "x"},
    {"after": "-5001"}, {"after": "9" * 50}, {"stream": "stdin"}, {"stream": "../x"},
    {"grep": "x" * 501}, {"limit": "\0"},
])  # fmt: skip
def test_what_is_too_much_is_refused(by_hand, query):
    """Numbers, streams and texts beyond their limits are an error that names them."""
    printed, serve = by_hand
    printed("a")
    serving_, path = serve()
    with serving_ as client:
        answer = client.get(path, params=query)
    assert answer.status_code == 400
    assert next(iter(query)) in answer.json()["error"]


def test_lines_of_others_are_bounded(by_hand, monkeypatch):
    """A line that is longer than any that Epochal records is cut, and that is said."""
    monkeypatch.setattr(console, "LONGEST_LINE", 100)
    printed, serve = by_hand
    printed("x" * 100, "y" * 1234)
    serving_, path = serve()
    with serving_ as client:
        assert texts(client.get(path)) == ["x" * 100, "y" * 100 + " … 1,134 more characters"]


def test_hostile_lines(by_hand):
    """Whatever was printed arrives as it was."""
    printed, serve = by_hand
    lines = [name for name in NAMES if "\n" not in name]
    printed(*lines)
    serving_, path = serve()
    with serving_ as client:
        assert texts(client.get(path)) == lines
        for line in lines[:-20]:
            assert line in texts(client.get(path, params={"grep": line}))


def test_a_training_that_prints(tmp_path):
    """Lines of a real run appear while it goes on, and none is twice or missing in the end."""
    run = epochal.init(dir=str(tmp_path), console=True, **QUIET)
    with run, serving(tmp_path, console) as client:
        path = f"/api/run/{run.id}/console"
        sys.stdout.write("first\n")

        def seen():
            run.flush()
            return client.get(path).status_code == 200 and texts(client.get(path))

        assert wait_until(seen) == ["first"]
        for number in range(100):
            stream = sys.stderr if number % 2 else sys.stdout
            stream.write(f"line {number}\n")
        run.finish()
        expected = {"first", *(f"line {number}" for number in range(100))}
        found = wait_until(lambda: len(texts(client.get(path))) == 101 and texts(client.get(path)))
        assert set(found) == expected
        odd = texts(client.get(path, params={"stream": "stderr"}))
        assert odd == [f"line {number}" for number in range(1, 100, 2)]


def test_lines_are_kept_for_their_version_only():
    """Lines are read once for each version of a run, and again for another."""
    lines, reads = console.Lines(), []

    def read():
        reads.append(1)
        from epochal.read.console import ConsoleLine

        return [ConsoleLine(0.0, 0.0, "stdout", "", "", f"line {len(reads)}")]

    first = lines.page(("a", 1), read)
    assert lines.page(("a", 1), read) == first
    assert lines.page(("a", 1), read, grep="line")["total"] == 1
    assert len(reads) == 1
    assert lines.page(("a", 2), read)["lines"][0].text == "line 2"
    assert lines.page(("a", 2), read, grep="line 2")["total"] == 1


def test_a_run_that_printed_nothing(tmp_path):
    """No line is no error."""
    epochal.init(dir=str(tmp_path), id="aaaaaaaa", **QUIET).finish()
    with serving(tmp_path, console) as client:
        found = client.get("/api/run/aaaaaaaa/console").json()
    assert found == {"lines": [], "after": 0, "next": 0, "total": 0}
