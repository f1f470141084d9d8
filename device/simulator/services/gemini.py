"""A stand-in of Gemini Live (BidiGenerateContent), in its three shapes of address.

Modelled: the Gemini API's address in any version with a key (query or header), the constrained one
with a token, and Vertex's with a bearer; ``setup`` once and first; both key cases; automatic
activity detection and manual marks; transcripts of both sides; 24 kHz audio faster than real time,
``generationComplete``, then ``turnComplete`` when it has been played; interruption; function calls,
blocking or not, and their cancellation; written turns, contents and an initial history; handles
and resumption; ``goAway`` and the end; token counts; compression; quota and failures.

Not modelled: what a model makes of the system instruction, of history, thinking, temperature,
images and languages (a Brain answers); ``turnCoverage`` (a turn is its activity); built-in tools
such as search (accepted, never used); the state of the conversation at the time of a handle (every
handle leads to the conversation as it is now); regions and projects of Vertex.

Unverified against the live service, and therefore arguments or attributes: binary or text frames;
how many fields share a ``serverContent``; whether transcriptions say that they are finished, and
when they come; close codes of a wrong key, handle, model or voice and of the end; whether a
handle is refused while the conversation is still connected (``exclusive``); how long handles live;
rates other than 16 kHz; the list of voices; 25 audio tokens a second.
"""

from __future__ import annotations

import asyncio
import secrets
import ssl
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Literal

from websockets.http11 import Request

from device.simulator.services.brain import Brain
from device.simulator.services.gemini_access import (
    BAD_KEY,
    SERVICE,
    address,
    credential,
    http_error,
)
from device.simulator.services.gemini_conversation import Conversation
from device.simulator.services.gemini_messages import Manner, go_away
from device.simulator.services.gemini_session import GeminiSession, Limits
from device.simulator.services.gemini_setup import Setup, parse
from device.simulator.services.gemini_wire import RefusedError, read
from device.simulator.services.line import Data, Line, Trouble
from device.simulator.services.stand_in import HttpAnswer, StandIn

CAP_S = 10 * 60.0
NOTICE_S = 60.0
ENDED = (
    1008,
    "Connection aborted because the client failed to close the connection after receiving a "
    "GoAway signal",
)
HANDLE_LIFE_S = 2 * 60 * 60.0


@dataclass(frozen=True, slots=True)
class Failures:
    """Made on purpose. ``handshake`` is an HTTP status; ``setup`` and ``reply`` are closes, in
    place of ``setupComplete`` and after a reply's first piece; ``rejected`` is the
    ``turnCompleteReason`` of turns that are not answered."""

    handshake: int | None = None
    setup: tuple[int, str] | None = None
    reply: tuple[int, str] | None = None
    rejected: str = ""


class GeminiStandIn(StandIn):
    """``version`` and ``vertex`` shape ``url`` only: every address is served at once. The
    attributes may be changed while it runs, for the connections to come; ``failures`` for
    those that are open, too."""

    unknown: Data = b'{"parlorUnheardOf": {"what": 1}}'

    def __init__(
        self,
        brain: Callable[[], Brain],
        *,
        key: str = "stand-in-key",
        trouble: Trouble | None = None,
        cap_s: float | None = None,
        tls: ssl.SSLContext | None = None,
        manner: Manner | None = None,
        limits: Limits | None = None,
        failures: Failures | None = None,
        wrong_key: Literal["close", "http"] = "close",
        notice_s: float = NOTICE_S,
        end: tuple[int, str] = ENDED,
        handle_life_s: float = HANDLE_LIFE_S,
        exclusive: bool = False,
        version: str = "v1beta",
        vertex: bool = False,
    ) -> None:
        super().__init__(brain, key=key, trouble=trouble, cap_s=cap_s, tls=tls)
        self.manner, self.limits = manner or Manner(), limits or Limits()
        self.failures = failures or Failures()
        self.wrong_key, self.end = wrong_key, end
        self.notice_s, self.handle_life_s, self.exclusive = notice_s, handle_life_s, exclusive
        self.tokens = {f"auth_tokens/{key}"}  #: ephemeral ones that are accepted
        self.sessions: list[GeminiSession] = []  #: of every ``setup`` that was accepted
        self._handles: dict[str, tuple[Conversation, float]] = {}
        self._version, self._vertex = version, vertex

    @property
    def url(self) -> str:
        if self._vertex:
            service = f"google.cloud.aiplatform.{self._version}.LlmBidiService"
            return f"{self.origin}/ws/{service}/BidiGenerateContent"
        service = f"{SERVICE}.{self._version}.GenerativeService"
        return f"{self.origin}/ws/{service}.BidiGenerateContent"

    def refuse(self, request: Request) -> HttpAnswer | None:
        status = self.failures.handshake
        kind, _ = address(request)
        if status is None and not kind:
            status = 404
        if status is None:
            shown = credential(request, kind)
            if not shown:
                status = 403
            elif self.wrong_key == "http" and not self._accepts(kind, shown):
                status = 400 if kind == "key" else 403
        return None if status is None else http_error(status)

    async def converse(self, line: Line, request: Request) -> None:
        ending = asyncio.create_task(self._end(line))
        try:
            await self._converse(line, request)
        except RefusedError as refused:
            await line.close(refused.code, refused.reason)
        finally:
            ending.cancel()
            await asyncio.wait({ending})

    async def _converse(self, line: Line, request: Request) -> None:
        kind, version = address(request)
        messages = aiter(line)
        data = await anext(messages, None)
        if data is None:
            return
        # Only now: the official client expects no close before it has sent its setup.
        if not self._accepts(kind, credential(request, kind)):
            raise RefusedError(*BAD_KEY)
        setup = self._setup(data, version, vertex=kind == "bearer")
        if self.failures.setup is not None:
            raise RefusedError(*self.failures.setup)
        conversation = self._conversation(setup)
        session = GeminiSession(
            line,
            setup,
            conversation,
            self.manner,
            self.limits,
            new_handle=self._new_handle,
            failure=lambda: self.failures.reply,
            rejection=lambda: self.failures.rejected,
        )
        self.sessions.append(session)
        conversation.connections += 1
        try:
            await self._talk(session, messages)
        finally:
            await session.stop()

    async def _talk(self, session: GeminiSession, messages: AsyncIterator[Data]) -> None:
        early = asyncio.ensure_future(anext(messages, None))
        try:
            await asyncio.wait({early}, timeout=self.manner.setup_s)
            if early.done() and early.result() is not None:
                raise RefusedError(1007, "Nothing may be sent between setup and setupComplete.")
            await session.send({"setupComplete": {"sessionId": secrets.token_hex(8)}})
            session.ready = True
            await session.settled(True)
            data = await early
            while data is not None:
                await session.take(data)
                data = await anext(messages, None)
        finally:
            early.cancel()

    def _setup(self, data: Data, version: str, *, vertex: bool) -> Setup:
        kind, fields = read(data)
        if kind != "setup":
            raise RefusedError(1007, f"setup must be the first message, not {kind}.")
        return parse(fields, version, vertex=vertex)

    def _conversation(self, setup: Setup) -> Conversation:
        if not setup.handle:
            return Conversation(self.brain(), setup.model)
        conversation, until = self._handles.get(setup.handle, (None, 0.0))
        if conversation is None:
            raise RefusedError(1008, "BidiGenerateContent session not found")
        if asyncio.get_running_loop().time() > until:
            raise RefusedError(1008, "BidiGenerateContent session expired")
        if conversation.model != setup.model:
            raise RefusedError(1007, "The model cannot be changed when a session is resumed.")
        if self.exclusive and conversation.connections:
            raise RefusedError(1011, "The session is still connected.")
        return conversation

    def _new_handle(self, conversation: Conversation) -> str:
        handle = secrets.token_urlsafe(24)
        until = asyncio.get_running_loop().time() + self.handle_life_s
        self._handles[handle] = (conversation, until)
        return handle

    async def _end(self, line: Line) -> None:
        """The connection's cap: a warning, later the close."""
        cap_s = CAP_S if self.cap_s is None else self.cap_s
        notice_s = min(self.notice_s, cap_s / 2)
        await asyncio.sleep(cap_s - notice_s)
        for session in self.sessions:
            if session.line is line and session.ready:
                await session.send(go_away(notice_s))
        await asyncio.sleep(notice_s)
        await line.close(*self.end)

    def _accepts(self, kind: str, shown: str) -> bool:
        return shown in self.tokens if kind == "token" else shown == self.key
