"""A real LaTeX for tests: what a fragment looks like when it is typeset."""

import subprocess

PREAMBLE = r"""\usepackage[a4paper,landscape,margin=1cm]{geometry}
\usepackage[T1]{fontenc}
\usepackage{times,booktabs,graphicx}
\usepackage{siunitx}
\hyphenpenalty=10000 \exhyphenpenalty=10000 \parindent=0pt \raggedright
"""


def typeset(folder, body, *, before="", preamble=PREAMBLE, program="pdflatex", options=()):
    """Text of the PDF; fails if LaTeX finds any error.  Writes ``paper.tex`` into the folder."""
    head = f"\\documentclass{{article}}\n{preamble}{before}\n"
    text = f"{head}\\begin{{document}}\n{body}\n\\end{{document}}\n"
    (folder / "paper.tex").write_text(text, encoding="utf-8")
    command = [program, "-interaction=nonstopmode", "-halt-on-error", *options, "paper.tex"]
    done = subprocess.run(command, cwd=folder, capture_output=True, check=False, timeout=120)
    said = done.stdout.decode(errors="replace")
    assert done.returncode == 0, said[-3000:]
    shown = ["pdftotext", "-layout", "paper.pdf", "-"]
    return subprocess.run(shown, cwd=folder, capture_output=True, check=True).stdout.decode()
