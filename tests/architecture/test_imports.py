"""What may import what, and what `import epochal` may load."""

import json
import subprocess
import sys
import sysconfig
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "src" / "epochal"

# Names that say nothing of what is inside.
VAGUE_NAMES = {"utils", "util", "helpers", "helper", "common", "misc", "ext"}

# Prints the modules that `import epochal` loads and the public functions it offers. Names are
# listed before any of them is fetched, as fetching one may load more.
PROBE = """
import json, sys
before = set(sys.modules)
import epochal
loaded = sorted(set(sys.modules) - before)
names = getattr(epochal, "__all__", [])
functions = [n for n in names if type(getattr(epochal, n)).__name__ == "function"]
print(json.dumps({"loaded": loaded, "functions": functions, "path": list(epochal.__path__)}))
"""


def probe() -> dict[str, list[str]]:
    """Runs PROBE in a fresh interpreter that sees no variables and no current folder."""
    command = [sys.executable, "-I", "-c", PROBE]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def modules() -> list[Path]:
    """Files and folders of the package that Python can import."""
    return [path for path in PACKAGE.rglob("*") if path.suffix == ".py" or path.is_dir()]


def test_the_package_is_this_one():
    """The tests look at the sources beside them and not at another installed copy."""
    assert [Path(path).resolve() for path in probe()["path"]] == [PACKAGE.resolve()]


def test_contracts_hold():
    """The import contracts of pyproject.toml hold."""
    tool = Path(sysconfig.get_path("scripts")) / "lint-imports"
    command = [str(tool), "--no-cache"]  # parallel tests would share the cache
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_import_loads_only_the_standard_library():
    """`import epochal` in a fresh interpreter loads the standard library and Epochal only."""
    allowed = sys.stdlib_module_names | {"epochal"}
    foreign = {name for name in probe()["loaded"] if name.partition(".")[0] not in allowed}
    assert not foreign, f"import epochal also loads: {sorted(foreign)}"


def test_names_say_what_is_inside():
    """No module or folder has a name that fits anything."""
    vague = [str(path.relative_to(ROOT)) for path in modules() if path.stem in VAGUE_NAMES]
    assert not vague, f"name these after their subject: {vague}"


def test_no_module_hides_a_public_function():
    """No module directly under the package has the name of a public function."""
    top = {path.stem for path in modules() if path.parent == PACKAGE}
    both = top & set(probe()["functions"])
    assert not both, f"importing the module would replace the function: {sorted(both)}"
