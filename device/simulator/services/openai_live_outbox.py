"""What a session of the Live service sends, and the ids in it."""

from __future__ import annotations

import itertools
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from device.simulator.services.line import Line
from device.simulator.services.openai_live_schema import LiveError

CloseReason = Literal["close_requested", "expired", "content", "remote_hangup", "connection_lost"]


@dataclass(frozen=True, slots=True)
class Mishaps:
    """What the service does wrong of itself; nothing by default."""

    handshake: Literal["", "not_entitled", "rate_limit", "outage"] = ""
    """Refused with HTTP 403, 429 or 503."""
    admission: Literal["", "credit_balance_exhausted", "rate_limit_exceeded", "server_error"] = ""
    """An ``error`` in place of ``session.started``; the connection is closed after it."""
    reply: Literal["", "server_error", "content", "remote_hangup", "connection_lost"] = ""
    """In the middle of the first reply: an ``error`` that ends the reply and not the session, or
    ``session.closed`` for that reason."""
    backend: bool = False
    """Delegated work fails: its response ends in ``response.failed``."""


@dataclass(frozen=True, slots=True)
class Manners:
    """How a session behaves where the service's documents leave it open. Times in seconds."""

    yields: bool = True
    """The model stops when the person talks over it."""
    yield_after_ms: int = 300
    """Of speech over its own, before it does."""
    usage_every_s: float = 15.0
    start_without_audio_s: float = 30.0
    """A session that has heard nothing at all for so long expires."""
    free_running: bool = False
    """The time line goes on with the clock when no audio comes, instead of standing still."""


@dataclass(slots=True)
class Record:
    """Of all sessions of a stand-in, for tests."""

    sessions: list[dict[str, Any]] = field(default_factory=list)  #: as they were started
    appended: list[tuple[str, str, str | None]] = field(default_factory=list)
    """Channel, content and delegation of what was placed on a time line."""
    ids: itertools.count[int] = field(default_factory=lambda: itertools.count(1))

    def new_id(self, kind: str) -> str:
        return f"{kind}_{next(self.ids):012d}"


class Outbox:
    """Nothing is sent any more once it is shut."""

    def __init__(self, line: Line, record: Record) -> None:
        self._line, self.record = line, record
        self.shut = False

    async def post(self, kind: str, **fields: object) -> None:
        """Send an event. Fields that are None are left out."""
        await self._send(self._event(kind, fields))

    async def post_last(self, kind: str, **fields: object) -> None:
        """Nothing follows it, whoever else is about to send."""
        if not self.shut:
            self.shut = True
            await self._line.send(json.dumps(self._event(kind, fields)))

    async def audio(self, delta: str) -> None:
        """The one event that has no id, and on this socket no times."""
        await self._send({"type": "session.output_audio.delta", "delta": delta})

    async def fault(self, fault: LiveError, client_event_id: str | None) -> None:
        error = {"type": fault.kind, "code": fault.code, "message": fault.message}
        if fault.param:
            error["param"] = fault.param
        if client_event_id is not None:
            error["client_event_id"] = client_event_id
        await self.post("error", error=error)

    def _event(self, kind: str, fields: Mapping[str, object]) -> dict[str, object]:
        given = {name: value for name, value in fields.items() if value is not None}
        return {"type": kind, "event_id": self.record.new_id("event"), **given}

    async def _send(self, event: dict[str, object]) -> None:
        if not self.shut:
            await self._line.send(json.dumps(event))

    async def close(self, code: int = 1000, reason: str = "") -> None:
        self.shut = True
        await self._line.close(code, reason)
