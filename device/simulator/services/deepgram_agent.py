"""The agent in a Deepgram session: it answers, speaks, calls functions and is interrupted."""

from __future__ import annotations

import asyncio
import json
import re
import struct
import uuid
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Literal

from device.simulator.services.brain import RATE_HZ, Answer, Brain, Call, converted
from device.simulator.services.deepgram_manner import Manner, SessionError
from device.simulator.services.deepgram_messages import Fields
from device.simulator.services.deepgram_settings import Settings

Send = Callable[..., Awaitable[None]]
Work = Callable[[], Awaitable[None]]
Role = Literal["user", "assistant"]


class Agent:
    """One turn at a time, each a task. ``send`` takes audio, or a type and its fields;
    ``end`` ends the session with an error."""

    def __init__(
        self,
        brain: Brain,
        settings: Settings,
        manner: Manner,
        send: Send,
        end: Callable[[SessionError], Awaitable[None]],
    ) -> None:
        self.settings = settings
        self._brain, self._manner, self._send, self._end = brain, manner, send, end
        self._task: asyncio.Task[None] | None = None
        self._unsent: deque[bytes] = deque()
        self._open_calls: dict[str, tuple[str, asyncio.Future[str]]] = {}
        self._queue: deque[str | None] = deque()

    @property
    def busy(self) -> bool:
        """It thinks, waits for a function or speaks."""
        return self._task is not None and not self._task.done()

    # --- what happens to it -----------------------------------------------------------

    async def greet(self) -> None:
        await self._begin(lambda: self._say_exactly(self.settings.greeting))

    async def hear(self, pcm: bytes) -> None:
        """The user's turn, mono s16le at the input's rate."""
        hz = self.settings.input_hz
        await self._begin(lambda: self._answer(lambda: self._brain.spoken(pcm, hz)))

    async def read(self, content: str) -> None:
        """Words of the user's that were never spoken; what it says meanwhile is given up."""
        await self.stop()
        await self._put_down("user", content)
        await self._begin(lambda: self._answer(lambda: self._brain.written(content)))

    async def inject(self, message: str | None, behavior: str, *, user_speaks: bool) -> None:
        """``message`` None: whatever fits."""
        if behavior == "interrupt":
            await self._begin(lambda: self._say_exactly(message))
        elif self.busy and behavior == "queue":
            self._queue.append(message)
        elif self.busy or (user_speaks and behavior == "default"):
            who = "agent" if self.busy else "user"
            refusal = f"Cannot inject a message while the {who} is speaking"
            await self._send("InjectionRefused", message=refusal)
        else:
            await self._begin(lambda: self._say_exactly(message))

    async def interrupted(self) -> None:
        """The user began to speak, whether or not the agent did."""
        unsent, calls = list(self._unsent), dict(self._open_calls)
        await self.stop()
        await self._send("UserStartedSpeaking")
        if calls:
            gone = [{"id": id_, "name": name} for id_, (name, _) in calls.items()]
            await self._send("FunctionCallCancelled", functions=gone)
        for piece in unsent[: self._manner.late_pieces]:
            await self._send(piece)

    def take_result(self, id_: str, content: str) -> bool:
        """Of a client-side function; False: nobody waits for it."""
        _, waiting = self._open_calls.get(id_, ("", None))
        if waiting is None or waiting.done():
            return False
        waiting.set_result(content)
        return True

    async def stop(self) -> None:
        """Give up whatever it does; raises nothing that the turn raised."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.wait([task])
        self._unsent.clear()
        self._open_calls.clear()
        self._queue.clear()

    # --- its turn ---------------------------------------------------------------------

    async def _begin(self, work: Work) -> None:
        await self.stop()
        self._task = asyncio.create_task(self._turn(work))

    async def _turn(self, work: Work) -> None:
        try:
            await work()
            while self._queue:
                await self._say_exactly(self._queue.popleft())
        except SessionError as fatal:
            await self._end(fatal)
        except Exception:
            await self._end(SessionError("INTERNAL_SERVER_ERROR", "The server could not answer"))
            raise

    async def _answer(self, ask: Callable[[], Awaitable[Answer]]) -> None:
        await self._fail_at("turn")
        answer = await ask()
        if answer.heard:
            await self._put_down("user", answer.heard)
        if not (answer.words or answer.calls):
            return
        if self._manner.thinks:
            await self._send("AgentThinking", content="What would be a good answer?")
        await self._pick("THINK", self.settings.think)
        if answer.calls and self._manner.filler:
            await self._say_exactly(self._manner.filler)
        while answer.calls:
            answer = await self._brain.tools_done(await self._run(answer.calls))
        await self._speak(answer.words, answer.pcm)

    async def _say_exactly(self, words: str | None) -> None:
        """Words that the client wants to be said, in the brain's voice."""
        wish = "Say what fits." if words is None else f'Say: "{words}"'
        answer = await self._brain.written(wish)
        await self._speak(answer.words if words is None else words, answer.pcm)

    async def _speak(self, words: str, pcm: bytes) -> None:
        await self._pick("SPEAK", self.settings.speak)
        manner, hz = self._manner, self.settings.output_hz
        audio = converted(pcm, RATE_HZ, hz)
        if self.settings.experimental:
            latency = {"total_latency": 0.4, "tts_latency": 0.1, "ttt_latency": 0.2}
            await self._send("AgentStartedSpeaking", **latency)
        first = True
        for sentence, part in _sentences(words, audio):
            if sentence:
                await self._put_down("assistant", sentence)
            size = 2 * hz * manner.piece_ms // 1000
            self._unsent.extend(part[at : at + size] for at in range(0, len(part), size))
            while self._unsent:
                piece = self._unsent.popleft()
                await self._send(_wav_header(hz) + piece if first and self.settings.wav else piece)
                if first:
                    await self._fail_at("reply")
                first = False
                await asyncio.sleep(manner.piece_ms / 1000 / manner.speed)
        await self._send("AgentAudioDone")
        if manner.latency_reports:
            await self._send("LatencyReport", stt_latency=0.1, tts_latency=0.1, total_latency=0.4)

    async def _run(self, calls: Sequence[Call]) -> list[str]:
        """What the functions give. A model cannot call one that was never declared."""
        known = self.settings.functions
        ids = [f"call_{uuid.uuid4().hex[:12]}" for _ in calls]
        asked: list[Fields] = [
            {
                "id": id_,
                "name": call.name,
                "arguments": json.dumps(call.arguments),
                "client_side": known[call.name].get("endpoint") is None,
            }
            for id_, call in zip(ids, calls, strict=True)
            if call.name in known
        ]
        if not asked:
            return ["there is no such function"] * len(calls)
        loop = asyncio.get_running_loop()
        mine = {one["id"]: (one["name"], loop.create_future()) for one in asked}
        self._open_calls = {one["id"]: mine[one["id"]] for one in asked if one["client_side"]}
        await self._send("FunctionCallRequest", functions=asked)
        for one in asked:
            if not one["client_side"]:
                content = self._manner.server_results.get(one["name"], "done")
                mine[one["id"]][1].set_result(content)
                await self._send(
                    "FunctionCallResponse", id=one["id"], name=one["name"], content=content
                )
        results = {id_: await future for id_, (_, future) in mine.items()}
        self._open_calls = {}
        if self.settings.history:
            past = [one | {"response": results[one["id"]]} for one in asked]
            await self._send("History", function_calls=past)
        return [results.get(id_, "there is no such function") for id_ in ids]

    async def _put_down(self, role: Role, content: str) -> None:
        text: Fields = {"role": role, "content": content}
        hints = (self.settings.listen.get("provider") or {}).get("language_hints")
        languages = {"languages": hints, "languages_hinted": hints} if hints else {}
        if role == "assistant":
            languages = {}
        await self._send("ConversationText", **text, conversational_behavior="default", **languages)
        if self.settings.history:
            await self._send("History", **text)

    async def _pick(self, what: Literal["THINK", "SPEAK"], chain: Sequence[Fields]) -> None:
        """The first of the list that answers; the others are warned of."""
        for one in chain:
            model = one["provider"].get("model")
            if not any(model == dead for dead in self._manner.dead_models):
                return
            await self._send(
                "Warning", code=f"{what}_REQUEST_FAILED", description=f"{model} does not answer"
            )
        if chain:
            raise SessionError(f"FAILED_TO_{what}", "No configured provider answers")

    async def _fail_at(self, when: str) -> None:
        fault = self._manner.fault
        if fault is None or fault.at != when:
            return
        if fault.fatal:
            raise SessionError(fault.code, fault.description)
        await self._send("Warning", code=fault.code, description=fault.description)


def _sentences(words: str, audio: bytes) -> list[tuple[str, bytes]]:
    """Each with its share of the audio, by its length."""
    sentences = re.split(r"(?<=[.!?])\s+", words) if words else [""]
    total, said, begin = max(1, sum(map(len, sentences))), 0, 0
    parts = []
    for sentence in sentences:
        said += len(sentence)
        stop = len(audio) if sentence is sentences[-1] else len(audio) * said // total // 2 * 2
        parts.append((sentence, audio[begin:stop]))
        begin = stop
    return parts


def _wav_header(rate_hz: int) -> bytes:
    """Of a stream whose length is not known: 44 bytes."""
    endless = 0xFFFFFFFF
    shape = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 1, rate_hz, 2 * rate_hz, 2, 16)
    return b"RIFF" + struct.pack("<I", endless) + b"WAVE" + shape + b"data" + endless.to_bytes(4)
