"""Is a sound of the device's own in the room? Pure.

A cue that plays while the microphone's audio is sent would be heard by the service as
if somebody had spoken. So while one sounds, and until its echo has died away, what is
heard is masked (:class:`device.commands.MaskOwnSound`). Replies are not meant here:
uplink and VAD are closed while one is spoken.
"""

from __future__ import annotations

from device.commands import Command, Cue, PlayCue, StopCue
from device.events import CueFinished

#: After the last sample: converter, room and microphone.
ECHO_TAIL_S = 0.3
#: No cue lasts longer; if playback never says that it ended, we are not masked for ever.
LONGEST_CUE_S = 2.0


class OwnSounds:
    """Follows cues from the command that begins them to the end of their echo."""

    def __init__(self) -> None:
        self._playing: dict[str, int] = {}  # one-shot cues by name: how many of them
        self._rings = False
        self._quiet_at = float("-inf")

    @property
    def deadline(self) -> float | None:
        """When the room falls quiet by itself."""
        return self._quiet_at if self._quiet_at > float("-inf") else None

    @property
    def sounding(self) -> bool:
        """A sound of ours, or its echo, may be heard."""
        return self._rings or self._quiet_at > float("-inf")

    def command(self, command: Command, now: float) -> None:
        """Take note of a command that begins or ends a sound; others are of no concern."""
        match command:
            case PlayCue(Cue.RING):
                self._rings = True
            case PlayCue(cue):
                self._playing[cue.value] = self._playing.get(cue.value, 0) + 1
                self._quiet_at = now + LONGEST_CUE_S
            case StopCue(Cue.RING) if self._rings:
                self._rings = False
                self._quiet_at = max(self._quiet_at, now + ECHO_TAIL_S)
            case _:
                pass

    def finished(self, event: CueFinished, now: float) -> None:
        """A cue ended by itself or was cut; its echo remains."""
        left = self._playing.get(event.name, 0)
        if left == 0:
            return  # forgotten meanwhile
        if left > 1:
            self._playing[event.name] = left - 1
            return
        del self._playing[event.name]
        if not self._playing:
            self._quiet_at = now + ECHO_TAIL_S

    def tick(self, now: float) -> None:
        if now >= self._quiet_at:
            self._forget_cues()

    def forget(self) -> None:
        """Everything was cut, and what is heard from now on matters more than its echo."""
        self._rings = False
        self._forget_cues()

    def _forget_cues(self) -> None:
        self._playing.clear()
        self._quiet_at = float("-inf")
