"""Training files of the examples, as modules."""

import importlib.util
import sys
from pathlib import Path

EXAMPLES = Path(__file__).parents[2] / "examples"


def load_example(folder, name="train"):
    """Return an example's training file as a module; its module of data is ``example.data``."""
    place = str(EXAMPLES / folder)
    sys.path.insert(0, place)
    try:
        sys.modules.pop("data", None)
        spec = importlib.util.spec_from_file_location(f"{name}_{folder}", f"{place}/{name}.py")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    finally:
        sys.path.remove(place)
        sys.modules.pop("data", None)
    return module
