"""The console: printed as ever, byte for byte, and recorded as it stands in the end."""
# ruff: noqa: T201 - printing is what is tested

import contextlib
import io
import os
import signal
import subprocess
import sys
import textwrap
import threading

import pytest
from recorded import QUIET, recorded, run_script, wait_until

import epochal
from epochal.record import console
from epochal.record.console import Console
from epochal.record.tee import LIMIT
from epochal.record.terminal import EVENT_BYTES


class Heard:
    """A sink that keeps what it was given."""

    def __init__(self):
        self.texts = []

    def __call__(self, stream, text):
        """Keep a text."""
        self.texts.append((stream, text))

    def listen(self, to=None):
        """Begin; a test does so itself, since pytest exchanges the streams before it."""
        self.stop = (to or Console()).listen(self).stop
        return self

    def lines(self, stream="stdout"):
        """All lines of one stream."""
        return [
            line for name, text in self.texts if name == stream for line in text.split("\n")
        ]  # fmt: skip


@pytest.fixture
def quick(monkeypatch):
    """Text is handed over soon, and a silence is short."""
    monkeypatch.setattr(console, "TICK_S", 0.02)
    monkeypatch.setattr(console, "SILENCE_S", 0.2)
    monkeypatch.setattr(console, "STOP_S", 60.0)  # a busy machine may hold up who hands over


@pytest.fixture
def whole(monkeypatch):
    """Text is handed over at the end only: a second may pass at any place of a test."""
    monkeypatch.setattr(console, "TICK_S", 3600.0)


# -- what is printed -------------------------------------------------------------------------

PRINTS = """
    import atexit, logging, os, subprocess, sys, threading, warnings
    early = logging.StreamHandler()  # took hold of sys.stderr before anybody listened
    logging.getLogger().addHandler(early)
    if sys.argv[1] != "plain":
        from epochal.record.console import listen
        listener = listen("{} {}".format)  # a sink that keeps nothing of this script alive
    print("a", 1, sep="\\t", end="\\r\\n")
    print("äöü ∑ 🎉 \\x1b[31mred\\x1b[0m", flush=True)
    print("stderr", file=sys.stderr)
    sys.stdout.writelines(["one\\n", "two", "three\\n"])
    sys.stdout.flush()
    sys.stdout.buffer.write(b"\\xff\\x00 bytes\\n")
    sys.stdout.buffer.flush()
    os.write(1, b"to the descriptor\\n")
    subprocess.run([sys.executable, "-c", "print('a child')"], check=True)
    logging.warning("logged")
    warnings.warn("warned")
    for n in range(3000):
        print(n, "x" * (n % 50), end="\\n" if n % 3 else "")
    try:
        sys.stdout.write(b"no text")
    except TypeError as error:
        print("refused:", error)
    class Last:
        def __del__(self):
            print("deleted")
    last = Last()
    atexit.register(print, "at exit")
    if sys.argv[1] == "stopped":
        listener.stop()
    sys.stdout.flush()
    warnings.simplefilter("ignore")
    if not os.fork():
        print("forked")
        sys.exit()
    os.wait()
    1 / 0
"""


def outputs(code, *args, env=None):
    """Exit status and bytes of both streams of a script."""
    argv = [sys.executable, "-c", textwrap.dedent(code), *map(str, args)]
    done = subprocess.run(
        argv, capture_output=True, env={**os.environ, **(env or {})}, check=False, timeout=120
    )
    return done.returncode, done.stdout, done.stderr


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.parametrize("env", [{}, {"PYTHONUNBUFFERED": "1"}, {"PYTHONUTF8": "1"}])
def test_output_is_the_same(env):
    """With and without recording a program prints the same bytes, to its last breath."""
    plain = outputs(PRINTS, "plain", env=env)
    assert plain[0] == 1
    last = [b"forked", b"at exit", b"deleted", b"at exit", b"deleted"]
    assert plain[1].splitlines()[-5:] == last
    assert b"ZeroDivisionError" in plain[2]
    assert outputs(PRINTS, "stopped", env=env) == plain
    assert outputs(PRINTS, "never stopped", env=env) == plain


def test_streams_stay_what_they_are(capsys):
    """Not the stream is exchanged but its `write`, and afterwards everything is as before."""
    stream, attributes = sys.stdout, dict(vars(sys.stdout))
    encoding = stream.encoding
    listener = Console().listen(Heard())
    assert sys.stdout is stream
    assert isinstance(stream, io.TextIOBase)
    assert (stream.isatty(), stream.encoding, stream.errors) == (False, encoding, "strict")
    assert stream.write("äöü\n") == 4
    assert (stream.writable(), stream.readable(), stream.closed) == (True, True, False)
    listener.stop()
    assert vars(stream) == attributes
    assert capsys.readouterr().out == "äöü\n"


def test_errors_are_the_original_ones(monkeypatch):
    """What the original raises is raised; what was not printed is not recorded."""
    stream, kept = io.TextIOWrapper(io.BytesIO(), encoding="ascii"), Heard()
    monkeypatch.setattr(sys, "stdout", stream)
    listener = Console().listen(kept)
    print("fine")
    with pytest.raises(UnicodeEncodeError):
        print("ä")
    with pytest.raises(TypeError):
        stream.write(7)
    stream.close()
    with pytest.raises(ValueError, match="closed"):
        print("too late")
    listener.stop()
    assert kept.lines() == ["fine"]


def test_a_reader_that_goes_away():
    """A closed pipe is the program's own error, as without recording."""
    code = """
        import sys
        from epochal.record.console import listen
        listener = listen(lambda stream, text: None)
        try:
            while True:
                print("x" * 1000)
        except BrokenPipeError:
            sys.stderr.write("broken")
            sys.stderr.flush()
            import os
            os._exit(0)
    """
    argv = [sys.executable, "-c", textwrap.dedent(code)]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        process.stdout.read(10)
        process.stdout.close()
        assert process.stderr.read() == b"broken"
    assert process.returncode == 0


def test_no_streams(monkeypatch):
    """A program without a console, or with a stream that allows no change, just runs."""

    class Sealed:
        __slots__ = ("text",)

        def write(self, text):
            self.text = text
            return len(text)

    monkeypatch.setattr(sys, "stdout", None)
    monkeypatch.setattr(sys, "stderr", Sealed())
    kept = Heard()
    listener = Console().listen(kept)
    print("nobody sees this")
    print("this", file=sys.stderr, end="")
    listener.stop()
    assert sys.stderr.text == ""  # print ends by writing its empty end
    assert kept.texts == []


# -- what is recorded ------------------------------------------------------------------------


@pytest.mark.usefixtures("whole", "capsys")
def test_lines():
    """Lines of both streams, in order, the last one without its end."""
    heard = Heard().listen()
    print("one")
    print("two", "three", sep="\n")
    print("error", file=sys.stderr)
    print()
    print("  indented\twith tabs  ")
    sys.stdout.writelines(["four\n", "fi", "ve\n"])
    print("last", end="")
    heard.stop()
    assert heard.lines() == [
        "one", "two", "three", "", "  indented\twith tabs  ", "four", "five", "last",
    ]  # fmt: skip
    assert heard.lines("stderr") == ["error"]
    first = [text for _, text in heard.texts].index("error")
    assert heard.texts[:first] == [("stdout", "one\ntwo\nthree")]
    print("afterwards")
    assert "afterwards" not in heard.lines()


@pytest.mark.usefixtures("capsys")
def test_text_of_any_script():
    """Letters of any script, lone surrogates and null characters do no harm."""
    heard = Heard().listen()
    text = "ä∑🎉\u202e日本語" * 10
    print(text)
    print("\x00bell\x07")
    with contextlib.suppress(UnicodeEncodeError):
        print("\ud800")
    heard.stop()
    assert heard.lines()[:2] == [text, "bell"]


@pytest.mark.usefixtures("quick", "capsys")
def test_handed_over_while_the_program_runs():
    """Lines come by themselves; one without an end comes when nothing follows for a while."""
    kept = Heard()
    listener = Console().listen(kept)
    print("line\nquestion? ", end="")
    assert wait_until(lambda: kept.lines() == ["line", "question?"])
    print()  # the end of what was recorded already
    print("next")
    assert wait_until(lambda: kept.lines() == ["line", "question?", "next"])
    listener.stop()
    assert len(kept.lines()) == 3


@pytest.mark.usefixtures("whole", "capsys")
def test_tqdm():
    """A real bar becomes one line, as it stood in the end; what it wrote between stays."""
    heard = Heard().listen()
    from tqdm import tqdm, trange

    for _ in tqdm(range(3), desc="outer", mininterval=0):
        for _ in trange(5, desc="inner", leave=False, mininterval=0):
            pass
    for n in trange(4, desc="ünï", mininterval=0):
        if n == 2:
            tqdm.write("note", file=sys.stderr)
    heard.stop()
    outer, note, last = [line for line in heard.lines("stderr") if line.strip()]
    assert outer.startswith("outer: 100%|")
    assert "3/3" in outer
    assert note == "note"
    assert last.startswith("ünï: 100%|")


@pytest.mark.usefixtures("whole", "capsys")
def test_rich():
    """A real display of several bars is recorded once, without colors, with what was printed."""
    heard = Heard().listen()
    from rich.console import Console as Screen
    from rich.progress import Progress

    with Progress(console=Screen(force_terminal=True, width=80, file=sys.stdout)) as progress:
        first = progress.add_task("[red]first", total=20)
        second = progress.add_task("second", total=20)
        for n in range(20):
            progress.update(first, advance=1, refresh=True)
            progress.update(second, advance=1, refresh=True)
            if n == 10:
                progress.console.print("[bold]between")
    print("after")
    heard.stop()
    lines = heard.lines()
    assert [line.split()[0] for line in lines] == ["between", "first", "second", "after"]
    assert all("100%" in line for line in lines[1:3])
    assert "\x1b" not in "".join(lines)


def test_redirected(capsys):
    """What is redirected elsewhere is not on the console and not recorded."""
    heard = Heard().listen()
    print("before")
    with contextlib.redirect_stdout(io.StringIO()) as buffer:
        print("inside")
    print("after")
    heard.stop()
    assert buffer.getvalue() == "inside\n"
    assert heard.lines() == ["before", "after"]
    assert capsys.readouterr().out == "before\nafter\n"


def test_a_stream_of_another_kind(monkeypatch):
    """Streams of notebooks and IDEs, which are Python classes, are recorded too."""

    class Cell(io.TextIOBase):
        def __init__(self):
            self.cells = []

        def write(self, string: str) -> int:
            self.cells.append(string)
            return len(string)

    class Wrapper:
        def __init__(self, inner):
            vars(self)["_inner"] = inner

        def write(self, text):
            self._inner.write(text)

        def __getattr__(self, name):
            return getattr(self._inner, name)

        def __setattr__(self, name, value):
            setattr(self._inner, name, value)

    cell, wrapper, kept = Cell(), Wrapper(io.StringIO()), Heard()
    monkeypatch.setattr(sys, "stdout", cell)
    monkeypatch.setattr(sys, "stderr", wrapper)
    listener = Console().listen(kept)
    print("hello")
    print("error", file=sys.stderr)
    assert sys.stderr.write("x\n") is None  # as its class has it
    listener.stop()
    assert cell.cells == ["hello", "\n"]
    assert wrapper.getvalue() == "error\nx\n"
    assert (kept.lines(), kept.lines("stderr")) == (["hello"], ["error", "x"])
    assert "write" not in vars(cell) | vars(wrapper) | vars(wrapper._inner)


@pytest.mark.usefixtures("whole")
def test_one_stream_for_both(monkeypatch):
    """Where stderr is stdout, each line is recorded once."""
    stream, kept = io.StringIO(), Heard()
    monkeypatch.setattr(sys, "stdout", stream)
    monkeypatch.setattr(sys, "stderr", stream)
    listener = Console().listen(kept)
    print("a")
    print("b", file=sys.stderr)
    listener.stop()
    assert kept.texts == [("stdout", "a\nb")]


@pytest.mark.usefixtures("capsys")
def test_secrets():
    """What looks like a secret is hidden."""
    heard = Heard().listen()
    print("api_key=abcdef123")
    heard.stop()
    assert heard.lines() == ["api_key=[redacted]"]


# -- several who listen, several who wrap ----------------------------------------------------


@pytest.mark.usefixtures("whole", "capsys")
def test_two_listeners():
    """Both get what is printed while they listen; one that goes leaves the other's line whole."""
    both, first, second = Console(), Heard(), Heard()
    one = both.listen(first)
    print("one")
    two = both.listen(second)
    print("two\nhalf", end="")
    one.stop()
    one.stop()
    print(" and half")
    two.stop()
    assert first.lines() == ["one", "two", "half"]
    assert second.lines() == ["two", "half and half"]


def test_again_and_again(capsys):
    """Listening can begin anew, and nothing is left between or doubled."""
    several = Console()
    for n in range(5):
        kept = Heard()
        listener = several.listen(kept)
        print("line", n, end="")
        listener.stop()
        print("not recorded")
        assert kept.lines() == [f"line {n}"]
    assert capsys.readouterr().out.count("line") == 5
    names = lambda: [thread.name for thread in threading.enumerate()]  # noqa: E731
    wait_until(lambda: "epochal-console" not in names())  # that of another test may be ending


def test_somebody_wraps_us(capsys):
    """A `write` that was put over ours keeps working after us, and lines are recorded once."""
    several, stream, theirs = Console(), sys.stdout, []
    kept = Heard()
    listener = several.listen(kept)
    ours = stream.write
    stream.write = lambda text: (theirs.append(text), ours(text))[1]
    print("one")
    listener.stop()
    print("two")
    assert kept.lines() == ["one"]
    again = Heard()
    listener = several.listen(again)
    print("three")
    listener.stop()
    assert again.lines() == ["three"]
    del stream.write  # they let go of both
    listener = several.listen(again)
    print("four")
    listener.stop()
    assert again.lines() == ["three", "four"]
    assert "".join(theirs) == "one\ntwo\nthree\n"
    assert capsys.readouterr().out == "one\ntwo\nthree\nfour\n"
    assert "write" not in vars(stream)


def test_we_wrap_somebody(capsys):
    """A `write` that was there before us is called, and is there again after us."""
    stream, theirs, kept = sys.stdout, [], Heard()
    inner = stream.write

    def their_write(text):
        theirs.append(text)
        return inner(text)

    stream.write = their_write
    listener = Console().listen(kept)
    print("one")
    listener.stop()
    assert stream.write is their_write
    del stream.write
    assert (kept.lines(), theirs) == (["one"], ["one", "\n"])
    assert capsys.readouterr().out == "one\n"


@pytest.mark.usefixtures("quick", "capsys")
def test_somebody_drops_us():
    """A tool that puts back what it once found takes ours off; it is put on again soon."""
    stream, kept = sys.stdout, Heard()
    theirs = stream.write
    kept.listen()
    print("one")
    stream.write = theirs
    wait_until(lambda: stream.write != theirs)
    print("two")
    stream.write = theirs
    wait_until(lambda: stream.write != theirs)
    print("three")
    kept.stop()
    assert kept.lines() == ["one", "two", "three"]


@contextlib.contextmanager
def cell(outputs):
    """Exchange `write` while a cell of a notebook runs, as IPython does since version 9."""
    stream = sys.stdout
    original_write = stream.write

    def write(data, *args, **kwargs):
        result = original_write(data, *args, **kwargs)
        outputs.append(data)
        return result

    write.__module__ = "IPython.core.interactiveshell"
    stream.write = write
    try:
        yield
    finally:
        stream.write = original_write


def test_cells_of_a_notebook(capsys):
    """Recording that begins in one cell goes on in the next ones and ends in any."""
    several, kept, outputs = Console(), Heard(), []
    with cell(outputs):
        print("zero")
    for turn in ("first", "second"):
        with cell(outputs):
            kept.listen(several)
            print(turn, "one")
        print(turn, "between")
        with cell(outputs):
            print(turn, "two")
        with cell(outputs):
            print(turn, "three")
            kept.stop()
            print(turn, "not recorded")
        print(turn, "not recorded")
    said = ["one", "between", "two", "three"]
    assert kept.lines() == [f"{turn} {word}" for turn in ("first", "second") for word in said]
    assert "".join(outputs).count("\n") == 1 + 2 * 4
    assert len(capsys.readouterr().out.splitlines()) == 1 + 2 * 6
    assert sys.stdout.write == type(sys.stdout).write.__get__(sys.stdout)


@pytest.mark.usefixtures("quick")
def test_a_sink_that_prints_and_raises(capsys):
    """What a sink prints is printed and not recorded, so that nothing goes in circles."""
    several, kept, raised = Console(), Heard(), []

    def sink(stream, text):
        print(f"recorded {text}")
        kept(stream, text)
        raised.append(text)
        raise OSError("no room")

    listener = several.listen(sink)
    print("one")
    wait_until(lambda: raised)
    print("two")
    listener.stop()
    assert kept.lines() == ["one", "two"]
    assert listener.failed == 2
    assert sorted(capsys.readouterr().out.split("\n")) == [
        "", "one", "recorded one", "recorded two", "two",
    ]  # fmt: skip


def test_a_sink_that_hangs(capsys, monkeypatch):
    """Printing and ending go on while a sink does not return."""
    monkeypatch.setattr(console, "TICK_S", 0.02)
    monkeypatch.setattr(console, "STOP_S", 0.1)
    entered, go_on = threading.Event(), threading.Event()

    def sink(*_):
        entered.set()
        go_on.wait()

    listener = Console().listen(sink)
    print("one")
    assert entered.wait(60)
    print("two")
    listener.stop()
    print("three")
    go_on.set()
    assert capsys.readouterr().out == "one\ntwo\nthree\n"


# -- much at once ----------------------------------------------------------------------------


@pytest.mark.usefixtures("quick", "capsys")
def test_many_threads():
    """Whole lines from many threads: each is recorded once, those of a thread in order."""
    kept = Heard()
    listener = Console().listen(kept)

    def work(name):
        for n in range(500):
            sys.stdout.write(f"{name} {n}\n")

    threads = [threading.Thread(target=work, args=(name,)) for name in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    listener.stop()
    lines = kept.lines()
    assert len(lines) == 8 * 500
    for name in range(8):
        assert [line for line in lines if line.startswith(f"{name} ")] == [
            f"{name} {n}" for n in range(500)
        ]


@pytest.mark.usefixtures("capsys")
def test_a_flood():
    """Beyond about 1 MiB in a second text is left out, and a line says how much."""
    heard = Heard().listen()
    line = "x" * 99 + "\n"
    for _ in range(3 * LIMIT // 100):
        sys.stdout.write(line)
    sys.stdout.write("y" * (2 * LIMIT) + "\n")
    heard.stop()
    told = [line for line in heard.lines() if line.startswith("[")]
    kept = sum(len(line) + 1 for line in heard.lines() if line.startswith("x"))
    lost = sum(int(line[1:].split()[0].replace(",", "")) for line in told)
    assert kept + lost == 3 * LIMIT // 100 * 100 + 2 * LIMIT + 1
    assert kept >= LIMIT * 0.8


@pytest.mark.usefixtures("capsys")
def test_size_of_events():
    """No event is larger than it may be, whatever the lines are; nothing of them is lost."""
    heard = Heard().listen()
    lines = ["a" * 50_000, "ä🎉" * 9_000, *("short" for _ in range(5_000)), "x\\" * 20_000]
    for line in lines:
        print(line)
    heard.stop()
    assert max(len(text.encode()) for _, text in heard.texts) <= EVENT_BYTES
    assert "".join(heard.lines()) == "".join(lines)


# -- processes and signals -------------------------------------------------------------------


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="needs timers")
def test_prints_in_signal_handlers():
    """A handler that prints while the program prints: all that was printed is recorded."""
    output, errors = run_script("""
        import signal, sys
        from epochal.record import console
        console.TICK_S = 0.01
        heard = []
        listener = console.listen(lambda stream, text: heard.extend(text.split("\\n")))
        printed = {"handler": 0, "main": 0}
        def handler(*_):
            try:
                sys.stdout.write("handler\\n")
                printed["handler"] += 1
            except RuntimeError:  # Python's own answer when it interrupts a write
                pass
        signal.signal(signal.SIGALRM, handler)
        signal.setitimer(signal.ITIMER_REAL, 0.0005, 0.0005)
        for n in range(30_000):
            sys.stdout.write("main\\n")
            printed["main"] += 1
        signal.setitimer(signal.ITIMER_REAL, 0)
        listener.stop()
        sys.stderr.write(f"{printed == {k: heard.count(k) for k in printed}} {printed['handler']}")
    """)
    assert errors.split()[0] == "True"
    assert int(errors.split()[1]) > 0
    assert output.count("main\n") == 30_000


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_forked_child():
    """A child prints as ever, records nothing of its parent's, and may listen for itself."""
    output, errors = run_script("""
        import os, sys, threading, warnings
        warnings.simplefilter("ignore")
        from epochal.record import console
        console.SILENCE_S = 3600.0  # half a line is held for as long as the child takes
        heard = []
        listener = console.listen(lambda stream, text: heard.append(text))
        print("parent", end=" ", flush=True)
        child = os.fork()
        if not child:
            print("child", flush=True)
            own = []
            listener.stop()
            mine = console.listen(lambda stream, text: own.append(text))
            print("own", flush=True)
            mine.stop()
            sys.stderr.write(f"child {heard} {own} {'write' in vars(sys.stdout)}\\n")
            sys.stderr.flush()
            os._exit(0)
        os.waitpid(child, 0)
        print("goes on")
        listener.stop()
        sys.stderr.write(f"parent {heard}\\n")
    """)
    assert output == "parent child\nown\ngoes on\n"
    assert errors.splitlines() == ["child [] ['own'] False", "parent ['parent goes on']"]


# -- a run -----------------------------------------------------------------------------------


def test_a_run_with_its_console():
    """`console=True` records what a program prints, its traceback too."""
    output, errors = run_script(
        """
        import sys, tempfile, epochal
        run = epochal.init(project="p", dir=tempfile.mkdtemp(), console=True, follow="off",
                           capture_environment=False)
        print(run.dir)
        sys.stderr.write("warned")
        raise RuntimeError("the end")
        """,
        returncode=1,
    )
    found = recorded(output.strip())
    said = {}
    for data in found.kinds("console"):
        assert set(data) == {"stream", "text"}
        said.setdefault(data["stream"], []).append(data["text"])
    assert said["stdout"] == [output.strip()]
    assert "\n".join(said["stderr"]) == errors.strip()
    assert "RuntimeError: the end" in errors
    assert found.states() == ["failed"]


def test_two_runs_with_their_consoles(tmp_path, capsys):
    """Two runs at once both record what is printed meanwhile."""
    options = {**QUIET, "dir": str(tmp_path), "console": True}
    with epochal.init(**options) as one:
        print("one")
        with epochal.init(**options) as two:
            print("both")
        print("one again")
    text = {run: [d["text"] for d in recorded(run.dir).kinds("console")] for run in (one, two)}
    assert "\n".join(text[one]) == "one\nboth\none again"
    assert "\n".join(text[two]) == "both"
    assert capsys.readouterr().out == "one\nboth\none again\n"


def test_a_run_without_its_console(new_run, capsys):
    """Unless it is asked for, nothing is recorded and the streams are not touched."""
    run = new_run()
    print("hello")
    assert "write" not in vars(sys.stdout)
    run.finish()
    assert recorded(run.dir).kinds("console") == []
    assert capsys.readouterr().out == "hello\n"
