"""One response of the Live service's Responses backend, as its nested streaming events."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from typing import Any

from device.simulator.services.brain import Call
from device.simulator.services.openai_live_outbox import Outbox

MOST_DELTA_LETTERS = 24


class BackendResponse:
    """Its snapshots carry neither input nor output: those come in events of their own."""

    def __init__(self, outbox: Outbox, delegation: str, settings: Mapping[str, Any]) -> None:
        self._outbox, self._delegation, self._settings = outbox, delegation, settings
        self.id = outbox.record.new_id("resp")
        self._created_at = int(time.time())
        self._number = 0
        self._letters = 0  #: of output so far

    async def call(self, calls: Sequence[Call]) -> list[str]:
        """Ends with function calls; returns their ids."""
        await self._begin()
        ids = []
        for index, call in enumerate(calls):
            item = {
                "id": self._outbox.record.new_id("fc"),
                "type": "function_call",
                "status": "in_progress",
                "call_id": self._outbox.record.new_id("call"),
                "name": call.name,
                "arguments": "",
            }
            ids.append(item["call_id"])
            where = {"item_id": item["id"], "output_index": index}
            arguments = json.dumps(dict(call.arguments))
            await self._event("response.output_item.added", output_index=index, item=item)
            kind = "response.function_call_arguments"
            for delta in self._pieces(arguments):
                await self._event(f"{kind}.delta", **where, delta=delta)
            await self._event(f"{kind}.done", **where, arguments=arguments)
            whole = {**item, "status": "completed", "arguments": arguments}
            await self._event("response.output_item.done", output_index=index, item=whole)
        await self._snapshot("completed")
        return ids

    async def write(self, words: str) -> None:
        """Ends with a message, which the Live model then speaks."""
        await self._begin()
        item: dict[str, Any] = {
            "id": self._outbox.record.new_id("msg"),
            "type": "message",
            "role": "assistant",
            "status": "in_progress",
            "content": [],
        }
        await self._event("response.output_item.added", output_index=0, item=item)
        where = {"item_id": item["id"], "output_index": 0, "content_index": 0}
        part: dict[str, Any] = {"type": "output_text", "text": "", "annotations": []}
        await self._event("response.content_part.added", **where, part=part)
        for delta in self._pieces(words):
            await self._event("response.output_text.delta", **where, delta=delta, logprobs=[])
        await self._event("response.output_text.done", **where, text=words, logprobs=[])
        part = {**part, "text": words}
        await self._event("response.content_part.done", **where, part=part)
        item = {**item, "status": "completed", "content": [part]}
        await self._event("response.output_item.done", output_index=0, item=item)
        await self._snapshot("completed")

    async def fail(self, message: str) -> None:
        await self._begin()
        await self._snapshot("failed", {"code": "server_error", "message": message})

    async def _begin(self) -> None:
        await self._snapshot("created")
        await self._snapshot("in_progress")

    def _pieces(self, text: str) -> list[str]:
        self._letters += len(text)
        step = MOST_DELTA_LETTERS
        return [text[at : at + step] for at in range(0, len(text), step)]

    async def _snapshot(self, kind: str, error: Mapping[str, str] | None = None) -> None:
        over = kind in ("completed", "failed")
        response = {
            "id": self.id,
            "object": "response",
            "created_at": self._created_at,
            "status": kind if over else "in_progress",
            "error": error,
            "incomplete_details": None,
            "instructions": None,
            "max_output_tokens": self._settings.get("max_output_tokens"),
            "metadata": {},
            "model": self._settings["model"],
            "output": [],
            "parallel_tool_calls": self._settings.get("parallel_tool_calls") is not False,
            "previous_response_id": None,
            "temperature": 1.0,
            "tool_choice": "auto",
            "tools": [],
            "top_p": 1.0,
            "truncation": "disabled",
            "usage": self._usage() if kind == "completed" else None,
        }
        await self._event(f"response.{kind}", response=response)

    def _usage(self) -> dict[str, Any]:
        """Four letters are about one token."""
        made, taken = 1 + self._letters // 4, 100
        return {
            "input_tokens": taken,
            "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
            "output_tokens": made,
            "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": taken + made,
        }

    async def _event(self, kind: str, **fields: object) -> None:
        event = {"type": kind, "sequence_number": self._number, **fields}
        self._number += 1
        await self._outbox.post("response.event", delegation_id=self._delegation, event=event)
