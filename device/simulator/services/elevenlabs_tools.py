"""The tools of an ElevenLabs agent: the client's, the service's own, and those of an MCP server."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from device.simulator.services.brain import Call
from device.simulator.services.elevenlabs_agent import Agent
from device.simulator.services.elevenlabs_voice import Out

END_CALL = "end_call"


class Tools:
    """Results come back in the order of the calls; those nobody waits for are ignored."""

    def __init__(self, agent: Agent, out: Out) -> None:
        self._agent, self._out = agent, out
        self._results: dict[str, asyncio.Future[str]] = {}
        self._approvals: dict[str, asyncio.Future[bool]] = {}

    def result(self, frame: Mapping[str, Any]) -> None:
        """A ``client_tool_result``."""
        waiting = self._results.get(frame["tool_call_id"])
        if waiting is not None and not waiting.done():
            waiting.set_result(frame["result"])

    def approval(self, frame: Mapping[str, Any]) -> None:
        """An ``mcp_tool_approval_result``."""
        waiting = self._approvals.get(frame["tool_call_id"])
        if waiting is not None and not waiting.done():
            waiting.set_result(frame["is_approved"])

    async def run(self, calls: Sequence[Call]) -> list[str]:
        """All of them, the client's at the same time."""
        return list(await asyncio.gather(*(self._run(call) for call in calls)))

    async def end_call(self) -> None:
        """Tell of the agent's own tool by which it hangs up."""
        await self._served(END_CALL, "system", "The call is ended.")

    async def _run(self, call: Call) -> str:
        if call.name in self._agent.server_tools:
            return await self._served(call.name, "webhook", self._agent.server_tools[call.name])
        if call.name in self._agent.mcp_tools:
            return await self._mcp(call, self._agent.mcp_tools[call.name])
        return await self._client(call)

    async def _client(self, call: Call) -> str:
        call_id = f"call_{uuid.uuid4().hex[:12]}"
        waiting: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._results[call_id] = waiting
        fields = {
            "tool_name": call.name,
            "tool_call_id": call_id,
            "parameters": dict(call.arguments),
            "event_id": self._out.next_id(),
        }
        try:
            await self._out.event("client_tool_call", "client_tool_call", fields)
            if call.name in self._agent.silent_tools:
                return ""
            async with asyncio.timeout(self._agent.tool_timeout_s):
                return await waiting
        except TimeoutError:
            return f"The tool {call.name} did not answer in time."
        finally:
            del self._results[call_id]

    async def _served(self, name: str, kind: str, result: str) -> str:
        fields = {
            "tool_name": name,
            "tool_call_id": f"call_{uuid.uuid4().hex[:12]}",
            "tool_type": kind,
            "event_id": self._out.next_id(),
        }
        await self._out.event("agent_tool_request", "agent_tool_request", fields)
        await asyncio.sleep(self._agent.work_s if kind != "system" else 0.0)
        fields |= {"is_error": False, "is_called": True, "event_id": self._out.next_id()}
        await self._out.event("agent_tool_response", "agent_tool_response", fields)
        full = "agent_tool_response_full_payload"
        await self._out.event(full, full, {**fields, "full_tool_result": result})
        return result

    async def _mcp(self, call: Call, result: str) -> str:
        call_id = f"call_{uuid.uuid4().hex[:12]}"
        fields = {
            "service_id": "mcp-1",
            "tool_call_id": call_id,
            "tool_name": call.name,
            "parameters": dict(call.arguments),
            "timestamp": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        }

        async def state(name: str, **more: object) -> None:
            event = {**fields, **more, "state": name}
            await self._out.event("mcp_tool_call", "mcp_tool_call", event)

        if self._agent.mcp_approval:
            waiting: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
            self._approvals[call_id] = waiting
            seconds = self._agent.tool_timeout_s
            try:
                await state("awaiting_approval", approval_timeout_secs=seconds)
                async with asyncio.timeout(seconds):
                    approved = await waiting
            except TimeoutError:
                approved = False
            finally:
                del self._approvals[call_id]
            if not approved:
                await state("failure", error_message="The call was not approved.")
                return "The call was not approved."
        await state("loading")
        await asyncio.sleep(self._agent.work_s)
        await state("success", result=[{"type": "text", "text": result}])
        return result
