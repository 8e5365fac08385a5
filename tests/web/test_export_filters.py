"""The filters of an exported page, which has no server, mean what the library says."""

import base64
import json
import os
import re
import subprocess
from pathlib import Path

import pytest

from epochal.core.errors import FilterError
from epochal.read import filters
from epochal.read.filters import MISSING

pytest.importorskip("starlette")

from epochal.web import export_page
from epochal.web.export_summary import ranked

STATIC = Path(export_page.FOLDER)

# Our modules import each other by bare names, as the import map of the page says.
LOADER = """
import { register } from "node:module";
const hook = `export const resolve = (name, context, next) => name.startsWith("epochal/")
  ? { url: STATIC + name.slice(8), shortCircuit: true } : next(name, context);`;
const folder = JSON.stringify("file://" + process.env.STATIC + "/");
register("data:text/javascript," + encodeURIComponent(hook.replace("STATIC", folder)));
"""


def node(script: str, given: object) -> object:
    """Runs a module with our modules importable; `given` is its input, its output is JSON."""
    loader = "data:text/javascript;base64," + base64.b64encode(LOADER.encode()).decode()
    done = subprocess.run(
        ["node", "--import", loader, "--input-type=module", "-e", script],
        input=json.dumps(given), env={**os.environ, "STATIC": str(STATIC)},
        capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


RUN = {
    "id": "abcdefgh", "name": "ViT-base", "project": "p", "group": None, "state": "failed",
    "tags": ["ablation/lr", "best"], "notes": "", "seed": 3, "created_s": 100.0, "duration_s": 5.5,
    "steps": 99, "host": "node-1", "git": {"commit": "abc"},
    "config": {"lr": 1e-3, "model": {"depth": 12, "name": "vit-s"}, "betas": [0.9, 0.999],
               "flag": True, "none": None, "empty": "", "a.b": 1, "zero": 0},
    "summary": {"val/loss": {"value": 0.25, "min": 0.25, "last": "NaN", "max": 2.0, "best": None},
                "loss": {"value": 1.0, "min": 0.5, "last": 1.0, "max": "Infinity", "best": None}},
    "user_summary": {"params": 124, "loss": 7},
}  # fmt: skip
EXPRESSIONS = """
config.lr < 1e-2
config.lr == 0.001 and "ablation" in tags
"lr" in tags
not "best" in tags
"best" not in tags
contains(tags, "ablation")
contains(name, "ViT")
contains(lower(name), "vit")
(contains(lower(name), "vit") or "vit" in tags)
matches(name, "*base") and not matches(name, "v*")
matches(lower(name), "*v?t*")
startswith(name, "Vi") and endswith(name, "se")
state == "failed"
state in ["failed", "killed"]
state in ("finished",)
state not in {"finished"}
summary["val/loss"].min < 0.3
summary["val/loss"] < 0.3
summary["val/loss"].last < 1
summary["val/loss"].last == summary["val/loss"].last
summary["val/loss"].last
summary.loss.max > 1e300
summary.params == 124
summary.loss == 7
summary["nothing"].min < 1
config.nothing == 1
config.nothing != 1
not config.nothing
not exists(config.nothing)
exists(config.none)
config.none == None
config.none < 1
not config.none
config.flag
config.flag == 1
config.flag == True
config.zero
config.empty
config.betas == [0.9, 0.999]
config.betas == (0.9, 0.999)
0.9 in config.betas
len(config.betas) == 2 and len(name) == 8
len(config.model) == 2
"depth" in config.model
config.model["depth"] in [12, 24]
config.model.depth * 2 == 24
config.model.depth / 0 == 1
config.model.depth + 1 > 12 and -config.model.depth < 0
1e-4 < config.lr < 1e-2
1e-4 < config.lr < 1e-3
config["a.b"] == 1
config.lr < "a"
name < "Z"
name == 1
config.nothing or config.flag
(config.nothing or 5) == 5
created > 50 and duration_s < 10 and steps >= 99
created > "2026" or steps < 5
(created < "2026-03")
"1960" < created < 2026
not created >= "1970-01-01 00:00:30"
created in [100]
seed == 3
host == "node-1"
git.commit == "abc"
config.model
not not config.flag
"a\\"b" == 'a"b'
True
""".strip().splitlines()

EVALUATE = """
import { parse } from "epochal/static_filter.js";
import { valueAt } from "epochal/static_runs.js";
import { readFileSync } from "node:fs";
const { run, expressions } = JSON.parse(readFileSync(0, "utf8"));
const passes = (text) => {
  try { return parse(text)((path) => valueAt(run, path)); } catch (e) { return `at ${e.at}`; }
};
console.log(JSON.stringify(expressions.map(passes)));
"""


@pytest.mark.needs("node")
def test_filters_mean_the_same_without_a_server():
    """Each expression says of a run what the library says."""
    found = node(EVALUATE, {"run": RUN, "expressions": EXPRESSIONS})
    expected = [filters.parse(text).matches(_lookup) for text in EXPRESSIONS]
    pairs = zip(EXPRESSIONS, found, expected, strict=True)
    assert [(text, mine) for text, mine, theirs in pairs if mine != theirs] == []


@pytest.mark.needs("node")
def test_a_filter_that_is_wrong_says_where():
    """What cannot be read is an error with its place, as with a server."""
    wrong = ["config.lr <", "1 +", "nonsense == 1", "(1", "lower()", "config.lr < 1 )", "a $ b",
             'created > "soon"', '1 == 1 or "2026-02-30" < created']  # fmt: skip
    found = node(EVALUATE, {"run": RUN, "expressions": wrong})
    for text, said in zip(wrong, found, strict=True):
        assert re.fullmatch(r"at \d+", str(said)), (text, said)
        with pytest.raises(FilterError):
            filters.parse(text)


RANK = """
import { mainMetrics } from "epochal/telling.js";
import { readFileSync } from "node:fs";
console.log(JSON.stringify(mainMetrics(JSON.parse(readFileSync(0, "utf8")), 100)));
"""


@pytest.mark.needs("node")
def test_main_metrics_are_those_of_the_dashboard():
    """The table without JavaScript ranks metrics as the dashboard's own rule does."""
    names = """loss train/loss val/loss val_loss val.loss train/acc val/accuracy@5 test/f1 dev/wer
        lr optimizer/learning_rate train/loss_scale loss-scaling time/step epoch grad_norm layers/x
        VALIDATION/NLL lossless top1 map eval/return devices latest contest/score""".split()
    metrics = [
        {"name": name, "runs": 1 + i % 3, "goal": "minimize" if i % 7 == 0 else None}
        for i, name in enumerate(names)
    ]
    assert ranked(metrics) == node(RANK, metrics)


def _lookup(path):
    """Looks a path up as the catalog does."""
    value = {**RUN, "created": RUN["created_s"]}
    if path[0] == "summary":
        metric, *field = path[1:]
        if metric in RUN["user_summary"] and not field:
            return RUN["user_summary"][metric]
        value, path = RUN["summary"].get(metric, {}), ("summary", *(field or ["value"]))
        path = path[1:]
    for key in path:
        if not isinstance(value, dict) or key not in value:
            return MISSING
        value = value[key]
    value = MISSING if value is None and path[-1] == "best" else value
    return {"NaN": float("nan"), "Infinity": float("inf")}.get(value, value) if isinstance(
        value, str) else value  # fmt: skip
