"""What was counted outlives a restart, a power cut, and whatever stands in the file's place."""

from __future__ import annotations

import errno
import json
import logging
import os
from collections.abc import Mapping
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from device.adapters.meter_store import (
    FILE_NAME,
    Kept,
    MeterStore,
    UnreadableError,
    read_days,
    state_file,
)
from device.core.meter_totals import Day, Totals

TODAY = date(2026, 11, 22)


def days() -> Mapping[date, Day]:
    return {
        date(2026, 11, 21): Day({"wiro": Totals(priced_usd=0.25, turns=3)}),
        TODAY: Day(
            {
                "openai_realtime": Totals(audio_in=1200, cached_audio_in=300, microphone_s=12.5),
                "gemini": Totals(unpriced=1, sessions=1),
            },
            {"daily_usd": 1},
        ),
    }


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / FILE_NAME


def test_what_was_saved_is_loaded(path: Path) -> None:
    assert MeterStore(path).save(days())
    assert MeterStore(path).load() == days()


def test_nothing_is_loaded_where_nothing_is(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    assert MeterStore(path).load() == {}
    assert read_days(path) == Kept()
    assert not caplog.records  # the first start is no trouble


def test_only_the_newest_is_left_in_the_directory(path: Path) -> None:
    store = MeterStore(path)
    for _ in range(3):
        store.save(days())
    assert [entry.name for entry in path.parent.iterdir()] == [FILE_NAME]


def test_a_power_cut_while_writing_leaves_what_was_there(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = MeterStore(path)
    store.save(days())

    def cut(self: Path, target: Path) -> Path:
        raise SystemExit

    monkeypatch.setattr(Path, "replace", cut)
    with pytest.raises(SystemExit):
        store.save({})
    assert MeterStore(path).load() == days()


def test_it_is_on_the_disk_before_it_takes_the_place_of_the_old_one(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[str] = []
    fsync, replace = os.fsync, Path.replace

    def note_fsync(descriptor: int) -> None:
        done.append("directory" if os.path.isdir(f"/proc/self/fd/{descriptor}") else "file")  # noqa: PTH112
        fsync(descriptor)

    def note_replace(self: Path, target: Path) -> Path:
        done.append("replace")
        return replace(self, target)

    monkeypatch.setattr(os, "fsync", note_fsync)
    monkeypatch.setattr(Path, "replace", note_replace)
    MeterStore(path).save(days())
    assert done == ["file", "replace", "directory"]


GOOD = json.dumps({"schema": 1, "days": {"2026-11-22": {"services": {"x": {"turns": 1}}}}})

DAMAGED = {
    "empty": "",
    "blank": " \n",
    "torn": GOOD[:-9],
    "binary": "\0" * 400,
    "a list": "[]",
    "foreign": '{"temperature": 21}',
    "newer": '{"schema": 2, "days": {}}',
    "no days": '{"schema": 1}',
    "days are a list": '{"schema": 1, "days": []}',
    "no date": GOOD.replace("2026-11-22", "yesterday"),
    "no such date": GOOD.replace("2026-11-22", "2026-02-30"),
    "services are text": '{"schema": 1, "days": {"2026-11-22": {"services": "all"}}}',
    "a sum is text": GOOD.replace(": 1}", ': "1"}'),
    "a sum is true": GOOD.replace(": 1}", ": true}"),
    "a sum is below 0": GOOD.replace(": 1}", ": -1}"),
    "a sum is no number": GOOD.replace(": 1}", ": NaN}"),
    "a sum is infinite": GOOD.replace(": 1}", ": Infinity}"),
    "a sum is huge": GOOD.replace(": 1}", f": 1{'0' * 400}}}"),
    "too deep": "[" * 100_000,
    "too large": " " * (1 << 20) + GOOD,
}


@pytest.mark.parametrize("text", DAMAGED.values(), ids=DAMAGED.keys())
def test_what_cannot_be_used_is_put_aside_and_told_of(
    path: Path, text: str, caplog: pytest.LogCaptureFixture
) -> None:
    path.parent.mkdir()
    path.write_text(text)
    store = MeterStore(path)
    assert store.load() == {}
    assert [record.levelno for record in caplog.records] == [logging.WARNING]
    assert path.with_name("cost.json.unreadable").read_text() == text
    assert store.save(days())
    assert MeterStore(path).load() == days()


def test_the_good_file_of_these_tests_is_good(path: Path) -> None:
    path.parent.mkdir()
    path.write_text(GOOD)
    assert MeterStore(path).load() == {TODAY: Day({"x": Totals(turns=1)})}


def test_sums_of_a_later_version_are_passed_over(path: Path) -> None:
    path.parent.mkdir()
    path.write_text(GOOD.replace('"turns": 1', '"turns": 1, "smell_in": 7'))
    assert MeterStore(path).load() == {TODAY: Day({"x": Totals(turns=1)})}


@given(st.text(max_size=60) | st.binary(max_size=60).map(lambda b: b.decode("latin-1")))
def test_no_content_makes_it_fail(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    path = tmp_path_factory.mktemp("store") / FILE_NAME
    path.write_text(text, encoding="latin-1", errors="replace")
    assert MeterStore(path).load() == {}


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS, errno.EIO])
def test_a_disk_that_takes_nothing_is_told_of_once(
    path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, number: int
) -> None:
    def refuse(descriptor: int) -> None:
        raise OSError(number, os.strerror(number))

    store = MeterStore(path)
    with monkeypatch.context() as patch, caplog.at_level(logging.INFO):
        patch.setattr(os, "fsync", refuse)
        assert [store.save(days()) for _ in range(3)] == [False] * 3
    [told] = caplog.records
    assert os.strerror(number) in told.getMessage()
    with caplog.at_level(logging.INFO):
        assert store.save(days())
        assert store.save(days())
    assert ["again" in record.getMessage() for record in caplog.records] == [False, True]


def test_a_place_that_is_a_directory_is_no_place(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path.mkdir(parents=True)
    assert not MeterStore(path).save(days())
    with pytest.raises(UnreadableError, match="cannot be read"):
        read_days(path)


def test_where_it_may_not_be_read_counting_begins_anew(
    path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    MeterStore(path).save(days())

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    assert MeterStore(path).load() == {}
    assert "may not be read" in caplog.text


def test_where_the_file_is() -> None:
    assert state_file("", {}) == Path("/var/lib/parlor/cost.json")
    environ = {"STATE_DIRECTORY": "/var/lib/one:/var/lib/two"}
    assert state_file("", environ) == Path("/var/lib/one/cost.json")
    assert state_file("/data", environ) == Path("/data/cost.json")
