"""A conversation with Gemini Live: what outlives a connection, for as long as a handle does."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from device.simulator.services.brain import Answer, Brain
from device.simulator.services.gemini_messages import Tokens

Question = Callable[[Brain], Awaitable[Answer]]


class Conversation:
    """Its brain, what it was told without being asked, and what it has cost. Event loop only."""

    def __init__(self, brain: Brain, model: str) -> None:
        self.brain, self.model = brain, model
        self.tokens = Tokens()
        self.history: list[Mapping[str, Any]] = []  #: contents of ``clientContent``, in order
        self.audio_s = 0.0  #: heard so far, on all its connections
        self.seen = False  #: it has had video
        self.connections = 0  #: that are open
        self._asked: asyncio.Task[Answer] | None = None  #: the latest
        self._asking: set[asyncio.Task[Answer]] = set()

    async def ask(self, question: Question) -> Answer:
        """One at a time: a brain is never asked while it still thinks about an earlier question,
        not even when nobody waits for that answer any more."""
        before, begun = self._asked, False

        async def after() -> Answer:
            nonlocal begun
            if before is not None:
                await asyncio.wait({before})
            begun = True
            return await question(self.brain)

        asked = self._asked = asyncio.create_task(after())
        self._asking.add(asked)
        asked.add_done_callback(self._asking.discard)
        try:
            return await asyncio.shield(asked)
        except asyncio.CancelledError:
            if not begun:
                asked.cancel()
            raise

    async def leave(self) -> None:
        """A connection ends; with the last one nobody waits for an answer."""
        self.connections -= 1
        left = set() if self.connections else set(self._asking)
        for asked in left:
            asked.cancel()
        if left:
            await asyncio.wait(left)


@dataclass(slots=True)
class Group:
    """The calls of one ``toolCall``. ``free``: the conversation goes on meanwhile."""

    ids: tuple[str, ...]
    free: bool
    results: dict[str, str] = field(default_factory=dict)
    scheduling: set[str] = field(default_factory=set)

    @property
    def done(self) -> bool:
        return len(self.results) == len(self.ids)

    def in_order(self) -> list[str]:
        return [self.results[id_] for id_ in self.ids]


def result_of(response: Mapping[str, Any]) -> str:
    """A function's output: what is under ``output`` or ``result`` if that is all, else all."""
    value: Any = response
    if len(response) == 1:
        [(name, inner)] = response.items()
        value = inner if name in {"output", "result"} else response
    return value if isinstance(value, str) else json.dumps(value)
