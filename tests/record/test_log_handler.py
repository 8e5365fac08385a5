"""A handler for Python's `logging`: every message recorded once, and never in circles."""

import json
import logging
import logging.config
import threading

import pytest
from recorded import recorded, run_script

from epochal.record.log_handler import LIMIT, LogHandler
from epochal.record.terminal import EVENT_BYTES


@pytest.fixture
def logger():
    """A logger of the test's own that tells nobody else."""
    made = logging.Logger("test.own")  # noqa: LOG001 - in no registry: gone with the test
    yield made
    for handler in made.handlers:
        handler.close()


def messages(run) -> list[tuple[str, str, str]]:
    """(level, logger, text) of all that was recorded through `logging`."""
    return [
        (data["level"], data["logger"], data["text"])
        for data in recorded(run.dir).kinds("console")
        if data["stream"] == "log"
    ]


def test_messages(run, logger):
    """Level, name of the logger and the formatted text are recorded."""
    logger.addHandler(LogHandler(run))
    logger.info("%d files", 3)
    logger.warning("two\nlines")
    logger.log(35, "own level")
    run.finish()
    assert messages(run) == [
        ("INFO", "test.own", "3 files"),
        ("WARNING", "test.own", "two\nlines"),
        ("Level 35", "test.own", "own level"),
    ]


def test_exceptions_and_stacks(run, logger):
    """Tracebacks and stacks are part of the text."""
    logger.addHandler(LogHandler(run))
    try:
        {}["absent"]
    except KeyError:
        logger.exception("failed")
    logger.info("here", stack_info=True)
    run.finish()
    (_, _, failed), (_, _, here) = messages(run)
    assert failed.startswith("failed\nTraceback (most recent call last):")
    assert failed.endswith("KeyError: 'absent'")
    assert "test_exceptions_and_stacks" in here


def test_levels_formatters_and_filters(run, logger):
    """Everything that handlers can do, this one can."""
    handler = LogHandler(run, level="WARNING")
    handler.setFormatter(logging.Formatter("<%(message)s>"))
    handler.addFilter(lambda record: "secret" not in record.getMessage())
    logger.addHandler(handler)
    logger.info("too low")
    logger.error("a secret")
    logger.error("said")
    run.finish()
    assert messages(run) == [("ERROR", "test.own", "<said>")]


def test_the_current_run(new_run, logger):
    """Without a run of its own the handler asks which one is current, message by message."""

    class Current(LogHandler):
        """Bound as the composition root does it."""

        current = staticmethod(lambda: now)

    logger.addHandler(Current())
    now = None
    logger.info("nobody hears this")
    first, second = new_run(), new_run()
    for now in (first, second):
        logger.info("to %s", now.id)
    for run in (first, second):
        run.finish()
        assert messages(run) == [("INFO", "test.own", f"to {run.id}")]


def test_after_the_end(run, logger):
    """Messages to a run that has ended are passed over, and are no problem of the run."""
    logger.addHandler(LogHandler(run))
    logger.info("before")
    run.finish()
    logger.info("after")
    assert [text for _, _, text in messages(run)] == ["before"]
    assert run.health().problems == {}


def test_own_messages_are_recorded(run):
    """What Epochal itself says is recorded like anything else."""
    own, handler = logging.getLogger("epochal"), LogHandler(run)
    own.addHandler(handler)
    try:
        run.log({"bad": object()}, step=1)
    finally:
        own.removeHandler(handler)
    run.finish()
    ((level, name, text),) = messages(run)
    assert (level, name) == ("WARNING", "epochal")
    assert "'bad'" in text


def test_a_message_inside_a_message(run, logger):
    """A message that comes up while another is recorded does not start a circle."""

    class Chatty:
        def __str__(self):
            logger.warning("inner %s", self)
            return "text"

    logger.addHandler(LogHandler(run))
    logger.warning("outer %s", Chatty())
    logger.warning("next")
    run.finish()
    assert [text for _, _, text in messages(run)] == ["outer text", "next"]


def test_a_failure_to_record_is_told_once(tmp_path):
    """Where recording fails and says so through the same handler, all goes on."""
    output, errors = run_script(
        """
        import logging, os, sys, epochal
        from epochal.record.log_handler import LogHandler
        run = epochal.init(project="p", dir=sys.argv[1], follow="off", capture_environment=False)
        logging.getLogger().addHandler(LogHandler(run))
        run._channel.recorder.close()  # as when the run ends in another thread
        for n in range(100):
            logging.warning("message %d", n)
        print(run.health().problems["event"])
        """,
        tmp_path,
    )
    assert output.strip() == "100"
    assert errors == ""


def test_wrong_arguments(run, logger, capsys):
    """A message that cannot be formatted is told as `logging` does it, and nothing raises."""
    logger.addHandler(LogHandler(run))
    logger.warning("%d files", "three")
    logger.warning("next")
    run.finish()
    assert "--- Logging error ---" in capsys.readouterr().err
    assert [text for _, _, text in messages(run)] == ["next"]


def test_colors_and_secrets(run, logger):
    """Colors go, and what looks like a secret is hidden."""
    logger.addHandler(LogHandler(run))
    logger.info("\x1b[31mred\x1b[0m token=%s", "abcdef1234567")
    run.finish()
    assert messages(run) == [("INFO", "test.own", "red token=[redacted]")]


def test_a_long_message(run, logger):
    """It comes in several events, of which none is too large."""
    logger.addHandler(LogHandler(run))
    text = "\n".join(["a line with äöü"] * 5000)
    logger.info(text)
    run.finish()
    parts = [text for _, _, text in messages(run)]
    assert all(len(part.encode()) <= EVENT_BYTES for part in parts)
    assert "\n".join(parts) == text


def test_a_flood(new_run, logger, monkeypatch):
    """Beyond about 1 MiB in a second messages are left out, which is said, and counted later."""
    run = new_run()
    clock = [100.0]
    monkeypatch.setattr("epochal.record.log_handler.time.monotonic", lambda: clock[0])
    logger.addHandler(LogHandler(run))
    count = 4 * LIMIT // 10_000
    for n in range(count):
        logger.info("%06d %s", n, "x" * 9_893)
        if n % 10 == 0:
            run.flush()  # a flood of this size in no time is more than the ring holds
    clock[0] += 1
    logger.info("later")
    run.finish()
    found = messages(run)
    kept = [text for _, name, text in found if "xxx" in text]
    assert [int(text[:6]) for text in kept] == list(range(len(kept)))
    assert [text for _, name, text in found if name == "epochal"] == [
        "[messages are left out: over 1 MiB in a second]",
        f"[{count - len(kept):,} messages were left out]",
    ]
    assert found[-1][2] == "later"


def test_many_threads(run, logger):
    """Messages from many threads are all recorded, once each."""
    logger.addHandler(LogHandler(run))

    def work(name):
        for n in range(200):
            logger.info("%d %d", name, n)

    threads = [threading.Thread(target=work, args=(name,)) for name in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    run.finish()
    texts = [text for _, _, text in messages(run)]
    assert sorted(texts) == sorted(f"{name} {n}" for name in range(8) for n in range(200))


def test_configured_by_a_dictionary(tmp_path):
    """`logging.config` can make it; `epochal.LogHandler` records to the current run."""
    config = {
        "version": 1,
        "handlers": {"run": {"class": "epochal.LogHandler", "level": "INFO"}},
        "root": {"handlers": ["run"], "level": "DEBUG"},
    }
    output, _ = run_script(
        """
        import json, logging, logging.config, sys, epochal
        logging.config.dictConfig(json.loads(sys.argv[2]))
        logging.info("before there is a run")
        run = epochal.init(project="p", dir=sys.argv[1], follow="off", capture_environment=False)
        logging.getLogger("data").info("hello")
        logging.getLogger("data").debug("too low")
        print(run.dir)
        """,
        tmp_path,
        json.dumps(config),
    )
    (said,) = recorded(output.strip()).kinds("console")
    assert said == {"stream": "log", "text": "hello", "level": "INFO", "logger": "data"}
