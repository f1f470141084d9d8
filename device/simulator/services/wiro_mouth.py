"""What a realtime run of Wiro's says, and what it costs: the turns' events, the bill, the logs."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

from device.simulator.services.line import Line
from device.simulator.services.wiro_desk import Desk, Task
from device.simulator.services.wiro_manners import Manners
from device.simulator.services.wiro_talk import BYTES_PER_S, Cut, Talk, frame

FOREIGN = "f0" * 16
#: OpenAI's tokens in a second of sound, heard and spoken.
HEARD_PER_S, SPOKEN_PER_S = 10, 20


class Mouth:
    """Event loop only. ``end`` is called with an exit code when the run must end; after that
    nothing more is said of turns.

    ``talk`` is set by whoever makes it, since it needs the mouth. ``last_spoken_s``, on the
    loop's clock: until then somebody speaks, as far as is known.
    """

    talk: Talk

    def __init__(
        self, desk: Desk, task: Task, line: Line, manners: Manners, end: Callable[[int], None]
    ) -> None:
        self._desk, self._task, self._line, self._manners = desk, task, line, manners
        self._end = end
        self._loop = asyncio.get_running_loop()
        self.shut = False
        self.last_spoken_s = self._loop.time()
        self.stdout: list[str] = []
        self.stderr: list[str] = []
        self._owed_usd = self._heard_s = self._spoken_s = 0.0
        self._words = 0
        self._frames = 0
        self._hang_up = False

    @property
    def owing(self) -> bool:
        return self._owed_usd > 0

    # --- what happens in a turn (Stage) -----------------------------------------------

    async def cut(self) -> Cut:
        """Stop speaking; nobody will hear the rest."""
        self.last_spoken_s = self._loop.time()
        return await self.talk.cut()

    async def late(self, pieces: tuple[bytes, ...]) -> None:
        """What was on its way when it was cut."""
        for piece in pieces:
            await self.audio(piece)

    async def speech_started(self) -> None:
        self.last_spoken_s = max(self.last_spoken_s, self._loop.time())
        if self._manners.natural:
            await self.cut()  # without any event; it is paid with the next turn

    async def turn_taken(self, pcm: bytes) -> None:
        self.last_spoken_s = max(self.last_spoken_s, self._loop.time())
        self._heard_s += self._owe(pcm)

    async def heard(self, text: str) -> None:
        if self._manners.chatter:
            self.stdout.append(f"turn of {len(text.split())} words")
            await self.say("task_output", message=self.stdout[-1])
        await self.transcript("USER", text)

    async def begins(self) -> None:
        if self._manners.stderr is not None:
            await self.complain(self._manners.stderr)

    async def audio(self, pcm: bytes) -> None:
        if self.shut:
            return
        manners, token = self._manners, self._task.token
        self._frames += 1
        if manners.crash_at is not None and self._frames >= manners.crash_at:
            self._crash("the model's process died")
            return
        now = self._loop.time()
        self.last_spoken_s = max(now, self.last_spoken_s) + len(pcm) / BYTES_PER_S
        self._spoken_s += self._owe(pcm)
        if manners.foreign_every and self._frames % manners.foreign_every == 0:
            await self._line.send(frame(FOREIGN, b"\x00\x40" * (len(pcm) // 2)))
        bare = manners.bare_every and self._frames % manners.bare_every == 0
        await self._line.send(pcm if bare else frame(token, pcm))
        if self._owed_usd >= self._desk.account.balance_usd:
            self._end(0)  # nothing left to pay with

    async def said(self, words: str) -> None:
        if self.shut:
            return
        self._words += len(words.split())
        await self.transcript("AI", words)

    async def ended(self) -> None:
        if self.shut:
            return
        steps = [self.cost, self._turn_end]
        for step in steps if self._manners.cost_first else reversed(steps):
            await step()
        if self._hang_up or self._desk.account.balance_usd <= 0:
            self._end(0)

    def called(self, name: str) -> None:
        """Models here have no tools of the client's; ElevenLabs' own one can end the call."""
        self._hang_up |= name == "end_call" and self._task.parameters.get("end_call") == "1"

    def failed(self, error: BaseException) -> None:
        self._crash(f"{type(error).__name__}: {error}")

    # --- what the service says --------------------------------------------------------

    def _crash(self, why: str) -> None:
        self.stderr.append(why)
        self._end(1)

    async def transcript(self, who: str, words: str) -> None:
        parts = words.split()
        if self._manners.repeated and len(parts) > 1:
            half = " ".join(parts[: len(parts) // 2])
            await self.say("task_output", message=f"TRANSCRIPT_{who}:{half}")
        await self.say("task_output", message=f"TRANSCRIPT_{who}:{words}")

    async def _turn_end(self) -> None:
        await self.say("task_stream_end")

    async def cost(self) -> None:
        usage = self._usage()
        turn_usd = self.settle()
        whole = round(self._task.cost_usd, 6)
        await self.say("task_cost", turnCost=turn_usd, cumulativeCost=whole, usage=usage)

    def settle(self) -> float:
        """The bill of the turn; it is owed no more."""
        turn_usd = round(self._owed_usd, 6)
        self._owed_usd = self._heard_s = self._spoken_s = 0.0
        self._words = 0
        self._desk.account.charge(turn_usd)
        self._task.cost_usd += turn_usd
        return turn_usd

    def _usage(self) -> dict[str, Any]:
        """What the provider behind Wiro counts, as it says it: OpenAI's object is known; of the
        others none is, and this one is made up."""
        if not self._task.model.startswith("openai/"):
            return {"seconds": round(self._heard_s + self._spoken_s, 3)}
        told = str(self._task.parameters.get("system_instructions", ""))
        text_in, text_out = len(told.split()), self._words
        audio_in = round(HEARD_PER_S * self._heard_s)
        audio_out = round(SPOKEN_PER_S * self._spoken_s)
        none = {"text_tokens": 0, "audio_tokens": 0, "image_tokens": 0}
        return {
            "total_tokens": text_in + audio_in + text_out + audio_out,
            "input_tokens": text_in + audio_in,
            "output_tokens": text_out + audio_out,
            "input_token_details": {
                **none,
                "text_tokens": text_in,
                "audio_tokens": audio_in,
                "cached_tokens": 0,
                "cached_tokens_details": none,
            },
            "output_token_details": {"text_tokens": text_out, "audio_tokens": audio_out},
        }

    def _owe(self, pcm: bytes) -> float:
        seconds = len(pcm) / BYTES_PER_S
        self._owed_usd += seconds * self._manners.usd_per_s
        return seconds

    async def complain(self, why: str) -> None:
        self.stderr.append(why)
        await self.say("task_error", message=why)

    async def say(self, kind: str, **fields: Any) -> None:
        task = self._task
        about = {"type": kind, "id": task.id, "tasktoken": task.token, "result": True}
        await self._line.send(json.dumps(about | fields))
