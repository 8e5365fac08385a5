"""Names made of code, which must come out as literal text wherever they are written."""

import re
import unicodedata

NAMES = [
    r"\input{/etc/passwd}", r"\immediate\write18{id}", "^^5cinput{/etc/passwd}", r"\csname end\x",
    "100% & more_#1 {a} $x^2$ ~", r"\end{tabular}\end{document}", "%comment", "a%b", "\\", "{", "}",
    r"\\[1cm]", "[x]", "*star", "a--b---c", "``quoted''", "?`!`", ",,low", "<<a>>", '"straight"',
    "=cmd|' /C calc'!A0", "+1+1", "-2+3", "@SUM(A1)", '=HYPERLINK("http://x")', "\t=1", "\r=1",
    "<script>alert(1)</script>", "<img src=x onerror=alert(1)>", "&lt;b&gt;", "<!-- x -->", "-->",
    "]](javascript:alert(1))", "[a](javascript:alert(1))", "![i](http://x/y.png)", "`code`",
    "*bold* _em_ ~~no~~", "| a | b |", "# head", "- item", "1. one", "---", "http://a.org/x",
    "two\nlines", "para\n\ngraph", "tab\there", "\x1b[31mred\x07", "a\u202egnp.exe", "zero\u200bw",
    "{{ jinja }}", "${shell}", "$(id)", "'; drop table x; --", "fi fl ffi", "é ü ñ ø ß Ž",
    "日本語", "🙂 run", "половина", "lone\ud800", "val/loss", "β₁ → 10⁻⁴ ± ∞", "a",
]  # fmt: skip


def visible(name):
    """The letters of a name that are to be seen, without spaces and in one form."""
    shown = (
        c for c in name if not c.isspace() and unicodedata.category(c) not in ("Cc", "Cf", "Cs")
    )
    return unicodedata.normalize("NFKC", "".join(shown))


def squeezed(text):
    """A text to look for visible names in: without spaces, in one form."""
    return unicodedata.normalize("NFKC", re.sub(r"\s+", "", text))
