"""One realtime run on Wiro's socket, from ``task_info`` to its final event.

Not documented, and therefore settings (:mod:`wiro_manners`): the order of ``task_cost`` and
``task_stream_end``, whether transcripts are repeated, whether an interrupt of nothing is answered,
how much audio is still on its way after an interrupt, which success flags there are.
Not modelled: ElevenLabs' ``turn_timeout`` (speaking up when nobody does) and webhook tools.

What the client does wrong after the registration is answered with ``task_error``, which is not
fatal, and kept in ``faults``; the service's own reaction is not known.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any, Literal

from device.simulator.services.brain import Brain
from device.simulator.services.line import Data, Line
from device.simulator.services.wiro_desk import OVER, Desk, Task
from device.simulator.services.wiro_manners import Manners
from device.simulator.services.wiro_mouth import Mouth
from device.simulator.services.wiro_talk import Talk, unframe

LIFE = (
    "task_queue",
    "task_accept",
    "task_preprocess_start",
    "task_preprocess_end",
    "task_assign",
    "task_start",
)
LOOK_S = 0.05
EAGERNESS_MS = {"low": 800, "normal": 500, "high": 300}


class Session:
    """Event loop only, but for :meth:`kill`."""

    def __init__(
        self,
        desk: Desk,
        task: Task,
        line: Line,
        brain: Brain,
        manners: Manners,
        cap_s: float | None,
        faults: list[str],
    ) -> None:
        self._desk, self.task, self._line = desk, task, line
        self._manners, self._cap_s, self._faults = manners, cap_s, faults
        own = task.parameters
        silence_ms = own.get("turn_detection_silence_ms")
        if silence_ms is None:
            silence_ms = EAGERNESS_MS[str(own.get("turn_eagerness", "normal"))]
        self._mouth = Mouth(desk, task, line, manners, self.end)
        self.talk = self._mouth.talk = Talk(
            brain,
            self._mouth,
            silence_ms=round(silence_ms),
            piece_ms=manners.piece_ms,
            pace=manners.pace,
        )
        self._eleven = task.model.startswith("elevenlabs/")
        self._loop = asyncio.get_running_loop()
        self._ready = False
        self._ending = asyncio.Event()
        self._how: Literal["end", "cancel"] = "end"
        self._exit_code = 0
        self._complained: set[str] = set()
        task.stop = self.kill
        if task.status in OVER:
            self._killed()

    # --- its life ---------------------------------------------------------------------

    async def live(self, messages: AsyncIterator[Data]) -> None:
        reader = asyncio.create_task(self._read(messages))
        ending = asyncio.create_task(self._ending.wait())
        life = asyncio.create_task(self._begin())
        try:
            await asyncio.wait({reader, ending}, return_when=asyncio.FIRST_COMPLETED)
            await _put_down([life, ending])
            if not reader.done():
                await self._finish()
                await asyncio.wait({reader}, timeout=self._manners.linger_s)
        finally:
            await self.talk.stop()
            await _put_down([reader, ending, life])
            self.task.stop = None
            if self.task.status not in OVER:  # the client has gone without a word
                self._mouth.settle()
                self._leave("task_postprocess_end")
        for task in (reader, life):
            if not task.cancelled():
                task.result()

    def end(self, exit_code: int = 0) -> None:
        """The model's process ends, in order or not."""
        if not self._ending.is_set():
            self._exit_code = exit_code
            self._shut()

    def _shut(self) -> None:
        self._mouth.shut = True
        self._ending.set()

    def kill(self) -> None:
        """By Task/Kill or Task/Cancel. Any thread."""
        self._loop.call_soon_threadsafe(self._killed)

    def _killed(self) -> None:
        if not self._ending.is_set():
            self._how = "cancel"
            self._shut()

    async def _begin(self) -> None:
        """Through the queue, then until one of the time limits."""
        manners = self._manners
        for status in LIFE:
            self._leave(status)
            await self._mouth.say(status)
            await asyncio.sleep(manners.ready_after_s / len(LIFE))
        self._leave("task_stream_ready")
        self._ready = True
        await self._mouth.say("task_stream_ready")
        began_s = self._mouth.last_spoken_s = self._loop.time()
        first = str(self.task.parameters.get("first_message", ""))
        if first:
            self.talk.ask(first)
        while not self._ending.is_set():
            ends = [limit for limit in (self._cap(began_s), self._silence()) if limit is not None]
            if not ends:
                return
            left_s = min(ends) - self._loop.time()
            if left_s <= 0:
                self.end()
                return
            # Not longer at a time: a cut reply brings the end of the silence nearer.
            await asyncio.sleep(min(left_s, LOOK_S))

    def _cap(self, began_s: float) -> float | None:
        if self._cap_s is not None:
            return began_s + self._cap_s
        if not self._eleven:
            return None
        return began_s + float(self.task.parameters.get("max_duration_seconds", 600))

    def _silence(self) -> float | None:
        """ElevenLabs hangs up when nobody has spoken for a while; the reply counts as long as
        it takes to hear it."""
        if not self._eleven:
            return None
        now = self._loop.time()
        if self.talk.busy or self.talk.speaking:
            self._mouth.last_spoken_s = max(now, self._mouth.last_spoken_s)
        limit_s = self._manners.silence_s
        if limit_s is None:
            limit_s = float(self.task.parameters.get("silence_end_call_timeout", 30))
        quiet_since_s: float = self._mouth.last_spoken_s
        return quiet_since_s + limit_s

    async def _finish(self) -> None:
        self._ready = False
        cut = await self.talk.cut()
        if self._how == "cancel":
            self._mouth.settle()
            self._leave("task_cancel")
            await self._mouth.say("task_cancel")
            return
        self.task.exit_code = self._exit_code
        if cut.busy or self._mouth.owing or self._desk.account.balance_usd <= 0:
            await self._mouth.cost()
        await self._mouth.say("task_output_full", message="\n".join(self._mouth.stdout))
        if self._mouth.stderr:
            await self._mouth.say("task_error_full", message="\n".join(self._mouth.stderr))
        flags = self.task.flags(self._manners.flags)
        for status in ("task_end", "task_postprocess_start", "task_postprocess_end"):
            self._leave(status)
            final = status == "task_postprocess_end"
            await self._mouth.say(status, **({"message": [], **flags} if final else flags))

    def _leave(self, status: str) -> None:
        """For the next status; a task that was killed stays so."""
        if self.task.status not in OVER:
            self.task.status = status

    # --- what the client says ---------------------------------------------------------

    async def _read(self, messages: AsyncIterator[Data]) -> None:
        async for data in messages:
            if self._ending.is_set():
                continue
            if isinstance(data, bytes):
                await self._hear(data)
            else:
                await self._obey(data)

    async def _hear(self, data: bytes) -> None:
        pcm = unframe(self.task.token, data)
        if isinstance(pcm, str):
            await self._wrong(pcm)
        elif not self._ready:
            await self._wrong("audio before task_stream_ready is dropped")
        else:
            await self.talk.hear(pcm)

    async def _obey(self, data: str) -> None:
        try:
            message = json.loads(data)
        except (ValueError, RecursionError):
            await self._wrong("a text frame that is not JSON")
            return
        if not isinstance(message, dict):
            await self._wrong("a message that is not an object")
        elif message.get("tasktoken") != self.task.token:
            await self._wrong("a message without this run's tasktoken")
        elif message.get("type") == "task_session_end":
            self.end()
        elif message.get("type") != "task_session_interrupt":
            await self._wrong(f"unknown type: {str(message.get('type'))[:100]}")
        else:
            await self._interrupt()

    async def _interrupt(self) -> None:
        cut = await self._mouth.cut()
        if not cut.busy and not self._manners.idle_interrupt_ends:
            return
        await self._mouth.late(cut.left[: self._manners.late_pieces])
        if cut.words:
            await self._mouth.transcript("AI", cut.words)
        await self._mouth.ended()

    async def _wrong(self, fault: str) -> None:
        if fault not in self._complained:
            self._complained.add(fault)
            await self._mouth.complain(fault)
        self._faults.append(fault)


async def _put_down(tasks: list[asyncio.Task[Any]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
