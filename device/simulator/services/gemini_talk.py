"""How Gemini Live answers: one reply at a time, cut by whoever speaks over it."""

from __future__ import annotations

import asyncio
import itertools
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from device.simulator.services.brain import RATE_HZ, Answer, Call
from device.simulator.services.gemini_conversation import (
    Conversation,
    Group,
    Question,
    result_of,
)
from device.simulator.services.gemini_messages import (
    Manner,
    Message,
    audio_part,
    cancellation,
    content,
    model_turn,
    parcels,
    tool_call,
)
from device.simulator.services.gemini_setup import Setup
from device.simulator.services.gemini_wire import RefusedError

THOUGHT = "**Thinking about it**\n\nWhat would be a good answer?"


@dataclass(frozen=True, slots=True)
class Mouth:
    """What a reply needs of its connection. ``settled`` is told when the conversation may be
    resumed again, or not at the moment; ``failure`` gives the close that a reply dies of."""

    send: Callable[[Message], Awaitable[None]]
    close: Callable[[int, str], Awaitable[None]]
    settled: Callable[[bool], Awaitable[None]]
    failure: Callable[[], tuple[int, str] | None]
    rejection: Callable[[], str]


@dataclass(frozen=True, slots=True)
class Job:
    """Something to ask the brain. ``silent``: its answer is not said."""

    question: Question
    silent: bool = False


class Talk:
    """The replies of one connection. Its methods are called by one task only; the reply that is
    being given is a task of its own."""

    def __init__(
        self, setup: Setup, manner: Manner, conversation: Conversation, mouth: Mouth
    ) -> None:
        self.setup, self._manner, self._mouth = setup, manner, mouth
        self.functions: Mapping[str, bool] = setup.functions
        self._conversation = conversation
        self._reply: asyncio.Task[None] | None = None
        self._job: Job | None = None  #: that ``_reply`` is about
        self._next: deque[Job] = deque()
        self._groups: list[Group] = []
        self._cancelled: set[str] = set()
        self._late: list[bytes] = []
        self._ending = False  #: the reply is over but for its last messages
        self._numbers = itertools.count(1)
        self.strays: list[str] = []  #: identifiers of calls that were answered though cancelled

    @property
    def busy(self) -> bool:
        """Something may be interrupted: a reply, or calls that a reply waits for."""
        audible = self._job is not None and not self._job.silent
        return audible or any(not group.free for group in self._groups)

    def begin(self, question: Question) -> None:
        """Answer, after what is being answered now."""
        self._next.append(Job(question))
        self._go_on()

    async def interrupt(self) -> None:
        """Somebody speaks or writes over the reply."""
        if self._reply is not None and self._ending:
            await asyncio.wait({self._reply})
        if not self.busy:
            return
        if self._reply is not None:
            self._reply.cancel()
            await asyncio.wait({self._reply})
            self._reply = self._job = None
        ids = [id_ for group in self._groups if not group.free for id_ in group.ids]
        self._groups = [group for group in self._groups if group.free]
        if ids:
            self._cancelled.update(ids)
            await self._mouth.send(cancellation(ids))
        self._ending = False
        late = [model_turn(audio_part(pcm)) for pcm in self._late[: self._manner.late_pieces]]
        first = late.pop(0) if late and self._manner.combined else {}
        for fields in [{"interrupted": True, **first}, *late]:
            await self._mouth.send(content(**fields))
        self._late = []
        await self._complete({})
        self._go_on()

    async def results(self, responses: list[Mapping[str, Any]]) -> None:
        """A ``toolResponse``; the model goes on by itself when all results are there."""
        for response in responses:
            id_ = response.get("id", "")
            if id_ in self._cancelled:
                self.strays.append(id_)
                continue
            group = next((each for each in self._groups if id_ in each.ids), None)
            if group is None or id_ in group.results:
                raise RefusedError(1007, f"Function response for an unknown call: {id_!r}")
            if not isinstance(response.get("response"), dict):
                raise RefusedError(1007, "function_responses.response: an object is required.")
            if response.get("willContinue", False):
                continue
            group.results[id_] = result_of(response["response"])
            group.scheduling.add(response.get("scheduling", ""))
            if group.done:
                await self._proceed(group)

    async def stop(self) -> None:
        """Nothing of it goes on."""
        self._next.clear()
        if self._reply is not None:
            self._reply.cancel()
            await asyncio.wait({self._reply})

    async def _proceed(self, group: Group) -> None:
        self._groups.remove(group)
        results = group.in_order()
        if group.free and "INTERRUPT" in group.scheduling:
            await self.interrupt()
        silent = group.free and group.scheduling == {"SILENT"}
        job = Job(lambda brain: brain.tools_done(results), silent)
        self._next.appendleft(job)
        self._go_on()

    def _go_on(self) -> None:
        waits = self._reply is not None or any(not group.free for group in self._groups)
        # The results of calls are what a reply waits for: they come in with no call left open.
        if self._next and not waits:
            self._job = self._next.popleft()
            self._reply = asyncio.create_task(self._give(self._job))

    async def _give(self, job: Job) -> None:
        try:
            await self._mouth.settled(False)
            answer = await self._conversation.ask(job.question)
            if job.silent:
                await self._mouth.settled(True)
            else:
                await self._answer(answer)
        except Exception:
            await self._mouth.close(1011, "Internal error encountered.")
            raise
        self._reply = self._job = None
        self._ending, self._late = False, []
        self._go_on()

    async def _answer(self, answer: Answer) -> None:
        late = self._manner.late_transcript
        if not late:
            await self._repeat(answer.heard)
        if reason := self._mouth.rejection():
            await self._complete({"turnCompleteReason": reason})
        elif answer.calls:
            await self._call(answer.calls)
        elif answer.pcm or answer.words:
            await self._say(answer)
        else:
            need = {"turnCompleteReason": "NEED_MORE_INPUT", "waitingForInput": True}
            await self._complete(need)
        if late:
            await self._repeat(answer.heard)

    async def _repeat(self, heard: str) -> None:
        """The user's words."""
        if not heard or not self.setup.input_words:
            return
        if self._manner.interim:
            half = parcels(heard, 2)[0] or heard
            await self._mouth.send(content(interimInputTranscription={"text": half}))
        for text, last in _marked(parcels(heard, 3)):
            await self._mouth.send(content(inputTranscription=self._words(text, last)))

    async def _call(self, calls: tuple[Call, ...]) -> None:
        free = all(self.functions.get(call.name, False) for call in calls)
        ids = tuple(f"function-call-{next(self._numbers)}" for _ in calls)
        self._groups.append(Group(ids, free))
        named = [(id_, call.name, call.arguments) for id_, call in zip(ids, calls, strict=True)]
        await self._mouth.send(tool_call(named))
        if free:
            await self._complete({}, status="IN_PROGRESS")

    async def _say(self, answer: Answer) -> None:
        clock = asyncio.get_running_loop()
        manner, tokens = self._manner, self._conversation.tokens
        if manner.thoughts:
            tokens.thought(THOUGHT)
            thought = {"text": THOUGHT, "thought": True}
            await self._mouth.send(content(**model_turn(thought)))
        size = 2 * RATE_HZ * manner.piece_ms // 1000
        pieces = [answer.pcm[at : at + size] for at in range(0, len(answer.pcm), size)] or [b""]
        words = parcels(answer.words if self.setup.output_words else "", len(pieces))
        marked = dict(enumerate(_marked(words, keep_empty=True)))
        began = clock.time()
        for number, pcm in enumerate(pieces):
            tokens.said(len(pcm) / 2 / RATE_HZ)
            self._late = pieces[number + 1 :]
            await self._piece(pcm, *marked[number])
            if failure := self._mouth.failure():
                await self._mouth.close(*failure)
                return
            ahead = began + (number + 1) * manner.piece_ms / 1000 / manner.pace - clock.time()
            await asyncio.sleep(max(0.0, ahead))
        if not manner.combined:
            await self._mouth.send(content(generationComplete=True))
        played = began + len(answer.pcm) / 2 / RATE_HZ * manner.playback
        await asyncio.sleep(max(0.0, played - clock.time()))
        self._ending = True
        await self._complete({})

    async def _piece(self, pcm: bytes, text: str, last: bool) -> None:
        words = {"outputTranscription": self._words(text, last)} if text else {}
        if not self._manner.combined:
            for part in ([model_turn(audio_part(pcm))] if pcm else []) + ([words] if words else []):
                await self._mouth.send(content(**part))
            return
        half = len(pcm) // 4 * 2
        parts = [audio_part(part) for part in (pcm[:half], pcm[half:]) if part]
        fields = (model_turn(*parts) if parts else {}) | words
        if not self._late:
            fields["generationComplete"] = True
        await self._mouth.send(content(**fields))

    async def _complete(self, fields: Message, status: str = "IDLE") -> None:
        setup, manner = self.setup, self._manner
        if manner.interaction_status:
            fields = {**fields, "interactionStatus": status}
        usage = self._conversation.tokens.turn(
            setup.trigger_tokens, setup.target_tokens, cached=manner.cached
        )
        done = content(turnComplete=True, **fields)
        if manner.combined:
            await self._mouth.send(done | {"usageMetadata": usage})
        else:
            await self._mouth.send({"usageMetadata": usage})
            await self._mouth.send(done)
        await self._mouth.settled(True)

    def _words(self, text: str, last: bool) -> Message:
        return (
            {"text": text, "finished": True} if last and self._manner.finished else {"text": text}
        )


def _marked(texts: list[str], *, keep_empty: bool = False) -> list[tuple[str, bool]]:
    """Each text, and whether it is the last that is not empty."""
    last = max((at for at, text in enumerate(texts) if text), default=-1)
    return [(text, at == last) for at, text in enumerate(texts) if text or keep_empty]
