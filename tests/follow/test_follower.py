"""Followers: a sink gets everything, in order, whatever it does; the journal is not touched."""

import json
import os

import pytest
from recorded import recorded

from epochal.core.errors import StartOverError
from epochal.core.records import Row
from epochal.follow import follower as following
from epochal.follow.follower import Follower
from epochal.store import cursor
from epochal.testing import FailingSink, MemorySink


class Clock:
    """A clock that only goes on when it is told to, or asked often."""

    def __init__(self):
        self.now = 0.0

    def __call__(self):
        """A little later at each call."""
        self.now += 0.001
        return self.now


def steps(sink):
    """Steps of the rows that a sink has."""
    return [record.step for record in sink.records if isinstance(record, Row)]


def logged(run, *numbers, **more):
    """Log rows and wait until they are in the journal."""
    for step in numbers:
        run.log({"a": float(step), **more}, step=step)
    assert run.flush()


def follow(run, sink):
    """A follower with a clock of its own."""
    clock = Clock()
    return Follower(run.dir, sink, clock=clock), clock


def finish(follower, clock, seconds=100.0):
    """Let a follower work until it is done, with time passing whenever it waits."""
    while not follower.finish(clock.now):
        clock.now += 0.25
        assert clock.now < seconds, follower.problem


def test_everything_arrives_in_order(run):
    """Records arrive while the run goes on, and the rest when it ends."""
    sink = MemorySink()
    follower, clock = follow(run, sink)
    for start in range(0, 5000, 1000):
        logged(run, *range(start, start + 1000))
        while follower.step():
            pass
        assert steps(sink) == list(range(start + 1000))
    run.finish()
    finish(follower, clock)
    assert sink.records == [*recorded(run.dir).rows, *recorded(run.dir).events]
    assert sink.calls[-1] == "close"
    assert follower.ended


def test_a_follower_goes_on_where_another_stopped(run):
    """A new follower of the same sink sends only what is new; without its cursor, everything."""
    sink = MemorySink()
    first, clock = follow(run, sink)
    logged(run, 1, 2, 3)
    finish(first, clock)
    logged(run, 4, 5)
    second, clock = follow(run, sink)
    finish(second, clock)
    assert steps(sink) == [1, 2, 3, 4, 5]
    again = MemorySink()
    os.unlink(os.path.join(run.dir, "follow", "memory.json"))
    third, clock = follow(run, again)
    finish(third, clock)
    assert steps(again) == [1, 2, 3, 4, 5]


def test_a_follower_that_died_repeats_what_was_not_stored(run):
    """Records after the last stored position come again; the sink makes it exactly once."""
    sink = MemorySink()
    first, _ = follow(run, sink)
    logged(run, *range(10))
    first.step()
    assert steps(sink) == list(range(10))
    first._turn.give()  # as the end of its process does
    second, clock = follow(run, sink)
    finish(second, clock)
    assert steps(sink) == list(range(10))


def test_a_sink_that_fails_for_a_while(run, caplog):
    """Failures are told once and tried again with growing pauses; then everything is there."""
    sink = FailingSink(4)
    follower, clock = follow(run, sink)
    logged(run, *range(50))
    assert not follower.step()
    assert "SinkError" in follower.problem
    waits = []
    while follower.problem:
        before = clock.now
        while sink.failed < 4 and not follower.step() and clock.now < follower._retry_at:
            clock.now += 0.1
        waits.append(clock.now - before)
        if sink.failed >= 4:
            finish(follower, clock)
    assert steps(sink) == list(range(50))
    assert len([m for m in caplog.messages if "is tried again" in m]) == 1
    assert follower.refused == 0


class Poisoned(MemorySink):
    """Fails for records of some steps, and is unusable after a failure until it is reopened."""

    name = "poisoned"

    def __init__(self, *poison):
        super().__init__()
        self.poison, self.broken = poison, False

    def open(self, run, state):
        """Be usable again."""
        super().open(run, state)
        self.broken = False

    def write(self, records):
        """Fail for poison, and for everything after a failure."""
        if self.broken:
            raise RuntimeError("used after a failure")
        for record in records:
            if getattr(record, "step", None) in self.poison:
                self.broken = True
                raise ValueError(f"poison {record.step}")
            self.records.append(record)

    def flush(self):
        """Fail after a failure."""
        if self.broken:
            raise RuntimeError("flushed after a failure")
        return super().flush()


@pytest.mark.parametrize("poison", [(0,), (5,), (5, 6), (0, 1, 7, 9), (9,)])
def test_poison_is_set_aside(run, caplog, poison):
    """A record that alone makes the sink fail is set aside and reported; the rest arrives."""
    sink = Poisoned(*poison)
    follower, clock = follow(run, sink)
    logged(run, *range(10))
    finish(follower, clock)
    assert steps(sink) == [step for step in range(10) if step not in poison]
    assert follower.refused == len(poison)
    with open(os.path.join(run.dir, "follow", "poisoned.refused.jsonl")) as file:
        refused = [json.loads(line) for line in file]
    assert [line["record"]["step"] for line in refused] == list(poison)
    assert all("poison" in line["error"] for line in refused)
    assert any("refused" in message for message in caplog.messages)


def test_one_follower_at_a_time(run):
    """While one follower has its turn another of the same sink waits; then it goes on there."""
    first, clock = follow(run, MemorySink())
    logged(run, 1, 2)
    assert first.step()
    sink = MemorySink()
    second, _ = follow(run, sink)
    assert not second.step()
    assert (sink.calls, second.problem) == ([], "")
    logged(run, 3)
    finish(first, clock)
    sink.records = list(first.sink.records)
    logged(run, 4)
    finish(second, clock)
    assert steps(sink) == [1, 2, 3, 4]


def test_a_sink_that_is_down_refuses_nothing(run):
    """When everything fails the records are not at fault: none is set aside."""
    sink = FailingSink()
    follower, clock = follow(run, sink)
    logged(run, *range(20))
    while clock.now < 300:
        follower.step()
        clock.now += 1.0
    assert sink.failed > following.TRIES
    assert follower.refused == 0
    sink._left = 0
    finish(follower, clock, 400)
    assert steps(sink) == list(range(20))


def test_a_service_that_comes_and_goes_refuses_nothing(run):
    """A lost connection is no record's fault, also when only one request in three fails."""

    class Flaky(MemorySink):
        calls = 0

        def write(self, records):
            Flaky.calls += 1
            if Flaky.calls % 3 or Flaky.calls < 20:
                raise ConnectionError("connection reset")
            super().write(records)

    sink = Flaky()
    follower, clock = follow(run, sink)
    logged(run, *range(20))
    finish(follower, clock, 4000)
    assert follower.refused == 0
    assert steps(sink) == list(range(20))


@pytest.mark.parametrize("method", ["open", "write"])
def test_a_sink_that_starts_over(run, caplog, method):
    """It gets everything from the first record, at once, and nobody is alarmed."""

    class Anew(MemorySink):
        def open(self, run, state):
            if method == "open" and state is not None:
                raise StartOverError("there is another session")
            super().open(run, None)
            self.records.clear()

        def write(self, records):
            if method == "write" and self.records and records[0].step == 5:
                raise StartOverError("rows were replaced")
            super().write(records)

    sink = Anew()
    follower, clock = follow(run, sink)
    logged(run, *range(5))
    while len(steps(sink)) < 5:
        follower.step()
        clock.now += 1.0
    if method == "open":
        finish(follower, clock)
        follower, clock = follow(run, sink)
    logged(run, *range(5, 8))
    finish(follower, clock)
    assert steps(sink) == list(range(8))
    assert not [record for record in caplog.records if record.levelname == "WARNING"]


@pytest.mark.parametrize("method", ["open", "flush", "close"])
def test_a_failure_in_any_method_is_got_over(run, method):
    """Whichever method raises, a few times, in the end the sink has everything."""

    class Moody(MemorySink):
        left = 3

    def fail(self, *arguments):
        if self.left:
            self.left -= 1
            raise OSError(f"{method} fails")
        return getattr(MemorySink, method)(self, *arguments)

    setattr(Moody, method, fail)
    sink = Moody()
    follower, clock = follow(run, sink)
    logged(run, *range(10))
    finish(follower, clock)
    assert sink.left == 0
    assert steps(sink) == list(range(10))
    assert cursor.load(run.dir, "memory").finished


def test_a_state_that_is_no_json_is_the_sinks_failure(run):
    """A sink whose state cannot be stored is told so, by name."""

    class Wrong(MemorySink):
        def flush(self):
            return {"state": object()}

    follower, clock = follow(run, Wrong())
    logged(run, 1)
    for _ in range(3):
        clock.now += 10
        assert not follower.step() or not follower.step()
    assert not follower._complete()
    assert "JSON" in follower.problem


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "null", '{"positions": []}', '{"positions": {"x": [1, 2, 3, 4]}}',
             '{"positions": {}, "state": null}', '{"positions": {"x": 7}, "state": 1}', "\0"],
)  # fmt: skip
def test_a_damaged_cursor_means_from_the_beginning(run, text):
    """A cursor that cannot be read loses nothing: the sink starts over."""
    logged(run, 1, 2)
    sink = MemorySink()
    follower, clock = follow(run, sink)
    finish(follower, clock)
    path = os.path.join(run.dir, "follow", "memory.json")
    with open(path, "w") as file:
        file.write(text)
    assert cursor.load(run.dir, "memory") == cursor.Cursor()
    again = MemorySink()
    second, clock = follow(run, again)
    finish(second, clock)
    assert steps(again) == [1, 2]


def test_damage_in_the_journal_does_not_stop_a_sink(run):
    """A sink gets everything around a damaged frame."""
    for start in (0, 10, 20):
        logged(run, *range(start, start + 10))
    run.finish()
    (name,) = os.listdir(f"{run.dir}/journal")
    path = f"{run.dir}/journal/{name}"
    data = bytearray(open_bytes(path))
    at = data.index(b"\x0f\0\0\0\0\0\0\0\0\0\0\0\0\0\x2e\x40")  # step 15, value 15.0
    data[at] ^= 1
    with open(path, "wb") as file:
        file.write(data)
    sink = MemorySink()
    follower, clock = follow(run, sink)
    finish(follower, clock)
    assert steps(sink) == [*range(10), *range(20, 30)]


def open_bytes(path):
    """The content of a file."""
    with open(path, "rb") as file:
        return file.read()


def test_a_run_folder_that_vanishes_is_a_failure_like_others(run, tmp_path):
    """A follower of a folder that is moved away goes on when it is back."""
    sink = MemorySink()
    follower, clock = follow(run, sink)
    os.rename(run.dir, tmp_path / "elsewhere")
    assert not follower.step()
    assert follower.problem
    os.rename(tmp_path / "elsewhere", run.dir)
    logged(run, 1)
    finish(follower, clock)
    assert steps(sink) == [1]
