"""A run against a model: whatever is done to it, what is read is the model or reported missing."""

import os
import shutil
import tempfile

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from recorded import QUIET, THOROUGH, recorded, recover, stored

import epochal
from epochal.journal import frames

KEYS = ("a", "b", "val/loss")


class RunModel(RuleBasedStateMachine):
    """Logging, flushing, dying, going on and damaging, in any order."""

    @initialize()
    def start(self):
        """Begin a run and an empty model."""
        self.base = tempfile.mkdtemp(prefix="epochal-model-")
        self.rows, self.events, self.damaged, self.dropped = [], 0, 0, 0
        self.sessions = 1
        self.run = epochal.init(dir=self.base, **QUIET, sinks=[])
        self.dir = self.run.dir

    @rule(count=st.integers(1, 400), keys=st.sets(st.sampled_from(KEYS), min_size=1))
    def log(self, count, keys):
        """Log rows of one key set."""
        for _ in range(count):
            step = len(self.rows)
            self.run.log(dict.fromkeys(sorted(keys), float(step)), step=step)
            self.rows.append((step, frozenset(keys)))

    @rule(number=st.integers(0, 10**6))
    def log_rare(self, number):
        """Log a row of a new key set, an epoch and a text."""
        step = len(self.rows)
        self.run.log({f"rare{number}": step, "text": "x" * (number % 5000)}, step=step, epoch=1)
        self.rows.append((step, frozenset([f"rare{number}"])))
        self.events += 1

    @rule(sync=st.booleans())
    def flush(self, sync):
        """After a flush, everything is in the journal."""
        assert self.run.flush(sync=sync)
        if not self.damaged:
            assert len(recorded(self.dir).rows) == len(self.rows)

    @rule()
    def tag(self):
        """Record an event."""
        self.run.tag("x")
        self.events += 1

    @rule()
    def finish_and_resume(self):
        """End the session and begin the next."""
        self.run.finish()
        self.events += 1
        self.go_on()

    @rule()
    def die_and_resume(self):
        """Lose the process: its ring stays, unlocked, as a kill leaves it."""
        channel = self.run._channel
        with channel.journal._io:  # no write is under way
            channel.journal._source = None
            self.dropped += channel.recorder.dropped
            channel.recorder.close()
            channel.ring.close(unlink=False)
        channel.journal._stopping.set()
        channel.journal.wake()
        for thread in channel.journal._threads:
            thread.join()
        channel.journal.abandon()
        epochal.api._open_runs.remove(self.run)
        recover(self.dir)
        self.events += 1
        self.go_on()

    def go_on(self):
        """Resume; the run knows its last step."""
        self.run = epochal.init(dir=self.base, resume=self.dir, **QUIET, sinks=[])
        self.sessions += 1
        self.events += 1
        if not self.damaged:
            assert self.run.step == (len(self.rows) - 1 if self.rows else None)

    @rule(where=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7))
    def corrupt(self, where, bit):
        """Flip one bit of what is in the journal of sessions that have ended."""
        self.finish_and_resume()
        mine = [s for s in frames.segments(f"{self.dir}/journal") if s.ordinal < self.sessions]
        paths = [os.path.join(self.dir, "journal", segment.name) for segment in mine]
        path = paths[int(where * len(paths))]
        at = int(where * 7919) % os.path.getsize(path)
        with open(path, "r+b") as file:
            file.seek(at)
            (byte,) = file.read(1)
            file.seek(at)
            file.write(bytes([byte ^ 1 << bit]))
        self.damaged += 1

    @invariant()
    def what_is_read_is_the_model(self):
        """What is read is the model, or a part of it that is reported as such."""
        if not hasattr(self, "run"):
            return
        assert self.run.flush()
        found = recorded(self.dir)
        read = [(row.step, frozenset(row.values)) for row in found.rows]
        for row in found.rows:
            assert all(value == row.step for value in row.values.values())
        if not self.damaged:
            assert (read, found.lost, found.damage) == (self.rows, 0, [])
            assert len(found.events) == self.events
        else:
            assert set(read) <= set(self.rows)
            assert [step for step, _ in read] == sorted({step for step, _ in read})
            if len(read) < len(self.rows):
                assert found.damage or found.lost

    def teardown(self):
        """Compare the columns too."""
        if hasattr(self, "run"):
            self.run.finish()
            wanted = [step for step, keys in self.rows if "a" in keys]
            columns = [step for step, _ in stored(self.dir, "a")]
            assert columns == wanted if not self.damaged else set(columns) <= set(wanted)
            shutil.rmtree(self.base)


RunModel.TestCase.settings = settings(
    max_examples=12 * THOROUGH, stateful_step_count=12, deadline=None
)
TestRunModel = RunModel.TestCase
