"""What ALSA says, in plain words; and who holds a card."""

from __future__ import annotations

import errno
import os
from dataclasses import replace
from pathlib import Path

import pytest

from device.adapters.alsa import PcmError, PcmRequest, explain, open_pcm
from device.adapters.alsa_cards import Card, holders
from device.errors import AudioError, DeviceBusyError, DeviceMissingError, FormatRefusedError
from device.fakes import FakeClock
from device.fakes_audio import FakeMicrophone

MIC = PcmRequest("hw:CARD=Foo", True, 16000, 1, 160, 20)
FOO = Card(1, "Foo", "Foo, a USB microphone", captures=True, plays=False)
INVALID = os.strerror(errno.EINVAL)


def present(_proc_asound: Path) -> tuple[Card, ...]:
    return (FOO,)


@pytest.mark.parametrize(
    ("code", "kind", "words"),
    [
        (errno.EBUSY, DeviceBusyError, "another program holds the microphone"),
        (errno.ENODEV, DeviceMissingError, "there is no microphone called hw:CARD=Foo"),
        (errno.ENOENT, DeviceMissingError, "there is no microphone called hw:CARD=Foo"),
        (errno.EINVAL, FormatRefusedError, "refused 16000 Hz with 1 channel"),
        (errno.EACCES, AudioError, "no permission"),
        (errno.EIO, AudioError, "cannot be used"),
    ],
)
def test_explanations(tmp_path: Path, code: int, kind: type[AudioError], words: str) -> None:
    error = explain(PcmError(f"{os.strerror(code)} [hw:CARD=Foo]"), MIC, tmp_path, present)
    assert type(error) is kind and words in str(error)
    assert "[hw:CARD=Foo]" not in str(error)


def test_the_holder_is_named(tmp_path: Path) -> None:
    asound = tmp_path / "asound"
    for direction, pid in (("c", 4321), ("p", 99)):
        sub = asound / "card0" / f"pcm0{direction}" / "sub0"
        sub.mkdir(parents=True)
        (sub / "status").write_text(f"state: RUNNING\nowner_pid   : {pid}\n")
    (asound / "card1" / "pcm0c" / "sub0").mkdir(parents=True)
    (asound / "card1" / "pcm0c" / "sub0" / "status").write_text("closed\n")
    (tmp_path / "4321").mkdir()
    (tmp_path / "4321" / "comm").write_text("arecord\n")
    assert holders(True, asound) == ("arecord (process 4321)",)
    assert holders(False, asound) == ("a program (process 99)",)
    error = explain(PcmError(f"{os.strerror(errno.EBUSY)} [x]"), MIC, asound)
    assert "holds the microphone: arecord (process 4321)" in str(error)


def test_a_refused_card_is_closed_again() -> None:
    microphone = FakeMicrophone(FakeClock())
    microphone.channels = 2
    with pytest.raises(FormatRefusedError, match=r"audio\.capture_channels = 2"):
        open_pcm(MIC, microphone.open)
    assert microphone.closed == 1


def test_the_real_library_says_missing() -> None:
    with pytest.raises(DeviceMissingError):
        open_pcm(PcmRequest("hw:CARD=NoSuchCardHere", False, 48000, 1, 480, 20))


@pytest.mark.parametrize(
    ("device", "words"),
    [
        ("hw:99", "there is no card 99; the cards here are Foo (1)"),
        ("plughw:99,0", "there is no card 99; the cards here are Foo (1)"),
        ("plughw:CARD=Bar,DEV=0", "there is no card Bar; the cards here are Foo (1)"),
        ("hw:DEV=0,CARD=Bar", "there is no card Bar; the cards here are Foo (1)"),
        ("front:", "ALSA does not know the device 'front:'"),
        ('plughw:CARD="', "ALSA does not know the device 'plughw:CARD=\"'"),
    ],
)
def test_a_wrong_name_is_not_taken_for_a_wrong_format(
    tmp_path: Path, device: str, words: str
) -> None:
    request = replace(MIC, device=device)
    error = explain(PcmError(f"{INVALID} [{device}]"), request, tmp_path, present)
    assert type(error) is DeviceMissingError
    assert words in str(error)
    assert "parlor devices" in error.hint and "plughw: instead" not in error.hint


def test_a_machine_without_cards_says_so(tmp_path: Path) -> None:
    request = replace(MIC, device="hw:99")
    error = explain(PcmError(INVALID), request, tmp_path, lambda _: ())
    assert "there is no card 99: this machine has no sound card" in str(error)


@pytest.mark.parametrize(
    ("device", "instead"),
    [
        ("hw:1,0", True),
        ("hw:Foo", True),
        ('hw:CARD="Foo",DEV=0', True),
        ("plughw:CARD=Foo", False),
        ("default", False),
        ("my_mixer:a,b", False),
    ],
)
def test_plughw_instead_of_hw_is_advised_only_where_hw_stands(
    tmp_path: Path, device: str, instead: bool
) -> None:
    request = replace(MIC, device=device)
    error = explain(PcmError(f"{INVALID} [{device}]"), request, tmp_path, present)
    assert type(error) is FormatRefusedError
    assert ("plughw:" in error.hint) == instead


@pytest.mark.parametrize("device", ["hw:99", "plughw:99", "front:", 'plughw:CARD="'])
def test_the_real_library_and_a_wrong_name(device: str) -> None:
    with pytest.raises(DeviceMissingError):
        open_pcm(PcmRequest(device, False, 48000, 1, 480, 20))
