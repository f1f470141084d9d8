"""OpenAI Live (GPT-Live): full duplex, the model owns turn taking.

Modelled: the primary WebSocket, at OpenAI's path and at Azure's; ``session.start`` and every
client command of that socket, checked strictly; the time line; both transcripts; the model's
endless audio track; its stopping when talked over; delegation to the client and to a Responses
model with function tools; context appended on three channels; audio fixtures; mute; usage; expiry
and every reason of ``session.closed``; the errors in :class:`Mishaps`.

The time line advances with the audio that the client sends, and everything that the model does
lies on it: a client that stops sending hears no more of a reply, and its appended context waits.
So audio comes back as fast as it is sent, in pieces of 100 ms, silence included; a microphone
makes that real time (``Manners.free_running`` changes it).

Not modelled: WebRTC, SIP and sideband sockets; forks and recordings; Decisions (a session that
asks for them or for triggers is refused); hosted tools (taken, never used); what is spoken to
acknowledge a delegation; transcripts of the person *while* they speak (they follow each turn).

Not known from the service's documents, or from others' observations only: the codes of most
errors; whether a refused start ends the connection (here it does not, but for errors of
admission); the status and place of errors of admission; the length of a session (here an hour);
that one which never hears anything expires after 30 s; the grid of 200 ms; the interval of usage
events; how long the model goes on when talked over.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any
from urllib.parse import urlsplit

from websockets.http11 import Request

from device.simulator.services.brain import Brain
from device.simulator.services.line import Data, Line
from device.simulator.services.openai_live_outbox import Manners, Mishaps, Outbox, Record
from device.simulator.services.openai_live_schema import LiveError
from device.simulator.services.openai_live_session import (
    POLICY_VIOLATION,
    Session,
    event_id_of,
    parsed,
)
from device.simulator.services.openai_live_shapes import COMMANDS
from device.simulator.services.stand_in import HttpAnswer, StandIn

__all__ = ["CAP_S", "PATHS", "Manners", "Mishaps", "OpenAILive"]

PATHS = ("/v1/live/sessions", "/openai/v1/live/sessions")
CAP_S = 3600.0

_HANDSHAKE = {
    "not_entitled": (403, "access_denied", "Voice session access denied."),
    "rate_limit": (429, "rate_limit_exceeded", "Rate limit reached for requests."),
    "outage": (503, "service_unavailable", "The service is temporarily unavailable."),
}
_ADMISSION = {
    "credit_balance_exhausted": ("insufficient_quota", "Your credit balance is exhausted."),
    "rate_limit_exceeded": ("rate_limit_error", "Too many concurrent sessions."),
    "server_error": ("server_error", "The server had an error while starting the session."),
}


class OpenAILive(StandIn):
    """``models`` are those that this account may use."""

    def __init__(
        self,
        brain: Callable[[], Brain],
        *,
        models: tuple[str, ...] = ("gpt-live-1",),
        manners: Manners | None = None,
        mishaps: Mishaps | None = None,
        **options: Any,
    ) -> None:
        super().__init__(brain, **options)
        self.models = models
        self.manners, self.mishaps = manners or Manners(), mishaps or Mishaps()
        self.record = Record()

    @property
    def url(self) -> str:
        return f"{self.origin}{PATHS[0]}"

    def refuse(self, request: Request) -> HttpAnswer | None:
        parts = urlsplit(request.path)
        if parts.path not in PATHS:
            return _refusal(404, "not_found", f"Invalid URL (GET {parts.path})")
        azure = parts.path == PATHS[1] and request.headers.get("api-key") == self.key
        if not azure and request.headers.get("Authorization") != f"Bearer {self.key}":
            return _refusal(401, "invalid_api_key", "Incorrect API key provided.")
        if parts.query:
            return _refusal(400, "unknown_parameter", f"Unknown parameter: '{parts.query}'.")
        if self.mishaps.handshake:
            return _refusal(*_HANDSHAKE[self.mishaps.handshake])
        return None

    async def converse(self, line: Line, request: Request) -> None:
        outbox = Outbox(line, self.record)
        messages = aiter(line)
        start = await self._admit(outbox, messages)
        if start is not None:
            cap_s = CAP_S if self.cap_s is None else self.cap_s
            session = Session(outbox, self.brain(), start, cap_s, self.manners, self.mishaps)
            await session.run(messages)

    async def _admit(self, outbox: Outbox, messages: AsyncIterator[Data]) -> dict[str, Any] | None:
        """The first command that is a good ``session.start``; None if it does not come."""
        async for data in messages:
            try:
                message = parsed(data)
                if message["type"] != "session.start":
                    raise LiveError("invalid_value", "session.start must come first.", "type")
                COMMANDS["session.start"](message, "")
            except LiveError as fault:
                await outbox.fault(fault, event_id_of(data))
                continue
            barred = self._barred(message["session"]["model"])
            if barred is None:
                return message
            await outbox.fault(barred, event_id_of(data))
            await outbox.close(POLICY_VIOLATION, barred.code)
            return None
        return None

    def _barred(self, model: str) -> LiveError | None:
        if self.mishaps.admission:
            kind, message = _ADMISSION[self.mishaps.admission]
            return LiveError(self.mishaps.admission, message, kind=kind)
        if model not in self.models:
            message = f"The model '{model}' does not exist or you do not have access to it."
            return LiveError("model_not_found", message, "session.model")
        return None


def _refusal(status: int, code: str, message: str) -> HttpAnswer:
    error = {"message": message, "type": "invalid_request_error", "param": None, "code": code}
    return HttpAnswer(status, {"error": error})
