"""``Text``: all files of a paper's text, and where they show what was made."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterator, Mapping

from epochal.core.errors import EvidenceError
from epochal.paper.findings import EDITED, MISSING, NOT_GENERATED, OK, STALE, SWAPPED, Finding
from epochal.paper.plan import Plan
from epochal.paper.standing import PICTURES
from epochal.paper.state import Made, sha256_of
from epochal.paper.text.document import Document, Included
from epochal.present.spec import MARK
from epochal.present.whence import whence

FIGURE_ENDINGS = ("", ".pdf", ".png", ".svg", ".jpg", ".jpeg", ".eps")
TEXT_ENDINGS = (".tex", "")


class Text:
    """The text of a paper.

    Files that the named ones read in belong to it, but not those that were made.

    Args:
        plan: of the paper.
        lock: what was made.

    Attributes:
        documents: in the order in which they are read.
        used: title of an output → places where it stands.
        findings: on the files that are included and pasted.
        figures, tables: (made, all) in the text.
        pasted: document's path → pieces (start, end) that are copies of what was made.
    """

    def __init__(self, plan: Plan, lock: Mapping[str, Made]) -> None:
        self._plan, self._lock = plan, lock
        self._by_path = {
            os.path.realpath(os.path.join(plan.out, *file.split("/"))): (title, file)
            for title, made in lock.items() for file in made.files
        }  # fmt: skip
        self._by_hash = {h: (t, file) for t, made in lock.items() for file, h in made.files.items()}
        self._by_name = {
            os.path.basename(file): (title, file) for title, made in lock.items()
            for file in made.files
        }  # fmt: skip
        self.documents: list[Document] = []
        self.used: dict[str, list[str]] = defaultdict(list)
        self.findings: list[Finding] = []
        self.figures, self.tables = [0, 0], [0, 0]
        self.pasted: dict[str, list[tuple[int, int]]] = defaultdict(list)
        self._folders: list[str] = [plan.text_folder]
        self._seen: set[str] = set()
        for path in plan.documents():
            self._add(path)

    def place(self, document: Document, line: int) -> str:
        """Return a place for messages: "main.tex:12"."""
        name = os.path.relpath(document.path, self._plan.folder).replace(os.sep, "/")
        return f"{name}:{line}"

    def _add(self, path: str) -> None:
        real = os.path.realpath(path)
        if real in self._seen:
            return
        self._seen.add(real)
        document = Document.read(path)
        self.documents.append(document)
        self._folders += [os.path.join(self._folders[0], p) for p in document.graphics_paths]
        self._find_pasted(document)
        for included in document.included:
            self._include(document, included)

    def _include(self, document: Document, included: Included) -> None:
        place = self.place(document, included.line)
        path = self._resolve(document, included)
        if path is None:
            self._absent(included, place)
            return
        if not self._plan.is_inside(path):
            self._count(included, covered=False)
            why = "is not below the folder of the plan, and was not looked at"
            self.findings.append(Finding(included.path, NOT_GENERATED, why, (place,)))
            return
        known = self._by_path.get(os.path.realpath(path))
        if known is not None:
            self._use(known[0], place, included)
            return
        copy = self._by_hash.get(sha256_of(path) or "")
        if copy is not None:
            self._use(copy[0], place, included)
            why = f"is a copy of {copy[1]}"
            self.findings.append(Finding(included.path, OK, why, (place,)))
            return
        self._stranger(path, included, place)

    def _stranger(self, path: str, included: Included, place: str) -> None:
        """Say what a file is that nothing made, or that was made and is something else now."""
        picture = included.figure or path.endswith(PICTURES)
        named = self._by_name.get(os.path.basename(path))
        # A text of the same name may be anybody's: ours says where it comes from.
        if named is not None and (picture or _made_by_epochal(path)):
            self._use(named[0], place, included)
            status = SWAPPED if picture else EDITED
            why = f"is called like {named[1]}, and is not that file"
            self.findings.append(Finding(included.path, status, why, (place,)))
        elif _made_by_epochal(path):
            self._count(included, covered=False)
            why = "was made by Epochal, and not by the last build of this paper"
            self.findings.append(Finding(included.path, STALE, why, (place,)))
        elif included.figure:
            self._count(included, covered=False)
            self.findings.append(Finding(included.path, NOT_GENERATED, "", (place,)))
        else:
            self._add(path)

    def _absent(self, included: Included, place: str) -> None:
        """Report a file that is not there, if it is one that was made."""
        self._count(included, covered=False)
        full = os.path.realpath(os.path.join(self._folders[0], included.path))
        for ending in FIGURE_ENDINGS if included.figure else TEXT_ENDINGS:
            if full + ending in self._by_path:
                title, file = self._by_path[full + ending]
                self._use(title, place, None)
                why = f"{file} is not there"
                self.findings.append(Finding(included.path, MISSING, why, (place,)))
                return

    def _use(self, title: str, place: str, included: Included | None) -> None:
        self.used[title].append(place)
        if included is not None:
            self._count(included, covered=True, title=title)

    def _count(self, included: Included, *, covered: bool, title: str = "") -> None:
        if included.figure or title.startswith("figure."):
            self.figures[0] += covered
            self.figures[1] += 1
        elif title.startswith("table."):
            self.tables[0] += covered
            self.tables[1] += 1

    def _resolve(self, document: Document, included: Included) -> str | None:
        if "://" in included.path:
            return None
        own = os.path.dirname(document.path)
        folders = [own] if document.is_markdown else [*self._folders, own]
        endings = FIGURE_ENDINGS if included.figure else TEXT_ENDINGS
        for folder in folders:
            for ending in endings:
                path = os.path.join(folder, included.path + ending)
                if os.path.isfile(path):
                    return path
        return None

    # -- what was pasted -----------------------------------------------------------------------

    def _find_pasted(self, document: Document) -> None:
        """Find copies of files that were made, by the line that says where they come from."""
        at = document.text.find(MARK)
        made = dict(self._texts()) if at >= 0 else {}
        while at >= 0:
            place = self.place(document, document.line(at))
            fitting = self._fitting(document.text, at, made)
            if fitting is None:
                why = "is not, or no longer, what the last build made"
                self.findings.append(Finding("a copy in the text", EDITED, why, (place,)))
            else:
                title, start, end = fitting
                self.used[title].append(place)
                self.pasted[document.path].append((start, end))
                self.tables[0] += title.startswith("table.")
            at = document.text.find(MARK, at + 1)

    def _fitting(self, text: str, at: int, made: Mapping[str, str]) -> tuple[str, int, int] | None:
        for content, title in made.items():
            start = at - content.find(MARK)
            if text.startswith(content, start):
                return title, start, start + len(content)
        return None

    def _texts(self) -> Iterator[tuple[str, str]]:
        """Yield (content, title) of the text files that were made."""
        for path, (title, file) in self._by_path.items():
            if file.endswith((".tex", ".md")) and sha256_of(path) == self._lock[title].files[file]:
                with open(path, encoding="utf-8") as opened:
                    content = opened.read().strip()
                if MARK in content:
                    yield content, title


def _made_by_epochal(path: str) -> bool:
    try:
        return bool(whence(path).path)
    except (EvidenceError, OSError):
        return False
