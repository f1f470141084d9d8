"""Tool servers that the service talks to by itself: listing, approval, calls.

The order of the events within a listing or a call is not documented and therefore unverified.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from device.simulator.services.openai_calls import CallRound
from device.simulator.services.openai_faults import McpServer
from device.simulator.services.openai_items import Item, new_id
from device.simulator.services.openai_shapes import Json, invalid_value

if TYPE_CHECKING:
    from device.simulator.services.openai_reply import Reply
    from device.simulator.services.openai_session import Session

DENIED = "The user did not approve this call."


class Mcp:
    """Of one session. What may be called is what a listing has found."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._seen: dict[str, Json] = {}  # by label: the tool that was configured
        self._found: dict[str, list[str]] = {}  # by label: names of tools
        self._asked: dict[str, tuple[CallRound, int, Json]] = {}  # by approval request

    def look(self, tools: Sequence[Json]) -> None:
        """List the tools of servers that are new."""
        wanted = {tool["server_label"]: tool for tool in tools if tool["type"] == "mcp"}
        for label in set(self._seen) - set(wanted):
            del self._seen[label]
            self._found.pop(label, None)
        for label, tool in wanted.items():
            if self._seen.get(label) != tool:
                self._seen[label] = tool
                self._session.spawn(self._list(label, tool))

    def _server(self, label: str) -> McpServer | None:
        return self._session.owner.mcp.by_label.get(label)

    async def _list(self, label: str, tool: Json) -> None:
        session, server = self._session, self._server(label)
        item = Item(
            {"id": new_id("mcpl"), "type": "mcp_list_tools", "server_label": label, "tools": []}
        )
        before = session.items.add(item)
        where: Json = {"item": item.data, "previous_item_id": before}
        await session.send("conversation.item.added", **where)
        await session.send("mcp_list_tools.in_progress", item_id=item.id)
        if server is None or not server.lists:
            await session.send("mcp_list_tools.failed", item_id=item.id)
            return
        item.data["tools"] = server.listing(tool.get("allowed_tools"))
        self._found[label] = [found["name"] for found in item.data["tools"]]
        await session.send("conversation.item.done", **where)
        await session.send("mcp_list_tools.completed", item_id=item.id)

    def offers(self, name: str, tools: Sequence[Json]) -> bool:
        """Is it a server's, and not a function of the client's?"""
        return self._tool(name, tools) is not None

    def _tool(self, name: str, tools: Sequence[Json]) -> Json | None:
        if any(tool.get("name") == name for tool in tools):
            return None
        for tool in tools:
            if name in self._found.get(tool.get("server_label", ""), ()):
                return tool
        return None

    async def begin(
        self, reply: Reply, calls: CallRound, number: int, tools: Sequence[Json]
    ) -> None:
        """Call, or ask whether it may be called."""
        call = calls.calls[number]
        tool = self._tool(call.name, tools)
        assert tool is not None
        if not _needs_approval(tool.get("require_approval"), call.name):
            await self.call(reply, calls, number, None, tool)
            return
        data = {
            "id": new_id("mcpr"), "type": "mcp_approval_request",
            "server_label": tool["server_label"], "name": call.name,
            "arguments": json.dumps(dict(call.arguments)),
        }  # fmt: skip
        calls.requests[data["id"]] = number
        self._asked[data["id"]] = (calls, number, tool)
        await reply.end(await reply.begin(data))

    async def call(
        self,
        reply: Reply,
        calls: CallRound,
        number: int,
        request_id: str | None,
        tool: Json | None = None,
    ) -> None:
        call = calls.calls[number]
        if tool is None:
            tool = self._asked[request_id or ""][2]
        session, arguments = self._session, json.dumps(dict(call.arguments))
        item = await reply.begin(
            {
                "id": new_id("mcp"), "type": "mcp_call", "name": call.name, "arguments": "",
                "server_label": tool["server_label"], "approval_request_id": request_id,
                "output": None, "error": None,
            }
        )  # fmt: skip
        place = len(reply.output) - 1
        name = "response.mcp_call"
        await reply.tell_of(item, f"{name}_arguments.delta", delta=arguments)
        item.data["arguments"] = arguments
        await reply.tell_of(item, f"{name}_arguments.done", arguments=arguments)
        await session.send(f"{name}.in_progress", item_id=item.id, output_index=place)
        server = self._server(tool["server_label"])
        try:
            if server is None:
                raise LookupError("the server is gone")
            output = await asyncio.to_thread(server.run, call.name, call.arguments)
        except Exception as broken:  # noqa: BLE001 - the tool's own failure, whatever it is
            output = f"error: {broken}"
            item.data["error"] = {"type": "tool_execution_error", "message": str(broken)}
        else:
            item.data["output"] = output
        end = "completed" if item.data["error"] is None else "failed"
        await session.send(f"{name}.{end}", item_id=item.id, output_index=place)
        calls.done(number, output)
        reply.made_mcp = True
        session.replies.unanswered.append(item)
        await reply.end(item)

    # --- approval -------------------------------------------------------------------------

    def check(self, data: Json) -> None:
        """Raises :class:`RefusalError` where nothing was asked, or it is decided already."""
        request_id = data["approval_request_id"]
        asked = self._asked.get(request_id)
        if asked is None or request_id not in asked[0].requests:
            message = f"No approval request '{request_id}' is waiting for an answer."
            raise invalid_value("item.approval_request_id", message)

    async def decided(self, data: Json) -> None:
        request_id = data["approval_request_id"]
        calls, number, _ = self._asked[request_id]
        del calls.requests[request_id]
        if data["approve"]:
            calls.approved.append((number, request_id))
        else:
            calls.done(number, DENIED)
        replies = self._session.replies
        if not calls.blocked and replies.round is calls and self._session.owner.mcp.follow_up:
            await replies.create_when_free()


def _needs_approval(rule: Any, name: str) -> bool:
    """``require_approval`` of a tool; without one every call needs approval."""
    if not isinstance(rule, dict):
        return str(rule) != "never"
    if name in rule.get("never", {}).get("tool_names", ()):
        return False
    always = rule.get("always", {}).get("tool_names")
    return always is None or name in always
