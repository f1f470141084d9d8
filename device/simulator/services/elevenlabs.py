"""A stand-in of ElevenLabs Agents (Conversational AI) over a WebSocket.

Modelled: public and private agents, signed URLs; the initiation with its overrides and dynamic
variables; an agent's audio formats, which the client does not choose; spoken turns by the
service's own turn detection, written ones, transcripts (also tentative), answers as text, in
parts and as audio with alignment; interruption with its watermark, audio that still comes after
it and the correction of what was said; tools of the client's, the service's and MCP servers';
``end_call``; pings, contextual updates, feedback, activity; the agent's time-outs; errors.

Not modelled: WebRTC, regional hosts, host allow-lists, reasoning, files and rich content (the
latter's messages can be sent by :attr:`Agent.also`), on-premises set-up. There is no client-side
interruption, no resumption, and no usage, as there is none in the service.

Unverified against the service: that a client's mistakes end the connection, and most codes of
errors (max_duration_exceeded has 1000 here); how a wrong address, a wrong agent or a missing
signature is refused (here: 404, 403, closed with 3000); the bodies of refusals over HTTP; with
which code an inactive call is closed (here: 1000); whether ``end_call`` waits until its farewell
is heard (here: it does not); whether ``ping`` counts on its own (here: it does), and
transcripts, tool calls and audio together (here: they do); that a signed URL serves once.
The message about a used-up quota is as clients have recorded it: without ``error_event``.
"""

from __future__ import annotations

import ssl
import time
import uuid
from collections.abc import Callable
from dataclasses import replace
from urllib.parse import parse_qs, urlsplit

from websockets.datastructures import Headers
from websockets.http11 import Request
from websockets.typing import Subprotocol

from device.simulator.services.brain import Brain
from device.simulator.services.elevenlabs_agent import Agent, Fault
from device.simulator.services.elevenlabs_frames import Frame
from device.simulator.services.elevenlabs_talk import Talk
from device.simulator.services.line import Line, Trouble
from device.simulator.services.stand_in import HttpAnswer, StandIn

PATH = "/v1/convai/conversation"
SIGNED_PATH = f"{PATH}/get-signed-url"
NOT_AUTHORIZED = 3000
NO_AGENT = "The AI agent you are trying to reach does not exist."
NO_RIGHT = "The AI agent you are trying to reach requires authentication."


class ElevenLabs(StandIn):
    """``faults`` are made in their order, each once, the first that is meant for the moment.

    ``http_fault``, while it is set, answers every request for a signed URL. ``told`` has the
    frames that ask for no answer (contextual updates, feedback, activity, multimodal messages).
    An exception of the brain's ends the conversation with 1011 and is in the server's log.
    """

    def __init__(
        self,
        brain: Callable[[], Brain],
        agent: Agent | None = None,
        *,
        key: str = "stand-in-key",
        trouble: Trouble | None = None,
        cap_s: float | None = None,
        tls: ssl.SSLContext | None = None,
        faults: tuple[Fault, ...] = (),
        signature_valid_s: float = 900.0,
        single_use: bool = True,
    ) -> None:
        super().__init__(brain, key=key, trouble=trouble, cap_s=cap_s, tls=tls)
        self.agent = agent or Agent()
        self.faults = list(faults)
        self.http_fault: HttpAnswer | None = None
        self.told: list[Frame] = []
        self._valid_s, self._single_use = signature_valid_s, single_use
        self._signatures: dict[str, tuple[float, str]] = {}  #: -> (valid until, conversation)

    @property
    def url(self) -> str:
        return f"{self.origin}{PATH}?agent_id={self.agent.agent_id}"

    def subprotocol(self, offered: list[Subprotocol]) -> Subprotocol | None:
        """The service's JavaScript client offers one, its Python client none."""
        return next((one for one in offered if one == "convai"), None)

    def refuse(self, request: Request) -> HttpAnswer | None:
        address = urlsplit(request.path)
        if address.path != PATH:
            return HttpAnswer(404, {"detail": "Not Found"})
        if not parse_qs(address.query).get("agent_id"):
            return HttpAnswer(403, {"detail": "Forbidden"})
        return None

    def answer_get(self, path: str, headers: Headers) -> HttpAnswer | None:
        """Signed URLs, on both ports."""
        address = urlsplit(path)
        if address.path != SIGNED_PATH:
            return None
        if self.http_fault is not None:
            return self.http_fault
        query = parse_qs(address.query)
        key = headers.get("xi-api-key")
        if key != self.key:
            status = "needs_authorization" if key is None else "invalid_api_key"
            return HttpAnswer(401, _detail(status, "Invalid API key"))
        if "agent_id" not in query:
            problem = {"type": "missing", "loc": ["query", "agent_id"], "msg": "Field required"}
            return HttpAnswer(422, {"detail": [problem]})
        if query["agent_id"] != [self.agent.agent_id]:
            return HttpAnswer(404, _detail("agent_not_found", NO_AGENT))
        return HttpAnswer(200, self._sign(query.get("include_conversation_id") == ["true"]))

    async def converse(self, line: Line, request: Request) -> None:
        query = parse_qs(urlsplit(request.path).query)
        if query["agent_id"] != [self.agent.agent_id]:
            await line.close(NOT_AUTHORIZED, NO_AGENT)
            return
        conversation_id = _new_conversation()
        signature = query.get("conversation_signature", [""])[0]
        if signature or self.agent.private:
            known = self._redeem(signature)
            if known is None:
                await line.close(NOT_AUTHORIZED, NO_RIGHT)
                return
            conversation_id = known
        agent = self.agent
        if self.cap_s is not None:
            agent = replace(agent, max_duration_s=self.cap_s)
        talk = Talk(
            line,
            agent,
            self.brain(),
            conversation_id,
            fault=self._next_fault,
            told=self.told.append,
        )
        await talk.run()

    def _sign(self, with_conversation: bool) -> dict[str, str]:
        signature, conversation_id = f"cvtkn_{uuid.uuid4().hex}", _new_conversation()
        self._signatures[signature] = (time.monotonic() + self._valid_s, conversation_id)
        url = f"{self.url}&conversation_signature={signature}"
        if not with_conversation:
            return {"signed_url": url}
        signed = f"{url}&conversation_id={conversation_id}"
        return {"signed_url": signed, "conversation_id": conversation_id}

    def _redeem(self, signature: str) -> str | None:
        """The conversation that a signature opens; None: it opens none."""
        until, conversation_id = self._signatures.get(signature, (0.0, ""))
        if time.monotonic() >= until:
            return None
        if self._single_use:
            del self._signatures[signature]
        return conversation_id

    def _next_fault(self, at: str) -> Fault | None:
        fault = next((one for one in self.faults if one.at == at), None)
        if fault is not None:
            self.faults.remove(fault)
        return fault


def _new_conversation() -> str:
    return f"conv_{uuid.uuid4().hex}"


def _detail(status: str, message: str) -> dict[str, dict[str, str]]:
    return {"detail": {"status": status, "message": message}}
