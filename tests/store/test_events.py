"""Events are kept as text, and every reader decodes the same from it."""

import json

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from journals import JournalMaker, make_run

from epochal.core.errors import DamageError
from epochal.core.items import EventItem, to_json
from epochal.journal import frames
from epochal.store import parquet, sealed
from epochal.store.columns import read_segment
from epochal.store.events import CHUNK, NO_KIND, Events, of_manifest
from epochal.store.seal import seal_run

KINDS = st.sampled_from(["text", "media", "tag", "end"])
BODIES = st.dictionaries(st.text(max_size=5), st.text(max_size=5) | st.floats() | st.none())


@given(given_events=st.lists(st.tuples(KINDS, BODIES), max_size=3 * CHUNK))
def test_events_are_what_was_added(given_events):
    """In order, by kinds, whatever is in them."""
    events, expected = Events(), []
    for i, (kind, body) in enumerate(given_events):
        data = {"kind": kind, **{k: v for k, v in body.items() if k != "kind"}}
        events.add([i], [i * 10], [to_json(data) + b"   "])
        expected.append(EventItem(i, i * 10, data))
    assert repr(events.of()) == repr(expected)  # repr: NaN equals NaN
    for kinds in (("media",), ("tag", "end")):
        wanted = [event for event in expected if event.data["kind"] in kinds]
        assert repr(events.of(*kinds)) == repr(wanted)


def test_the_kind_may_stand_anywhere():
    """Other writers order fields as they like."""
    events = Events()
    events.add([0, 1], [0, 0], [b'{"text": "kind", "kind": "note"}', b'{"text": "x"}'])
    assert events.kinds == ["note", NO_KIND]
    assert [event.data["text"] for event in events.of("note")] == ["kind"]


def test_tables_of_earlier_versions():
    """Sealed JSON with spaces, in several pieces, is read as well."""
    bodies = [{"kind": "text", "text": f"é{i}"} for i in range(10)]
    table = pa.table(
        {
            "_seq": range(10), "_elapsed_ns": range(100, 110), "kind": ["text"] * 10,
            "json": [json.dumps(body) for body in bodies],
        }
    )  # fmt: skip
    pieces = pa.concat_tables([table[:3], table[3:3], table[3:]])
    events = Events()
    parquet.take_events(pieces, 100, events)
    assert events.of() == [EventItem(i, i, body) for i, body in enumerate(bodies)]


def test_sealed_events_are_those_of_the_journal(tmp_path):
    """From the manifest and from a table, clocks included; a table that is lost is damage."""
    for number in (10, 1000):
        run_dir = make_run(tmp_path)
        maker = JournalMaker(run_dir, elapsed_ns=7_000_000_000)
        for i in range(number):
            maker.event("text", key="t", text=f"é{i}\ud800", step=i)
        maker.close()
        (segment,) = frames.segments(maker.folder)
        before = read_segment(maker.folder, segment, {}).events
        seal_run(run_dir)
        target = f"{run_dir}/sealed"
        manifest = sealed.read_manifest(target, segment)
        assert of_manifest(target, manifest).of() == before.of()
    assert [file.kind for file in manifest.files] == ["events"]
    (tmp_path / "empty").mkdir()
    with pytest.raises(DamageError, match="is missing"):
        of_manifest(str(tmp_path / "empty"), manifest)
