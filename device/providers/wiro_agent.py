"""An agent at Wiro, over its web channel, as a sans-I/O codec.

Asked for over HTTP, which gives an address and a token, said on the socket; ``ready`` makes the
session usable. See ``wiro_talk.py`` for the conversation.

Rulings where the protocol leaves room:

- Nothing marks the end of a reply: it has ended :data:`PAUSE_S` after all that came of it can
  have sounded. What still comes later is a reply of its own, and it is for the core to find that
  the answer goes on (``tells_ends``): an agent may say "one moment" and ask a tool.
- ``clear`` breaks off the reply under way. What comes then is the rest of it until ``resume``, or
  until it has stayed away. Without a reply under way ``clear`` means nothing, and ``resume`` never
  ends one: it announces an utterance, and an answer may have several.
- What the agent says before the person has finished a first turn is a greeting.

Not verified with the live service: any of its behaviour; chunks other than 200 ms; whether
transcripts are final; what answers ``interrupt``; how the address relates to the one that is
documented (it is taken as it is given). The agent's role, voice and language are configured at
Wiro; what was said before this session cannot be told to it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from urllib.parse import urlsplit

from device.events import ErrorKind
from device.providers.base import Connect, Output, SendFrame, Service, SessionSpec
from device.providers.faults import Fault
from device.providers.machine import Stage
from device.providers.wire import frame, text
from device.providers.wiro_talk import ABLE as TALK
from device.providers.wiro_talk import Manner, Talk
from device.providers.wiro_wire import field

API_URL = "https://api.wiro.ai/v1"
PATIENCE_S = 30.0
#: What Wiro may announce of it on top.
LONGEST_ANNOUNCED_S = 90.0
PAUSE_S = 1.5

ABLE = replace(TALK, tells_ends=False)

_REASONS: Mapping[str, tuple[ErrorKind, str]] = {
    "wiro_completed": (ErrorKind.SERVICE, "Wiro has ended the session"),
    "wiro_cancelled": (ErrorKind.SERVICE, "the session was cancelled at Wiro"),
    "wiro_disconnect": (ErrorKind.SERVICE, "Wiro has lost the agent"),
    "wiro_error": (ErrorKind.SERVICE, "the agent failed"),
    "start_error": (ErrorKind.SERVICE, "the agent could not be started"),
    "max_duration": (ErrorKind.SERVICE, "the session has reached its longest duration"),
    # Sessions that were lost are still counted for a moment: trying again soon helps.
    "concurrent_limit": (ErrorKind.SERVICE, "as many sessions are running as may be"),
    "browser_disconnect": (ErrorKind.NETWORK, "Wiro has lost this device"),
    "rejected": (ErrorKind.PROTOCOL, "Wiro has rejected the session"),
}


class WiroAgent(Talk):
    """One session. See :class:`device.providers.base.Codec` for the contract."""

    def __init__(self, spec: SessionSpec, wall_ahead_s: float | None = None) -> None:
        manner = Manner(PATIENCE_S, pause_s=PAUSE_S, may_greet=True)
        super().__init__(spec, ABLE, manner, wall_ahead_s)
        self._session_token = ""
        self._announced_s = 0.0

    # --- the hand-shake -----------------------------------------------------------------

    def _begin(self, now: float) -> list[Output]:
        agent = self._spec.options.get("agent", "")
        if not (isinstance(agent, str) and agent):
            words = "wiro_agent.agent must be set: the useragentguid of the agent"
            return self._end(ErrorKind.PROTOCOL, words)
        body = {"useragentguid": agent, "session_metadata": {"display_identifier": "parlor"}}
        return self._post("UserAgent/Realtime/WebStart", body, now)

    def _answered(self, token: str, status: int, body: bytes, now: float) -> list[Output]:
        answer = self._explain.answer(status, body)
        if isinstance(answer, Fault):
            return self._end_with(answer)
        self._token = field(answer, "sessionId")
        self._session_token = field(answer, "sessionToken")
        url = field(answer, "wsUrl")
        self._explain.hide(self._session_token)
        if not (self._token and self._session_token and self._is_socket(url)):
            return self._end(ErrorKind.PROTOCOL, "Wiro gave no session, token or address")
        self._explain.hide_address(url)
        ready_ms = field(answer, "estimatedReadyMs")
        if ready_ms.isascii() and ready_ms.isdigit():
            self._announced_s = min(int(ready_ms) / 1000, LONGEST_ANNOUNCED_S)
        return [*self._opens(), Connect(url)]

    def _give_back(self, now: float) -> list[Output]:
        if not (self._token and self._session_token):
            return []
        session = {"sessionId": self._token, "sessionToken": self._session_token}
        return self._post("UserAgent/Realtime/Cancel", session, now)

    def _is_socket(self, url: str) -> bool:
        """An address that keeps the token as safe as the key was."""
        try:
            scheme, host = urlsplit(url).scheme, urlsplit(url).hostname
            plain = urlsplit(self._spec.url).scheme in ("http", "ws")
        except ValueError:
            return False
        return bool(host) and scheme in (("wss", "ws") if plain else ("wss",))

    def _greet(self, now: float) -> list[Output]:
        self._lives(now)
        return [SendFrame(frame({"type": "session_start", "sessionToken": self._session_token}))]

    def _lives(self, now: float) -> None:
        super()._lives(now)
        if self._stage is Stage.GREETING and self._greeting_due is not None:
            self._greeting_due += self._announced_s

    def _interrupt(self) -> Mapping[str, object]:
        return {"type": "interrupt"}

    def _bye(self) -> Mapping[str, object]:
        return {"type": "end"}

    # --- events -------------------------------------------------------------------------

    def _on_text(self, message: Mapping[str, object], now: float) -> list[Output]:
        kind = text(message, "type")
        match kind:
            case "connecting":
                self._lives(now)
                return self._opens()
            case "ready":
                return self._begin_talk(self._token, now)
            case "session_end":
                return self._on_session_end(message)
            case "transcript" | "clear" | "resume":
                return self._on_talk(kind, message, now) if self._stage is Stage.READY else []
            case "error":
                return self._on_error(message)
            case _:
                return self._on_unknown(kind)

    def _on_talk(self, kind: str, message: Mapping[str, object], now: float) -> list[Output]:
        if kind == "clear":
            return self._broke_off(now)
        if kind == "resume":
            self._goes_on()
            return []
        match text(message, "role"):
            case "user":
                return self._understood(text(message, "text"), now)
            case "ai":
                return self._says(text(message, "text"), now)
            case _:
                return []

    def _on_error(self, message: Mapping[str, object]) -> list[Output]:
        fault = self._explain.errors(message)
        if fault is None:
            words = text(message, "message") or text(message, "error") or "an error"
            return self._trouble(ErrorKind.SERVICE, f"the agent reports: {words}")
        if self._stage is Stage.GREETING:
            return self._end_with(fault)
        return self._trouble(fault.kind, fault.detail)

    def _on_session_end(self, message: Mapping[str, object]) -> list[Output]:
        if self._stage is Stage.LEAVING:
            return self._leave()
        reason = text(message, "reason")
        kind, words = _REASONS.get(reason, (ErrorKind.SERVICE, "Wiro has ended the session"))
        said = self._explain.clean(text(message, "message") or text(message, "error"), 120)
        known = self._explain.clean(reason, 40) if reason and reason not in _REASONS else ""
        more = ": ".join(part for part in (known, said) if part)
        return self._end(kind, f"{words}: {more}" if more else words)


SERVICE = Service(
    lambda spec: WiroAgent(spec, spec.wall_ahead_s),
    ABLE,
    API_URL,
    needs=("agent",),
    ignores={"instructions": "", "voice": "", "model": ""},
)
