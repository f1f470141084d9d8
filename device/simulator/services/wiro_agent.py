"""Wiro's other voice product, on loopback: the web channel of an agent that was configured there.

HTTP (``http_port``): WebStart, which gives a session's id, token and address, and Cancel for one
that was never connected. The socket has an explicit sign of barge-in: ``clear`` (throw away what
is still to be played), then ``resume`` before the next utterance.

From published documents only. Not known and decided here: that a session that may not start is
``rejected``; that an interrupt is answered with ``clear``; that ``resume`` comes after a ``clear``
only; what too many sessions an hour are answered with (code 96). Not modelled: agents' own tools
and skills, resuming after a lost connection (there is none).
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import ssl
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from threading import Lock
from typing import Any, Literal

from websockets.http11 import Request

from device.simulator.services.brain import Brain
from device.simulator.services.line import Line, Trouble
from device.simulator.services.stand_in import HttpAnswer, StandIn
from device.simulator.services.wiro_account import Account, Code, yes
from device.simulator.services.wiro_agent_session import AgentManners, AgentSession, Reason

PATH = "/v1/AgentRealtime/Web"
ACTIVE = 4
HOUR_S = 3600.0
MOST_AN_HOUR = 60


@dataclass(slots=True)
class Ticket:
    """A session that was started over HTTP."""

    id: str
    token: str = field(repr=False)
    expires_s: float
    state: Literal["made", "used", "cancelled"] = "made"


class WiroAgent(StandIn):
    """Product B. ``agents``: the agents that there are, with their status (4: may be talked to).
    ``token_s``: how long a token is good for; ``start_s``: how long ``session_start`` may take.
    """

    def __init__(
        self,
        brain: Callable[[], Brain],
        *,
        key: str = "stand-in-key",
        secret: str | None = None,
        agents: Mapping[str, int] | None = None,
        manners: AgentManners | None = None,
        token_s: float = 300.0,
        start_s: float = 10.0,
        trouble: Trouble | None = None,
        cap_s: float | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        super().__init__(brain, key=key, trouble=trouble, cap_s=cap_s, tls=tls)
        self.manners = manners or AgentManners()
        self.account = Account(key, secret, 100.0, self.manners.text_codes)
        self.agents = dict(agents or {"agent-1": ACTIVE})
        self.most_an_hour = MOST_AN_HOUR
        self.start_fails: Reason | None = None  #: why the next sessions do not become ready
        self.faults: list[str] = []
        self.sessions: list[AgentSession] = []
        self.tickets: list[Ticket] = []
        self._token_s, self._start_s = token_s, start_s
        self._made_s: list[float] = []
        self._lock = Lock()

    @property
    def url(self) -> str:
        """The HTTP side's, which tells the socket's."""
        return f"{self.http_origin}/v1"

    # --- HTTP -------------------------------------------------------------------------

    def answer_post(
        self, path: str, headers: Mapping[str, str], body: Mapping[str, Any]
    ) -> HttpAnswer:
        refused = self.account.admit(headers)
        if refused is not None:
            return refused
        ways = {
            "/v1/UserAgent/Realtime/WebStart": self._start_session,
            "/v1/UserAgent/Realtime/Cancel": self._cancel,
        }
        if path not in ways:
            return self.account.no(Code.NOT_FOUND, f"no such address: {path}", 404)
        unreadable = self.account.unreadable(headers, body)
        if unreadable is not None:
            return unreadable
        with self._lock:
            return ways[path](body)

    def _start_session(self, body: Mapping[str, Any]) -> HttpAnswer:
        guid, about = body.get("useragentguid"), body.get("session_metadata", {})
        if not isinstance(guid, str) or not guid:
            return self.account.no(Code.GENERAL, "useragentguid is required")
        if not isinstance(about, dict) or about.keys() - {"page_url", "display_identifier"}:
            return self.account.no(Code.GENERAL, "session_metadata is not as it should be")
        if guid not in self.agents:
            return self.account.no(Code.NOT_FOUND, "agent not found")
        if self.agents[guid] != ACTIVE:
            return self.account.no(Code.GENERAL, f"the agent's status is {self.agents[guid]}")
        now = time.time()
        self._made_s = [made for made in self._made_s if now - made < HOUR_S]
        if len(self._made_s) >= self.most_an_hour:
            return self.account.no(Code.CONCURRENCY, f"{self.most_an_hour} sessions an hour")
        self._made_s.append(now)
        name, expires_s = f"vws-{uuid.uuid4()}", now + self._token_s
        expires_ms = round(expires_s * 1000)
        token = self._signed({"sessionId": name, "exp": expires_ms})
        self.tickets.append(Ticket(name, token, expires_s))
        return yes(
            sessionId=name,
            wsUrl=f"{self.origin}{PATH}",
            sessionToken=token,
            expiresAt=expires_ms,
            estimatedReadyMs=round(self.manners.ready_after_s * 1000),
        )

    def _cancel(self, body: Mapping[str, Any]) -> HttpAnswer:
        ticket = self._ticket(body.get("sessionToken"))
        if ticket is None or ticket.id != body.get("sessionId"):
            return self.account.no(Code.NOT_FOUND, "session not found")
        if ticket.state != "made":
            return self.account.no(Code.GENERAL, f"the session is {ticket.state}")
        ticket.state = "cancelled"
        return yes()

    def _signed(self, payload: Mapping[str, object]) -> str:
        """Two segments: no JSON web token, though it looks like one."""
        first = base64.urlsafe_b64encode(json.dumps(payload).encode()).decode().rstrip("=")
        mac = hmac.new(self.key.encode(), first.encode(), hashlib.sha256)
        return f"{first}.{mac.hexdigest()}"

    def _ticket(self, token: object) -> Ticket | None:
        return next((ticket for ticket in self.tickets if ticket.token == token), None)

    # --- the socket -------------------------------------------------------------------

    def refuse(self, request: Request) -> HttpAnswer | None:
        return None if request.path == PATH else HttpAnswer(404, {"result": False, "errors": []})

    async def converse(self, line: Line, request: Request) -> None:
        messages = aiter(line)
        try:
            first = await asyncio.wait_for(anext(messages, None), self._start_s)
        except TimeoutError:
            await self._reject(line, "no session_start in time")
            return
        if first is None:
            return
        ticket = self._admitted(first)
        if isinstance(ticket, str):
            await self._reject(line, ticket)
            return
        session = AgentSession(
            ticket.id,
            line,
            self.brain(),
            self.manners,
            cap_s=self.cap_s,
            start_fails=self.start_fails,
            faults=self.faults,
        )
        self.sessions.append(session)
        await session.live(messages)

    def _admitted(self, first: str | bytes) -> Ticket | str:
        try:
            message = json.loads(first) if isinstance(first, str) else None
        except (ValueError, RecursionError):
            message = None
        if not isinstance(message, dict) or message.get("type") != "session_start":
            return "the first message must be session_start"
        with self._lock:
            ticket = self._ticket(message.get("sessionToken"))
            if ticket is None:
                return "the session token is not valid"
            if ticket.state != "made":
                return f"the session is {ticket.state}"
            if time.time() >= ticket.expires_s:
                return "the session token has expired"
            ticket.state = "used"
            return ticket

    async def _reject(self, line: Line, why: str) -> None:
        self.faults.append(why)
        end = {"type": "session_end", "reason": "rejected", "message": why, "error": why}
        await line.send(json.dumps(end))
        await line.close(1000)
