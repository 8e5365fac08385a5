"""A checkpoint as a file: atomic, hashed, loaded without running code."""

import hashlib
import os
import pickle
import subprocess
import sys

import pytest
from recorded import run_script

torch = pytest.importorskip("torch")

from epochal.checkpoints import drafts, load_file, save_file  # noqa: E402
from epochal.core.errors import CheckpointError  # noqa: E402

pytestmark = pytest.mark.torch
CONTENTS = {"weights": torch.arange(50_000.0), "step": 3}


@pytest.fixture
def path(tmp_path):
    """A checkpoint that was saved."""
    save_file(tmp_path / "a.pt", CONTENTS)
    return tmp_path / "a.pt"


def test_saved_and_loaded(tmp_path):
    """What comes back is what was given; size and hash are those of the file."""
    saved = save_file(tmp_path / "new" / "a.pt", CONTENTS)
    content = (tmp_path / "new" / "a.pt").read_bytes()
    assert saved.path == str(tmp_path / "new" / "a.pt")
    assert saved.bytes == len(content)
    assert saved.sha256 == hashlib.sha256(content).hexdigest()
    found = load_file(saved.path, sha256=saved.sha256)
    assert found["step"] == 3
    assert torch.equal(found["weights"], CONTENTS["weights"])
    assert os.listdir(tmp_path / "new") == ["a.pt"]


def test_pytorch_itself_loads_it(path):
    """Nothing of Epochal is needed to read a checkpoint."""
    assert torch.load(path, weights_only=True)["step"] == 3


def test_every_flipped_byte_is_found(path):
    """With the recorded hash, and without one wherever values are."""
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    whole = path.read_bytes()
    for at in range(50, len(whole), len(whole) // 37):
        damaged = bytearray(whole)
        damaged[at] ^= 4
        path.write_bytes(damaged)
        with pytest.raises(CheckpointError, match="damaged: it has not the recorded hash"):
            load_file(path, sha256=sha256)
        try:
            found = load_file(path)
        except CheckpointError:
            continue
        assert torch.equal(found["weights"], CONTENTS["weights"])  # a byte that says nothing


@pytest.mark.parametrize("kept", [0, 3, 100, 0.5, 0.999])
def test_a_cut_file_is_told(path, kept):
    """Cut anywhere, the message names the file."""
    size = path.stat().st_size
    os.truncate(path, int(size * kept) if isinstance(kept, float) else kept)
    with pytest.raises(CheckpointError, match=r"a\.pt"):
        load_file(path)


def test_a_missing_file_is_told(tmp_path):
    """Also a folder in its place."""
    with pytest.raises(CheckpointError, match=r"b\.pt is not there"):
        load_file(tmp_path / "b.pt")
    with pytest.raises(CheckpointError, match="cannot be read"):
        load_file(tmp_path)


class Evil:
    """Runs a command when it is unpickled."""

    def __reduce__(self):
        return (exec, ("import os; os.environ['EPOCHAL_TEST_EVIL'] = '1'",))


@pytest.mark.parametrize("as_torch", [True, False])
def test_code_in_a_file_is_never_run(tmp_path, as_torch):
    """Neither in PyTorch's format nor in a bare pickle."""
    path = tmp_path / "evil.pt"
    if as_torch:
        torch.save({"a": Evil()}, path)
    else:
        path.write_bytes(pickle.dumps({"a": Evil()}))
    with pytest.raises(CheckpointError, match="only plain types and tensors"):
        load_file(path)
    assert "EPOCHAL_TEST_EVIL" not in os.environ


def test_what_is_no_dictionary_is_told(tmp_path):
    """A tensor alone is no checkpoint."""
    torch.save(torch.ones(2), tmp_path / "a.pt")
    with pytest.raises(CheckpointError, match="holds a Tensor, not a dictionary"):
        load_file(tmp_path / "a.pt")


FULL = """
    import resource, sys, torch
    from epochal.checkpoints import save_file
    from epochal.core.errors import CheckpointError
    contents = {"weights": torch.zeros(300_000)}
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
    for size in (0, 1, 100, 4096, 100_000, 1_199_999, 1_200_500):
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, limit))
        try:
            save_file(sys.argv[1], contents)
        except CheckpointError as error:
            print(error)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    save_file(sys.argv[1] + "2", contents)
"""


def test_a_disk_that_is_full_leaves_the_old_file(path):
    """Cut off at any size: told, the old file is whole, the temporary one is gone."""
    before = path.read_bytes()
    output, errors = run_script(FULL, path)
    assert output.count("a.pt cannot be written: File too large") == 7
    assert errors == ""
    assert path.read_bytes() == before
    assert sorted(os.listdir(path.parent)) == ["a.pt", "a.pt2"]


def test_a_place_that_cannot_be_written(path):
    """A file where a folder should be."""
    with pytest.raises(CheckpointError, match=r"cannot be written: (File exists|Not a d)"):
        save_file(path / "b.pt", CONTENTS)


def test_ctrl_c_while_saving(path, monkeypatch):
    """It ends the save, and leaves the old file and no temporary one."""
    before = path.read_bytes()

    class Interrupted:
        def __init__(self, *_):
            self.calls = 0

        def update(self, _):
            self.calls += 1
            if self.calls == 3:
                raise KeyboardInterrupt

    monkeypatch.setattr(hashlib, "sha256", Interrupted)
    with pytest.raises(KeyboardInterrupt):
        save_file(path, {"a": torch.zeros(1000)})
    assert path.read_bytes() == before
    assert os.listdir(path.parent) == ["a.pt"]


def test_leftovers_of_killed_saves_go_with_the_next(path):
    """Drafts without a lock are removed; one that is being written is not."""
    folder = str(path.parent)
    left = drafts.new_name(folder, "checkpoint_epoch_1_step_2.pt")
    (path.parent / left).write_bytes(b"half")
    with drafts.replacing(str(path.parent / "b.pt")) as file:
        file.write(b"now")
        save_file(path, CONTENTS)
        hidden = [name for name in os.listdir(folder) if name.startswith(".")]
        assert len(hidden) == 1
    assert sorted(os.listdir(folder)) == ["a.pt", "b.pt"]
    assert (path.parent / "b.pt").read_bytes() == b"now"


def test_links_replace_in_one_step(path, monkeypatch):
    """A link where the file system has them, else a copy; again does no harm."""
    other, copy = str(path.parent / "best.pt"), str(path.parent / "copy.pt")
    for _ in range(2):
        drafts.link(str(path), other)
    assert os.path.samefile(path, other)

    def refuse(*_):
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)
    for _ in range(2):
        drafts.link(str(path), copy)
    assert not os.path.samefile(path, copy)
    assert load_file(copy)["step"] == 3
    assert sorted(os.listdir(path.parent)) == ["a.pt", "best.pt", "copy.pt"]


def test_nothing_is_loaded_before_it_is_used():
    """Importing the package loads neither PyTorch nor NumPy."""
    code = "import sys, epochal.checkpoints; sys.exit(bool({'torch', 'numpy'} & {*sys.modules}))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
