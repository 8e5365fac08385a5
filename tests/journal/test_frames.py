"""Frames: whatever happens to a file, what is read is what was written, or is reported."""

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from recorded import THOROUGH

from epochal.core import ring
from epochal.journal import frames
from epochal.journal.frames import HEADER_BYTES, Damage, Frame, Segment

MARK = bytes(range(1, 9))
PAYLOADS = st.lists(st.binary(max_size=200), min_size=1, max_size=8)
ANY = settings(max_examples=200 * THOROUGH)


def written(payloads):
    """A segment's bytes, with sequence numbers that say which frame it was."""
    return b"".join(
        frames.header(MARK, frames.ITEMS, seq, payload) + payload
        for seq, payload in enumerate(payloads)
    )


def scanned(data):
    """Frames as seq → payload, and damaged ranges; checks that they cover every byte once."""
    found = list(frames.scan(data, MARK))
    at = 0
    for each in found:
        assert each.start == at
        assert each.stop > at
        at = each.stop
    assert at == len(data)
    good = {each.seq: bytes(each.payload) for each in found if isinstance(each, Frame)}
    return good, [each for each in found if isinstance(each, Damage)]


@ANY
@given(PAYLOADS)
def test_frames_come_back(payloads):
    """What was written is read, without any damage."""
    assert scanned(written(payloads)) == (dict(enumerate(payloads)), [])


@ANY
@given(st.binary(max_size=400) | st.lists(st.sampled_from([MARK, b"\0" * 9, b"x"])).map(b"".join))
def test_any_bytes_can_be_scanned(data):
    """Bytes that nobody wrote are damage, never an error or a frame."""
    good, damage = scanned(data)
    assert not good
    assert len(damage) <= 1


@ANY
@given(PAYLOADS, st.data())
def test_one_flipped_bit_costs_one_frame(payloads, data):
    """A flipped bit costs the frame that it is in, and that is reported."""
    image = bytearray(written(payloads))
    bit = data.draw(st.integers(0, len(image) * 8 - 1))
    image[bit // 8] ^= 1 << bit % 8
    good, damage = scanned(bytes(image))
    missing = dict(enumerate(payloads)).items() - good.items()
    assert good.items() <= dict(enumerate(payloads)).items()
    assert len(missing) == len(damage) == 1
    assert damage[0].start <= bit // 8 < damage[0].stop


@ANY
@given(PAYLOADS, st.data())
def test_a_cut_file_keeps_its_beginning(payloads, data):
    """Cut anywhere, all whole frames are there and the rest is called torn."""
    image = written(payloads)
    cut = data.draw(st.integers(0, len(image) - 1))
    good, damage = scanned(image[:cut])
    whole = [seq for seq in range(len(payloads)) if len(written(payloads[: seq + 1])) <= cut]
    assert list(good) == whole
    assert [each.torn for each in damage] == [True] * (cut > len(written(payloads[: len(whole)])))


@ANY
@given(PAYLOADS, st.binary(min_size=1, max_size=100), st.data())
def test_foreign_bytes_cost_at_most_one_frame(payloads, foreign, data):
    """Bytes written into the middle by mistake cost at most the frame that they split."""
    image = written(payloads)
    at = data.draw(st.integers(0, len(image)))
    good, damage = scanned(image[:at] + foreign + image[at:])
    assert good.items() <= dict(enumerate(payloads)).items()
    assert len(good) >= len(payloads) - 1
    assert damage


@ANY
@given(PAYLOADS, st.integers(0, 3000), st.integers(1, 600))
def test_zeroed_ranges_are_reported(payloads, start, length):
    """A zeroed page loses what it covers; nothing that is read is wrong."""
    image = bytearray(written(payloads))
    start = min(start, len(image) - 1)
    stop = min(start + length, len(image))
    assume(any(image[start:stop]))
    image[start:stop] = bytes(stop - start)
    good, damage = scanned(bytes(image))
    assert good.items() <= dict(enumerate(payloads)).items()
    assert damage


@ANY
@given(PAYLOADS, PAYLOADS)
@example([b""], [b""])
def test_logged_text_cannot_forge_a_frame(payloads, forged):
    """A whole segment inside a payload, even with the right mark, stays a payload."""
    inner = written(forged)
    good, damage = scanned(written([*payloads, inner, *payloads]))
    assert not damage
    assert good[len(payloads)] == inner


@ANY
@given(PAYLOADS, st.integers(0, 2000))
def test_scanning_may_begin_anywhere(payloads, start):
    """From any byte on, the frames that begin there or later are found."""
    image = written(payloads)
    found = [each for each in frames.scan(image, MARK, start) if isinstance(each, Frame)]
    starts = [len(written(payloads[:n])) for n in range(len(payloads))]
    assert [each.start for each in found] == [at for at in starts if at >= start]


def test_other_versions_are_named():
    """A frame of a later format version is reported as such and skipped."""
    later = bytearray(written([b"abc"]))
    later[14] = 2
    later[28:32] = frames._CRC.pack(frames.zlib.crc32(bytes(later[:28])))
    good, (damage,) = scanned(bytes(later) + written([b"x"]))
    assert good == {0: b"x"}
    assert "version 2" in damage.reason


def test_a_frame_holds_what_the_ring_hands_over():
    """The largest piece of a ring is the largest payload of a frame."""
    assert ring.PIECE_BYTES == frames.MAX_PAYLOAD_BYTES
    payload = bytes(frames.MAX_PAYLOAD_BYTES)
    assert scanned(written([payload])) == ({0: payload}, [])
    assert len(written([b""])) == HEADER_BYTES


@pytest.mark.parametrize(
    "name", ["x.seg", "0001-0123456789abcdef-0001.seg.new", "0001-xyz-0001.seg", "1-0-1.seg", ""]
)
def test_other_files_are_no_segments(tmp_path, name):
    """Only names of the right form are segments, sorted in reading order."""
    segments = [Segment(2, "0" * 16, 1), Segment(1, "f" * 16, 10), Segment(1, "f" * 16, 2)]
    for segment in segments:
        (tmp_path / segment.name).touch()
    if name:
        (tmp_path / name).touch()
    assert frames.segments(tmp_path) == sorted(segments)
    assert frames.segments(tmp_path / "missing") == []
