"""The doctor on sound: cards, what opens, and what a microphone gives."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from device.adapters.alsa_cards import Card
from device.doctor.check import Status
from device.doctor.sound import Heard, check_cards, check_pcm, listen
from device.errors import AudioError, DeviceBusyError, DeviceMissingError, FormatRefusedError
from tests.cli.failing import raising

USB = Card(0, "Device", "USB Audio", captures=True, plays=True)


def test_no_card_says_what_works_without_one() -> None:
    check = check_cards((), 0, True)
    assert (check.status, check.says) == (Status.FAIL, "there is no sound card on this machine")
    assert "scripts/run --simulate" in check.do


@pytest.mark.parametrize(
    ("cards", "readable", "status", "says"),
    [
        ((USB,), True, Status.OK, "plughw:CARD=Device (USB Audio)"),
        ((USB,), False, Status.FAIL, "this user may not use"),
        ((Card(0, "H", "HDMI", captures=False, plays=True),), True, Status.WARN, "microphone"),
        ((Card(0, "M", "Mic", captures=True, plays=False),), True, Status.WARN, "speaker"),
    ],
)
def test_cards(cards: Sequence[Card], readable: bool, status: Status, says: str) -> None:
    check = check_cards(cards, 2, readable)
    assert check.status is status
    assert says in check.says


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (DeviceMissingError("there is no microphone called x", hint="plug it in"), "called x"),
        (DeviceBusyError("another program holds it: arecord (process 3)", hint="stop it"), "arec"),
        (FormatRefusedError("it runs at 44100 Hz", hint="use plughw"), "44100 Hz"),
        (AudioError("no permission", hint="group audio"), "no permission"),
    ],
)
def test_a_pcm_that_does_not_open(error: AudioError, says: str) -> None:
    check = check_pcm(True, raising(error))
    assert (check.name, check.status) == ("microphone", Status.FAIL)
    assert says in check.says
    assert check.do == error.hint
    assert check.do not in check.says


def test_parlor_itself_may_hold_it() -> None:
    error = DeviceBusyError("another program holds the speaker: parlor (process 9) (default)")
    check = check_pcm(False, raising(error))
    assert (check.status, "parlor itself" in check.says) == (Status.OK, True)


@pytest.mark.parametrize(
    ("heard", "status", "says"),
    [
        (Heard("m: 16000 Hz", 8000, 3277), Status.OK, "loudest sample now 10 %"),
        (Heard("m: 16000 Hz", 8000, 0), Status.WARN, "digital silence"),
        (Heard("m: 16000 Hz", 0, 0), Status.FAIL, "delivers no sound"),
    ],
)
def test_what_a_microphone_gives(heard: Heard, status: Status, says: str) -> None:
    check = check_pcm(True, lambda: heard)
    assert (check.status, says in check.says) == (status, True)


def test_a_speaker_that_opens() -> None:
    check = check_pcm(False, lambda: Heard("s: 48000 Hz, 1 channel"))
    assert (check.name, check.status, check.says) == (
        "speaker",
        Status.OK,
        "s: 48000 Hz, 1 channel",
    )


class FakeMicrophone:
    def __init__(self, reads: list[tuple[int, bytes]]) -> None:
        self._reads = reads

    def read(self) -> tuple[int, bytes]:
        return self._reads.pop(0) if self._reads else (0, b"")


def hear(reads: list[tuple[int, bytes]]) -> tuple[int, int]:
    now = [0.0]

    def sleep(seconds: float) -> None:
        now[0] += seconds

    return listen(FakeMicrophone(reads), 0.5, monotonic=lambda: now[0], sleep=sleep)


def test_listening() -> None:
    loud = np.array([0, -32768, 5], dtype="<i2").tobytes()
    assert hear([(0, b""), (3, loud)]) == (3, 32768)
    assert hear([(-32, b""), (160, bytes(320))]) == (160, 0)
    assert hear([]) == (0, 0)
    assert hear([(600, loud * 200), (600, loud * 200), (600, loud * 200)])[0] == 1200, "enough"
