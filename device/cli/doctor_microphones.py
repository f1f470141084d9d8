"""``parlor doctor --microphones``: somebody taps at each microphone, it says which it is."""

from __future__ import annotations

import sys
import textwrap
from pathlib import Path
from typing import TextIO

import numpy as np

from device import config
from device.audio.array.geometry import Positions, parse_channels, parse_geometry
from device.audio.format import frames_in
from device.audio.microphones.tapping import (
    Conclusion,
    Outcome,
    Room,
    Tapped,
    conclude,
    judge_taps,
    measure_room,
    twins,
)
from device.cli.microphone_frames import MicrophoneFrames
from device.doctor.quiet import native_stderr_silenced
from device.errors import ConfigError
from device.ports import Samples
from device.settings import AudioSettings

SETTLING_S = 0.5
"""Microphones click and drift when they are opened."""

ROOM_S, TAPS_S, PAUSE_S = 2.0, 4.0, 1.0
TRIES = 3
WIDTH = 78

AGAIN = {
    Outcome.NOTHING: "Nothing was heard.",
    Outcome.UNCLEAR: "Channels {one} and {two} heard it alike.",
    Outcome.TOO_LOUD: "That was too loud, for channels {one} and {two} alike: more lightly.",
}


def run(path: Path | None) -> int:
    """Exit 0 when the configured order is right, 1 when it is not or is not known, 2 where this
    cannot be asked. Raises ParlorError: no microphone; KeyboardInterrupt after closing it."""
    if not somebody_reads():
        print(
            "parlor doctor: --microphones asks somebody to tap at one microphone after the other, "
            "so it needs a terminal (over SSH: ssh -t)",
            file=sys.stderr,
        )
        return 2
    audio = config.load(path).audio
    if not audio.microphone_geometry:
        raise ConfigError(
            "it is empty, so nothing depends on the order of the microphones",
            file=path,
            key="audio.microphone_geometry",
            hint="say there where they stand, then ask again",
        )
    from device.adapters.alsa_capture import AlsaCapture  # noqa: PLC0415 -- loads ALSA

    # ALSA's own lines about a card that is not there would stand before the message.
    with (
        native_stderr_silenced(),
        MicrophoneFrames(lambda post: AlsaCapture(audio, post=post)) as microphone,
    ):
        return Guide(audio, microphone, sys.stdout).ask()


def somebody_reads() -> bool:
    """Is this a terminal, at both ends?"""
    return sys.stdin.isatty() and sys.stdout.isatty()


class Guide:
    """Asks, listens and says what came of it. The microphone is the clock."""

    def __init__(self, audio: AudioSettings, microphone: MicrophoneFrames, out: TextIO) -> None:
        self._rate_hz, self._microphone, self._out = audio.capture_rate_hz, microphone, out
        self._channels = parse_channels(audio.microphone_channels, audio.capture_channels)
        self._positions: Positions = parse_geometry(audio.microphone_geometry)

    def ask(self) -> int:
        """The exit code."""
        self._listen(SETTLING_S)
        self._tell(
            f"{len(self._channels)} microphones, channels {_listed(self._channels)} of the card. "
            "Please be quiet for a moment."
        )
        room = measure_room(self._listen(ROOM_S), self._rate_hz)
        if room.dead:
            return self._conclude(conclude(self._channels, (), dead=room.dead))
        found: list[Tapped] = []
        sound: list[Samples] = []
        for place in range(len(self._channels)):
            tapped, heard = self._place(place, room)
            found.append(tapped)
            sound.append(heard)
            if tapped.outcome is not Outcome.HEARD:
                break  # the order is not known without it
            self._listen(PAUSE_S)
        same = twins(np.concatenate(sound))
        return self._conclude(conclude(self._channels, found, same=same))

    def _place(self, place: int, room: Room) -> tuple[Tapped, Samples]:
        x_mm, y_mm = np.round(self._positions[place] * 1000).astype(int)
        where = f"Place {place + 1} of {len(self._channels)} (x {x_mm} mm, y {y_mm} mm)"
        tapped, heard = Tapped(Outcome.NOTHING), np.zeros((0, len(self._channels)), np.int16)
        for attempt in range(TRIES):
            again = " again" if attempt else ""
            self._tell(f"{where}: tap{again} at that microphone, lightly, or hiss into it, now ...")
            heard = self._listen(TAPS_S)
            tapped = judge_taps(heard, self._rate_hz, room)
            if tapped.outcome is Outcome.HEARD:
                channel = self._channels[tapped.place]
                self._tell(f"  Channel {channel}, {tapped.margin_db:.0f} dB above the next.")
                break
            one, two = self._channels[tapped.place], self._channels[tapped.second]
            self._tell("  " + AGAIN[tapped.outcome].format(one=one, two=two))
            if tapped.outcome is Outcome.UNCLEAR and twins(heard) is not None:
                break  # no tap will change that
        return tapped, heard

    def _conclude(self, found: Conclusion) -> int:
        right = found.order == self._channels
        self._tell(f"\n{found.says[0].upper()}{found.says[1:]}.")
        if found.do:
            self._tell(f"What to do: {found.do}.")
        if found.order and not right:
            self._say("\nIn the configuration, then `sudo systemctl restart parlor`:\n\n[audio]")
            self._say(f'microphone_channels = "{_listed(found.order)}"')
        return 0 if right else 1

    def _listen(self, seconds: float) -> Samples:
        """The next ``seconds``, counted from this call: what waited unread is dropped."""
        while self._microphone.waiting:
            self._microphone.read()
        parts, missing = [], frames_in(round(seconds * 1000), self._rate_hz)
        while missing > 0:
            part = self._microphone.read()[:missing]
            parts.append(part[:, self._channels])
            missing -= len(part)
        return np.concatenate(parts)

    def _tell(self, text: str) -> None:
        for line in text.split("\n"):
            self._say("\n".join(textwrap.wrap(line, WIDTH, break_on_hyphens=False)) or "")

    def _say(self, line: str) -> None:
        print(line, file=self._out, flush=True)


def _listed(channels: tuple[int, ...]) -> str:
    return ", ".join(map(str, channels))
