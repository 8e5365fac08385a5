"""Run folders for the tests of reading."""

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest


@pytest.fixture(scope="session")
def journals() -> ModuleType:
    """The module `journals` beside this file, which makes run folders."""
    path = Path(__file__).parent / "journals.py"
    spec = importlib.util.spec_from_file_location("journals", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
