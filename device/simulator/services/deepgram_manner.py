"""How a Deepgram stand-in behaves where the service leaves it open, and what fails in it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Literal

from device.simulator.services.deepgram_messages import Fields


class SessionError(Exception):
    """The session ends with an ``Error`` of this code."""

    def __init__(self, code: str, description: str) -> None:
        super().__init__(description)
        self.code, self.description = code, description


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that fails in the service: once the settings are applied, when the user's turn
    is over, or in the middle of a reply. SessionError: an ``Error``; if not, a ``Warning``."""

    code: str
    description: str = "made to fail"
    at: Literal["settings", "turn", "reply"] = "turn"
    fatal: bool = True


@dataclass(frozen=True, slots=True)
class Manner:
    """Seconds are of the clock. None of these values is documented, but for ``quiet_s``: the
    service wants a KeepAlive every 8 s of silence."""

    piece_ms: int = 40  #: of audio in one binary frame
    speed: float = 20.0  #: audio is sent so many times faster than it plays
    late_pieces: int = 3  #: already on their way when the user interrupts
    welcome_s: float = 0.0  #: from the hand-shake to ``Welcome``
    apply_s: float = 0.02  #: from ``Settings`` to ``SettingsApplied``
    quiet_s: float = 10.0  #: without audio and KeepAlive, and the session ends
    flowing_s: float = 1.0  #: so long after audio a KeepAlive is needless
    silence_ms: int = 500  #: in the stream, that ends the user's turn
    close_code: int = 1011  #: of the WebSocket, after an ``Error``
    cap_error: str | None = None  #: code of an ``Error`` before the end of the longest session
    thinks: bool = True  #: ``AgentThinking`` goes before an answer
    filler: str = ""  #: said, and its end told, before functions are called
    latency_reports: bool = False
    think_live: bool = False  #: the account may use it
    stored: Mapping[str, Fields] = field(default_factory=dict)  #: agents that are had by id
    server_results: Mapping[str, str] = field(default_factory=dict)  #: of server-side functions
    refused_models: Collection[str] = ()  #: there are none of these names
    dead_models: Collection[str] = ()  #: do not answer: the next of the list is taken
    fault: Fault | None = None
