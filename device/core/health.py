"""What works and what does not, and the words for it. Pure."""

from __future__ import annotations

from device.core.phases import Phase
from device.core.tools import StatusFacts
from device.events import HEARS_ALL_BUT_WORDS, ErrorKind, Part, PartDegraded

_SERVICE_WORDS = {
    ErrorKind.KEY: "the service refuses our key",
    ErrorKind.QUOTA: "the service's quota is used up",
    ErrorKind.NETWORK: "the service cannot be reached",
    ErrorKind.CERTIFICATE: "the service's certificate cannot be verified",
    ErrorKind.PROTOCOL: "the service does not speak our protocol",
    ErrorKind.SERVICE: "the service has a fault",
}


class Health:
    """Degraded parts by name, mute, and trouble with the service."""

    def __init__(self, provider: str, started_at: float) -> None:
        self.muted = False
        self.trouble: ErrorKind | None = None
        self._provider = provider
        self._started_at = started_at
        self._degraded: dict[Part, PartDegraded] = {}

    def degrade(self, event: PartDegraded) -> None:
        self._degraded[event.part] = event

    def restore(self, part: Part) -> None:
        self._degraded.pop(part, None)

    def is_degraded(self, part: Part) -> bool:
        return part in self._degraded

    @property
    def deaf(self) -> PartDegraded | None:
        """Why nothing at all is heard, if so. A missing wake word alone is not deafness."""
        wake = self._degraded.get(Part.WAKE)
        if wake is not None and wake.state in HEARS_ALL_BUT_WORDS:
            wake = None
        return self._degraded.get(Part.MICROPHONE) or wake

    @property
    def degraded(self) -> frozenset[Part]:
        """Degraded parts. A microphone that is closed because of mute is not one."""
        return frozenset(self._degraded) - ({Part.MICROPHONE} if self.muted else set())

    @property
    def named_states(self) -> tuple[str, ...]:
        """Every degraded state by its name, mute first."""
        states = ["muted"] if self.muted else []
        states += [e.state for part, e in self._degraded.items() if part in self.degraded]
        if self.trouble is not None:
            states.append(_SERVICE_WORDS[self.trouble])
        return tuple(states)

    def status_line(self, phase: Phase) -> str:
        """One line for ``systemctl status``."""
        return "; ".join((phase.value.replace("_", " "), *self.named_states))

    def facts(self, now: float) -> StatusFacts:
        return StatusFacts(
            microphone=self._words(Part.MICROPHONE, Part.ARRAY),
            speaker=self._words(Part.SPEAKER),
            muted=self.muted,
            service=self._provider,
            network=_SERVICE_WORDS[self.trouble] if self.trouble else "ok",
            uptime_s=round(now - self._started_at),
        )

    def _words(self, *parts: Part) -> str:
        """The worst comes first."""
        states = (event.state for part in parts if (event := self._degraded.get(part)))
        return next(states, "ok")
