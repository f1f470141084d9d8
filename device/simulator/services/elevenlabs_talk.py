"""One conversation with an ElevenLabs agent: hand-shake, what the client sends, the clocks."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

import numpy as np

from device.simulator.services.brain import Brain
from device.simulator.services.ears import SPEECH, Started, TurnDetector
from device.simulator.services.elevenlabs_agent import Agent, Fault
from device.simulator.services.elevenlabs_audio import Format
from device.simulator.services.elevenlabs_frames import Frame, FrameError, audio, overrides, read
from device.simulator.services.elevenlabs_tools import Tools
from device.simulator.services.elevenlabs_turns import Turns
from device.simulator.services.elevenlabs_voice import Out, Voice
from device.simulator.services.line import Line

POLICY = 1008
REASON_BYTES = 120  #: of a close frame, less the code and some room


class Talk:
    """``run`` returns when the connection is gone or closed; no task outlives it.

    ``fault`` hands out the next fault that is to be made at a place, ``told`` takes what
    the client tells beside the conversation (contextual updates, feedback, activity).
    """

    def __init__(
        self,
        line: Line,
        agent: Agent,
        brain: Brain,
        conversation_id: str,
        *,
        fault: Callable[[str], Fault | None],
        told: Callable[[Frame], None],
    ) -> None:
        self._line, self._agent, self._brain, self._id = line, agent, brain, conversation_id
        self._fault, self._told = fault, told
        self._now = asyncio.get_running_loop().time
        self._tasks: set[asyncio.Task[Any]] = set()
        self._begun = False
        self._closed = False
        self._active_at = self._now()
        self._input = Format(agent.input_format)
        self._ears = TurnDetector(self._input.rate_hz, silence_ms=agent.silence_ms)
        self._out = Out(line, agent.client_events)
        self._tools = Tools(agent, self._out)
        self._turns: Turns | None = None
        self._voice: Voice | None = None
        self._pings: dict[int, float] = {}  #: sent and not answered: number -> when
        self._ping_number = 0
        self._ping_ms: int | None = None

    async def run(self) -> None:
        async with asyncio.TaskGroup() as group:
            self._group = group
            agent = self._agent
            self._start(self._after(agent.initiation_timeout_s, self._no_initiation))
            self._start(self._after(agent.max_duration_s, self._too_long))
            async for data in self._line:
                if self._closed:
                    continue  # the rest is only waited for
                try:
                    await self._take(read(data))
                except FrameError as error:
                    await self._fail(Fault(error.error_type, POLICY, str(error)))
            for task in self._tasks:
                task.cancel()

    # --- what the client sends --------------------------------------------------------

    async def _take(self, frame: Frame) -> None:
        kind = frame.get("type", "user_audio_chunk")
        if self._turns is None or self._voice is None:
            await self._initiate(kind, frame)
            return
        if kind == "user_audio_chunk":
            await self._hear(frame, self._turns)
        elif kind == "pong":
            self._pong(frame["event_id"])
        elif kind == "client_tool_result":
            self._tools.result(frame)
        elif kind == "mcp_tool_approval_result":
            self._tools.approval(frame)
        elif kind == "user_message":
            await self._written(frame, self._turns)
        elif kind == "multimodal_message":
            self._told(frame)
            await self._written(frame.get("text", {}), self._turns)
        elif kind == "conversation_initiation_client_data":
            raise FrameError("invalid_message", "The conversation was initiated before.")
        else:  # contextual_update, feedback, user_activity
            self._active_at = self._now() if kind == "user_activity" else self._active_at
            self._told(frame)

    async def _written(self, message: Frame, turns: Turns) -> None:
        self._active_at = self._now()
        if message.get("text"):
            await turns.written(message["text"])

    async def _hear(self, frame: Frame, turns: Turns) -> None:
        try:
            pcm = self._input.decode(audio(frame))
        except FrameError:
            raise
        except ValueError as error:
            raise FrameError("value_error", str(error)) from None
        for found in self._ears.hear(pcm):
            if isinstance(found, Started):
                await turns.onset()
            else:
                turns.spoken(found.pcm, self._input.rate_hz)
        if self._ears.speaking:
            self._active_at = self._now()
        if pcm:
            level = float(np.sqrt(np.mean(np.frombuffer(pcm, "<i2").astype(np.float64) ** 2)))
            score = round(min(1.0, level / (2 * SPEECH)), 3)
            await self._out.event("vad_score", "vad_score_event", {"vad_score": score})

    def _pong(self, number: int) -> None:
        sent_at = self._pings.pop(number, None)
        if sent_at is not None:
            self._ping_ms = round(1000 * (self._now() - sent_at))

    # --- hand-shake -------------------------------------------------------------------

    async def _initiate(self, kind: str, frame: Frame) -> None:
        if kind != "conversation_initiation_client_data":
            raise FrameError(
                "invalid_message", "The first message must be conversation_initiation_client_data."
            )
        agent = self._agent
        asked = overrides(frame, agent.overrides)
        missing = sorted(agent.variables - frame.get("dynamic_variables", {}).keys())
        if missing:
            text = f"Missing required dynamic variables: {', '.join(missing)}."
            raise FrameError("missing_dynamic_variable", text)
        self._begun = True
        fault = self._fault("start")
        if fault is not None and await self._fail(fault):
            return
        self._out.wanted = frozenset(asked.get("conversation.client_events", self._out.wanted))
        text_only = asked.get("conversation.text_only", agent.text_only)
        self._voice = Voice(
            agent, self._out, Format(agent.output_format), text_only=text_only, now=self._now
        )
        self._turns = Turns(
            agent,
            self._brain,
            self._out,
            self._voice,
            self._tools,
            start=self._start,
            fault=self._fault,
            fail=self._fail,
            end=self._end,
        )
        await self._welcome()
        greeting = asked.get("agent.first_message", agent.first_message)
        if greeting:
            self._turns.greet(greeting)
        self._active_at = self._now()
        self._start(self._ping())
        if agent.turn_timeout_s is not None:
            self._start(self._silence(agent.turn_timeout_s, self._speak_up))
        if agent.inactivity_s is not None:
            self._start(self._silence(agent.inactivity_s, self._end))

    async def _welcome(self) -> None:
        agent = self._agent
        fields = {
            "conversation_id": self._id,
            "agent_output_audio_format": agent.output_format,
            "user_input_audio_format": agent.input_format,
        }
        kind = "conversation_initiation_metadata"
        await self._out.event(kind, f"{kind}_event", fields)
        kind = "asr_initiation_metadata"
        await self._out.event(kind, f"{kind}_event", {"model": "stand-in"})
        for message in agent.also:
            if message["type"] in self._out.wanted:
                await self._line.send(json.dumps(message))

    # --- clocks -----------------------------------------------------------------------

    def _start(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        task = self._group.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _after(self, seconds: float, then: Callable[[], Awaitable[None]]) -> None:
        await asyncio.sleep(seconds)
        await then()

    async def _no_initiation(self) -> None:
        if not self._begun:
            text = "No conversation_initiation_client_data was received."
            await self._fail(Fault("transport_receive_timeout", POLICY, text))

    async def _too_long(self) -> None:
        text = "The conversation exceeded its maximum duration."
        await self._fail(Fault("max_duration_exceeded", 1000, text))

    async def _ping(self) -> None:
        patience = self._agent.pong_timeout_s
        while True:
            late = patience is not None and any(
                self._now() - at > patience for at in self._pings.values()
            )
            if late:
                await self._fail(Fault("websocket_disconnect", 1002, "No pong was received."))
                return
            self._ping_number += 1
            self._pings[self._ping_number] = self._now()
            if len(self._pings) > 100:
                del self._pings[min(self._pings)]
            fields = {"event_id": self._ping_number, "ping_ms": self._ping_ms}
            await self._out.event("ping", "ping_event", fields)
            await asyncio.sleep(self._agent.ping_interval_s)

    async def _silence(self, seconds: float, then: Callable[[], Awaitable[None]]) -> None:
        """Do it whenever neither side has made itself heard for that long."""
        assert self._turns is not None and self._voice is not None
        while True:
            if self._turns.job is not None:
                await asyncio.wait([self._turns.job])
            quiet_at = max(self._active_at, self._voice.ends_at)
            left = quiet_at + seconds - self._now()
            if left > 0 or self._ears.speaking:
                await asyncio.sleep(max(left, seconds / 10))
                continue
            self._active_at = self._now()
            await then()

    async def _speak_up(self) -> None:
        assert self._turns is not None
        await self._turns.written(self._agent.turn_prompt)

    # --- the end ----------------------------------------------------------------------

    async def _fail(self, fault: Fault) -> bool:
        """Make a fault; whether the connection is closed by it."""
        code, text = fault.code, fault.message
        self._closed = fault.close
        if fault.flat:
            message = f"received {code} (protocol error) {text}"
            await self._line.send(json.dumps({"type": "error", "message": message}))
        elif fault.error_type is not None:
            event = {"code": code, "message": text, "error_type": fault.error_type}
            await self._line.send(json.dumps({"type": "error", "error_event": event}))
        if fault.close:
            await self._line.close(code, _reason(text))
        return fault.close

    async def _end(self) -> None:
        self._closed = True
        await self._line.close(1000)


def _reason(text: str) -> str:
    return text.encode()[:REASON_BYTES].decode(errors="ignore")
