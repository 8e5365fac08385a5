"""Annotations are kept in the order in which they were written, in running and sealed runs."""

import math
import time
from dataclasses import replace

import pytest
from journals import JournalMaker, finished_run, make_run

from epochal.core.errors import NotFoundError, SettingError
from epochal.journal.append import append_events
from epochal.read.annotations import Annotation
from epochal.read.view import RunView
from epochal.store.seal import seal_run


def test_annotations_are_kept(tmp_path):
    """Text, step, metric and author come back as they were given, before and after sealing."""
    run_dir = finished_run(tmp_path, [({"a": 1.0}, 0)])
    view = RunView(run_dir)
    assert view.annotations == []
    before = time.time()
    view.annotate("warm-up ends <b>é\n", step=2**60, metric="a", author="me")
    seal_run(run_dir)
    view.annotate("all of it")
    view.annotate("between", step=0.5)
    for each in (view, RunView(run_dir)):
        first, second, third = each.annotations
        assert first == Annotation(
            2**60, "warm-up ends <b>é\n", "a", first.time_s, "me", first.id
        )  # fmt: skip
        assert (second.step, second.metric, second.author) == (None, None, "")
        assert third.step == 0.5
        assert before - 1 < first.time_s <= second.time_s <= third.time_s < time.time() + 1
        seal_run(run_dir)
    assert (view.state, view.metrics["a"].count) == ("finished", 1)


def test_annotations_of_a_running_run(tmp_path):
    """While a run is recorded it can be annotated; its ranks share what is said of it."""
    run_dir = make_run(tmp_path)
    makers = [JournalMaker(run_dir, ordinal=1, rank=rank) for rank in (0, 1)]
    for maker in makers:
        maker.row({"a": 1.0}, 0)
        maker.frame()
    view = RunView(run_dir)
    view.annotate("now", step=0)
    for maker in makers:
        maker.row({"a": 2.0}, 1)
        maker.close()
    view.refresh()
    assert [each.text for each in view.annotations] == ["now"]
    assert [each.text for each in view.of_rank(1).annotations] == ["now"]
    assert view.series("a").values.tolist() == [1.0, 2.0]


def test_annotations_are_removed(tmp_path):
    """One of several that say the same goes, before and after sealing, and not twice."""
    run_dir = finished_run(tmp_path, [({"a": 1.0}, 0)])
    view = RunView(run_dir)
    for text in ("typo", "typo", "kept"):
        view.annotate(text, step=1)
    seal_run(run_dir)
    second = view.refresh().annotations[1]
    view.remove_annotation(second)
    for _ in range(2):
        first, third = RunView(run_dir).annotations
        assert (first.text, third.text) == ("typo", "kept")
        assert second.id not in (first.id, third.id)
        seal_run(run_dir)
    for gone in (second, Annotation(1, "typo", None, 0.0)):
        with pytest.raises(NotFoundError, match="no such annotation"):
            view.remove_annotation(gone)


def test_annotations_are_edited(tmp_path):
    """The text is another, all else stays, before and after sealing; one that is gone stays so."""
    run_dir = finished_run(tmp_path, [({"a": 1.0}, 0)])
    view = RunView(run_dir)
    view.annotate("frist", step=1, metric="a", author="me")
    view.annotate("second", step=2)
    seal_run(run_dir)
    first, second = view.refresh().annotations
    view.edit_annotation(first, "first")
    view.edit_annotation(first, "the first\none")
    for _ in range(2):
        assert RunView(run_dir).annotations == [replace(first, text="the first\none"), second]
        seal_run(run_dir)
    for text in ("", " \n"):
        with pytest.raises(SettingError):
            view.edit_annotation(first, text)
    view.refresh().remove_annotation(first)
    for gone in (first, Annotation(1, "first", None, 0.0)):
        with pytest.raises(NotFoundError, match="no such annotation"):
            view.edit_annotation(gone, "again")
    assert RunView(run_dir).annotations == [second]


def test_edits_that_race(tmp_path):
    """Of two the last one counts; one that comes after a removal brings nothing back."""
    run_dir = finished_run(tmp_path, [({"a": 1.0}, 0)])
    RunView(run_dir).annotate("old", step=1)
    here, there = RunView(run_dir), RunView(run_dir)
    (found,) = here.annotations
    assert there.annotations == [found]
    here.edit_annotation(found, "here")
    there.edit_annotation(found, "there")
    assert [each.text for each in RunView(run_dir).annotations] == ["there"]
    here.refresh()
    there.remove_annotation(found)
    here.edit_annotation(found, "too late")  # it has not seen the removal
    assert RunView(run_dir).annotations == []
    edit = ("annotation_edited", {"id": "0123456789abcdef.0", "text": "of none"})
    append_events(run_dir, here.id, [edit])
    assert RunView(run_dir).annotations == []


def test_what_is_no_annotation_is_refused(tmp_path):
    """No text, or a step that is no number, is refused."""
    view = RunView(finished_run(tmp_path, [({"a": 1.0}, 0)]))
    for text, step in (("", 1), (" \n", None), ("x", math.nan), ("x", True)):
        with pytest.raises(SettingError):
            view.annotate(text, step=step)
    assert view.annotations == []
