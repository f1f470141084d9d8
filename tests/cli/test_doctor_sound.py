"""The doctor on sound: cards, what opens, and what a microphone gives."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from device.adapters.alsa import PcmRequest
from device.adapters.alsa_cards import Card
from device.audio.microphones.faults import ChannelFault, FaultKind
from device.audio.microphones.health import MicHealth
from device.doctor.check import Check, Status
from device.doctor.sound import LISTEN_CLOSELY_S, PACE, Heard, check_cards, check_pcm, listen
from device.errors import AudioError, DeviceBusyError, DeviceMissingError, FormatRefusedError
from device.fakes_audio import FakeMicrophone as FakeCard
from device.ports import Samples
from tests.array import sounds
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


# --- its health --------------------------------------------------------------------------


class Ticking:
    """A clock that goes on by what is slept."""

    def __init__(self) -> None:
        self.now = 50.0

    def monotonic(self) -> float:
        return self.now

    def wall(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def examined(sound: Samples, rate_hz: int = 16_000, true_hz: int | None = None) -> Check:
    """The doctor's verdict on a microphone that hears ``sound``, int16 (n, channels)."""
    clock, channels = Ticking(), sound.shape[1]
    card = FakeCard(clock)
    pcm = card.open(PcmRequest("mic", True, rate_hz, channels, rate_hz // 100, 50))
    true_hz = true_hz or rate_hz
    given = 0

    class Hearing:
        """The fake card's timing, ``sound`` in place of its counter."""

        def read(self) -> tuple[int, bytes]:
            nonlocal given
            pcm.read()
            count = min(
                rate_hz // 100, int((clock.now - 50.0) * true_hz) - given, len(sound) - given
            )
            given += max(count, 0)
            return max(count, 0), sound[given - max(count, 0) : given].tobytes()

    health = MicHealth(rate_hz, range(channels), pace=PACE)
    frames, peak = listen(
        Hearing(),
        LISTEN_CLOSELY_S,
        monotonic=clock.monotonic,
        sleep=clock.sleep,
        health=health,
        channels=channels,
    )
    return check_pcm(True, lambda: Heard("m: 16000 Hz", frames, peak, health.faults, channels))


@pytest.mark.parametrize(
    ("fault", "says", "do"),
    [
        (sounds.dead, "channel 1 of the microphone gives only digital silence", "its cable"),
        (sounds.stuck, "channel 1 of the microphone always gives the value -32768", "wiring"),
        (sounds.offset, "has a direct voltage of +9 % of full scale", "supply"),
        (sounds.hum(50.0), "hums at 50 Hz", "mains cables"),
        (sounds.hum(60.0), "hums at 60 Hz", "mains cables"),
        (sounds.clipping, "is overdriven", "lower its capture level"),
        (sounds.dropping_out, "dropped out", "USB socket"),
    ],
)
def test_each_fault_of_a_channel_is_said_with_what_to_do(
    fault: sounds.Fault, says: str, do: str
) -> None:
    voice = sounds.babble(6.0, 900.0, 4)
    check = examined(sounds.frames(voice, fault(voice, 16_000)))
    assert (check.name, check.status) == ("microphone", Status.WARN)
    assert says in check.says
    assert do in check.do
    assert "channel 0" not in check.says


def test_a_microphone_that_is_well_passes() -> None:
    assert examined(sounds.frames(sounds.noise(6.0, 3.0))).status is Status.OK
    assert (
        examined(sounds.frames(*[sounds.babble(6.0, 900.0, n) for n in (1, 2)])).status is Status.OK
    )


def test_nothing_left_to_hear_with_is_a_failure() -> None:
    check = examined(np.full((6 * 16_000, 1), -1, np.int16))
    assert (check.status, "only digital silence" in check.says) == (Status.FAIL, True)


def test_a_microphone_that_runs_at_another_rate_is_said() -> None:
    check = examined(sounds.frames(sounds.noise(6.0, 30.0)), true_hz=15_200)
    assert check.status is Status.WARN
    assert "runs at 15" in check.says
    assert "instead of 16000 Hz" in check.says
    assert "capture_rate_hz" in check.do


def test_a_hint_for_several_channels_is_given_once() -> None:
    faults = tuple(
        ChannelFault(n, FaultKind.HUM, f"channel {n} hums", "move the cable", 0) for n in (0, 1)
    )
    check = check_pcm(True, lambda: Heard("m", 80_000, 900, faults, 2))
    assert (check.says, check.do) == ("m; channel 0 hums; channel 1 hums", "move the cable")
