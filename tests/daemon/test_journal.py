"""Log lines: where they go, and what they never show."""

from __future__ import annotations

import io
import logging
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from device.adapters.journal import (
    REPEAT_S,
    MaskSecrets,
    SameAgain,
    is_journal,
    set_level,
    start_logging,
)
from device.secrets import Secret

KEY = "abcdefgh12345678"


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    root, ours = logging.getLogger(), logging.getLogger("device")
    before = (root.handlers[:], root.level, ours.level)
    yield
    root.handlers[:], root.level, ours.level = before[0], before[1], before[2]
    logging.getLogger().setLevel(before[1])
    ours.setLevel(before[2])


@pytest.fixture
def out() -> io.StringIO:
    return io.StringIO()


def started(out: io.StringIO, level: str = "info") -> tuple[MaskSecrets, logging.Logger]:
    mask = start_logging(level, {}, out)
    mask.register(Secret(KEY))
    return mask, logging.getLogger("device.test")


def test_plain_lines(out: io.StringIO) -> None:
    _, log = started(out)
    log.info("hello %s", "there")
    log.debug("not shown")
    assert out.getvalue() == "INFO    device.test: hello there\n"


def test_starting_again_does_not_double_lines(out: io.StringIO) -> None:
    started(out)
    _, log = started(out)
    log.info("once")
    assert out.getvalue().count("once") == 1


@pytest.mark.parametrize(
    ("ours", "theirs", "level"),
    [(True, False, "debug"), (True, False, "info"), (False, False, "warning")],
)
def test_levels(out: io.StringIO, ours: bool, theirs: bool, level: str) -> None:
    _, log = started(out, level)
    log.info("ours")
    logging.getLogger("websockets.client").debug("theirs")
    assert ("ours" in out.getvalue()) is ours
    assert ("theirs" in out.getvalue()) is theirs


def test_the_level_is_live(out: io.StringIO) -> None:
    _, log = started(out, "error")
    log.debug("before")
    set_level("debug")
    log.debug("after")
    assert "before" not in out.getvalue()
    assert "after" in out.getvalue()


# --- secrets ---------------------------------------------------------------------------


def test_a_registered_key_is_masked_wherever_it_stands(out: io.StringIO) -> None:
    _, log = started(out)
    log.info("message %s", KEY)
    log.info("in arguments %(key)s", {"key": f"x{KEY}y"})
    log.info(f"in the text {KEY}")
    log.info("in an object %r", [KEY])
    try:
        raise ValueError(f"in an error {KEY}")
    except ValueError:
        log.exception("failed")
    log.warning("in a stack", stack_info=True)
    text = out.getvalue()
    assert KEY not in text
    assert text.count("***") >= 5
    assert "ValueError: in an error ***" in text
    assert "Traceback" in text
    assert "Stack (most recent call last)" in text


@pytest.mark.parametrize(
    "text",
    [
        "key sk-proj-Ab12_cd-34ef",
        "ek_68af296e8e408191a1120ab6383263c2",
        "Authorization: Bearer abcdefghijklmnop",
        "{'Authorization': 'Bearer eyJhbGciOi.JIUzI1NiJ9'}",
    ],
)
def test_what_looks_like_a_key_is_masked(out: io.StringIO, text: str) -> None:
    _, log = started(out)
    log.info(text)
    assert "***" in out.getvalue()
    for secret in ("Ab12", "68af", "abcdefghijkl", "eyJh"):
        assert secret not in out.getvalue()


@pytest.mark.parametrize("text", ["the task-force", "risk-free living", "week_day", "a bearer"])
def test_innocent_words_stay(out: io.StringIO, text: str) -> None:
    _, log = started(out)
    log.info(text)
    assert text in out.getvalue()


def test_very_short_values_are_not_masked() -> None:
    mask = MaskSecrets()
    mask.register(Secret("a"))
    mask.register(Secret(""))
    assert mask.mask("banana") == "banana"


def test_a_longer_key_that_holds_a_shorter_one() -> None:
    mask = MaskSecrets()
    mask.register(Secret("abcdef"))
    mask.register(Secret("abcdefgh"))
    assert mask.mask("abcdefgh abcdef") == "*** ***"


def test_bad_arguments_do_not_lose_the_line(out: io.StringIO) -> None:
    _, log = started(out)
    log.info("two %s %s", "one")  # noqa: PLE1206 -- the mistake under test
    assert "two %s %s (bad log arguments" in out.getvalue()


# --- the journal -------------------------------------------------------------------------


def test_the_journal_is_recognised_by_device_and_inode(tmp_path: Path) -> None:
    with (tmp_path / "stream").open("w") as stream:
        info = os.fstat(stream.fileno())
        assert is_journal(stream, {"JOURNAL_STREAM": f"{info.st_dev}:{info.st_ino}"})
        assert not is_journal(stream, {"JOURNAL_STREAM": f"{info.st_dev}:{info.st_ino + 1}"})
        assert not is_journal(stream, {"JOURNAL_STREAM": "junk"})
        assert not is_journal(stream, {})
    assert not is_journal(io.StringIO(), {"JOURNAL_STREAM": "1:2"})


def test_in_the_journal_lines_have_levels(tmp_path: Path) -> None:
    with (tmp_path / "stream").open("w") as stream:
        info = os.fstat(stream.fileno())
        start_logging("info", {"JOURNAL_STREAM": f"{info.st_dev}:{info.st_ino}"}, stream)
        (handler,) = logging.getLogger().handlers
        sent: list[tuple[str, dict[str, object]]] = []
        handler.send = lambda text, /, **fields: sent.append((text, fields))  # type: ignore[attr-defined]
        logging.getLogger("device.test").warning("low %s", "sk-proj-abcdefgh")
    ((message, fields),) = sent
    assert message == "low ***"
    assert fields["PRIORITY"] == "4"
    assert fields["SYSLOG_IDENTIFIER"] == "parlor"
    assert "abcdefgh" not in str(fields)


def test_the_same_warning_is_told_once_in_a_while(out: io.StringIO) -> None:
    _, log = started(out)
    for _ in range(5):
        log.warning("chmod 600 %s", "key")
        log.info("tried")
    log.warning("chmod 600 %s", "other")
    assert out.getvalue().count("chmod 600 key") == 1
    assert out.getvalue().count("chmod 600 other") == 1
    assert out.getvalue().count("tried") == 5


def record(created: float, name: str = "device.x", level: int = logging.ERROR) -> logging.LogRecord:
    made = logging.LogRecord(name, level, "f", 1, "the %s", ("same",), None)
    made.created = created
    return made


def test_repeats_come_back_after_their_time_and_when_the_clock_is_set_back() -> None:
    same = SameAgain()
    told = [same.filter(record(at)) for at in (0.0, 1.0, REPEAT_S - 1, REPEAT_S, 10.0)]
    assert told == [True, False, False, True, True]


def test_the_timeline_and_errors_with_a_traceback_are_never_held_back() -> None:
    same = SameAgain()
    assert all(same.filter(record(0.0, "parlor.timeline")) for _ in range(3))
    broken = record(0.0)
    broken.exc_info = (ValueError, ValueError(), None)
    assert all(same.filter(broken) for _ in range(3))
    assert all(same.filter(record(float(n), f"device.{n}")) for n in range(1000))
