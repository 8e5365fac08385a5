"""What reading of windows leaves behind in memory."""

import gc

import numpy as np
import pyarrow as pa
from journals import JournalMaker, make_run

from epochal.read.level_cache import Cache
from epochal.read.view import RunView
from epochal.read.windows import Windows
from epochal.store import parquet, seal


def test_nothing_but_the_cache_is_kept(tmp_path, monkeypatch):
    """No Arrow memory is held, and nothing waits for Python's garbage collector."""
    monkeypatch.setattr(parquet, "ROW_GROUP_ROWS", 1000)
    run_dir = make_run(tmp_path)
    maker = JournalMaker(run_dir)
    for step in range(9000):
        maker.row({"loss": float(step)}, step)
    maker.close()
    seal.seal_run(run_dir)
    view, windows = RunView(run_dir), Windows(memory_bytes=30_000)
    windows.read([view], ["loss"])
    gc.collect()
    before = pa.total_allocated_bytes()
    gc.disable()
    gc.set_debug(gc.DEBUG_SAVEALL)
    try:
        for start in range(0, 9000, 500):
            (window,) = windows.read([view], ["loss"], start=start, stop=start + 99)
            assert window.lanes[0].mean.tolist() == list(range(start, start + 100))
        gc.collect()
        left = [each for each in gc.garbage if type(each).__module__.startswith("pyarrow")]
    finally:
        gc.set_debug(0)
        gc.garbage.clear()
        gc.enable()
    assert left == []
    assert pa.total_allocated_bytes() <= before
    assert windows.memory_bytes <= 30_000


def test_memory_is_given_back_in_between():
    """A cache through which much more passes than it keeps stays usable."""
    cache = Cache(10_000)
    for number in range(100):
        cache.put(number, np.zeros(100), 800)
    assert cache.bytes == 9600
    assert [cache.get(number) is not None for number in (87, 88, 99)] == [False, True, True]
