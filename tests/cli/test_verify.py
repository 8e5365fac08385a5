"""`epochal verify`: sound runs pass, damage is named by file and bytes, and losses are counted."""

import json

import pyarrow.parquet as pq
import pytest

from epochal.journal import frames


@pytest.fixture
def live(tmp_path):
    """A run whose rows are in the journal: it was recorded without followers."""
    import epochal as library

    run = library.init(project="p", dir=str(tmp_path / "runs"), follow="off", sinks=())
    for step in range(300):
        run.log({"loss": 1 / (step + 1)}, step=step)
        if step % 100 == 99:
            run.flush()
    run.finish()
    (path,) = (tmp_path / "runs").glob("p/*/journal/*.seg")
    return path


def damage(path, at):
    """Flips one bit of a file."""
    data = bytearray(path.read_bytes())
    data[at] ^= 4
    path.write_bytes(data)


def row_frames(path):
    """The frames of a segment that hold items."""
    segment = frames.segments(path.parent)[0]
    found = frames.scan(path.read_bytes(), segment.mark)
    return [each for each in found if each.kind == frames.ITEMS]


def test_sound_runs_pass(epochal, runs):
    """Runs that nothing happened to verify with status 0."""
    result = epochal("verify", "--dir", runs)
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout.startswith("4 runs, ")
    assert result.stdout.endswith("all good.\n")


def test_journal_damage_is_named(epochal, live):
    """A flipped bit in a frame is reported with the frame's bytes, and its rows as missing."""
    second = row_frames(live)[1]
    damage(live, second.start + 100)
    result = epochal("verify", live.parents[1], "--json")
    (found,) = json.loads(result.stdout)
    assert result.exit_code == 1
    assert [(each["start"], each["stop"]) for each in found["damage"]] == [
        (second.start, second.stop)
    ]
    missing = sum(gap["last"] - gap["first"] + 1 for gap in found["missing"])
    assert found["records"] + missing == 301
    assert "1 run with 1 damaged range and" in result.stderr


def test_lost_rows_are_counted(epochal, live):
    """Rows cut out between two frames are missing, although no byte is damaged."""
    second = row_frames(live)[1]
    data = live.read_bytes()
    live.write_bytes(data[: second.start] + data[second.stop :])
    result = epochal("verify", live.parents[1])
    assert result.exit_code == 1
    assert "records missing: " in result.stdout
    assert "0 damaged ranges" in result.stderr


def test_cut_off_end_is_damage(epochal, live):
    """A last frame that is cut off, of a process that is gone, lost its rows."""
    last = row_frames(live)[-1]
    live.write_bytes(live.read_bytes()[: last.stop - 5])
    result = epochal("verify", live.parents[1], "--json")
    (found,) = json.loads(result.stdout)
    assert result.exit_code == 1
    assert found["damage"][0]["start"] == last.start


def test_sealed_damage_is_found(epochal, folder_of):
    """A flipped bit in any column of a sealed file is found, in the bytes that are reported."""
    path = max(folder_of("adam").glob("sealed/*.parquet"), key=lambda each: each.stat().st_size)
    good, group = path.read_bytes(), pq.ParquetFile(path).metadata.row_group(0)
    for number in range(group.num_columns):
        chunk = group.column(number)
        at = chunk.data_page_offset + chunk.total_compressed_size - 1 - number
        damage(path, at)
        result = epochal("verify", folder_of("adam"), "--json")
        (found,) = json.loads(result.stdout)[0]["damage"]
        assert (result.exit_code, found["file"]) == (1, f"sealed/{path.name}")
        assert found["start"] <= at < found["stop"]
        assert found["stop"] - found["start"] < len(good) / 2
        path.write_bytes(good)


def test_damaged_footer_ends_no_process(epochal, folder_of):
    """Footers that make the Parquet library end its process are reported like any damage."""
    path = max(folder_of("adam").glob("sealed/*.parquet"), key=lambda each: each.stat().st_size)
    good = path.read_bytes()
    footer = len(good) - 8 - int.from_bytes(good[-8:-4], "little")
    reasons = ""
    for at in range(footer + 4, len(good), (len(good) - footer) // 12):
        path.write_bytes(good[:at] + bytes([good[at] ^ 0xFF]) + good[at + 1 :])
        result = epochal("verify", folder_of("adam"), "--json")
        assert result.exit_code in {0, 1}  # 0: a byte that says nothing, such as a version
        reasons += "".join(each["reason"] for each in json.loads(result.stdout)[0]["damage"])
    assert reasons


def test_missing_sealed_file(epochal, folder_of):
    """A sealed file that is gone is reported with its size, its rows as missing."""
    path = max(folder_of("adam").glob("sealed/*.parquet"), key=lambda each: each.stat().st_size)
    size = path.stat().st_size
    path.unlink()
    result = epochal("verify", folder_of("adam"))
    assert result.exit_code == 1
    assert f"sealed/{path.name}: bytes 0 to {size:,}: the file is missing" in result.stdout


def test_unreadable_manifest_and_description(epochal, folder_of):
    """A manifest or description that is no JSON is reported."""
    for path in (*folder_of("adam").glob("sealed/*.json"), folder_of("adam") / "run.json"):
        path.write_text("{", encoding="ascii")
    result = epochal("verify", folder_of("adam"))
    assert result.exit_code == 1
    assert "run.json: bytes 0 to 1" in result.stdout
    assert ".json: bytes 0 to 1" in result.stdout


def test_mirrors_behind_are_no_damage(epochal, folder_of):
    """Mirrors that are behind are told with status 0, and `sync` mends that."""
    assert epochal("tag", folder_of("adam"), "late").exit_code == 0
    result = epochal("verify", folder_of("adam"), "--json")
    assert result.exit_code == 0
    assert set(json.loads(result.stdout)[0]["behind_bytes"]) == {"csv", "json"}
    assert "synced" in epochal("sync", folder_of("adam")).stdout
    assert (
        json.loads(epochal("verify", folder_of("adam"), "--json").stdout)[0]["behind_bytes"] == {}
    )
