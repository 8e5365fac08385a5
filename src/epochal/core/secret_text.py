"""Secrets in text: console output, diffs, command lines and the strings of a config.

Every expression below takes time linear in the text, whatever the text: repetitions start only
where they cannot overlap, or are bounded.  They are compiled at the first use.
"""

from __future__ import annotations

import functools
import re
from typing import TYPE_CHECKING

from epochal.core.secret_names import is_secret_name

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

MARK = "[redacted]"
MAX_HARMLESS_CHARS = 200
MAX_LEAD_CHARS = 80
MAX_PASSES = 8
"""What is hidden may lay bare what stood too close to it to be seen."""

_CLOSERS = "\"'`)]},;"

_NOTHING = frozenset(
    {"false", "n/a", "nil", "no", "none", "null", "off", "on", "optional", "required", "true"}
    | {"undefined", "yes"}
)
_SERVICE_TOKENS = r"""
    (?<![A-Za-z0-9])(?:
        hf_(?=[a-z]{0,40}[A-Z0-9]|[a-z]{30})[A-Za-z0-9]{16,}       # Hugging Face, no module
      | sk-(?=[A-Za-z_-]{0,64}[0-9])[\w-]{16,}                     # OpenAI, Anthropic
      | [sr]k_(?:live|test)_\w{10,}                                # Stripe
      | gh[pousr]_[A-Za-z0-9]{16,} | github_pat_\w{16,}
      | gl(?:pat|dt|rt|ptt|soat|cbt|agent|ft)-[\w-]{16,}           # GitLab
      | (?:AKIA|ASIA|ABIA|ACCA)[0-9A-Z]{12,}                       # AWS
      | AIza[\w-]{30,} | ya29\.[\w-]{20,}                          # Google
      | xox[a-z]-[\w-]{10,} | xapp-[\w-]{10,}                      # Slack
      | npm_[A-Za-z0-9]{30,} | pypi-[\w-]{50,} | dckr_pat_[\w-]{16,}
      | nvapi-[\w-]{20,} | gsk_[A-Za-z0-9]{30,} | xai-[A-Za-z0-9]{30,} | r8_[A-Za-z0-9]{30,}
      | wandb_v1_\w{16,} | dop_v1_[a-f0-9]{30,} | SG\.[\w-]{16,64}\.[\w-]{16,}
    )
"""
_QUERY_MARKS = frozenset("?&;#")
_QUERY_NAMES = frozenset({"code", "key", "sig", "signature", "x-amz-signature"})


@functools.cache
def _known_forms() -> tuple[tuple[re.Pattern[str], str | Callable[[re.Match[str]], str]], ...]:
    """What is recognized without a name, and what it is replaced with."""
    key_block = r"[A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----"
    return (
        # A block whose end is missing hides the rest of the text.
        (re.compile(rf"-----BEGIN {key_block}[\s\S]*?(?:-----END {key_block}|\Z)"), MARK),
        # The second form has a slash in its password, which no URL may have.
        (re.compile(r"://([^\s/?#\"'<>]+)@"), _without_userinfo),
        (re.compile(r"://([^\s/?#\"'<>@:]{1,99}:(?!\d{1,5}(?:[/?#]|$))[^\s\"'<>]{1,256})@"), "://"),
        (re.compile(_SERVICE_TOKENS, re.VERBOSE | re.ASCII), MARK),
        (re.compile(r"(?<![\w-])eyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*", re.ASCII), MARK),
        (re.compile(r"\b(bearer[ \t]+)[\w.~+/=-]{8,}", re.IGNORECASE | re.ASCII), rf"\1{MARK}"),
        (
            re.compile(
                r"(://hooks\.slack\.com/\w{1,20}/|://discord(?:app)?\.com/api/webhooks/)[^\s\"'<>]+"
            ),
            rf"\1{MARK}",
        ),
        (re.compile(r"([?&;#])([\w.-]{1,80})=([^&;\s\"'<>]+)", re.ASCII), _query_parameter),
        (
            re.compile(
                r"\b((?:proxy-)?authorization|(?:set-)?cookie)(\\?[\"']?\s{0,9}:\s{0,9}\\?[\"']?)"
                r"[^\"'\\\r\n]*[^\"'\\\s]",
                re.IGNORECASE,
            ),
            rf"\1\2{MARK}",
        ),
        (
            re.compile(r"(\bwandb[ \t]+login[ \t]+(?:--\w+[ \t]+)?)(?:local-)?[0-9a-f]{40}\b"),
            rf"\1{MARK}",
        ),
    )


@functools.cache
def _assignment() -> re.Pattern[str]:
    """A name and what leads to its value; whether the name is a secret is asked afterwards."""
    return re.compile(
        r"""
        (?<![\w.\-])
        (?P<dashes>-+)?
        (?P<name>[A-Za-z_][\w.\-]*)
        (?P<quote>\\*["'`]\]?)?
        (?:
            [ \t]*:[ \t]*(?:                                          # password: str = ...
                (?:str|bytes|int|Any|None|Optional|Union|SecretStr|Final|ClassVar|string)
                \b[\[\] |,]{0,4}
            ){1,6}=[ \t]*
          | (?P<compared>[ \t]*[!=]==?[ \t]*)
          | (?P<equals>[ \t]*(?::=|=>|=|:)[ \t]*)
          | (?(quote)[ \t]*,[ \t]*(?=\\*["'])|(?!))                 # getenv("TOKEN", "...")
          | (?(dashes)(?:[ \t]|\\\r?\n[+\- ]?)+|(?!))               # --token ...
        )
        """,
        re.VERBOSE,
    )


@functools.cache
def _quoted() -> re.Pattern[str]:
    """A string literal, of any of its kinds, or what is left of one in its line."""
    return re.compile(
        r"""
        (?P<open>[A-Za-z]{0,2}(?P<triple>\"{3}|'{3}))[\s\S]*?(?P<close>(?P=triple)|\Z)
      | (?P<open2>(?P<escaped>\\+["']))[^\r\n]*?(?P<close2>(?P=escaped)|(?=[\r\n])|\Z)
      | (?P<open3>[A-Za-z]{0,2}")(?:[^"\\\r\n]|\\.)*(?P<close3>"?)
      | (?P<open4>[A-Za-z]{0,2}')(?:[^'\\\r\n]|\\.)*(?P<close4>'?)
        """,
        re.VERBOSE,
    )


@functools.cache
def _patterns() -> dict[str, re.Pattern[str]]:
    return {
        # A value that begins in the next line: YAML's | and >, an open bracket, a list.
        "next line": re.compile(
            r"""(?:(?:[|>][+\-\d]{0,2}|[(\[{\\])[ \t]*\r?\n[+\- ]?[ \t]*
                | \r?\n[+\- ]?[ \t]*(?=-[ \t]|["']))(?:-[ \t]+)?""",
            re.VERBOSE,
        ),
        "line": re.compile(r"[^\r\n]+"),
        "word": re.compile(r"\S+"),
        "line start": re.compile(
            r"[+\- ]?[ \t]*(?:-[ \t]+)?(?:(?:export|set|setenv|ENV|ARG|local|env)[ \t]+)?[\"']?"
        ),
        "type": re.compile(
            r"(?:(?:str|int|bytes|bool|float|Any|None|Optional|Union|SecretStr|list|dict|tuple)\b"
            r"|[\[\] |,.()=:>-])+"
        ),
        "variable": re.compile(
            r"(?:\$[A-Z_][A-Z0-9_]*|\$\{[\w.]+(?::[A-Z_][A-Z0-9_]*)?\}|\$?\{\{[ \w.]{1,80}\}\}"
            r"|%\(\w+\)s)[;,]?"
        ),
        "expression": re.compile(r"(?:await )?[A-Za-z_][\w.]*[(\[]"),
        "default": re.compile(
            r"[\"'](--?[\w-]{1,80})[\"'](?:(?![\"']-)[\s\S]){0,300}?\bdefault[ \t]*=[ \t]*"
        ),
    }


def strip_userinfo(url: str) -> str:
    """Return a URL or an address such as ``user@host:path`` without user name and password.

    The user ``git``, which every public address of a repository has, stays.

    Example:
        >>> strip_userinfo("https://me:pw@host/x.git"), strip_userinfo("git@host:x.git")
        ('https://host/x.git', 'git@host:x.git')
    """
    if "://" in url:
        return redact_text(url)
    user, at, rest = url.rpartition("@")
    if not at or "/" in user.partition(":")[0] or user == "git":
        return redact_text(url)
    return redact_text(rest)


def redact_text(text: str) -> str:
    """Return text with the secrets in it replaced by ``[redacted]``.

    Finds tokens of known services, private keys, JSON web tokens, credentials in URLs and headers,
    and values given to secret names as code, settings files and command lines write them.

    Example:
        >>> redact_text('+    api_key = "abc"  # lr = 3e-4')
        '+    api_key = "[redacted]"  # lr = 3e-4'
    """
    for _ in range(MAX_PASSES):
        before = text
        for pattern, replacement in _known_forms():
            text = pattern.sub(replacement, text)
        text = _redact_values(text, _defaults(text))
        text = _redact_values(text, _assigned(text))
        if text == before:
            break
    return text


def reveals_nothing(value: str) -> bool:
    """Return whether a value may be shown under any name: empty, a truth value, or hidden."""
    return value.strip().lower() in _NOTHING or not value.strip() or value == MARK


def _without_userinfo(match: re.Match[str]) -> str:
    return match[0] if match[1] == "git" else "://"


def _query_parameter(match: re.Match[str]) -> str:
    mark, name, _ = match.groups()
    is_secret = name.lower() in _QUERY_NAMES or is_secret_name(name)
    return f"{mark}{name}={MARK}" if is_secret else match[0]


def _defaults(text: str) -> Iterator[tuple[int, bool]]:
    """Yield where the default of a secret option of a command line begins."""
    if "default" in text:
        for match in _patterns()["default"].finditer(text):
            if is_secret_name(match[1]):
                yield match.end(), False


def _assigned(text: str) -> Iterator[tuple[int, bool]]:
    """Yield where the value of a secret name begins and whether it takes the rest of the line."""
    for match in _assignment().finditer(text):
        if not is_secret_name(match["name"]):
            continue
        if text[match.start() - 1 : match.start()] in _QUERY_MARKS and text.startswith(
            MARK, match.end()
        ):
            continue  # a parameter of a URL, and others may follow
        quoted_only = match["compared"] is not None
        if quoted_only and not _quoted().match(text, match.end()):
            continue
        spaced = match["equals"] not in (None, "=")
        yield match.end(), spaced and _begins_line(text, match.start())


def _begins_line(text: str, position: int) -> bool:
    """Return whether only indentation, a list mark, a quote or `export` stands before."""
    if position <= MAX_LEAD_CHARS:
        begin = text.rfind("\n", 0, position) + 1
    else:
        begin = text.rfind("\n", position - MAX_LEAD_CHARS, position) + 1
        if not begin:
            return False
    return _patterns()["line start"].fullmatch(text, begin, position) is not None


def _redact_values(text: str, begins: Iterator[tuple[int, bool]]) -> str:
    """Return text with the values that begin at these places hidden."""
    parts = []
    done = 0
    for begin, whole_line in begins:
        if begin < done:
            continue  # inside what is hidden already
        value, end = _hidden(text, begin, whole_line=whole_line)
        parts += [text[done:begin], value]
        done = end
    return "".join([*parts, text[done:]]) if parts else text


def _hidden(text: str, begin: int, *, whole_line: bool) -> tuple[str, int]:
    """Return what replaces the value at ``begin``, and where the value ends."""
    patterns = _patterns()
    quoted = _quoted().match(text, begin)
    if quoted:
        return _hide_literal(quoted), quoted.end()
    lead = patterns["next line"].match(text, begin)
    if lead:
        inner = _quoted().match(text, lead.end()) or patterns["line"].match(text, lead.end())
        return (f"{lead[0]}{MARK}", inner.end()) if inner else (lead[0], lead.end())
    found = patterns["line" if whole_line else "word"].match(text, begin)
    if not found:
        return "", begin
    value = found[0].rstrip()
    if _is_harmless(value):
        return "", begin
    if text[begin - 1 : begin] == " " and patterns["expression"].match(value):
        line = _line_at(text, begin)
        if line.rstrip()[-1] in ")]}([{,:\\":  # code, and no password with a bracket in it
            return _hide_literals(line), begin + len(line)
    return MARK + _closing(value), begin + len(value)


def _closing(value: str) -> str:
    """Return the quotes and brackets at the end of a value that belong to what is around it."""
    return value[len(value.rstrip(_CLOSERS)) :]


def _is_harmless(value: str) -> bool:
    """Return whether an unquoted value is no secret: hidden already, a type, a variable, none."""
    if len(value) > MAX_HARMLESS_CHARS:
        return False  # and so each character is looked at a bounded number of times
    if value.startswith(MARK):
        return not value[len(MARK) :].strip(_CLOSERS)
    patterns = _patterns()
    return bool(
        reveals_nothing(value.rstrip(_CLOSERS))
        or patterns["type"].fullmatch(value)
        or patterns["variable"].fullmatch(value)
    )


def _line_at(text: str, begin: int) -> str:
    end = text.find("\n", begin)
    return text[begin : end if end >= 0 else len(text)]


def _hide_literal(match: re.Match[str]) -> str:
    opening, closing = (
        next(match[name] for name in names if match[name] is not None)
        for names in (("open", "open2", "open3", "open4"), ("close", "close2", "close3", "close4"))
    )
    content = match[0][len(opening) : len(match[0]) - len(closing)]
    return match[0] if reveals_nothing(content) else f"{opening}{MARK}{closing}"


def _hide_literals(line: str) -> str:
    """Return a line of code with its string literals hidden; names of variables stay."""
    reads_environment = "environ" in line or "getenv" in line

    def hide(match: re.Match[str]) -> str:
        name = match[0].strip("\"'")
        is_variable = reads_environment and name.isupper() and name.isidentifier()
        return match[0] if is_variable else _hide_literal(match)

    return _quoted().sub(hide, line)
