"""Cards, and the two configured PCMs: opened for real, exactly as the appliance does."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from device.audio.microphones.faults import ChannelFault
from device.audio.microphones.health import MicHealth
from device.doctor.check import Check, Status, fail, ok, warn
from device.errors import AudioError, DeviceBusyError

NO_CARD = (
    "plug in a USB microphone and speaker, or fit a sound board; "
    "`scripts/run --simulate` works without any"
)
LISTEN_S = 0.5
LISTEN_CLOSELY_S = 5.0
"""For the health of a microphone. With half the appliance's patience hum needs 4 s of it."""

PACE = 0.5
SETTLING_S = 0.5
"""Microphones click and drift when they are opened; of so long nothing is judged."""


class CardFacts(Protocol):
    """What is used of ``adapters.alsa_cards.Card``."""

    @property
    def name(self) -> str: ...
    @property
    def pcm(self) -> str: ...
    @property
    def captures(self) -> bool: ...
    @property
    def plays(self) -> bool: ...


@dataclass(frozen=True, slots=True)
class Heard:
    """What a trial opening gave. ``frames``, ``peak`` (0-32768) and ``faults`` are of a
    microphone, ``channels`` how many of its channels were listened to."""

    description: str
    frames: int = 0
    peak: int = 0
    faults: tuple[ChannelFault, ...] = ()
    channels: int = 1


Try = Callable[[], Heard]
"""Opens a configured PCM, listens if it is a microphone, closes it. Raises AudioError."""


def check_cards(cards: Sequence[CardFacts], device_nodes: int, readable: bool) -> Check:
    """``device_nodes``: how many files /dev/snd holds; ``readable``: may we open them?"""
    name = "sound cards"
    if not cards:
        says = "there is no sound card on this machine"
        if device_nodes:
            says = "the kernel shows no sound card here, though /dev/snd is not empty"
        return fail(name, says, NO_CARD)
    listing = "; ".join(f"{card.pcm} ({card.name})" for card in cards)
    if not readable:
        return fail(
            name,
            f"{listing}; but this user may not use them",
            "sudo usermod -aG audio $USER, then log in again",
        )
    if not any(card.captures for card in cards):
        return warn(name, f"{listing}; none of them is a microphone", "plug in a microphone")
    if not any(card.plays for card in cards):
        return warn(name, f"{listing}; none of them is a speaker", "plug in a speaker")
    return ok(name, listing)


def check_pcm(capture: bool, attempt: Try) -> Check:
    """The configured microphone or speaker."""
    name = "microphone" if capture else "speaker"
    try:
        heard = attempt()
    except DeviceBusyError as error:
        if ": parlor (" in str(error):
            return ok(name, "in use by parlor itself, which is running")
        return _from_error(name, error)
    except AudioError as error:
        return _from_error(name, error)
    if not capture:
        return ok(name, heard.description)
    if heard.frames == 0:
        return fail(
            name,
            f"{heard.description}, opens but delivers no sound",
            "plug it in again; if that does not help, try another USB socket",
        )
    if heard.peak == 0:
        return warn(
            name,
            f"{heard.description}, delivers only digital silence",
            "is it switched off? look with alsamixer (F4) at its capture switch and level",
        )
    if heard.faults:
        return _unwell(name, heard)
    return ok(name, f"{heard.description}, loudest sample now {heard.peak * 100 // 32768} %")


def _unwell(name: str, heard: Heard) -> Check:
    """Every fault in words; it fails when nothing is left that can be heard with."""
    says = "; ".join((heard.description, *(fault.detail for fault in heard.faults)))
    do = "; ".join(dict.fromkeys(fault.hint for fault in heard.faults))
    unusable = {fault.channel for fault in heard.faults if fault.unusable}
    return (fail if len(unusable) >= heard.channels else warn)(name, says, do)


def _from_error(name: str, error: AudioError) -> Check:
    return Check(name, Status.FAIL, error.args[0], error.hint)


class Microphone(Protocol):
    """What is used of an open, non-blocking PCM."""

    def read(self) -> tuple[int, bytes]: ...


def listen(
    pcm: Microphone,
    seconds: float = LISTEN_S,
    *,
    monotonic: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
    health: MicHealth | None = None,
    channels: int = 1,
) -> tuple[int, int]:
    """(frames, peak) of what the microphone delivers; ends early when it is not silent.

    With ``health`` all of ``seconds`` are listened to, and it is told everything but the
    first :data:`SETTLING_S`: int16 frames of ``channels``.
    """
    began = monotonic()
    until = began + seconds
    frames = peak = 0
    while (now := monotonic()) < until:
        count, data = pcm.read()
        if count > 0:
            samples = np.frombuffer(data, dtype="<i2").reshape(-1, channels)
            peak = max(peak, int(np.abs(samples.astype(np.int32)).max()))
            if health is not None and now - began >= SETTLING_S:
                health.observe(frames + count, monotonic())
                health.hear(frames, samples)
            frames += count
            if health is None and peak > 0 and frames > 1000:
                break
        else:
            sleep(0.01)
    return frames, peak
