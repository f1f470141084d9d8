"""A stand-in of OpenAI's Realtime API (GA, over WebSocket) and of three that speak its language.

``dialect``: "openai"; "azure" (Azure OpenAI, GA: other path, ``api-key``); "xai" (Grok Voice
Agent: voice and turn detection at the top of the session, rates from 8 to 48 kHz, audio in
binary messages on request, ``conversation.created`` first, ``.transcription.updated``);
"voice_live" (Azure Voice Live: the beta's names and its flat session).

Modelled: hand-shakes and their refusals, client secrets, sessions and what may be changed when,
manual turns and those of ``server_vad`` and ``semantic_vad`` (also ``create_response``,
``interrupt_response``, ``idle_timeout_ms``), transcription, items, truncation, function calls,
MCP, responses beside the conversation, cancellation, limits, usage, the session's end.

Not modelled: SIP and WebRTC (``call_id``, DTMF, ``output_audio_buffer``), transcription-only and
translation sessions, segments of speakers, log probabilities, the effect of noise reduction,
echo cancellation, thresholds, tracing, truncation of the context and reasoning, xAI's resumption
and server tools (accepted, without effect), Voice Live's avatars, animation, timestamps.

Unverified, as the documents are silent: most error codes (only ``beta_api_shape_disabled``,
``response_cancel_not_active`` and ``conversation_already_has_active_response`` are sure); the
silence a semantic VAD waits for; that an automatic response waits for one that must not be
interrupted; the order of MCP's events; how bad keys are refused (:class:`Faults.early`); which
of GA's fields xAI takes; whether xAI sends ``session.created`` after ``conversation.created``.
"""

from __future__ import annotations

import secrets
import ssl
import time
from collections.abc import Callable, Mapping
from typing import Any

from websockets.datastructures import Headers
from websockets.http11 import Request

from device.simulator.services.brain import Brain
from device.simulator.services.line import Line, Trouble
from device.simulator.services.openai_dialects import API_VERSION, MODELS, NAMES, PATHS, Door, door
from device.simulator.services.openai_faults import Faults, McpServers
from device.simulator.services.openai_items import new_id
from device.simulator.services.openai_session import CAP_S, Session
from device.simulator.services.openai_settings import beta_refused, check_update, defaults, merged
from device.simulator.services.openai_shapes import (
    Json,
    RefusalError,
    anything,
    one_of,
    shape,
    whole,
)
from device.simulator.services.stand_in import HttpAnswer, StandIn

SECRET = shape(
    {
        "expires_after": shape({"anchor": one_of("created_at"), "seconds": whole(10, 7200)}),
        "session": anything,
    }
)
SECRET_S = 600


#: HTTP's numbers for what is refused in the hand-shake; the others are about the model.
_REFUSED_EARLY = {"invalid_api_key": 401, "insufficient_quota": 429, "server_error": 500}


class OpenAIRealtime(StandIn):
    """``models``: the ones there are; empty: any. ``pace``: how many times faster than real time
    a reply is spoken, in pieces of ``piece_ms``. ``certain``: a semantic VAD takes the words for
    complete, else it waits as long as its eagerness allows. ``clock``: seconds since 1970.
    """

    def __init__(
        self,
        brain: Callable[[], Brain],
        *,
        dialect: str = "openai",
        models: tuple[str, ...] = (),
        faults: Faults | None = None,
        mcp: McpServers | None = None,
        key: str = "stand-in-key",
        trouble: Trouble | None = None,
        cap_s: float | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        super().__init__(brain, key=key, trouble=trouble, cap_s=cap_s, tls=tls)
        if dialect not in NAMES:
            raise ValueError(f"{dialect} is none of {NAMES}")
        self.dialect, self.models = dialect, models
        self.faults, self.mcp = faults or Faults(), mcp or McpServers()
        self.model = models[0] if models else MODELS[dialect]
        self.pace, self.piece_ms, self.certain = 8.0, 100, True
        self.clock: Callable[[], float] = time.time
        self._secrets: dict[str, tuple[float, Json]] = {}

    @property
    def url(self) -> str:
        version = f"?api-version={API_VERSION}" if self.dialect == "voice_live" else ""
        return f"{self.origin}{PATHS[self.dialect]}{version}"

    def refuse(self, request: Request) -> HttpAnswer | None:
        at = self._door(request)
        if at.path != PATHS[self.dialect]:
            return HttpAnswer(404, _error("invalid_url", f"Invalid URL (GET {at.path})"))
        if self.faults.connect == "outage":
            return HttpAnswer(503, _error("server_error", "The server is overloaded."))
        if self.faults.connect == "rate_limit":
            return HttpAnswer(429, _error("rate_limit_exceeded", "Rate limit reached."))
        if at.key is None:
            return HttpAnswer(401, _error("missing_api_key", "You didn't provide an API key."))
        if self.dialect == "voice_live" and "api-version" not in at.query:
            return HttpAnswer(400, _error("missing_api_version", "api-version is required."))
        early = self.dialect != "openai" if self.faults.early is None else self.faults.early
        refused = self._refused(at) if early else None
        if refused is None:
            return None
        status = _REFUSED_EARLY.get(str(refused.code), 404)
        return HttpAnswer(status, _error(str(refused.code), refused.message))

    async def converse(self, line: Line, request: Request) -> None:
        at = self._door(request)
        model, preset = at.model, self._secrets.get(at.key or "", (0.0, {}))[1]
        model = model or preset.get("model", self.model)
        session = Session(self, line, model, {**preset, "model": model} if preset else {})
        refused = self._refused(at)
        if refused is None and at.beta and self.dialect in ("openai", "azure"):
            refused = beta_refused()
        if refused is not None:
            await session.complain(refused)
            return
        await session.run()

    def _door(self, request: Request) -> Door:
        headers: Headers = request.headers
        names = ("Authorization", "api-key", "OpenAI-Beta")
        return door(
            self.dialect, request.path, {n: headers.get_all(n)[0] for n in names if n in headers}
        )

    def _refused(self, at: Door) -> RefusalError | None:
        """The key and the model, once it is known that there are some."""
        expires_at, preset = self._secrets.get(at.key or "", (0.0, {}))
        if at.key != self.key and expires_at <= self.clock():
            text = "Incorrect API key provided."
            return RefusalError("invalid_api_key", text, close=3000)
        model = at.model or str(preset.get("model", ""))
        agent = self.dialect == "voice_live" and {"agent_id", "agent-name"} & set(at.query)
        if not model and not agent:
            text = "You must provide a model parameter."
            return RefusalError("missing_model", text, "model", close=4000)
        whisper = self.dialect == "azure" and model == "gpt-realtime-whisper"
        if whisper or (self.models and not agent and model not in self.models):
            text = f"The model `{model}` does not exist or you do not have access to it."
            return RefusalError("model_not_found", text, "model", close=4000)
        if self.faults.connect == "quota":
            text = "You exceeded your current quota, please check your plan and billing details."
            return RefusalError("insufficient_quota", text, kind="insufficient_quota", close=4000)
        if self.faults.connect == "server":
            text = "The server had an error while processing your request."
            return RefusalError("server_error", text, kind="server_error", close=1011)
        return None

    # --- client secrets -------------------------------------------------------------------

    def answer_post(
        self, path: str, headers: Mapping[str, str], body: Mapping[str, Any]
    ) -> HttpAnswer:
        """``POST .../client_secrets``; the key must be the real one."""
        if self.dialect == "voice_live" or path != f"{PATHS[self.dialect]}/client_secrets":
            return HttpAnswer(404, _error("invalid_url", f"Invalid URL (POST {path})"))
        shown = {name.lower(): value for name, value in headers.items()}
        names = {"Authorization": "authorization", "api-key": "api-key"}
        found = {n: shown[lower] for n, lower in names.items() if lower in shown}
        if door(self.dialect, path, found).key != self.key:
            return HttpAnswer(401, _error("invalid_api_key", "Incorrect API key provided."))
        try:
            SECRET(body, "")
            preset: Json = dict(body.get("session", {"type": "realtime"}))
            check_update(preset, self.dialect)
        except (RefusalError, TypeError, ValueError) as refused:
            code = getattr(refused, "code", None) or "invalid_value"
            return HttpAnswer(400, _error(code, str(refused)))
        lasts_s = body.get("expires_after", {}).get("seconds", SECRET_S)
        expires_at = int(self.clock()) + lasts_s
        value = f"ek_{secrets.token_hex(16)}"
        self._secrets[value] = (expires_at, preset)
        if self.dialect == "xai":
            return HttpAnswer(200, {"value": value, "expires_at": expires_at})
        model = preset.get("model", self.model)
        session = merged(defaults(self.dialect, model), preset, self.dialect)
        session |= {
            "id": new_id("sess"), "object": "realtime.session",
            "expires_at": int(self.clock() + CAP_S),
        }  # fmt: skip
        session.pop("parallel_tool_calls", None)
        return HttpAnswer(200, {"value": value, "expires_at": expires_at, "session": session})


def _error(code: str, message: str) -> Json:
    kind = "server_error" if code == "server_error" else "invalid_request_error"
    return {"error": {"type": kind, "code": code, "message": message, "param": None}}
