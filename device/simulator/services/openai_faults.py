"""What a stand-in of this protocol can be told to do wrong, and to be strict or lax about."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from device.simulator.services.openai_shapes import Json


@dataclass
class Faults:
    """May be changed at any time; read when it matters.

    ``connect``: "outage" (HTTP 503) and "rate_limit" (HTTP 429) refuse the hand-shake, "quota"
    (``insufficient_quota``) and "server" (``server_error``) come as an error event that ends the
    session, or as HTTP 429 and 500 where the dialect refuses early. ``reply``: a code
    (``rate_limit_exceeded``, ``insufficient_quota``, ``server_error``): the next responses fail
    with it after ``reply_at_piece`` pieces of audio;
    "content_filter" leaves them incomplete there.
    """

    connect: str | None = None
    reply: str | None = None
    reply_at_piece: int = 0
    transcription: bool = False  #: every transcription fails
    late_pieces: int = 2  #: of audio that still come after a reply was cancelled
    early: bool | None = None
    """Bad keys and models are refused in the hand-shake (True) or by an error event after it
    (False). None: as is known or supposed of the dialect."""


@dataclass(frozen=True)
class McpServer:
    """A tool server that the service, not the device, talks to.

    ``tools``: (name, description, JSON schema of the input). ``run`` gives the output for a name
    and arguments; what it raises makes the call fail. ``lists`` is False where it is unreachable.
    """

    tools: tuple[tuple[str, str, Mapping[str, Any]], ...] = ()
    run: Callable[[str, Mapping[str, object]], str] = lambda name, arguments: "done"
    lists: bool = True

    def listing(self, allowed: Any) -> list[Json]:
        """``tools`` of an ``mcp_list_tools`` item; ``allowed`` is the client's choice."""
        names = allowed.get("tool_names") if isinstance(allowed, dict) else allowed
        return [
            {"name": name, "description": description, "input_schema": dict(schema)}
            for name, description, schema in self.tools
            if names is None or name in names
        ]


@dataclass
class McpServers:
    by_label: dict[str, McpServer] = field(default_factory=dict)
    follow_up: bool = True
    """After calls of its own the service goes on by itself; else it waits for
    ``response.create``. The documents do not say clearly which; unverified."""
