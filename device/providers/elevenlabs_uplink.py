"""What an ElevenLabs agent hears: the device's sound, the silence behind it, and signs of life."""

from __future__ import annotations

from device.providers import elevenlabs_frames as frames
from device.providers.base import AskFence, Output, SendFrame
from device.providers.elevenlabs_turns import Turns
from device.providers.silence import Silence

HUSH_S = 3.0
"""Of silence behind what was taken or given up: an agent that listens on hears nothing."""
ACTIVITY_S = 4.0
"""``user_activity`` so often while it is nobody's turn; agents ask after 7 s and more."""


class Uplink:
    """``longest_silence_s`` is sent at most when the device falls silent in an open turn."""

    def __init__(self, form: frames.AudioFormat, turns: Turns, longest_silence_s: float) -> None:
        self._form = form
        self._turns = turns
        self._silence = Silence(form.rate_hz, longest_silence_s)
        self._hush_at: float | None = None  # the silence ends then
        self._active_at = 0.0

    def begin(self, form: frames.AudioFormat, now: float) -> None:
        """The session is usable; it wants sound of this format."""
        self._form = form
        self._silence.rate_hz = form.rate_hz
        self._active_at = now

    def append(self, pcm: bytes, now: float) -> list[Output]:
        """The device's own sound, mono s16le."""
        pcm = pcm[: len(pcm) - len(pcm) % 2]
        if not pcm or not self._turns.sound(len(pcm) / (2 * self._form.rate_hz), now):
            return []  # silence takes its place
        self._silence.sounded(len(pcm), now)
        self._hush_at = None
        self._active_at = now
        outputs: list[Output] = [SendFrame(frames.sound(pcm, self._form))]
        fence = self._turns.fence_wanted(now)
        return [*outputs, AskFence(fence)] if fence else outputs

    def hush(self, now: float) -> None:
        """The turn was taken, or given up: a little silence, and no more."""
        self._hush_at = now + HUSH_S

    def rest(self, now: float) -> None:
        """A reply is over."""
        self._active_at = now

    def be_active(self, now: float) -> list[Output]:
        self._active_at = now
        return [SendFrame(frames.activity())]

    def due(self, *, idle: bool) -> float | None:
        """When `time_out` wants to be called; ``idle``: it is nobody's turn."""
        times = [self._active_at + ACTIVITY_S] if idle else []
        if self._silence.due is not None:
            times.append(self._silence.due)
            if self._hush_at is not None:
                times.append(self._hush_at)
        return min(times, default=None)

    def time_out(self, now: float, *, idle: bool) -> list[Output]:
        if self._hush_at is not None and now >= self._hush_at:
            self._hush_at = None
            self._silence.stop()
        silence = self._silence.take(now)
        self._turns.silence(len(silence) / (2 * self._form.rate_hz))
        outputs: list[Output] = [SendFrame(frames.sound(silence, self._form))] if silence else []
        if idle and now >= self._active_at + ACTIVITY_S:
            outputs += self.be_active(now)
        return outputs
