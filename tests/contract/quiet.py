"""What a codec does of itself, while nobody speaks or nothing is heard of us.

Its time is made to pass faster meanwhile, so that nobody waits.
"""

from __future__ import annotations

import asyncio
import json
from typing import Any

from device.commands import ClearInput
from device.events import ReplyStarted, TurnCommitted
from tests.contract.judging import is_answered, is_reply, must, was_told
from tests.contract.talk import Room, Talk
from tests.contract.voices import RAIN, TIME

HURRY = 16.0
#: How often a service asks whether we are there; three times are enough.
PINGS = 3


async def left_alone(room: Room) -> None:
    """A session that is kept open while nobody speaks is kept alive, and goes on."""
    async with room.talking() as talk:
        talk.say(TIME)
        await is_answered(talk, TIME, 1)
        talk.hurry(HURRY)
        talk.send(ClearInput())  # as the core does; from here on the time passes
        await told(talk, room.case.sign_of_life)
        talk.hurry(1.0)
        talk.say(RAIN)
        await is_answered(talk, RAIN, 2)
        must(len(talk.of(ReplyStarted)) == 2, "nothing is said unasked")


async def told(talk: Talk, words: str) -> None:
    async with asyncio.timeout(talk.patience_s):
        while not was_told(talk, words):
            await asyncio.sleep(0.005)


async def falls_silent(room: Room) -> None:
    """The service ends the turns, and the device sends no pause behind one: it ends all the
    same."""
    async with room.talking() as talk:
        talk.hurry(HURRY)
        talk.sound(TIME.spoken())
        await talk.until(TurnCommitted)
        talk.hurry(1.0)
        await is_answered(talk, TIME, 1)


async def pinged(room: Room) -> None:
    """The service asks, in its own protocol, whether we are there."""
    async with room.talking(options=room.case.pings) as talk:
        async with asyncio.timeout(talk.patience_s):
            while len(numbers(talk.service.received(), "pong")) < PINGS:
                await asyncio.sleep(0.005)
        asked = numbers(talk.service.lines[-1].sent, "ping")
        answered = numbers(talk.service.received(), "pong")
        must(answered == asked[: len(answered)], "each is answered once", asked, answered)


def numbers(messages: list[str | bytes], kind: str) -> list[int]:
    """Of the messages of this kind."""
    bodies: list[dict[str, Any]] = [json.loads(one) for one in messages if isinstance(one, str)]
    found = [body for body in bodies if body.get("type") == kind]
    return [body.get(f"{kind}_event", body)["event_id"] for body in found]


async def told_late(room: Room) -> None:
    """The service says that its turn is over when it thinks that it was heard; a reply is over
    when all of it has come."""
    async with room.talking(options=room.case.over_late) as talk:
        talk.say(TIME)
        is_reply(talk, await talk.done(1), TIME.answer.words, TIME.answer.pcm)
