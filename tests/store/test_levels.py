"""Levels say of blocks of rows what the rows say, and what is damaged is never believed."""

import math
import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from journals import JournalMaker, finished_run, make_run, rewrite
from recorded import THOROUGH

from epochal.core.errors import DamageError
from epochal.store import level_files, levels, sealed
from epochal.store.level_files import LevelFile
from epochal.store.levels import Condensed, Ruler, condense
from epochal.store.seal import seal_run
from epochal.store.verify import verify_run

VALUES = st.floats() | st.sampled_from([math.nan, math.inf, -math.inf, 1e308, -1e308, 0.0, -0.0])
ROWS = st.lists(st.tuples(VALUES, st.integers(-(2**62), 2**62) | st.integers(0, 20)), min_size=1)


@pytest.fixture
def blocks_of(monkeypatch):
    """Sets the rows of a block, and lets every table have a level."""

    def change(rows: int) -> None:
        monkeypatch.setattr(levels, "BLOCK", rows)
        monkeypatch.setattr(level_files, "MIN_ROWS", 1)

    return change


@settings(max_examples=120 * THOROUGH, deadline=None)
@given(rows=ROWS, size=st.integers(1, 7))
def test_blocks_are_what_their_rows_are(rows, size):
    """Extremes, their places, mean and what is not finite are those of each block's rows."""
    values = np.array([value for value, _ in rows])
    steps = np.array([step for _, step in rows], np.int64)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(levels, "BLOCK", size)
        found, spans = condense(values, Ruler(steps)), levels.spans(steps)
        assert levels.sizes(len(rows)).tolist() == [
            len(rows[at : at + size]) for at in range(0, len(rows), size)
        ]
    for number, at in enumerate(range(0, len(rows), size)):
        block, mine = rows[at : at + size], [step for _, step in rows[at : at + size]]
        finite = [value for value, _ in block if math.isfinite(value)]
        assert (spans[0][number], spans[1][number]) == (min(mine), max(mine))
        bad = [0, 0, 0] if found.bad is None else found.bad[:, number].tolist()
        alone = [value for value, _ in block]
        assert bad == [sum(map(math.isnan, alone)), alone.count(math.inf), alone.count(-math.inf)]
        if not finite:
            assert all(math.isnan(x[number]) for x in (found.low, found.high, found.mean))
            continue
        assert (found.low[number], found.high[number]) == (min(finite), max(finite))
        expected = math.fsum(value / len(finite) for value in finite)
        scale = max(finite) - min(finite)
        mean = min(max(float(found.mean[number]), min(finite)), max(finite))
        if max(map(abs, finite)) < 1e306:  # beyond that a sum is infinite
            near = 2e-3 * scale + 1e-12 * abs(expected)
            assert mean == pytest.approx(expected, rel=0, abs=near)
        for place, extreme in ((found.low_at, min(finite)), (found.high_at, max(finite))):
            ends, span = (min(mine), max(mine)), max(mine) - min(mine)
            told = levels.told(
                place[number : number + 1], *(np.array([float(end)]) for end in ends)
            )
            where = [step for value, step in block if value == extreme]
            assert min(abs(told[0] - step) for step in where) <= span / levels.PLACES


def test_places_of_regular_steps_are_exact():
    """In a block of 128 evenly spaced steps the step of an extreme is told exactly."""
    steps = np.arange(5, 5 + 128 * 3 * 7, 7)
    for row in range(len(steps)):
        values = np.zeros(len(steps))
        values[row] = 1.0
        found, (low, high) = condense(values, Ruler(steps)), levels.spans(steps)
        block = row // 128
        assert levels.told(found.high_at, low, high)[block] == steps[row]


def test_means_that_float32_would_bend_are_kept():
    """Means are float32 only where their blocks are wide enough for its rounding."""
    steps, noise = np.arange(1280), np.random.default_rng(0).normal(size=1280)
    assert condense(noise, Ruler(steps)).mean.dtype == np.float32
    assert condense(1e9 + noise, Ruler(steps)).mean.dtype == np.float64
    assert condense(1e42 * noise, Ruler(steps)).mean.dtype == np.float64
    assert condense(np.full(1280, 0.1), Ruler(steps)).mean.dtype == np.float32


def sealed_run(folder) -> tuple[str, sealed.SealedFile]:
    """Makes a sealed run of one table."""
    rows = [({"a": math.nan if i == 3 else float(i), "b": 1e9 + i}, i) for i in range(50)]
    run_dir = finished_run(folder, rows)
    seal_run(run_dir)
    target = os.path.join(run_dir, "sealed")
    (segment,) = sealed.sealed_segments(target)
    (file,) = sealed.read_manifest(target, segment).files
    return target, file


def content(path: str, file: sealed.SealedFile) -> list:
    """What a level file says, in a form that can be compared."""
    level = LevelFile(path, file.rows, len(file.layout.keys), file.footer_crc)
    metrics = [level.metric(number) for number in range(len(file.layout.keys))]
    return [image(level.seq()), *map(image, level.span("step")), *map(image, level.span("elapsed"))
            ] + [as_bytes(each) for each in metrics]  # fmt: skip


def image(array: np.ndarray | None) -> tuple:
    """The type and the bytes of an array."""
    return () if array is None else (array.dtype.str, array.tobytes())


def as_bytes(found: Condensed) -> list:
    """The bytes of what is known of a metric."""
    return [image(getattr(found, name)) for name in Condensed.__dataclass_fields__]


def test_a_level_file_says_what_was_condensed(tmp_path, blocks_of):
    """What is read from the file is bit for bit what the rows give."""
    blocks_of(8)
    target, file = sealed_run(tmp_path)
    path = level_files.level_path(target, file)
    steps = np.arange(50)
    values = np.arange(50.0)
    values[3] = math.nan
    expected = [condense(values, Ruler(steps)), condense(1e9 + np.arange(50.0), Ruler(steps))]
    found = content(path, file)
    assert found[-2:] == [as_bytes(each) for each in expected]
    assert found[1:3] == [image(each) for each in levels.spans(steps)]
    LevelFile(path, file.rows, 2, file.footer_crc).check()


def test_a_flipped_bit_is_never_believed(tmp_path, blocks_of):
    """One flipped bit anywhere, or a file that is cut off, is an error or changes nothing."""
    blocks_of(8)
    target, file = sealed_run(tmp_path)
    path = level_files.level_path(target, file)
    before, refused = content(path, file), 0
    for at in range(os.path.getsize(path)):
        rewrite(path, lambda data, at=at: data.__setitem__(at, data[at] ^ 1 << at % 8))
        try:
            assert content(path, file) == before
        except DamageError:
            refused += 1
        rewrite(path, lambda data, at=at: data.__setitem__(at, data[at] ^ 1 << at % 8))
    assert refused == os.path.getsize(path)
    whole = Path(path).read_bytes()
    for size in range(0, len(whole), 5):
        Path(path).write_bytes(whole[:size])
        with pytest.raises(DamageError):
            content(path, file)


def test_a_level_of_another_table_is_refused(tmp_path, blocks_of):
    """The checksum of the Parquet file, its rows and its metrics have to fit."""
    blocks_of(8)
    target, file = sealed_run(tmp_path)
    path = level_files.level_path(target, file)
    crc = file.footer_crc
    for rows, metrics, other in ((50, 2, crc ^ 1), (49, 2, crc), (50, 3, crc), (50, 2, None)):
        with pytest.raises(DamageError):
            LevelFile(path, rows, metrics, other)
    blocks_of(16)
    with pytest.raises(DamageError):
        LevelFile(path, 50, 2, crc)


def test_sealing_again_adds_what_is_missing(tmp_path, blocks_of):
    """A missing, damaged or older level is written anew; a sound one is left alone."""
    blocks_of(8)
    target, file = sealed_run(tmp_path)
    run_dir, path = os.path.dirname(target), Path(level_files.level_path(target, file))
    sound, stamp = path.read_bytes(), path.stat().st_mtime_ns
    assert seal_run(run_dir) == (0, 0, 0, 0, 0)
    assert path.stat().st_mtime_ns == stamp
    path.unlink()
    assert seal_run(run_dir).levels == 1
    assert path.read_bytes() == sound
    for at in (3, 40, len(sound) - 9):
        rewrite(str(path), lambda data, at=at: data.__setitem__(at, data[at] ^ 4))
        seal_run(run_dir)
        assert path.read_bytes() == sound


def test_small_tables_have_no_level(tmp_path):
    """A level is written only where reading the rows would take longer."""
    run_dir = make_run(tmp_path)
    maker = JournalMaker(run_dir)
    for step in range(level_files.MIN_ROWS):
        maker.row({"often": 1.0}, step)
        if step % 2:
            maker.row({"rarely": 1.0}, step)
    maker.close()
    seal_run(run_dir)
    names = os.listdir(os.path.join(run_dir, "sealed"))
    assert len([name for name in names if name.endswith(".parquet")]) == 2
    assert len([name for name in names if name.endswith(".levels")]) == 1


def test_a_folder_that_cannot_be_written_is_left_alone(tmp_path, blocks_of, monkeypatch):
    """Where a level cannot be written everything else goes on."""
    blocks_of(8)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(level_files, "write", full)
    target, file = sealed_run(tmp_path)
    assert not Path(level_files.level_path(target, file)).exists()
    assert Path(target, file.name).exists()


def test_verification_reads_levels(tmp_path, blocks_of):
    """Every byte of a level is checked; one that is damaged is told and is no loss."""
    blocks_of(8)
    target, file = sealed_run(tmp_path)
    path, run_dir = level_files.level_path(target, file), os.path.dirname(target)
    sound = verify_run(run_dir)
    assert (sound.ok, sound.remarks) == (True, [])
    rewrite(path, lambda data: data.__setitem__(-9, data[-9] ^ 1))
    found = verify_run(run_dir)
    assert (found.ok, found.bytes) == (True, sound.bytes)
    (remark,) = found.remarks
    assert remark.startswith(f"sealed/{os.path.basename(path)} is not used: ")
    assert remark.endswith("it is made anew by `epochal seal`")
    os.unlink(path)
    assert verify_run(run_dir).files == sound.files - 1
