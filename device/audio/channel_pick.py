"""Which of an array's channels is listened to, behind the echo canceller.

The one in which speech stands out most from the noise. Slowly, and only between two
utterances: a change in the middle of a word would damage it. Pure; ear thread only.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from device.ports import Samples

BETTER_DB = 3.0
"""A channel must be that much better than the one in use; rooms alone make 1 to 2 dB."""

LEARNT_S = 3.0
"""So much speech must have been heard before anything is changed, and again after a change."""

PAUSE_S = 0.5
"""Between two utterances: nobody has spoken for so long."""

MEMORY_S = 20.0
"""Time constant of what is known of speech and of noise, each of its own time."""


class ChannelPick:
    """Told what every channel hears and whether somebody speaks; ``channel`` is the best."""

    def __init__(self, channels: int, rate_hz: int, first: int = 0) -> None:
        """``first`` is the configured channel: it is used until another proves better."""
        if not 0 <= first < channels:
            raise ValueError(f"no channel {first} among {channels}")
        self.channel = first
        self._rate_hz = rate_hz
        self._noise: NDArray[np.float64] = np.zeros(channels)
        self._speech: NDArray[np.float64] = np.zeros(channels)
        self._noise_s = self._speech_s = self._since_change_s = self._pause_s = 0.0
        self._unusable: frozenset[int] = frozenset()

    def avoid(self, channels: frozenset[int]) -> None:
        """These are dead or stuck (``MicHealth.unusable``); the one in use is left at once."""
        self._unusable = channels
        if self.channel in channels:
            self._change()

    def hear(self, frames: Samples, speech: bool) -> int:
        """The next int16 (n, channels); ``speech``: is somebody speaking in them? Returns
        the channel to use for the *next* frames."""
        if not len(frames):
            return self.channel
        seconds = len(frames) / self._rate_hz
        power = np.square(frames.astype(np.float32) - frames.mean(axis=0)).mean(axis=0) + 0.1
        if speech:
            self._speech_s += seconds
            self._since_change_s += seconds
            self._pause_s = 0.0
            self._speech += (power - self._speech) * _share(seconds, self._speech_s)
        else:
            self._noise_s += seconds
            self._pause_s += seconds
            self._noise += (power - self._noise) * _share(seconds, self._noise_s)
            if self._pause_s >= PAUSE_S and self._since_change_s >= LEARNT_S:
                self._change(BETTER_DB)
        return self.channel

    @property
    def snr_db(self) -> NDArray[np.float64]:
        """Of each channel: speech with its noise against noise, as far as it is known."""
        known = min(self._noise_s, self._speech_s) > 0
        ratio = self._speech / self._noise if known else np.ones_like(self._noise)
        ratio[list(self._unusable)] = 1e-9
        return np.asarray(10 * np.log10(ratio))

    def _change(self, least_db: float = 0.0) -> None:
        snr_db = self.snr_db
        best = int(np.argmax(snr_db))
        if best != self.channel and snr_db[best] >= snr_db[self.channel] + least_db:
            self.channel, self._since_change_s = best, 0.0


def _share(seconds: float, known_s: float) -> float:
    """What the newest counts: the plain mean at first, then ``MEMORY_S``."""
    return seconds / min(known_s, MEMORY_S)
