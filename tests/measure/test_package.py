"""The package: what it offers, and what importing it loads."""

import importlib
import subprocess
import sys
from pathlib import Path

import pytest

from epochal import measure

PROBE = """
import sys
import epochal.measure
assert not {"torch", "numpy"} & set(sys.modules), "importing it loads a library"
"""


def test_importing_it_loads_no_library():
    """PyTorch and NumPy are loaded when an instrument is used."""
    done = subprocess.run(
        [sys.executable, "-c", PROBE], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("name", measure.__all__)
def test_names_are_there(name):
    """Each public name is what its module has, and no module has a public name."""
    module = importlib.import_module(measure._MODULES[name])
    assert getattr(measure, name) is getattr(module, name)
    assert not (Path(measure.__file__).parent / f"{name}.py").exists()


def test_all_names_are_listed():
    """The list for readers and type checkers is that of the modules."""
    assert sorted(measure.__all__) == sorted(measure._MODULES)
    assert set(measure.__all__) <= set(dir(measure))
    with pytest.raises(AttributeError, match="no attribute 'missing'"):
        measure.missing  # noqa: B018 - the access is the test
