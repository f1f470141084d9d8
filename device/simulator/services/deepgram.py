"""A loopback stand-in of Deepgram's Voice Agent, version 1.

Modelled: the hand-shake with an API key, a temporary bearer token or the browser's
sub-protocol; ``Welcome``, ``Settings``, ``SettingsApplied`` in that order and what is refused
before them; settings and every client message checked field by field; the service's own turns,
forced ends of turn, barge-in with audio that still arrives after it; text of both roles and the
history; functions on both sides, and calls that a barge-in cancels; injected messages; updates;
lists of models of which some do not answer; the end after silence and after the longest
session; errors and warnings of any code.

Not modelled: audio other than ``linear16``, the end of a turn by the v2 recogniser's
thresholds, back-channels, presence checks, fillers and frustration of ``think_live``, custom
payloads to and from one's own model, the self-hosted hosts' differences.

Not certain, and assumed here (most of it in :class:`deepgram_manner.Manner`): how the socket is
closed after an error, what the end of the longest session looks like, that unknown fields are
refused, that an interrupted turn has no ``AgentAudioDone``, that written words of the user's
interrupt the agent and are refused while the user speaks, that a reply's text comes sentence by
sentence, how much audio follows ``UserStartedSpeaking``, and that history is on unless switched
off. Codes of errors and warnings are those that the service publishes, but for ``FAILED_TO_THINK``,
``FAILED_TO_SPEAK`` and ``SPEAK_REQUEST_FAILED``; so far as a client may know, any error is fatal.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Mapping
from typing import Any

from websockets.datastructures import Headers
from websockets.http11 import Request
from websockets.typing import Subprotocol

from device.simulator.services.deepgram_manner import Manner
from device.simulator.services.deepgram_session import Session
from device.simulator.services.line import Line
from device.simulator.services.stand_in import HttpAnswer, StandIn

PATH = "/v1/agent/converse"
GRANT = "/v1/auth/grant"
LONGEST_SESSION_S = 2 * 3600.0
TOKEN_S, LONGEST_TOKEN_S = 30, 3600


class DeepgramStandIn(StandIn):
    """``manner`` and ``refusal`` may be changed between connections.

    ``refusal``: the answer to every hand-shake (quota 402, rate limit 429, outage 503 ...).
    ``tokens``: temporary ones that are accepted, with the time at which each expires on the
    clock of ``time.monotonic``; a POST to ``/v1/auth/grant`` makes one. ``sessions``: of every
    connection there was, in order.
    """

    manner = Manner()
    refusal: HttpAnswer | None = None

    def __init__(self, *arguments: Any, manner: Manner | None = None, **keywords: Any) -> None:
        super().__init__(*arguments, **keywords)
        self.manner = manner or Manner()
        self.tokens: dict[str, float] = {}
        self.sessions: list[Session] = []

    @property
    def url(self) -> str:
        return f"{self.origin}{PATH}"

    async def converse(self, line: Line, request: Request) -> None:
        cap_s = LONGEST_SESSION_S if self.cap_s is None else self.cap_s
        session = Session(line, self.brain(), self.manner, cap_s)
        self.sessions.append(session)
        await session.converse()

    def refuse(self, request: Request) -> HttpAnswer | None:
        if request.path.partition("?")[0] != PATH:
            return _refusal(404, "NOT_FOUND", "There is nothing here")
        if self.refusal is not None:
            return self.refusal
        headers = request.headers
        scheme, _, secret = headers.get("Authorization", "").partition(" ")
        offered = ",".join(headers.get_all("Sec-WebSocket-Protocol"))
        if not scheme and offered:
            scheme, _, secret = offered.partition(",")
        if self._knows(scheme.strip().lower(), secret.strip()):
            return None
        return _refusal(401, "INVALID_AUTH", "InvalidSettingsError credentials.")

    def subprotocol(self, offered: list[Subprotocol]) -> Subprotocol | None:
        return next((one for one in offered if one == "token"), None)

    def answer_post(
        self, path: str, headers: Mapping[str, str], body: Mapping[str, Any]
    ) -> HttpAnswer:
        if path != GRANT:
            return _refusal(404, "NOT_FOUND", "There is nothing here")
        scheme, _, secret = Headers(headers).get("Authorization", "").partition(" ")
        if scheme.lower() != "token" or secret != self.key:
            return _refusal(401, "INVALID_AUTH", "InvalidSettingsError credentials.")
        seconds = body.get("ttl_seconds", TOKEN_S) if isinstance(body, dict) else None
        if not isinstance(seconds, int) or not 1 <= seconds <= LONGEST_TOKEN_S:
            return _refusal(400, "INVALID_REQUEST", "ttl_seconds is wrong")
        token = uuid.uuid4().hex
        self.tokens[token] = time.monotonic() + seconds
        return HttpAnswer(200, {"access_token": token, "expires_in": seconds})

    def _knows(self, scheme: str, secret: str) -> bool:
        if scheme == "token":
            return secret == self.key
        return scheme == "bearer" and self.tokens.get(secret, 0.0) > time.monotonic()


def _refusal(status: int, code: str, message: str) -> HttpAnswer:
    body = {"err_code": code, "err_msg": message, "request_id": str(uuid.uuid4())}
    return HttpAnswer(status, body)
