"""Work that the Live model delegates: to the application, or to a Responses model with tools.

An application (``client``) gets an id and nothing else; the first commentary appended with that
id is its result. A Responses model reports through ``response.event`` and has its functions run
by the client: ``response.item.create`` with each output, then one ``response.create``.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from device.simulator.services.brain import Answer, Brain, Call
from device.simulator.services.openai_live_outbox import Outbox
from device.simulator.services.openai_live_responses import BackendResponse
from device.simulator.services.openai_live_schema import LiveError

MOST_ITEMS = 128
MOST_ITEM_BYTES = 32_768

Say = Callable[[Answer], None]
Submit = Callable[[Callable[[], Awaitable[None]]], None]


class Delegations:
    """All delegated work of one session. ``settings`` are the session's ``delegation``.

    ``submit`` runs a job when the brain is free; ``say`` has the model speak an answer.
    """

    def __init__(
        self,
        outbox: Outbox,
        settings: dict[str, Any],
        brain: Brain,
        submit: Submit,
        say: Say,
        *,
        failing: bool,
    ) -> None:
        self._outbox, self.settings, self._brain = outbox, settings, brain
        self._submit, self._say, self._failing = submit, say, failing
        self._client: dict[str, bool] = {}  #: delegations to the client, and whether they wait
        self._calls: dict[str, dict[str, str | None]] = {}  #: outputs of calls, by delegation
        self._texts: list[str] = []
        self._items = self._item_bytes = 0
        self._running = False

    @property
    def responses(self) -> bool:
        return bool(self.settings["type"] == "responses")

    async def begin(
        self, calls: Sequence[Call], offset_ms: int, client_event_id: str | None = None
    ) -> None:
        """The model hands work over."""
        delegation = self._outbox.record.new_id("item")
        if not self.responses:
            self._client[delegation] = True
            await self._created(delegation, offset_ms, client_event_id, None)
            return
        response = self._response(delegation)
        await self._created(delegation, offset_ms, client_event_id, response.id)
        await self._call(response, delegation, calls)

    # --- to the client ----------------------------------------------------------------

    def check(self, delegation: str | None) -> None:
        """Whether something may be appended to it."""
        if delegation is None:
            return
        if self.responses:
            message = "delegation_id must be null with Responses delegation."
            raise LiveError("invalid_value", message, "delegation_id")
        if delegation not in self._client:
            message = f"There is no delegation '{delegation}'."
            raise LiveError("invalid_value", message, "delegation_id")

    def deliver(self, delegation: str, content: str) -> bool:
        """A result of the client's; False where the work was done already."""
        waited, self._client[delegation] = self._client[delegation], False
        if waited:
            self._submit(lambda: self._delivered(content))
        return waited

    async def _delivered(self, content: str) -> None:
        self._say(await self._brain.tools_done((content,)))

    # --- to a Responses model ---------------------------------------------------------

    def add(self, item: Mapping[str, Any]) -> None:
        """An item for the backend; nothing answers it unless it is wrong."""
        self._only_responses("response.item.create")
        size = len(json.dumps(item).encode())
        if self._items + 1 > MOST_ITEMS or self._item_bytes + size > MOST_ITEM_BYTES:
            message = (
                f"Backend response input history is limited to {MOST_ITEMS} items and "
                f"{MOST_ITEM_BYTES} UTF-8 bytes per session."
            )
            raise LiveError("response_input_buffer_full", message, "item")
        if item.get("type") == "function_call_output":
            call_id = item["call_id"]
            waiting = [calls for calls in self._calls.values() if call_id in calls]
            if not waiting or waiting[0][call_id] is not None:
                message = f"No tool call found for function call output with call_id {call_id}."
                raise LiveError("invalid_value", message, "item.call_id")
            waiting[0][call_id] = _plain(item["output"])
        elif "role" in item:
            self._texts.append(_plain(item["content"]))
        self._items += 1
        self._item_bytes += size

    def create(self, offset_ms: int, client_event_id: str | None) -> None:
        """Go on with what waited for its tools, or answer the messages that were added."""
        self._only_responses("response.create")
        if self._running:
            message = "The backend already has an active response."
            raise LiveError("conversation_already_has_active_response", message)
        done = [key for key, calls in self._calls.items() if None not in calls.values()]
        if done:
            outputs = [output or "" for output in self._calls.pop(done[0]).values()]
            self._running = True
            self._submit(lambda: self._go_on(done[0], outputs))
            return
        missing = [one for calls in self._calls.values() for one in calls if calls[one] is None]
        if missing:
            message = f"No tool output found for function call {missing[0]}."
            raise LiveError("invalid_value", message, "item")
        if not self._texts:
            raise LiveError("invalid_value", "There is no input to respond to.")
        text, self._texts = "\n".join(self._texts), []
        self._running = True
        self._submit(lambda: self._answer(text, offset_ms, client_event_id))

    async def _go_on(self, delegation: str, outputs: Sequence[str]) -> None:
        await self._finish(delegation, await self._brain.tools_done(outputs))

    async def _answer(self, text: str, offset_ms: int, client_event_id: str | None) -> None:
        answer = await self._brain.written(text)
        if answer.calls:
            await self.begin(answer.calls, offset_ms, client_event_id)
            self._running = False
            return
        delegation = self._outbox.record.new_id("item")
        response = self._response(delegation)
        await self._created(delegation, offset_ms, client_event_id, response.id)
        await self._finish(delegation, answer, response)

    async def _finish(
        self, delegation: str, answer: Answer, response: BackendResponse | None = None
    ) -> None:
        response = response or self._response(delegation)
        if answer.calls:
            await self._call(response, delegation, answer.calls)
        elif self._failing:
            await response.fail("The backend model failed.")
        else:
            await response.write(answer.words)
            self._say(answer)
        self._running = False

    async def _call(
        self, response: BackendResponse, delegation: str, calls: Sequence[Call]
    ) -> None:
        tools = self.settings["responses"].get("tools") or ()
        known = {tool["name"] for tool in tools if tool["type"] == "function"}
        strangers = [call.name for call in calls if call.name not in known]
        if self._failing or strangers:
            await response.fail(f"No function is named {strangers}." if strangers else "Failed.")
            return
        ids = await response.call(calls)
        self._calls[delegation] = dict.fromkeys(ids)

    def _response(self, delegation: str) -> BackendResponse:
        return BackendResponse(self._outbox, delegation, self.settings["responses"])

    def _only_responses(self, command: str) -> None:
        if not self.responses:
            raise LiveError("invalid_value", f"{command} requires Responses delegation.", "type")

    async def _created(
        self, delegation: str, offset_ms: int, client_event_id: str | None, response: str | None
    ) -> None:
        target = "responses" if self.responses else "client"
        body = {"id": delegation, "type": "delegation", "target": target}
        if response is not None:
            body["response_id"] = response
        await self._outbox.post(
            "session.delegation.created",
            delegation=body,
            offset_ms=offset_ms,
            client_event_id=client_event_id,
        )


def _plain(content: object) -> str:
    """The text in an item's content or output."""
    if isinstance(content, list):
        return "\n".join(part["text"] for part in content if part.get("type") == "input_text")
    return str(content)
