"""A paper for tests: its plan, its text, runs to record, and a folder to build and check."""

from pathlib import Path

import epochal
from epochal.paper.build import build
from epochal.paper.check import check
from epochal.paper.plan import load

QUIET = {"project": "lab", "follow": "off", "capture_environment": False}
LOSSES = {"adamw": [3.2781, 3.2790, 3.2772], "sgd": [3.4010, 3.3990, 3.4031]}
MEAN = 3.2781  # of adamw

PLAN = """
[paper]
runs = "runs"
tex = "main.tex"

[comparison.main]
metric = "val/loss"
by = "config.optimizer"

[table.main]
of = "main"

[number.best_loss]
metric = "val/loss"
over = "mean"
filter = 'config.optimizer == "adamw"'

[number.runs]
over = "count"

[text]
setup = 'config.optimizer == "adamw"'
results = ["main"]
"""

TEXT = r"""
\documentclass{article}
\usepackage{booktabs}
\input{generated/numbers}
\begin{document}
The loss is \BestLoss{} over \Runs{} runs, or \claim{best_loss}{3.28}.
\input{generated/tables/main}
\input{generated/text/setup}
\input{generated/text/results_main}
\end{document}
"""


def record(folder, name, loss, seed=0, state="finished", metric="val/loss", **config):
    """One run that ends with a loss."""
    run = epochal.init(
        name=name.replace("{", "{{").replace("}", "}}"),
        config={**config, "seed": seed},
        seed=seed,
        dir=str(folder),
        **QUIET,
    )
    run.define(metric, goal="minimize", unit="nats")
    for step, share in enumerate((2.0, 1.5, 1.0)):
        run.log({metric: loss * share}, step=step)
    run.finish(state)
    return run


class Paper:
    """A folder with a paper."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def write(self, plan: str = PLAN, text: str = TEXT) -> "Paper":
        """Write plan and text."""
        (self.folder / "paper.toml").write_text(plan)
        (self.folder / "main.tex").write_text(text)
        return self

    def path(self, name: str) -> Path:
        """A file that was made."""
        return self.folder / "generated" / name

    def build(self) -> dict[str, str]:
        """Build; return title → what was done."""
        return {each.title: each.what for each in self.built().done}

    def built(self):
        """Build; return all that was done."""
        return build(load(self.folder))

    def check(self):
        """Check."""
        return check(load(self.folder))

    def wrong(self) -> list[tuple[str, str]]:
        """Check; return (what, status) of what is not right."""
        return [(each.what, each.status) for each in self.check().findings if not each.ok]

    def files(self) -> dict[str, bytes]:
        """Everything that was made."""
        found = sorted(p for p in (self.folder / "generated").rglob("*") if p.is_file())
        return {str(p.relative_to(self.folder)): p.read_bytes() for p in found}
