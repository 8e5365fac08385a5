"""Frames whose checksums are right and whose contents are a stranger's are damage."""

import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from journals import JournalMaker, make_run

from epochal.core import items
from epochal.journal import frames
from epochal.read.view import RunView
from epochal.store.columns import decode_columns
from epochal.store.events import NO_KIND, Events, decoded
from epochal.store.liveness import life

LAYOUT = {"id": 16, "keys": ["a"], "phase": None, "variant": 0}


@pytest.mark.parametrize("claims", [
    {"mono_ns": "1"}, {"wall_ns": 10**30}, {"elapsed_ns": None}, {"hides_after": "3"},
    {"rank": "zero"}, {"ring": ["/dev/null"]}, {"role": None}, {"host": 3}, {"pid": 10**20},
    {"layouts": None}, {"layouts": [{}]}, {"layouts": [{**LAYOUT, "phase": []}]},
    {"layouts": [{**LAYOUT, "keys": "a"}]}, {"layouts": [{**LAYOUT, "keys": ["\ud800"]}]},
])  # fmt: skip
def test_a_descriptor_of_something_else(tmp_path, claims, monkeypatch):
    """It describes no session: the run says so, and what it holds can be read all the same."""
    run_dir = make_run(tmp_path)
    described = JournalMaker._describe

    def forged(maker) -> None:
        body = {**maker.session.describe(), "layouts": [], **claims}
        maker._file.append(maker._file.frame(frames.DESCRIPTOR, maker.seq, items.to_json(body)))

    monkeypatch.setattr(JournalMaker, "_describe", forged)
    maker = JournalMaker(run_dir)
    maker.row({"a": 0.5}, 1)
    maker.event("text", key="said", text="hello", step=1)
    maker.close()
    monkeypatch.setattr(JournalMaker, "_describe", described)
    view = RunView(run_dir)
    assert ("says nothing of its session" in view.damage[0], len(view.damage)) == (True, 1)
    assert view.series("a").values.tolist() == [0.5]
    assert [each.text for each in view.texts("said")] == ["hello"]
    assert (view.state, view.summary["a"].last, view.console()) == ("finished", 0.5, [])
    assert life(run_dir, maker.session.id).value == "ended"
    assert sum(map(len, view.follow(timeout=5))) == 3


def test_a_heartbeat_of_something_else(tmp_path):
    """It says nothing: the clock goes on as it was."""
    run_dir = make_run(tmp_path)
    maker = JournalMaker(run_dir)
    maker.row({"a": 0.5}, 1)
    maker.frame()
    maker._file.append(maker._file.frame(frames.HEARTBEAT, 1, b'{"wall_ns": []}'))
    maker.row({"a": 0.25}, 2)
    maker.close()
    view = RunView(run_dir)
    assert view.series("a").times[1] - view.series("a").times[0] == pytest.approx(0.001, abs=1e-6)
    assert len(view.damage) == 1


WORDS = st.lists(
    st.integers(0, 2**64 - 1)
    | st.tuples(st.sampled_from([0, 1, 2, 3, 16, 17]), st.integers(0, 80)).map(
        lambda head: head[0] | head[1] << 32
    ),
    max_size=30,
)


@given(WORDS, st.binary(max_size=9))
@settings(max_examples=200, deadline=None)
def test_frames_of_anything(words, tail):
    """Items that are none are passed over, and reading comes to its end."""
    payload = memoryview(struct.pack(f"<{len(words)}Q", *words) + tail)
    list(decode_columns(payload, {}))
    items.ends_session(payload)


def test_events_that_are_no_objects(tmp_path):
    """They are counted, and the events around them are read as they are."""
    events = Events()
    texts = [b'{"kind":"note","text":"a"}', b"[]", b"{", b'{"kind":"note"},{"kind":"tag"}',
             b'{"kind":"note', b'{"kind":"note","text":"b"}']  # fmt: skip
    events.add(range(len(texts)), [0] * len(texts), texts)
    assert events.kinds == ["note", NO_KIND, NO_KIND, "note", NO_KIND, "note"]
    assert [each.get("text") for each in decoded(texts)] == ["a", None, None, None, None, "b"]
    run_dir = make_run(tmp_path)
    maker = JournalMaker(run_dir)
    maker.row({"a": 0.5}, 1)
    for text in texts:
        maker._waiting += items.json_item(items.EVENT, maker.seq, 2 * 10**9, text)
        maker.seq += 1
    maker.close()
    view = RunView(run_dir)
    assert view.notes == "b"
    assert len(view.damage) == 2
    assert "3 events are no JSON objects" in view.damage[0]
    assert "1 event (note) is left out" in view.damage[1]
