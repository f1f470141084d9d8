"""A conversation of the ElevenLabs codec with the stand-in, through the real link."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest

from device.commands import AppendAudio, ClearInput
from device.events import (
    LinkOpened,
    ReplyAudio,
    ReplyDone,
    ReplyTranscript,
    SessionOpening,
    TurnCommitted,
    UserTranscript,
)
from device.providers.base import SessionSpec, ToolSpec
from device.providers.elevenlabs import ElevenLabs
from device.simulator.services.brain import Answer, Call, ScriptedBrain, reply, tone
from device.simulator.services.elevenlabs import ElevenLabs as Service
from device.simulator.services.elevenlabs_agent import Agent
from device.simulator.services.stand_in import StandIn
from tests.link.rig import KEY, Rig, run
from tests.services.captured import Capture, captured

RATE_HZ = 24000  # the device's, both ways
TOOLS = (ToolSpec("get_time", "The time.", {"type": "object"}),)
SPEECH = AppendAudio(tone(1.0, 300.0))
QUICK = Agent(silence_ms=200, ping_interval_s=0.2)
NOON = reply("It is noon.", heard="what time is it", seconds=0.5)
RAIN = reply("It rains.", heard="and the weather", seconds=0.4)
LONG = reply("one two three four five six seven eight", heard="count", seconds=6.0)
CALL = Answer("what time is it", calls=(Call("get_time", {"zone": "UTC"}),))
FIELDS = set(SessionSpec.__dataclass_fields__)

Scenario = Callable[[Rig, Service], Awaitable[None]]


def service(*answers: Answer, agent: Agent = QUICK, **more: Any) -> Service:
    brain = ScriptedBrain(*answers)
    return Service(lambda: brain, agent, key=KEY, **more)


def rig_of(stand_in: StandIn, wanted: dict[str, Any]) -> Rig:
    """``wanted``: fields of the specification; all others are options of the section."""
    fields = {name: value for name, value in wanted.items() if name in FIELDS}
    options = {name: value for name, value in wanted.items() if name not in FIELDS}

    def make(spec: SessionSpec) -> ElevenLabs:
        return ElevenLabs(replace(spec, **{"tools": TOOLS, "options": options, **fields}))

    return Rig(stand_in.url, codec=make)


def held(stand_in: Service, scenario: Scenario, *, opens: bool = True, **wanted: Any) -> Capture:
    """One conversation over the link; all that passed."""
    captures: list[Capture] = []

    async def conversation(_: StandIn) -> None:
        rig = rig_of(stand_in, wanted)
        try:
            rig.link.open()
            if opens:
                await rig.until(LinkOpened)
            await scenario(rig, stand_in)
        finally:
            await rig.link.stop()

    async def main() -> None:
        captures.append(await captured(stand_in, conversation))

    run(main)
    return captures[0]


async def ask(rig: Rig, turn: int = 1) -> None:
    """Say something; the service takes it, and the device says that it has stopped."""
    rig.link.send(SPEECH)
    await rig.until(TurnCommitted, turn)
    rig.link.send(ClearInput())


def sound_of(rig: Rig, reply_id: str) -> float:
    """Seconds of it."""
    size = sum(len(e.pcm) for e in rig.of(ReplyAudio) if e.reply_id == reply_id)
    return size / (2 * RATE_HZ)


def order(rig: Rig) -> list[str]:
    """The kinds of the events since the session opened, each run of sound as one."""
    kinds = [type(e).__name__ for e in rig.events if not isinstance(e, SessionOpening)]
    return [k for at, k in enumerate(kinds) if not at or (k, kinds[at - 1]) != ("ReplyAudio",) * 2]


async def two_turns(rig: Rig, _: Service) -> None:
    await ask(rig)
    assert (await rig.until(ReplyDone)).status == "completed"
    await ask(rig, 2)
    await rig.until(ReplyDone, 2)
    assert [e.text for e in rig.of(UserTranscript)] == ["what time is it", "and the weather"]
    assert [e.text for e in rig.of(ReplyTranscript)] == ["It is noon.", "It rains."]
    assert sound_of(rig, "reply_1") == pytest.approx(0.5, abs=0.002)
    assert sound_of(rig, "reply_2") == pytest.approx(0.4, abs=0.002)
    one = ["TurnCommitted", "UserTranscript", "ReplyStarted", "ReplyTranscript"]
    one += ["ReplyAudio", "ReplyDone"]
    assert order(rig) == ["LinkOpened", *one, *one]
