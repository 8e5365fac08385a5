"""Draws the pictures of the documentation from what the commands really print.

    python docs/make_pictures.py [FOLDER]

Trains the demo in FOLDER (default: a temporary one; a folder with runs of the demo is used as it
is), runs the commands in a terminal of 100 columns, and writes `docs/pictures/*.svg`.  The files
load nothing from elsewhere: letters are those of the reader's own monospace font.
"""

import fcntl
import html
import os
import pty
import re
import struct
import subprocess
import sys
import tempfile
import termios
from pathlib import Path

from rich._export_format import CONSOLE_SVG_FORMAT
from rich.console import Console
from rich.text import Text

PICTURES = Path(__file__).parent / "pictures"
COLUMNS = 100
FONTS = "ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace"
SQL = "select name, min(value) from points where metric = 'val/loss' group by 1 order by 2"
SHELL = {"TERM": "xterm-256color", "COLORTERM": "truecolor"}

TEXT = re.compile(
    r'<text class="(?P<style>[^"]*)" x="(?P<x>[^"]*)" y="(?P<y>[^"]*)"'
    r' textLength="(?P<width>[^"]*)"[^>]*>(?P<text>[^<]*)</text>'
)
# The dots of a Braille letter, by bit: column and row.
DOTS = ((0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2), (0, 3), (1, 3))

# Rich redraws a progress bar by going up and erasing; what follows the last time is what stays.
REDRAWN = re.compile(r"\r?(?:\x1b\[2K)(?:\x1b\[1A\x1b\[2K)*|\x1b\[\?25[lh]")


def main() -> None:
    """Draws all pictures."""
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else tempfile.mkdtemp()).resolve()
    folder.mkdir(parents=True, exist_ok=True)
    transcript = folder / "demo.txt"
    if not transcript.exists():
        transcript.write_text(run(folder, "demo"), encoding="utf-8")
    demo = transcript.read_text(encoding="utf-8")
    PICTURES.mkdir(exist_ok=True)
    draw("demo", prompt("demo") + last_frame(demo))
    draw("show", shell(folder, ["ls"], ["show", "cosine-seed1"]))
    draw("diff", shell(folder, ["diff", "cosine-seed1", "constant-seed1"], ["sql", SQL]))


def run(folder: Path, *arguments: str) -> str:
    """Gives what `epochal` prints on a terminal."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 60, COLUMNS, 0, 0))
    environ = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "CI")}
    process = subprocess.Popen(
        [sys.executable, "-m", "epochal", *arguments],
        cwd=folder,
        env=environ | SHELL,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
    )
    os.close(theirs)
    output = bytearray()
    while True:
        try:
            piece = os.read(ours, 65536)
        except OSError:  # the terminal has no other side any more
            break
        if not piece:
            break
        output += piece
    os.close(ours)
    if process.wait() != 0:
        sys.exit(f"epochal {' '.join(arguments)} failed:\n{output.decode()}")
    return output.decode()


def shell(folder: Path, *commands: list[str]) -> str:
    """Gives the commands with what they print, paths of this computer shortened."""
    parts = []
    for command in commands:
        printed = run(folder, *command).replace(f"{folder}{os.sep}", "")
        program = str(Path(sys.executable).parent / "epochal")
        module = str(Path(__file__).parents[1] / "src" / "epochal" / "__main__.py")
        for here in (program, module):
            printed = printed.replace(here, "epochal")
        parts.append(prompt(*command) + printed)
    return "\n".join(parts)


def prompt(*arguments: str) -> str:
    """Gives a command as it is typed."""
    quoted = [f'"{each}"' if " " in each else each for each in arguments]
    return f"\x1b[1m$ epochal {' '.join(quoted)}\x1b[0m\n"


def last_frame(printed: str) -> str:
    """Gives what stays on the screen: the text before the bars, their end, and the text after."""
    frames = REDRAWN.split(printed)
    return frames[0] + "".join(frames[-1:] if len(frames) == 1 else tail(frames))


def tail(frames: list[str]) -> list[str]:
    """Gives the last drawing of the bars and all that follows it, without what was in between."""
    bars = [i for i, frame in enumerate(frames[1:], start=1) if "seed 1" in frame]
    after = frames[bars[-1] :] if bars else frames[1:]
    return [frame for frame in after if not frame.rstrip().endswith("drawing")]


def draw(name: str, printed: str) -> None:
    """Writes a picture of text with colors."""
    with open(os.devnull, "w", encoding="utf-8") as nowhere:
        console = Console(record=True, width=COLUMNS, file=nowhere, force_terminal=True)
        for line in printed.replace("\r\n", "\n").rstrip().split("\n"):
            console.print(Text.from_ansi(line), soft_wrap=True)
        svg = console.export_svg(title="", code_format=template(), unique_id=f"epochal-{name}")
    path = PICTURES / f"{name}.svg"
    path.write_text(TEXT.sub(dotted, svg), encoding="utf-8")
    print(path)  # noqa: T201 - what a script has done


def dotted(found: re.Match[str]) -> str:
    """Gives text in Braille, of which curves are made, as dots: few fonts have these letters."""
    text = html.unescape(found["text"])
    if not any("\u2800" <= letter <= "\u28ff" for letter in text):
        return found[0]
    if not all("\u2800" <= letter <= "\u28ff" or letter.isspace() for letter in text):
        return found[0].replace("\u2800", "&#160;")
    left, baseline = float(found["x"]), float(found["y"])
    step = float(found["width"]) / len(text)
    dots = [
        f"M{left + step * (i + 0.2 + column / 2):.1f},{baseline - 16.5 + 6.1 * row:.1f}h3v3h-3z"
        for i, letter in enumerate(text)
        for bit, (column, row) in enumerate(DOTS)
        if "\u2800" < letter <= "\u28ff" and (ord(letter) - 0x2800) >> bit & 1
    ]
    return f'<path class="{found["style"]}" d="{"".join(dots)}"/>' if dots else ""


def template() -> str:
    """Gives Rich's template without its fonts from the web and its remark."""
    text = re.sub(r"@font-face \{\{.*?\}\}", "", CONSOLE_SVG_FORMAT, flags=re.DOTALL)
    text = re.sub(r"<!--.*?-->", "", text, flags=re.DOTALL)
    text = re.sub(r"font-family: [^;]+;", f"font-family: {FONTS};", text)
    return re.sub(r"\n\s*\n+", "\n", text)


if __name__ == "__main__":
    main()
