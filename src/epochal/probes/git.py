"""The state of the code: what git knows of the folder in which a training runs."""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING, Any

from epochal.core.errors import EpochalError
from epochal.core.redact import redact_text, strip_userinfo
from epochal.probes import command

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

TIMEOUT_S = 10.0
DIFF_MARGIN_BYTES = 1 << 16
"""Read beyond the limit of a diff, as hiding secrets may make it shorter."""

# A repository may come from anybody, and looking at it must not run what its settings name.
_SAFE = (
    *("--no-pager", "-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null"),
    *("-c", "core.pager=cat", "-c", "submodule.recurse=false"),
    *("-c", "diff.autoRefreshIndex=false"),  # `git diff` takes the lock of the index for that
)
_UNCHANGED = re.compile(r"^diff --git [^\n]*\n(?=diff --git |\Z)", re.MULTILINE)
"""What is left of a file whose time changed and whose content did not."""
_PASSED_ON = re.compile(
    r"PATH|HOME|USERPROFILE|SYSTEMROOT|TMPDIR|TEMP|TMP|XDG_CONFIG_HOME"
    r"|GIT_CONFIG_\w+|GIT_CEILING_DIRECTORIES|GIT_DISCOVERY_ACROSS_FILESYSTEM"
)


def describe(
    cwd: str,
    environ: Mapping[str, str],
    attempt: Callable[[str, Callable[[], Any]], Any],
    *,
    diff_limit_bytes: int | None = None,
) -> dict[str, Any] | None:
    """Return commit, branch, remote and changes of the repository around a folder.

    Args:
        cwd: the folder.
        environ: the environment, in which git and its settings are found.
        attempt: called with the name of a part and what reads it; returns the part, or None after
            it has noted what went wrong.
        diff_limit_bytes: the size at which the diff is cut; None leaves it out.

    Returns:
        A mapping with ``root``, ``commit`` (None before the first one), ``branch`` (None where
        detached), ``dirty``, ``changed_files`` (tracked files that differ from the commit),
        ``untracked_files`` (a folder of them counts once), ``remote`` without user name and
        password, and ``diff`` as ``text``, ``sha256`` of this text and ``truncated``; None where
        there is no git or no repository.

    Raises:
        EpochalError: git refused or took longer than 10 s.
    """
    program = command.find("git", environ)
    if program is None:
        return None
    repository = _Repository(program, cwd, environ)
    root = repository.root()
    if root is None:
        return None
    found: dict[str, Any] = {"root": redact_text(root)}
    found |= attempt("git.status", repository.status) or {}
    found["remote"] = attempt("git.remote", repository.remote)
    untracked = attempt("git.untracked", repository.untracked)
    if untracked is not None:
        found["untracked_files"] = untracked
    if diff_limit_bytes is not None and found.get("dirty"):
        base = "HEAD" if found["commit"] else "--cached"
        found["diff"] = attempt("git.diff", lambda: repository.diff(base, diff_limit_bytes))
    return found


class _Repository:
    """Questions to git about one folder; each is one command that changes nothing."""

    def __init__(self, program: str, cwd: str, environ: Mapping[str, str]) -> None:
        self.program = program
        self.cwd = cwd
        self.environ = {name: text for name, text in environ.items() if _PASSED_ON.fullmatch(name)}
        self.environ |= {"GIT_OPTIONAL_LOCKS": "0", "GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C"}

    def ask(self, *args: str, limit_bytes: int = 1 << 24) -> command.Output:
        """Run git and return what it says.

        Raises:
            EpochalError: git failed or took longer than 10 s.
        """
        output = command.run(
            [self.program, *_SAFE, *args],
            environ=self.environ,
            timeout_s=TIMEOUT_S,
            cwd=self.cwd,
            limit_bytes=limit_bytes,
        )
        if output.status:
            raise EpochalError(f"git {args[0]} failed with status {output.status}: {output.errors}")
        return output

    def root(self) -> str | None:
        """Return the top folder of the working tree, None outside of one."""
        try:
            return self.ask("rev-parse", "--show-toplevel").text.rstrip("\n")
        except EpochalError as error:
            if "not a git repository" in str(error) or "in a work tree" in str(error):
                return None
            raise

    def status(self) -> dict[str, Any]:
        """Return commit, branch and how many tracked files are changed."""
        args = ("--porcelain=v2", "--branch", "--untracked-files=no", "--ignore-submodules=dirty")
        lines = self.ask("status", *args).text.splitlines()
        heads = dict(line[2:].split(" ", 1) for line in lines if line.startswith("# branch."))
        commit, branch = heads.get("branch.oid"), heads.get("branch.head", "")
        changed = sum(not line.startswith("#") for line in lines)
        return {
            "commit": None if commit == "(initial)" else commit,
            "branch": None if branch == "(detached)" else redact_text(branch),
            "dirty": changed > 0,
            "changed_files": changed,
        }

    def untracked(self) -> int:
        """Return how many untracked files there are; a folder of them counts once."""
        args = ("--others", "--exclude-standard", "--directory", "--no-empty-directory", "-z")
        return self.ask("ls-files", *args, "--", ":/").data.count(b"\0")

    def remote(self) -> str | None:
        """Return the address of `origin`, else of the first remote, as it was set."""
        # Not `remote get-url`: what insteadOf replaces may bring a token in.
        lines = self.ask("config", "--null", "--list").text.split("\0")
        urls: dict[str, str] = {}
        for line in lines:
            key, _, url = line.partition("\n")
            if key.startswith("remote.") and key.endswith(".url"):
                urls.setdefault(key, url)
        url = urls.get("remote.origin.url") or next(iter(urls.values()), "")
        return strip_userinfo(url) or None

    def diff(self, base: str, limit_bytes: int) -> dict[str, Any]:
        """Return what is not committed, without secrets and cut at a size."""
        args = ("--no-ext-diff", "--no-textconv", "--no-color", "--ignore-submodules=dirty")
        output = self.ask("diff", *args, base, limit_bytes=limit_bytes + DIFF_MARGIN_BYTES)
        text = output.text
        if output.truncated:
            text = text[: text.rfind("\n") + 1]  # half a secret would not be recognized
        kept = redact_text(_UNCHANGED.sub("", text)).encode("utf-8")
        truncated = output.truncated or len(kept) > limit_bytes
        kept = kept[:limit_bytes].decode("utf-8", "ignore").encode("utf-8")
        return {
            "text": kept.decode("utf-8"),
            "sha256": hashlib.sha256(kept).hexdigest(),
            "truncated": truncated,
        }
