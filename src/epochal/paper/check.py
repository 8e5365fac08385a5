r"""``check``: every number, table and figure of a paper's text, traced back to its runs."""

from __future__ import annotations

import re
from collections.abc import Mapping

from epochal.core.errors import did_you_mean
from epochal.paper import state
from epochal.paper.findings import (
    EDITED,
    FINE,
    OK,
    STATUSES,
    UNKNOWN,
    UNUSED,
    Checked,
    Coverage,
    Finding,
    Share,
)
from epochal.paper.outputs import NUMBERS, outputs
from epochal.paper.plan import Plan
from epochal.paper.selection import Selection
from epochal.paper.standing import Standing, edited_commands, numbers_standing, standing
from epochal.paper.state import Made
from epochal.paper.text.document import Claim, Document
from epochal.paper.text.files import Text
from epochal.paper.text.judge import judge
from epochal.paper.text.numbers import numbers_in

_MARKDOWN_TABLE = re.compile(
    r"^ {0,3}\|?(?:[ \t]*:?-{3,}:?[ \t]*\|)+[ \t]*(?::?-{3,}:?[ \t]*)?\|?[ \t]*$", re.MULTILINE
)
_LATEX_TABLE = re.compile(r"\\begin\{(?:tabular[xy*]?|longtable|tabulary|tblr)\}")


def check(plan: Plan, *, runs: bool = True) -> Checked:
    r"""Check a paper against its runs.

    Nothing is made and nothing is changed: run `build` first.

    Args:
        plan: of the paper.
        runs: look at the runs too; without, where they are not at hand, the text is compared with
            the lock, and nothing is found to be stale.

    Raises:
        SettingError: the plan, the lock or a file of the text cannot be read.

    Example:
        >>> import epochal, tempfile
        >>> from epochal.paper.build import build
        >>> from epochal.paper.plan import load
        >>> folder = tempfile.mkdtemp()
        >>> with epochal.init(project="doc", dir=folder + "/runs", follow="off") as run:
        ...     run.log({"val/loss": 3.2784}, step=1)
        >>> with open(folder + "/main.tex", "w") as file:
        ...     _ = file.write(r"We reach \claim{loss}{3.27}.")
        >>> with open(folder + "/paper.toml", "w") as file:
        ...     _ = file.write('[paper]\ntex = "main.tex"\n[number.loss]\nmetric = "val/loss"')
        >>> _ = build(load(folder))
        >>> checked = check(load(folder))
        >>> checked.ok, checked.findings[0].status, checked.findings[0].why
        (False, 'rounding differs', 'to these digits it is 3.28')
    """
    lock = state.read(plan.out)
    selection = Selection(plan) if runs else None
    try:
        stands = {
            output.title: standing(output, lock, plan.out, selection) for output in outputs(plan)
        }
    finally:
        if selection is not None:
            selection.close()
    numbers = {f"number.{name}" for name in plan.numbers}
    if numbers:
        stands[NUMBERS] = numbers_standing(numbers, lock, plan.out)
    for title, now in edited_commands(lock, plan.out).items():
        if title in stands:
            why = f"the command \\{lock[title].facts['macro']} was changed to {now}"
            stood = stands[title]
            fine = stood.status == OK
            stands[title] = Standing(EDITED if fine else stood.status,
                                     why if fine else f"{stood.why}; and {why}")  # fmt: skip
    text = Text(plan, lock)
    if not text.documents:
        found = [Finding(_name(t, lock), s.status, s.why) for t, s in stands.items()]
        return Checked(_sorted(found), None)
    checked = _Check(plan, lock, stands, text)
    return Checked(_sorted(checked.findings), checked.coverage())


class _Check:
    """The findings on the text of a paper."""

    def __init__(
        self, plan: Plan, lock: Mapping[str, Made], stands: Mapping[str, Standing], text: Text
    ) -> None:
        self.plan, self.lock, self.stands, self.text = plan, lock, stands, text
        self.findings: list[Finding] = list(text.findings)
        self.commands = 0
        self._redefined()
        self._claims()
        self._outputs()

    def _claims(self) -> None:
        for document in self.text.documents:
            for claim in document.claims:
                self.findings.append(self._claim(document, claim))

    def _claim(self, document: Document, claim: Claim) -> Finding:
        place = self.text.place(document, claim.line)
        what, title = f"claim {claim.name}: {claim.printed}", f"number.{claim.name}"
        if claim.name not in self.plan.numbers:
            hint = did_you_mean(claim.name, self.plan.numbers)
            why = f"the plan has no [number.{claim.name}]{hint}"
            return Finding(what, UNKNOWN, why, (place,))
        self.text.used[title].append(place)
        stands = self.stands[title]
        if title not in self.lock or stands.status not in (*FINE, EDITED):
            return Finding(what, stands.status, stands.why, (place,))
        facts = self.lock[title].facts
        judged = judge(claim.printed, facts["value"], facts["error"], facts["unit"], facts["shown"])
        return Finding(what, judged.status, judged.why, (place,))

    def _redefined(self) -> None:
        """Find commands of numbers that the text defines for itself."""
        for title in self.stands:
            made = self.lock.get(title)
            if not title.startswith("number.") or made is None:
                continue
            command = made.facts["macro"]
            for document in self.text.documents:
                places = [self.text.place(document, each) for each in document.uses(command)]
                self.text.used[title] += places
                self.commands += len(places)
                for line in document.definitions(command):
                    why = f"\\{command} is that of [{title}]: do not define it again"
                    place = self.text.place(document, line)
                    self.findings.append(Finding(f"\\{command}", EDITED, why, (place,)))

    def _outputs(self) -> None:
        shown = {each.title for output in outputs(self.plan) for each in output.comparisons}
        for title, stands in self.stands.items():
            where = tuple(dict.fromkeys(self.text.used.get(title, ())))
            status = stands.status
            if status == OK and not where and title not in (NUMBERS, *shown):
                status = UNUSED
            self.findings.append(Finding(_name(title, self.lock), status, stands.why, where))

    def coverage(self) -> Coverage:
        """Count what in the text comes from the runs."""
        free: list[tuple[str, str]] = []
        claims = 0
        tables = list(self.text.tables)
        for document in self.text.documents:
            known = [claim for claim in document.claims if claim.name in self.plan.numbers]
            claims += len(known)
            pasted = self.text.pasted.get(document.path, [])
            covered = [(claim.start, claim.end) for claim in known] + pasted
            free += [
                (self.text.place(document, each.line), each.printed)
                for each in numbers_in(document, covered)
            ]
            pattern = _MARKDOWN_TABLE if document.is_markdown else _LATEX_TABLE
            tables[1] += len(pattern.findall(document.shown))
        covered_numbers = claims + self.commands
        return Coverage(
            Share(covered_numbers, covered_numbers + len(free)), Share(*tables),
            Share(*self.text.figures), tuple(free),
        )  # fmt: skip


def _name(title: str, lock: Mapping[str, Made]) -> str:
    made = lock.get(title)
    if made is None or not title.startswith("number."):
        return title
    return f"{title} = {made.facts['shown']}"


def _sorted(findings: list[Finding]) -> tuple[Finding, ...]:
    """Return what is not right first, then by kind of status."""
    order = list(STATUSES)
    return tuple(sorted(findings, key=lambda f: (f.ok, order.index(f.status), f.what, f.where)))
