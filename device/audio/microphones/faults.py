"""The faults of a microphone's channel by name, with the words for people. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class FaultKind(StrEnum):
    """What can be wrong with a channel, worst first: a channel that is dead or stuck has no
    other fault."""

    DEAD = "dead"  #: digital silence, or only noise of one LSB
    STUCK = "stuck"  #: one value that is not zero
    DROPS_OUT = "drops_out"  #: its sound is torn away for moments, again and again
    CLIPPING = "clipping"
    OFFSET = "offset"  #: direct voltage
    HUM = "hum"  #: of the mains
    WRONG_RATE = "wrong_rate"  #: of the whole microphone
    SWAPPED = "swapped"  #: channels in another order than configured; of the whole microphone


ALL_CHANNELS = -1
"""The channel of a fault that concerns the microphone as a whole."""


@dataclass(frozen=True, slots=True)
class ChannelFault:
    """``channel`` (from 0, or :data:`ALL_CHANNELS`) has been ``kind`` since ``since_frame``.

    ``detail`` says what was seen and ``hint`` what to do, in words for the journal.
    """

    channel: int
    kind: FaultKind
    detail: str
    hint: str
    since_frame: int

    @property
    def unusable(self) -> bool:
        """Nothing of the channel is worth hearing."""
        return self.kind in {FaultKind.DEAD, FaultKind.STUCK}


@dataclass(frozen=True, slots=True)
class FaultChange:
    """``fault`` began, or ended, at ``at_frame``."""

    fault: ChannelFault
    began: bool
    at_frame: int


HINTS = {
    FaultKind.DEAD: "look at its switch, its cable and its capture level (alsamixer, F4); a "
    "microphone that cuts quiet sound to zero (noise gate) must have that switched off",
    FaultKind.STUCK: "check its wiring (data line, ground); plug it in again; if that does not "
    "help, the microphone or its converter is broken",
    FaultKind.DROPS_OUT: "check its cable and plug, try another USB socket without a hub",
    FaultKind.CLIPPING: "lower its capture level (alsamixer, F4), or move it away from the speaker",
    FaultKind.OFFSET: "check its wiring and supply; an electret microphone may lack a capacitor, "
    "or the converter its high-pass filter",
    FaultKind.HUM: "keep its cable away from mains cables and power supplies, use a shielded or "
    "shorter one, or another power supply; a ground loop does this, too",
    FaultKind.WRONG_RATE: "set [audio] capture_rate_hz to what the microphone can do, or name it "
    "as plughw:...; if it is right already, the sound card or its driver is faulty",
    FaultKind.SWAPPED: "correct the order in [audio] microphone_channels (or "
    "microphone_geometry), or the wiring; `parlor doctor --microphones` finds the right order",
}


def name_of(channel: int, channels: int) -> str:
    """For people: "the microphone", or "channel 2 of the microphone" (channels from 0)."""
    if channel == ALL_CHANNELS or channels == 1:
        return "the microphone"
    return f"channel {channel} of the microphone"


def swapped_fault(one: int, other: int, at_frame: int) -> ChannelFault:
    """What ``audio/array/channel_order.py`` found, of two channels of the card."""
    detail = (
        f"channels {one} and {other} of the microphone seem to be swapped: voices reach them "
        "in an order that microphone_geometry does not allow"
    )
    hint = HINTS[FaultKind.SWAPPED]
    return ChannelFault(ALL_CHANNELS, FaultKind.SWAPPED, detail, hint, at_frame)
