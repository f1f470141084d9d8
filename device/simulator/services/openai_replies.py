"""Which responses there are: one for the conversation at a time, any number out of band."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from device.simulator.services.brain import Answer
from device.simulator.services.openai_calls import CallRound
from device.simulator.services.openai_items import Item
from device.simulator.services.openai_reply import Reply
from device.simulator.services.openai_settings import overridden
from device.simulator.services.openai_shapes import Json, RefusalError

if TYPE_CHECKING:
    from device.simulator.services.openai_session import Session

Question = Callable[[], Awaitable[Answer | None]]
"""What the brain is asked; None: there are calls to be made first."""
CALLED = ("function_call_output", "mcp_call", "mcp_approval_response")


class Replies:
    """Of one session."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self.active: Reply | None = None  #: the one that writes to the conversation
        self._beside: dict[str, Reply] = {}
        self._due: list[Json] = []
        self.unanswered: list[Item] = []
        self.round: CallRound | None = None
        self.spoken = False  #: there was audio: the voice stays
        self.input_tokens = 0  #: of the response before, which are cached

    async def create(self, params: Json) -> None:
        """Raises :class:`RefusalError`."""
        session = self._session
        default = params.get("conversation", "auto") != "none"
        if default and self.active is not None:
            message = (
                f"Conversation already has an active response in progress: {self.active.id}. "
                "Wait until the response is finished before creating a new one."
            )
            raise RefusalError("conversation_already_has_active_response", message)
        settings = overridden(session.settings, params)
        session.check_voice(settings.voice, "response.audio.output.voice")
        question = self._question(params, default)
        reply = Reply(session, settings, params, default)
        if default:
            self.active = reply
            session.turns.rest()
        else:
            self._beside[reply.id] = reply
        session.spawn(reply.run(question))

    async def create_when_free(self, params: Json | None = None) -> None:
        """By the service itself: after the active one, if there is one. (That it waits where it
        must not interrupt is not documented.)"""
        if self.active is not None:
            self._due = [params or {}]
        else:
            await self.create(params or {})

    def stop(self, reason: str, response_id: str | None = None) -> bool:
        """Is there something to stop? The active one, or the one that is named."""
        found = self.active
        if response_id is not None and (found is None or found.id != response_id):
            found = self._beside.get(response_id)
        if found is None or found.stopping.is_set():
            return False
        found.reason = reason
        found.stopping.set()
        return True

    async def finish(self, reply: Reply) -> None:
        """Tells that it is done; what waited for it begins."""
        if not reply.default:
            self._beside.pop(reply.id, None)
            await reply.tell_done()
            return
        self.active = None
        await reply.tell_done()
        session = self._session
        goes_on = reply.made_mcp and session.owner.mcp.follow_up and reply.status == "completed"
        if goes_on and self.round is not None and not self.round.blocked:
            self._due = self._due or [{}]
        if self._due:
            try:
                await self.create_when_free(self._due.pop())
            except RefusalError as refused:
                await session.complain(refused)
        elif reply.status == "completed":
            session.turns.wait(reply.left_to_play_s())

    def result(self, call_id: str, output: str) -> None:
        if self.round is not None:
            self.round.result(call_id, output)

    # --- what the brain is asked ----------------------------------------------------------

    def _question(self, params: Json, default: bool) -> Question:
        if "words" in params:
            return self._written(params["words"])
        if "input" in params:
            given = [self._given(data) for data in params["input"]]
            return self._about(given, params.get("instructions", ""))
        instructions = params.get("instructions", "")
        if not default:
            return self._about([] if instructions else list(self._session.items), instructions)
        items, self.unanswered = self.unanswered, []
        if self.round is not None and items and items[-1].kind in CALLED:
            return self._after_calls(self.round)
        return self._about(items, instructions)

    def _given(self, data: Json) -> Item:
        if data["type"] == "item_reference":
            return self._session.items.get(data["id"], "referring to")
        return self._session.made(data)

    def _about(self, items: list[Item], instructions: str) -> Question:
        """The last thing that a user said; else what the others wrote; else the instructions."""
        messages = [item for item in items if item.kind == "message"]
        for item in reversed(messages):
            if item.role != "user":
                continue
            if item.audio:
                return lambda: asyncio.shield(self._session.hearing(item))
            return self._written(item.words())
        system = " ".join(item.words() for item in messages if item.role == "system")
        return self._written(" ".join(filter(None, (system, instructions))))

    def _written(self, text: str) -> Question:
        session = self._session
        return lambda: session.think(lambda: session.brain.written(text))

    def _after_calls(self, round_: CallRound) -> Question:
        if round_.to_make:
            return _nothing
        self.round = None
        session = self._session
        return lambda: session.think(lambda: session.brain.tools_done(round_.results()))


async def _nothing() -> None:
    return None
