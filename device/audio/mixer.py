"""Reply, cues and volume into one block for the card. Pure; one thread at a time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from device.audio.earcons import EDGE_S, LOOPING, earcon
from device.audio.ledger import Piece
from device.audio.loudness import GainRamp, gain_of
from device.commands import Cue
from device.ports import Samples

_RAMP_S = 0.05  # volume from 0 to full
_TAIL_S = 0.004  # an interrupted reply falls to silence, and comes back, this softly

DUCK_DB = -20.0
"""A ducked reply: low enough that the one who speaks is not spoken over, and that nobody takes
it for the reply's end."""

_DUCK_S, _RESTORE_S = 0.006, 0.2  # from full to nothing, and back: the return is no event


@dataclass(frozen=True, slots=True)
class Block:
    """What goes to the card: interleaved s16le, whose frames it holds, what ends with it."""

    data: bytes
    frames: int
    pieces: tuple[Piece, ...] = ()
    ended_reply: str | None = None
    ended_cues: tuple[Cue, ...] = ()


@dataclass(slots=True)
class _Playing:
    cue: Cue
    samples: Samples
    position: int = 0


class Mixer:
    """Renders blocks at ``rate_hz`` with ``channels`` equal channels.

    At full volume and with no cue, reply samples pass bit by bit.
    """

    def __init__(self, rate_hz: int, channels: int, volume_percent: int) -> None:
        self._channels = channels
        self._rate_hz = rate_hz
        self._earcons = {cue: earcon(cue, rate_hz) for cue in Cue}
        self._ramp = GainRamp(gain_of(volume_percent), round(_RAMP_S * rate_hz))
        self._duck = GainRamp(1.0, 1)
        tail = round(_TAIL_S * rate_hz)
        self._rise = (np.arange(1, tail + 1, dtype=np.float32) / tail).astype(np.float32)
        self._playing: list[_Playing] = []
        self._last = 0.0  # the reply's newest sample
        self._broken = False  # the reply was interrupted; soften its return

    @property
    def has_cue(self) -> bool:
        """A cue is sounding or about to."""
        return bool(self._playing)

    def set_volume(self, percent: int) -> None:
        """Go there softly; at once when nothing sounds."""
        self._ramp.aim(gain_of(percent))

    def duck(self, on: bool) -> None:
        """Lower the reply, and only the reply, or let it come up again."""
        seconds = _DUCK_S if on else _RESTORE_S
        gain = float(10 ** (DUCK_DB / 20)) if on else 1.0
        self._duck.aim(gain, round(seconds * self._rate_hz))

    def play(self, cue: Cue) -> None:
        """Mix the cue in from the next block on. A looping one is not doubled."""
        if any(playing.cue is cue and self._loops(playing) for playing in self._playing):
            return
        self._playing.append(_Playing(cue, self._earcons[cue]))

    def stop(self, cue: Cue) -> None:
        """Fade the cue out. A one-shot cue has then ended, as it would have by itself."""
        edge = round(EDGE_S * self._rate_hz)
        for playing in self._playing:
            if playing.cue is cue and playing.samples is self._earcons[cue]:
                rest = playing.samples[playing.position : playing.position + edge]
                fall = np.linspace(1.0, 0.0, rest.size, dtype=np.float32)
                # No longer the earcon itself: it ends with these samples.
                playing.samples, playing.position = (rest * fall).astype(np.int16), 0

    def silence(self, keep_looping: bool = False) -> None:
        """Forget all that sounds, at once (a cut); ``keep_looping``: the ring goes on later."""
        self._playing = [p for p in self._playing if keep_looping and p.cue in LOOPING]
        self._last, self._broken = 0.0, False
        self._duck.jump(1.0)

    def silent_block(self, frames: int) -> Block:
        """Nothing but zeros."""
        return Block(bytes(2 * frames * self._channels), frames)

    def render(
        self,
        frames: int,
        reply: Samples | None = None,
        pieces: tuple[Piece, ...] = (),
        ended_reply: str | None = None,
        ran_dry: bool = False,
    ) -> Block:
        """One block of ``frames``: ``reply`` (as many samples) or silence, plus the cues.

        ``ran_dry``: this silence interrupts a reply, whose wave is let down softly.
        """
        if reply is None and not ran_dry and not self._playing:
            self._ramp.next(frames)
            self._duck.next(frames)
            return self.silent_block(frames)
        untouched = self._ramp.is_unity and self._duck.is_unity
        if reply is not None and not self._broken and not self._playing and untouched:
            mono = reply
            self._last = float(reply[-1]) if reply.size else self._last
        else:
            mono, ended = self._mix(frames, reply, ran_dry)
            return Block(self._spread(mono), frames, pieces, ended_reply, ended)
        return Block(self._spread(mono), frames, pieces, ended_reply)

    def _mix(
        self, frames: int, reply: Samples | None, ran_dry: bool
    ) -> tuple[Samples, tuple[Cue, ...]]:
        mix = np.zeros(frames, np.float32) if reply is None else reply.astype(np.float32)
        if reply is not None and reply.size:
            self._last = float(reply[-1])
            if self._broken:
                edge = min(frames, self._rise.size)
                mix[:edge] *= self._rise[:edge]
                self._broken = False
        elif ran_dry:
            edge = min(frames, self._rise.size)
            mix[:edge] += self._last * (1.0 - self._rise[:edge])
            self._last, self._broken = 0.0, True
        mix *= self._duck.next(frames)
        ended = self._add_cues(mix)
        mix *= self._ramp.next(frames)
        np.rint(mix, out=mix)
        return np.clip(mix, -32768, 32767).astype(np.int16), ended

    def _add_cues(self, mix: NDArray[np.float32]) -> tuple[Cue, ...]:
        ended: list[Cue] = []
        going: list[_Playing] = []
        for playing in self._playing:
            loops = self._loops(playing)
            at = 0
            while at < mix.size:
                part = playing.samples[playing.position : playing.position + mix.size - at]
                mix[at : at + part.size] += part
                at += part.size
                playing.position += part.size
                if playing.position < playing.samples.size:
                    break
                if not loops:
                    break
                playing.position = 0
            if playing.position < playing.samples.size:
                going.append(playing)
            elif playing.cue not in LOOPING:
                ended.append(playing.cue)
        self._playing = going
        return tuple(ended)

    def _loops(self, playing: _Playing) -> bool:
        return playing.cue in LOOPING and playing.samples is self._earcons[playing.cue]

    def _spread(self, mono: Samples) -> bytes:
        if self._channels > 1:
            mono = np.repeat(mono, self._channels)
        return mono.tobytes()
